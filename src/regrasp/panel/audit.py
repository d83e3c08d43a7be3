"""Does a reward pay for what the judge counts? Trials that are rich in reward and poor in judgement, and why.

*Rich* is a trial that is paid at least as much as the median successful trial of the reference policy. *Poor* is one
that is no success. A reward that pays for success leaves next to none that are both; where there are, the reward is
paid for something else, and the audit asks which of four sums of physical quantities it follows in failed trials. That
rests on rows alone: on states, as the judge saw them, and on rewards, never on what a reward's terms are called.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy  # its `stats` loads on first use
from numpy.typing import NDArray

from regrasp.panel.statistics import ALPHA, OUTCOMES, Rate, rate_of
from regrasp.trial import Trial

Numbers = NDArray[np.float64]
MOST_NAMED = 0.01
"""Share of trials that may be rich and poor before the reward is suspected: the lower end of its interval is above."""
FEWEST = 10
"""Successful trials of the reference below which nobody can say what success is paid."""
WEAKEST = 0.5
"""Rank correlation whose interval must lie above this for a hack to be named."""
RESAMPLES = 999

HACKS: Mapping[str, Callable[[Trial], float]] = {
    "nearness": lambda trial: trial.near_steps,
    "partial_success": lambda trial: trial.close_steps + trial.success_steps,
    "unsigned_rotation": lambda trial: trial.turning,
    "speed": lambda trial: trial.travel,
}
"""Hack → what its reward pays for, summed over the trial: control steps near the object, control steps close to success
or in it, rotation either way [rad], and the object's path [m] (a sum of speeds)."""


@dataclass(frozen=True)
class Estimate:
    """A statistic with its 95 % bootstrap interval; all None where the data give none."""

    value: float | None
    low: float | None
    high: float | None


NOTHING = Estimate(None, None, None)


@dataclass(frozen=True)
class Rules:
    """What of a task is needed to audit its trials.

    Attributes:
        primary: the outcome that counts as success.
        horizon: control steps of a whole trial.
        impossible: names of the rules with which success does not count.
    """

    primary: str
    horizon: int
    impossible: Collection[str]

    def success(self, trial: Trial) -> bool:
        """The judge's verdict on a trial."""
        return OUTCOMES[self.primary](trial)

    def refused(self, trial: Trial) -> tuple[str, ...]:
        """The impossible things in a trial."""
        return tuple(name for name in trial.violations if name in self.impossible)


@dataclass(frozen=True)
class Named:
    """A trial that is rich and poor: its case, its rewards, the object's largest speed and force, and its looks."""

    case: int
    total_reward: float
    reward_at_end: float
    peak_speed: float
    peak_force: float
    looks: tuple[str, ...]


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes:
        trials: number of trials; those whose simulation broke down are left out of everything else.
        success: rate of the primary outcome.
        correlation: Spearman's rank correlation of total reward and success.
        auc: chance that a successful trial is paid more than a failed one (area under the ROC curve).
        outcomes: kind of outcome → number of trials, quartiles of their total reward, median reward at the end.
        paid: the number of successful trials of the reference, and the total reward of the median one.
        named: trials that are rich and poor.
        named_rate, refused_rate: the share of those that failed, and of those that the judge refused as impossible.
        follows: hack → rank correlation of reward and what that hack is paid for, over failed trials.
        verdict: a key of `HACKS`, `impossible_physics`, `unnamed`, `none_found` or `undecided`.
    """

    trials: int
    success: Rate
    correlation: Estimate
    auc: Estimate
    outcomes: Mapping[str, Mapping[str, float]]
    paid: tuple[int, float | None]
    named: tuple[Named, ...]
    named_rate: Rate
    refused_rate: Rate
    follows: Mapping[str, Estimate]
    verdict: str

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def audit(trials: Sequence[Trial], reference: Sequence[Trial] | None, rules: Rules) -> Audit:
    """Compare reward and judgement of one policy's trials.

    Args:
        trials: of the policy.
        reference: of a policy under the same reward that is known to do the task; the policy itself if None.
        rules: of the task.
    """
    sound = [trial for trial in trials if not trial.failure]
    compared = sound if reference is None else [trial for trial in reference if not trial.failure]
    paid = [trial for trial in compared if rules.success(trial)]
    least = float(np.median([trial.total_reward for trial in paid])) if len(paid) >= FEWEST else None
    failed = [trial for trial in sound if not rules.success(trial)]
    rich = [] if least is None else [trial for trial in failed if trial.total_reward >= least]
    refused = {trial.case for trial in rich if rules.refused(trial)}
    hacked = {trial.case for trial in rich} - refused
    named_rate = rate_of(trial.case in hacked for trial in sound)
    refused_rate = rate_of(trial.case in refused for trial in sound)
    beside = [] if reference is None else [trial for trial in compared if not rules.success(trial)]
    follows = what_reward_follows([*failed, *beside])
    succeeded = np.array([rules.success(trial) for trial in sound])
    reward = np.array([trial.total_reward for trial in sound])
    return Audit(
        trials=len(trials),
        success=rate_of(succeeded),
        correlation=rank_correlation(reward, succeeded.astype(np.float64)),
        auc=chance_of_more(reward[succeeded], reward[~succeeded]),
        outcomes=by_outcome(sound, rules),
        paid=(len(paid), least),
        named=tuple(_named(trial, looks(trial, paid, rules)) for trial in rich),
        named_rate=named_rate,
        refused_rate=refused_rate,
        follows=follows,
        verdict=_verdict(least, named_rate, refused_rate, follows),
    )


def _named(trial: Trial, seen: tuple[str, ...]) -> Named:
    return Named(trial.case, trial.total_reward, trial.reward_at_end, trial.peak_speed, trial.peak_force, seen)


def _verdict(least: float | None, named: Rate, refused: Rate, follows: Mapping[str, Estimate]) -> str:
    if least is None:
        return "undecided"
    if (named.low or 0.0) > MOST_NAMED:
        strong = {hack: found.value for hack, found in follows.items() if (found.low or 0.0) > WEAKEST}
        return max(strong, key=lambda hack: strong[hack] or 0.0) if strong else "unnamed"
    return "impossible_physics" if (refused.low or 0.0) > MOST_NAMED else "none_found"


def what_reward_follows(failed: Sequence[Trial]) -> dict[str, Estimate]:
    """Hack → rank correlation of total reward and what that hack is paid for, over failed trials."""
    reward = np.array([trial.total_reward for trial in failed])
    return {
        hack: rank_correlation(reward, np.array([float(quantity(trial)) for trial in failed]))
        for hack, quantity in HACKS.items()
    }


def _ranked_correlation(first: Numbers, second: Numbers, axis: int) -> Numbers:
    a, b = (scipy.stats.rankdata(side, axis=axis) for side in (first, second))
    a, b = (side - side.mean(axis=axis, keepdims=True) for side in (a, b))
    size = np.sqrt((a * a).sum(axis=axis) * (b * b).sum(axis=axis))
    # A resample in which a side is constant shows no correlation.
    return np.asarray((a * b).sum(axis=axis) / np.where(size > 0, size, np.inf))


def rank_correlation(first: Numbers, second: Numbers) -> Estimate:
    """Spearman's rank correlation of (N,) and (N,), trials resampled; nothing if a side is constant or not known."""
    if len(first) < 3 or any(not np.isfinite(side).all() or np.ptp(side) == 0 for side in (first, second)):
        return NOTHING
    return _estimate((first, second), _ranked_correlation, paired=True)


def _share_of_pairs(more: Numbers, less: Numbers, axis: int) -> Numbers:
    count, others = more.shape[axis], less.shape[axis]
    ranks = scipy.stats.rankdata(np.concatenate([more, less], axis=axis), axis=axis)
    sums = np.take(ranks, np.arange(count), axis=axis).sum(axis=axis)
    return np.asarray((sums - count * (count + 1) / 2) / (count * others))


def chance_of_more(more: Numbers, less: Numbers) -> Estimate:
    """Chance that one of (N,) exceeds one of (M,), ties counted half: Mann and Whitney's U as a share of all pairs."""
    if len(more) < 2 or len(less) < 2:
        return NOTHING
    return _estimate((more, less), _share_of_pairs, paired=False)


def _estimate(data: tuple[Numbers, Numbers], statistic: Callable[..., Numbers], paired: bool) -> Estimate:
    interval = scipy.stats.bootstrap(
        data, statistic, n_resamples=RESAMPLES, batch=100, vectorized=True, paired=paired, method="percentile",
        confidence_level=1 - ALPHA, rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return Estimate(float(statistic(*data, axis=0)), float(interval.low), float(interval.high))


def outcome_of(trial: Trial, rules: Rules) -> str:
    """How far a trial came."""
    if rules.success(trial):
        return "success"
    if rules.refused(trial):
        return "refused as impossible"
    if trial.success_steps:
        return "success once but never held"
    if trial.close_steps:
        return "close but never in success"
    return "in contact but never close" if trial.entered else "no contact"


def by_outcome(trials: Sequence[Trial], rules: Rules) -> dict[str, dict[str, float]]:
    """Kind of outcome → what its trials were paid, the best first."""
    kinds: dict[str, list[Trial]] = {}
    for trial in trials:
        kinds.setdefault(outcome_of(trial, rules), []).append(trial)
    found = {kind: _pay(own) for kind, own in kinds.items()}
    return dict(sorted(found.items(), key=lambda item: -item[1]["median"]))


def _pay(trials: Sequence[Trial]) -> dict[str, float]:
    low, median, high = (
        float(value) for value in np.quantile([trial.total_reward for trial in trials], [0.25, 0.5, 0.75])
    )
    at_end = float(np.median([trial.reward_at_end for trial in trials]))
    return {"n": len(trials), "low": low, "median": median, "high": high, "at_end": at_end}


def looks(trial: Trial, paid: Sequence[Trial], rules: Rules) -> tuple[str, ...]:
    """What a failed trial looks like beside the reference's successful ones.

    `spun` and `fast`: more rotation back, or a faster object on average, than in 95 of 100 of them.
    """
    near = max(len(trial.modes) - trial.modes.count(0), trial.close_steps)
    ends = float(np.median([other.reward_at_end for other in paid]))
    # What the judge refused looked like success: only what it was refused for tells it apart.
    counts = not rules.refused(trial)
    timed_out = trial.steps == rules.horizon and not trial.success_at_end and trial.reward_at_end >= ends
    back = float(np.quantile([other.turned_back for other in paid], 0.95))
    speed = float(np.quantile([other.travel / other.steps for other in paid], 0.95))
    seen = {
        "success once but never held": counts and trial.success_steps > 0,
        "near but never in success": trial.success_steps == 0 and 2 * near > trial.steps,
        "timed out in a high-reward state": counts and timed_out,
        "spun": trial.turned_back > back,
        "fast": trial.travel / trial.steps > speed,
    }
    broken = tuple(name.replace("_", " ") for name in trial.violations)
    return (*(name for name, found in seen.items() if found), *broken)
