"""Rates, tests and intervals over trial rows; every one of them is SciPy's, and says how much data it rests on."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy  # its `stats` loads on first use: `regrasp gate` need not wait a second for it
from numpy.typing import ArrayLike, NDArray

from regrasp.trial import Trial

ALPHA = 0.05
RESAMPLES = 9999

OUTCOMES: Mapping[str, Callable[[Trial], bool]] = {
    "success": lambda trial: trial.success,
    "success_at_end": lambda trial: trial.success_at_end,
    "success_held": lambda trial: trial.success_held,
    "contact_entry": lambda trial: trial.entered,
}
"""What is counted over all trials, by the name under which it is printed."""


@dataclass(frozen=True)
class Rate:
    """`count` of `n` trials with the 95 % Wilson interval [low, high]; all three shares are None where n = 0."""

    rate: float | None
    count: int
    n: int
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, float | int | None]:
        """As plain data, in the order in which it is printed."""
        return asdict(self)


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


def rate_from_counts(count: int, n: int) -> Rate:
    """`count` of `n`, with the 95 % Wilson score interval."""
    if not 0 <= count <= n:
        raise ValueError(f"count {count} is not between 0 and n = {n}")
    if n == 0:
        return Rate(None, 0, 0, None, None)
    interval = scipy.stats.binomtest(count, n).proportion_ci(confidence_level=1 - ALPHA, method="wilson")
    return Rate(count / n, count, n, float(interval.low), float(interval.high))


def rate_of(outcomes: Iterable[bool]) -> Rate:
    """The share of true outcomes."""
    values = [bool(outcome) for outcome in outcomes]
    return rate_from_counts(sum(values), len(values))


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


def loss_and_recovery(trials: Iterable[Trial]) -> tuple[Rate, Rate]:
    """Loss over the trials that could lose, and recovery over those that did.

    A disturbed trial could lose if its disturbance acted, an undisturbed one if it entered contact.
    """
    exposed = [t for t in trials if (t.entered if t.disturbance == "none" else t.disturbed_at >= 0)]
    return rate_of(t.lost for t in exposed), rate_of(t.recovered for t in exposed if t.lost)


def by_disturbance(trials: Iterable[Trial]) -> dict[str, list[Trial]]:
    """The trials of each kind of disturbance, `none` first, the others by name."""
    kinds: dict[str, list[Trial]] = {}
    for trial in trials:
        kinds.setdefault(trial.disturbance, []).append(trial)
    return {kind: kinds[kind] for kind in sorted(kinds, key=lambda kind: (kind != "none", kind))}


def _rates(trials: Sequence[Trial], exposed: Sequence[Trial]) -> dict[str, Any]:
    loss, recovery = loss_and_recovery(exposed)
    rates = {name: rate_of(map(outcome, trials)) for name, outcome in OUTCOMES.items()}
    return {name: rate.to_json() for name, rate in (rates | {"loss": loss, "recovery": recovery}).items()}


def summarise(trials: Sequence[Trial]) -> dict[str, Any]:
    """Every rate that `evaluate` prints: over all trials, then the same by kind of disturbance.

    Loss and recovery at the top count disturbed trials only; what a policy drops by itself is under `none`.
    """
    disturbed = [trial for trial in trials if trial.disturbance != "none"]
    kinds = {kind: _rates(rows, rows) for kind, rows in by_disturbance(trials).items()}
    return _rates(trials, disturbed) | {"by_disturbance": kinds}


def violations(trials: Sequence[Trial]) -> dict[str, int]:
    """Physical rule → number of trials that broke it, most often broken first; rules that held are left out."""
    return dict(Counter(name for trial in trials for name in trial.violations).most_common())
