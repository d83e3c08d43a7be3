"""Where training episodes begin: at the task's own starts or in recorded states, undisturbed or disturbed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regrasp.reinforcement.magnitudes import Magnitudes
from regrasp.reinforcement.reverse import Reverse
from regrasp.tasks.task import Disturbance, Task


@dataclass(frozen=True)
class Recorded:
    """States that episodes can begin in, of E demonstrations one after another.

    Attributes:
        states: (N, S).
        objects: (N,) the object of each.
        lengths: (E,) states of each demonstration; their sum is N.
    """

    states: NDArray[np.float64]
    objects: NDArray[np.int64]
    lengths: NDArray[np.int64]

    def demonstrations(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,) the demonstration that each of these rows (n,) belongs to."""
        return np.searchsorted(np.cumsum(self.lengths), rows, side="right")


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
        recorded: states of all demonstrations, or None: then every episode begins at the task's own start.
        magnitudes: which disturbances to train under, and how strong.
        disturbed: share of episodes with a disturbance.
        generator: the source of every draw; its state is part of a resumable run.
        reverse: recorded states are taken from the end of each demonstration first, and from anywhere otherwise.
    """

    def __init__(
        self,
        task: Task,
        recorded: Recorded | None,
        magnitudes: Magnitudes,
        disturbed: float,
        generator: np.random.Generator,
        reverse: bool = False,
    ) -> None:
        self.task = task
        self.magnitudes = magnitudes
        self.disturbed = disturbed if magnitudes.kinds else 0.0
        self.generator = generator
        self._recorded = recorded
        self.reverse = Reverse(recorded.lengths) if reverse and recorded is not None else None

    def draw(self, count: int, from_demonstrations: float) -> tuple[Placement, NDArray[np.int64]]:
        """How `count` episodes begin, and the demonstration each begins in: -1 at the task's own start.

        Args:
            count: n.
            from_demonstrations: probability that an episode begins in a recorded state (Nair et al. 2018): a privilege
                of simulation, which the report says was used.
        """
        objects = self.task.draw_objects(count, self.generator)
        states = self.task.draw_starts(objects, self.generator)
        begun = np.full(count, -1, np.int64)
        if self._recorded is not None and from_demonstrations > 0:
            chosen = self.generator.random(count) < from_demonstrations
            rows = self._rows(count, self._recorded)[chosen]
            states[chosen], objects[chosen] = self._recorded.states[rows], self._recorded.objects[rows]
            begun[chosen] = self._recorded.demonstrations(rows)
        disturbances = [self._disturbance() for _ in range(count)]
        seeds = [int(seed) for seed in self.generator.integers(2**62, size=count)]
        return Placement(objects, states, disturbances, seeds), begun

    def _rows(self, count: int, recorded: Recorded) -> NDArray[np.int64]:
        if self.reverse is not None:
            return self.reverse.draw(count, self.generator)
        return self.generator.integers(len(recorded.states), size=count)

    def _disturbance(self) -> Disturbance:
        if self.generator.random() >= self.disturbed:
            return self.task.draw_disturbance("none", self.generator)
        kinds = self.magnitudes.kinds
        kind = kinds[int(self.generator.integers(len(kinds)))]
        return self.task.draw_disturbance(kind, self.generator, self.magnitudes.of(kind))

    def note(
        self, begun: Sequence[int], kinds: Sequence[str], succeeded: Sequence[bool], withstood: Sequence[bool]
    ) -> None:
        """Take into account how finished episodes went: what they began in, their disturbances, and their ends."""
        self.magnitudes.note(kinds, withstood)
        if self.reverse is not None:
            self.reverse.note(begun, succeeded)

    def values(self) -> dict[str, float]:
        """For the learning curves."""
        return self.magnitudes.values() | (self.reverse.values() if self.reverse else {})

    def save(self) -> dict[str, NDArray[np.generic]]:
        """Everything the next draw depends on beside the generator."""
        return {f"{part}/{name}": value for part, one in self._parts() for name, value in one.save().items()}

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue from what `save` returned."""
        for part, one in self._parts():
            one.restore({name.removeprefix(f"{part}/"): saved[name] for name in saved if name.startswith(f"{part}/")})

    def _parts(self) -> list[tuple[str, Magnitudes | Reverse]]:
        return [("magnitudes", self.magnitudes), *([("reverse", self.reverse)] if self.reverse else [])]
