"""How strong the disturbances of training are: each kind grows where the policy withstands it, and shrinks where not.

The idea is automatic domain randomisation's (Akkaya et al. 2019, "Solving Rubik's Cube with a Robot Hand"), with one
scale per kind in place of a range per parameter.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

EPISODES = 32
"""Disturbed episodes of one kind between two decisions."""
STEP = 0.1
SMALLEST = 0.1


class Magnitudes:
    """Scales of the ranges that a task draws its disturbances from.

    Args:
        kinds: K kinds to train under.
        first: scale at the beginning, above 0 up to 1; at 1 nothing changes ever.
        grow_above: share of withstood episodes from which on a kind becomes stronger by a tenth of its range.
        shrink_below: share below which it becomes weaker by as much.

    Attributes:
        scale: (K,) float64, 1 for a task's whole range.
    """

    def __init__(
        self, kinds: Sequence[str], first: float = 1.0, grow_above: float = 0.6, shrink_below: float = 0.3
    ) -> None:
        self.kinds = tuple(kinds)
        self.scale = np.full(len(self.kinds), first)
        self._fixed = first >= 1.0
        self._grow_above, self._shrink_below = grow_above, shrink_below
        self._episodes = np.zeros(len(self.kinds), np.int64)
        self._withstood = np.zeros(len(self.kinds), np.int64)

    def of(self, kind: str) -> float:
        """The present scale of a kind."""
        return float(self.scale[self.kinds.index(kind)])

    def values(self) -> dict[str, float]:
        """For the learning curves: `magnitude/push` → the present scale."""
        return {f"magnitude/{kind}": float(scale) for kind, scale in zip(self.kinds, self.scale, strict=True)}

    def note(self, kinds: Sequence[str], withstood: Sequence[bool]) -> None:
        """Count finished episodes by their kind, `none` among them, and decide where enough were seen.

        An episode withstood its disturbance if it succeeded, and lost nothing for good.
        """
        if self._fixed:
            return
        for kind, stood in zip(kinds, withstood, strict=True):
            if kind in self.kinds:
                self._count(self.kinds.index(kind), stood)

    def _count(self, place: int, stood: bool) -> None:
        self._episodes[place] += 1
        self._withstood[place] += stood
        if self._episodes[place] < EPISODES:
            return
        share = self._withstood[place] / self._episodes[place]
        change = STEP * (int(share > self._grow_above) - int(share < self._shrink_below))
        self.scale[place] = np.clip(self.scale[place] + change, SMALLEST, 1.0)
        self._episodes[place] = self._withstood[place] = 0

    def save(self) -> dict[str, NDArray[np.generic]]:
        """Everything the next decision depends on."""
        return {"scale": self.scale.copy(), "episodes": self._episodes.copy(), "withstood": self._withstood.copy()}

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue from what `save` returned."""
        self.scale = np.array(saved["scale"], np.float64)
        self._episodes = np.array(saved["episodes"], np.int64)
        self._withstood = np.array(saved["withstood"], np.int64)
