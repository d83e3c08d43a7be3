"""Where training episodes begin: at the task's own starts or in recorded states, undisturbed or disturbed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from regrasp.tasks.task import Disturbance, Task


class Starts:
    """Draws starts and disturbances of training episodes.

    Args:
        task: which task.
        states: (N, S) states of all demonstrations, or None: then every episode begins at the task's own start.
        kinds: disturbances to train under.
        disturbed: share of episodes with a disturbance.
        generator: the source of every draw; its state is part of a resumable run.
    """

    def __init__(
        self,
        task: Task,
        states: NDArray[np.float64] | None,
        kinds: Sequence[str],
        disturbed: float,
        generator: np.random.Generator,
    ) -> None:
        self.task = task
        self.kinds = tuple(kinds)
        self.disturbed = disturbed if self.kinds else 0.0
        self.generator = generator
        self._states = states

    def draw(
        self, count: int, from_demonstrations: float
    ) -> tuple[NDArray[np.float64], list[Disturbance], list[int], NDArray[np.bool_]]:
        """`count` start states (n, S), their disturbances and seeds, and which begin at the task's own start.

        Args:
            count: n.
            from_demonstrations: probability that an episode begins in a recorded state (Nair et al. 2018): a privilege
                of simulation, which the report says was used.
        """
        states = self.task.draw_starts(count, self.generator)
        chosen = np.zeros(count, bool)
        if self._states is not None and from_demonstrations > 0:
            chosen = self.generator.random(count) < from_demonstrations
            rows = self.generator.integers(len(self._states), size=count)
            states[chosen] = self._states[rows[chosen]]
        disturbances = [self._disturbance() for _ in range(count)]
        seeds = [int(seed) for seed in self.generator.integers(2**62, size=count)]
        return states, disturbances, seeds, ~chosen

    def _disturbance(self) -> Disturbance:
        kind = "none"
        if self.generator.random() < self.disturbed:
            kind = self.kinds[int(self.generator.integers(len(self.kinds)))]
        return self.task.draw_disturbance(kind, self.generator)
