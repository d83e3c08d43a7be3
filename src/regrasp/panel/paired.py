"""Tests and intervals for two policies on the same cases, most of them SciPy's."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import scipy  # its `stats` loads on first use
from numpy.typing import ArrayLike, NDArray

from regrasp.panel.statistics import ALPHA

RESAMPLES = 9999


@dataclass(frozen=True)
class McNemar:
    """Exact McNemar test of two policies on the same cases: only the cases on which they differ carry information."""

    only_a: int
    only_b: int
    p: float


@dataclass(frozen=True)
class Difference:
    """Rate of B minus rate of A on the same cases, with its 95 % paired-bootstrap interval (None below two pairs)."""

    difference: float | None
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, float | None]:
        """As plain data."""
        return asdict(self)


def _pairs(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    first, second = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"outcomes of shape {first.shape} and {second.shape} are not pairs")
    return first, second


def mcnemar_exact(a: ArrayLike, b: ArrayLike) -> McNemar:
    """Two-sided exact test that outcomes a (N,) and b (N,), paired by position, have the same rate.

    Under that hypothesis a differing pair favours either side with probability 1/2, so the p value is a binomial one;
    it is 1 if no pair differs.
    """
    first, second = _pairs(a, b)
    only_a, only_b = int((first & ~second).sum()), int((second & ~first).sum())
    p = float(scipy.stats.binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return McNemar(only_a, only_b, p)


def _rate_gain(a: NDArray[np.float64], b: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    return np.asarray((b - a).mean(axis=axis))


def paired_difference(a: ArrayLike, b: ArrayLike, generator: np.random.Generator) -> Difference:
    """Rate of b (N,) minus rate of a (N,), pairs resampled together (percentile interval).

    The percentile method, because SciPy's default (BCa) is undefined where all pairs agree.
    """
    first, second = (side.astype(np.float64) for side in _pairs(a, b))
    if len(first) == 0:
        return Difference(None, None, None)
    difference = float(_rate_gain(first, second, axis=0))
    if len(first) == 1:
        return Difference(difference, None, None)
    interval = scipy.stats.bootstrap(
        (first, second), _rate_gain, n_resamples=RESAMPLES, batch=1000, vectorized=True, paired=True,
        confidence_level=1 - ALPHA, method="percentile", rng=generator,
    ).confidence_interval  # fmt: skip
    return Difference(difference, float(interval.low), float(interval.high))


def share_difference(
    counted: tuple[ArrayLike, ArrayLike], among: tuple[ArrayLike, ArrayLike], generator: np.random.Generator
) -> Difference:
    """B's share minus A's, where the denominators differ too; cases resampled together (95 % percentile interval).

    Args:
        counted: of A and of B, (N,) bool by case: what the share counts (recovered).
        among: of A and of B, (N,) bool by case: what it counts among (lost); holds wherever `counted` does.
        generator: draws the resamples.

    A case is one of nine: nothing, a loss, or a recovered loss on either side. Resampling cases is drawing how often
    each of the nine comes up. Resamples in which a side loses nothing have no share and are left out.
    """
    (done_a, done_b), (of_a, of_b) = _pairs(*counted), _pairs(*among)
    state_a, state_b = of_a.astype(int) + (done_a & of_a), of_b.astype(int) + (done_b & of_b)
    table = np.bincount(3 * state_a + state_b, minlength=9)
    difference = float(_share_gain(table))
    if not math.isfinite(difference):
        return Difference(None, None, None)
    resampled = _share_gain(generator.multinomial(table.sum(), table / table.sum(), size=RESAMPLES))
    low, high = np.nanquantile(resampled, [ALPHA / 2, 1 - ALPHA / 2])
    return Difference(difference, float(low), float(high))


def _share_gain(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """(..., 9) cases by state of A (nothing, lost, recovered) and of B → difference of shares, NaN without one."""
    cases = table.reshape(*table.shape[:-1], 3, 3).astype(np.float64)
    a, b = cases.sum(-1), cases.sum(-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(b[..., 2] / b[..., 1:].sum(-1) - a[..., 2] / a[..., 1:].sum(-1))


def smallest_discordant(alpha: float = ALPHA) -> int:
    """The smallest number of differing pairs with which `mcnemar_exact` can reach p < alpha, all pointing one way."""
    return math.floor(1 - math.log2(alpha)) + 1


def smallest_decidable(difference: float = 1.0, alpha: float = ALPHA) -> int | None:
    """The smallest number of pairs at which a difference of rates this large could reach p < alpha at all.

    With fewer, not even the luckiest table (every differing pair pointing one way) decides: the verdict is `undecided`.
    None where the difference is 0, which no number of pairs decides.
    """
    if difference == 0:
        return None
    # 6 / 0.03 is 200.00000000000003 in binary: the subtraction keeps a rounding error from asking for one pair more.
    return math.ceil(smallest_discordant(alpha) / abs(difference) - 1e-9)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's step-down correction of several tests' p values, in their order (Holm 1979); SciPy has none."""
    corrected = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = running
    return tuple(corrected)
