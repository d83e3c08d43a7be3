"""Rates over trial rows with their intervals, which are SciPy's, and say how much data they rest on."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import scipy  # its `stats` loads on first use: `regrasp gate` need not wait a second for it

from regrasp.trial import Trial

ALPHA = 0.05

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
class Facts:
    """What is known of a task and not written in its trials' rows.

    Attributes:
        held_out: names of the objects that learning must not see.
        horizon: control steps of a whole trial, if its task knows drops; a trial that ended before it was dropped.
        envelopes: kind of disturbance → smallest and largest magnitude that a bench would see; None if nobody said.
    """

    held_out: tuple[str, ...] = ()
    horizon: int | None = None
    envelopes: Mapping[str, tuple[float, float]] | None = field(default=None, hash=False)

    def split_of(self, trial: Trial) -> str:
        """`train` or `held_out`."""
        return "held_out" if trial.object in self.held_out else "train"

    def realistic(self, trial: Trial) -> bool:
        """A bench would see a disturbance of this size."""
        if self.envelopes is None or trial.disturbance == "none":
            return True
        low, high = self.envelopes.get(trial.disturbance, (math.inf, -math.inf))
        return low <= trial.magnitude <= high

    def unrealistic(self, trials: Iterable[Trial]) -> int:
        """The number of trials with a disturbance that no bench would see."""
        return sum(not self.realistic(trial) for trial in trials)

    def dropped(self, trials: Iterable[Trial]) -> "Rate | None":
        """The share of trials that ended in a drop, None if the task knows none.

        A diverged trial has all its steps, so it is none of these; nor is one that fell at the very last step.
        """
        if self.horizon is None:
            return None
        return rate_of(trial.steps < self.horizon for trial in trials)


UNKNOWN = Facts()
"""Nothing beyond the rows."""


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


def fisher_exact(a: Rate, b: Rate) -> float:
    """Two-sided p of Fisher's exact test that two rates, counted on different trials, are the same; 1 if one has none.

    Exact at any size, one number without tuning, and never below the nominal level; Barnard's and Boschloo's tests have
    a little more power and take seconds where each side has hundreds of trials.
    """
    if not a.n or not b.n:
        return 1.0
    return float(scipy.stats.fisher_exact([[a.count, a.n - a.count], [b.count, b.n - b.count]]).pvalue)


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


def by_split(trials: Iterable[Trial], facts: Facts) -> dict[str, list[Trial]]:
    """The trials with objects that learning saw (`train`) and did not see (`held_out`); empty without the latter."""
    if not facts.held_out:
        return {}
    splits: dict[str, list[Trial]] = {"train": [], "held_out": []}
    for trial in trials:
        splits[facts.split_of(trial)].append(trial)
    return splits


def _rates(trials: Sequence[Trial], exposed: Sequence[Trial], facts: Facts) -> dict[str, Any]:
    loss, recovery = loss_and_recovery(exposed)
    rates = {name: rate_of(map(outcome, trials)) for name, outcome in OUTCOMES.items()}
    rates |= {"loss": loss, "recovery": recovery}
    dropped = facts.dropped(trials)
    return {name: rate.to_json() for name, rate in (rates | ({"dropped": dropped} if dropped else {})).items()}


def summarise(trials: Sequence[Trial], facts: Facts = UNKNOWN) -> dict[str, Any]:
    """Every rate that `evaluate` prints: over all trials, by kind of disturbance, and the same for either split.

    Loss and recovery at the top count disturbed trials only; what a policy loses by itself is under `none`. `dropped`
    is there if the task knows drops, `by_split` if it has held-out objects.
    """
    splits = by_split(trials, facts)
    found = _summary(trials, facts)
    if splits:
        found["by_split"] = {name: _split(rows, facts) for name, rows in splits.items()}
    return found


def _summary(trials: Sequence[Trial], facts: Facts) -> dict[str, Any]:
    disturbed = [trial for trial in trials if trial.disturbance != "none"]
    kinds = {
        kind: _rates(rows, rows, facts) | {"unrealistic": facts.unrealistic(rows)}
        for kind, rows in by_disturbance(trials).items()
    }
    return _rates(trials, disturbed, facts) | {"by_disturbance": kinds}


def _split(trials: Sequence[Trial], facts: Facts) -> dict[str, Any]:
    disturbed = [trial for trial in trials if trial.disturbance != "none"]
    return {"trials": len(trials), "disturbed": _rates(disturbed, disturbed, facts)} | _summary(trials, facts)


def violations(trials: Sequence[Trial]) -> dict[str, int]:
    """Physical rule → number of trials that broke it, most often broken first; rules that held are left out."""
    return dict(Counter(name for trial in trials for name in trial.violations).most_common())
