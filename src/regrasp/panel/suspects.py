"""Why did reinforcement learning regress, or gain less than hoped? Three suspects, each tested on rows and states.

A suspect holds only where all of its evidence does: a change of contact style alone is what good fine-tuning brings,
too, and so are failures under disturbances that are harder than a bench shows. None of the three holding is an answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy  # its `stats` loads on first use
from numpy.typing import NDArray

from regrasp.contact import mode_name, style_distance
from regrasp.panel.coverage import Moment
from regrasp.panel.groups import grouped
from regrasp.panel.paired import McNemar, mcnemar_exact
from regrasp.panel.repertoire import Shown
from regrasp.panel.statistics import ALPHA, OUTCOMES, Facts, Rate, fisher_exact, rate_of
from regrasp.seeding import numpy_stream
from regrasp.trial import Trial

RESAMPLES = 999
OTHER_STYLE = 0.15
"""Jensen–Shannon distance of two contact styles from which on they are another: a hand that changed a tenth of its
contact lies about this far from before."""
COMMON, RARE = 0.05, 0.01
"""Shares of the steps in contact: a mode appeared if it went from below the second to above the first."""
FEWEST = 10
"""Failures or losses below which nothing can be said about most of them."""


@dataclass(frozen=True)
class StyleChange:
    """Suspect `reward`: did the reward change the contact style?

    Attributes:
        distance: of the contact styles on the panel, Jensen–Shannon.
        chance: the distance that 95 of 100 random swaps of the two policies within cases stay below.
        p: share of swaps that lie as far apart (permutation test; Fisher 1935), over `RESAMPLES` of them.
        appeared, vanished: contact modes that did, with their shares of the steps in contact before and after.
        reward: mean total reward before and after.
        reward_p: one-sided Wilcoxon signed-rank test that it rose.
        success: the primary outcome before and after, on the same cases.
        test: McNemar's of it.
        holds: another style, more reward and less success.
    """

    distance: float
    chance: float
    p: float
    appeared: Mapping[str, tuple[float, float]]
    vanished: Mapping[str, tuple[float, float]]
    reward: tuple[float, float]
    reward_p: float
    success: tuple[Rate, Rate]
    test: McNemar
    holds: bool

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def suspect_reward(
    before: Sequence[Trial], after: Sequence[Trial], primary: str, regions: Sequence[str]
) -> StyleChange:
    """Compare two policies' rows of the same cases, in the same order.

    Style and reward are those of the cases in which neither broke down.
    """
    sound = [(a, b) for a, b in zip(before, after, strict=True) if not a.failure and not b.failure]
    styled = [[pair[side] for pair in sound] for side in (0, 1)]
    counts = [np.array([_mode_counts(trial) for trial in rows]).reshape(-1, 256) for rows in styled]
    distance = style_distance(*(_style(one) for one in counts))
    swapped = _swapped_distances(*counts)
    shares = [_style(one) for one in counts]
    paid = [np.array([trial.total_reward for trial in rows]) for rows in styled]
    rates = [rate_of(map(OUTCOMES[primary], rows)) for rows in (before, after)]
    test = mcnemar_exact(*([OUTCOMES[primary](trial) for trial in rows] for rows in (before, after)))
    p = (1 + int((swapped >= distance).sum())) / (1 + len(swapped))
    rose = _rose(paid[1] - paid[0])
    fell = test.p < ALPHA and test.only_a > test.only_b
    return StyleChange(
        distance=distance,
        chance=float(np.quantile(swapped, 1 - ALPHA)),
        p=p,
        appeared=_changed(shares[0], shares[1], regions),
        vanished={name: (old, new) for name, (new, old) in _changed(shares[1], shares[0], regions).items()},
        reward=(_mean(paid[0]), _mean(paid[1])),
        reward_p=rose,
        success=(rates[0], rates[1]),
        test=test,
        holds=p < ALPHA and distance >= OTHER_STYLE and rose < ALPHA and fell,
    )


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else 0.0


def _mode_counts(trial: Trial) -> NDArray[np.float64]:
    return np.bincount(np.frombuffer(trial.modes, np.uint8), minlength=256).astype(np.float64)


def _style(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 256) steps by case and mode → (256,) shares of the steps in contact, as `contact.style`."""
    total = counts.sum(0)
    total[0] = 0.0
    return np.asarray(total / max(total.sum(), 1.0))


def _swapped_distances(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances if it did not matter which policy was which: swapped in each case with probability 1/2."""
    generator = numpy_stream(0, "style permutation")
    swaps = (generator.random((RESAMPLES, len(before))) < 0.5).astype(np.float64)
    moved = swaps @ (after - before)
    first, second = before.sum(0) + moved, after.sum(0) - moved
    return np.array([style_distance(_style(a[None]), _style(b[None])) for a, b in zip(first, second, strict=True)])


def _rose(gains: NDArray[np.float64]) -> float:
    if not gains.any():
        return 1.0
    return float(scipy.stats.wilcoxon(gains, alternative="greater").pvalue)


def _changed(
    before: NDArray[np.float64], after: NDArray[np.float64], regions: Sequence[str]
) -> dict[str, tuple[float, float]]:
    modes = np.flatnonzero((before < RARE) & (after > COMMON))
    return {mode_name(int(mode), regions): (float(before[mode]), float(after[mode])) for mode in modes}


@dataclass(frozen=True)
class Realism:
    """Suspect `disturbances`: are they harder than anything a bench shows?

    Attributes:
        losses: the share of the fine-tuned policy's losses under disturbances that lie outside the envelope.
        inside, outside: its success on cases that a bench would see, undisturbed ones among them, and on the others.
        p: Fisher's exact test that these are the same.
        trained: kind → share of the range that training drew from that lies outside the envelope.
        recovery: group of cases (`push 0.04 to 0.06`) → recovery of the cloned and of the fine-tuned policy.
        unsolved: disturbed cases in which neither policy succeeded.
        unsolved_outside: those of them outside the envelope.
        holds: most losses lie outside, and success there is lower; None where nobody said what a bench shows, or
            nearly nothing was lost.
    """

    losses: Rate
    inside: Rate
    outside: Rate
    p: float
    trained: Mapping[str, float]
    recovery: Mapping[str, tuple[Rate, Rate]]
    unsolved: tuple[int, ...]
    unsolved_outside: int
    holds: bool | None

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def suspect_disturbances(
    before: Sequence[Trial],
    after: Sequence[Trial],
    primary: str,
    facts: Facts,
    trained: Mapping[str, tuple[float, float]],
) -> Realism:
    """Look at both policies' rows of the same cases; `trained` is kind → range that training drew from."""
    success = OUTCOMES[primary]
    lost = [trial for trial in after if trial.disturbance != "none" and trial.lost]
    losses = rate_of(not facts.realistic(trial) for trial in lost)
    inside = rate_of(success(trial) for trial in after if facts.realistic(trial))
    outside = rate_of(success(trial) for trial in after if not facts.realistic(trial))
    p = fisher_exact(inside, outside)
    unsolved = [
        b for a, b in zip(before, after, strict=True) if b.disturbance != "none" and not success(a) and not success(b)
    ]
    known = facts.envelopes is not None and (losses.n >= FEWEST or not facts.unrealistic(after))
    harder = p < ALPHA and (outside.rate or 0.0) < (inside.rate or 0.0)
    return Realism(
        losses=losses,
        inside=inside,
        outside=outside,
        p=p,
        trained={kind: _outside(span, (facts.envelopes or {}).get(kind)) for kind, span in trained.items()},
        recovery=_recovery_by_size(before, after, facts),
        unsolved=tuple(trial.case for trial in unsolved),
        unsolved_outside=facts.unrealistic(unsolved),
        holds=((losses.low or 0.0) > 0.5 and harder) if known else None,
    )


def _outside(span: tuple[float, float], envelope: tuple[float, float] | None) -> float:
    """The share of a range that lies outside the envelope."""
    if envelope is None:
        return 1.0
    (low, high), (least, most) = span, envelope
    if high <= low:
        return float(not least <= low <= most)
    return 1.0 - max(0.0, min(high, most) - max(low, least)) / (high - low)


def _recovery_by_size(before: Sequence[Trial], after: Sequence[Trial], facts: Facts) -> dict[str, tuple[Rate, Rate]]:
    groups = grouped(list(zip(before, after, strict=True)), facts)
    chosen = groups["magnitude"] or {kind: rows for kind, rows in groups["disturbance"].items() if kind != "none"}
    return {
        name: (
            rate_of(a.recovered for a, _ in pairs if a.lost),
            rate_of(b.recovered for _, b in pairs if b.lost),
        )
        for name, pairs in chosen.items()
    }


@dataclass(frozen=True)
class Narrowness:
    """Suspect `demonstrations`: did they cover too narrow a contact manifold?

    Attributes:
        reach: distance from the demonstrations beyond which a contact state is outside.
        failed, succeeded: share of the cloned policy's realistic trials whose last contact lies outside, by outcome.
        distance: medians of these distances, of failed and of successful trials.
        unseen: share of the fine-tuned policy's verified recoveries that rely on modes which no demonstration shows:
            most of their steps in contact after the loss are in such modes.
        unseen_modes: those modes, and in how many verified recoveries each is.
        holds: most failures lie outside, or most recoveries rely on what was never shown; None if both are too few to
            tell.
    """

    reach: float
    failed: Rate
    succeeded: Rate
    distance: tuple[float | None, float | None]
    unseen: Rate
    unseen_modes: Mapping[str, int]
    holds: bool | None

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def suspect_demonstrations(
    moments: Sequence[Moment], reach: float, taught: Sequence[int], recovered: Shown, regions: Sequence[str]
) -> Narrowness:
    """Look at the last contacts of the cloned policy, and at the recoveries of the fine-tuned one.

    Args:
        moments: of the cloned policy's trials that a bench could see.
        reach: of the demonstrations' contact manifold.
        taught: contact modes that demonstrations show at all.
        recovered: what the fine-tuned policy showed.
        regions: contact regions.
    """
    far = {won: [one.distance > reach for one in moments if one.success == won] for won in (False, True)}
    apart = {won: [one.distance for one in moments if one.success == won] for won in (False, True)}
    novel = [np.bincount(modes, minlength=256).astype(np.float64) for modes in recovered.after_loss]
    known = np.isin(np.arange(256), [0, *taught])
    relied = [bool(2 * counts[~known].sum() > counts[1:].sum()) for counts in novel]
    failed, unseen = rate_of(far[False]), rate_of(relied)
    tested = [rate for rate in (failed, unseen) if rate.n >= FEWEST]
    return Narrowness(
        reach=reach,
        failed=failed,
        succeeded=rate_of(far[True]),
        distance=(_median(apart[False]), _median(apart[True])),
        unseen=unseen,
        unseen_modes=_counted_modes(novel, known, regions),
        holds=any((rate.low or 0.0) > 0.5 for rate in tested) if tested else None,
    )


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _counted_modes(
    novel: Sequence[NDArray[np.float64]], known: NDArray[np.bool_], regions: Sequence[str]
) -> dict[str, int]:
    """Mode that was never shown → recoveries with it, the most frequent first."""
    found = np.sum([counts > 0 for counts in novel], axis=0) * ~known if novel else np.zeros(256, int)
    order = np.argsort(-found, kind="stable")
    return {mode_name(int(mode), regions): int(found[mode]) for mode in order if found[mode]}
