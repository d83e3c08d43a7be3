"""Postural synergies: the few directions along which the fingers of demonstrations mostly move together.

Principal components of the finger columns of demonstrated actions, as Santello, Flanders and Soechting (1998) found
them in human grasps. They are taken about the rest posture and not about the mean: none of them leaves the hand at
rest, and where demonstrations hold a finger elsewhere throughout, that is part of the first.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST = 5
"""Synergies that a person is given."""
_ENOUGH = 0.999
"""Share of the mean square distance from rest after which no further one is given."""


@dataclass(frozen=True)
class Synergies:
    """K directions of F finger columns.

    Attributes:
        directions: (K, F): what an amplitude of 1, the largest in the demonstrations, adds to an action.
        shares: (K,) of the mean square distance from rest that each explains.
    """

    directions: NDArray[np.float64]
    shares: NDArray[np.float64]


NONE = Synergies(np.zeros((0, 0)), np.zeros(0))


def synergies_of(
    actions: Iterable[NDArray[np.float32]], columns: NDArray[np.int64], rest: NDArray[np.float64]
) -> Synergies:
    """The synergies of demonstrated actions, each (T, A), in the finger columns (F,), from the rest posture (A,)."""
    rows = np.concatenate([np.asarray(one, np.float64) for one in actions]).clip(-1.0, 1.0)[:, columns]
    if len(columns) == 0 or len(rows) < 2:
        return NONE
    _, sizes, axes = np.linalg.svd(rows - rest[columns], full_matrices=False)
    variance = sizes**2
    if variance.sum() < 1e-12:
        return NONE
    shares = variance / variance.sum()
    count = min(MOST, len(columns), int(np.searchsorted(np.cumsum(shares), _ENOUGH)) + 1)
    amplitudes = (rows - rest[columns]) @ axes[:count].T
    # The sign of a component means nothing; here more of it is where the demonstrations go from rest.
    furthest = amplitudes[np.abs(amplitudes).argmax(0), np.arange(count)]
    return Synergies(axes[:count] * furthest[:, None], shares[:count])
