"""Where training episodes begin: at the task's own starts or in recorded states, undisturbed or disturbed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regrasp.reinforcement.magnitudes import Magnitudes
from regrasp.tasks.task import Disturbance, Task


@dataclass(frozen=True)
class Placement:
    """What the environment's `reset` takes: objects (n,), states (n, S), and a disturbance and a seed each."""

    objects: NDArray[np.int64]
    states: NDArray[np.float64]
    disturbances: list[Disturbance]
    seeds: list[int]


class Starts:
    """Draws starts and disturbances of training episodes.

    Args:
        task: which task.
        recorded: states (N, S) of all demonstrations and their objects (N,), or None: then every episode begins at the
            task's own start.
        magnitudes: which disturbances to train under, and how strong.
        disturbed: share of episodes with a disturbance.
        generator: the source of every draw; its state is part of a resumable run.
    """

    def __init__(
        self,
        task: Task,
        recorded: tuple[NDArray[np.float64], NDArray[np.int64]] | None,
        magnitudes: Magnitudes,
        disturbed: float,
        generator: np.random.Generator,
    ) -> None:
        self.task = task
        self.magnitudes = magnitudes
        self.disturbed = disturbed if magnitudes.kinds else 0.0
        self.generator = generator
        self._recorded = recorded

    def draw(self, count: int, from_demonstrations: float) -> tuple[Placement, NDArray[np.bool_]]:
        """How `count` episodes begin, and which of them at the task's own start.

        Args:
            count: n.
            from_demonstrations: probability that an episode begins in a recorded state (Nair et al. 2018): a privilege
                of simulation, which the report says was used.
        """
        objects = self.task.draw_objects(count, self.generator)
        states = self.task.draw_starts(objects, self.generator)
        chosen = np.zeros(count, bool)
        if self._recorded is not None and from_demonstrations > 0:
            chosen = self.generator.random(count) < from_demonstrations
            rows = self.generator.integers(len(self._recorded[0]), size=count)
            states[chosen], objects[chosen] = (part[rows[chosen]] for part in self._recorded)
        disturbances = [self._disturbance() for _ in range(count)]
        seeds = [int(seed) for seed in self.generator.integers(2**62, size=count)]
        return Placement(objects, states, disturbances, seeds), ~chosen

    def _disturbance(self) -> Disturbance:
        if self.generator.random() >= self.disturbed:
            return self.task.draw_disturbance("none", self.generator)
        kinds = self.magnitudes.kinds
        kind = kinds[int(self.generator.integers(len(kinds)))]
        return self.task.draw_disturbance(kind, self.generator, self.magnitudes.of(kind))
