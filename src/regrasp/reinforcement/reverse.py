"""A reverse curriculum per demonstration: episodes begin near its end first, and ever earlier as they succeed.

Starting near the goal and moving away is Florensa et al. 2017 ("Reverse curriculum generation"); a place of its own
per demonstration is Tao et al. 2024 ("Reverse forward curriculum learning").
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

EPISODES = 4
"""Episodes from one demonstration between two decisions about it."""
ENOUGH = 0.75
"""Share of them that must succeed before its episodes begin earlier."""
STEP = 0.1
"""Share of a demonstration: how far apart two places are, and the stretch that episodes of one place begin in."""


class Reverse:
    """Where in each of E demonstrations episodes begin.

    Args:
        lengths: (E,) states of each; they stand one demonstration after another.

    Attributes:
        before: (E,) float64, the share of each demonstration that lies before the place where its episodes begin; 0
            when it has been walked back.
    """

    def __init__(self, lengths: NDArray[np.int64]) -> None:
        self.lengths = lengths
        self.before = np.full(len(lengths), 1.0 - STEP)
        self._first = np.cumsum(lengths) - lengths
        self._episodes = np.zeros(len(lengths), np.int64)
        self._succeeded = np.zeros(len(lengths), np.int64)

    def draw(self, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """(n,) rows of states to begin in: of any demonstration, at its present place."""
        which = generator.integers(len(self.lengths), size=count)
        share = self.before[which] + STEP * generator.random(count)
        return self._first[which] + np.minimum(share * self.lengths[which], self.lengths[which] - 1).astype(np.int64)

    def note(self, demonstrations: Sequence[int], succeeded: Sequence[bool]) -> None:
        """Count finished episodes by the demonstration they began in; a negative number is none."""
        for which, success in zip(demonstrations, succeeded, strict=True):
            if which >= 0:
                self._count(which, success)

    def _count(self, which: int, success: bool) -> None:
        self._episodes[which] += 1
        self._succeeded[which] += success
        if self._episodes[which] < EPISODES:
            return
        if self._succeeded[which] >= ENOUGH * EPISODES:
            self.before[which] = max(0.0, self.before[which] - STEP)
        self._episodes[which] = self._succeeded[which] = 0

    def values(self) -> dict[str, float]:
        """For the learning curves: `reverse/before`, the mean over demonstrations."""
        return {"reverse/before": float(self.before.mean())}

    def save(self) -> dict[str, NDArray[np.generic]]:
        """Everything the next decision depends on."""
        return {"before": self.before.copy(), "episodes": self._episodes.copy(), "succeeded": self._succeeded.copy()}

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue from what `save` returned."""
        self.before = np.array(saved["before"], np.float64)
        self._episodes = np.array(saved["episodes"], np.int64)
        self._succeeded = np.array(saved["succeeded"], np.int64)
