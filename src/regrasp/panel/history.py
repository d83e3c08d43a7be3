"""Policies on one panel in the order they were made: what each changed, and what it broke that an earlier one could."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrasp.errors import InputError
from regrasp.panel.change import Side, Verdict
from regrasp.panel.comparison import Objects, pair_by_case, restricted, verdict_of
from regrasp.panel.paired import Difference, McNemar, holm, mcnemar_exact, paired_difference
from regrasp.panel.statistics import OUTCOMES, UNKNOWN, Facts, loss_and_recovery, rate_of
from regrasp.seeding import numpy_stream
from regrasp.trial import Trial


@dataclass(frozen=True)
class Change:
    """A checkpoint against an earlier one, on the same cases.

    Attributes:
        since: place of the earlier one in the history, from 0.
        difference: primary rate of the later one minus that of the earlier one.
        test: the exact McNemar test of the primary outcome, uncorrected; A is the earlier one.
        p_corrected: p after Holm's correction for the comparisons that it is listed with.
        verdict: about the later one, from `p_corrected` < 0.05.
    """

    since: int
    difference: Difference
    test: McNemar
    p_corrected: float
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "since": self.since,
            "difference": self.difference.to_json(),
            "only_earlier": self.test.only_a,
            "only_later": self.test.only_b,
            "p": self.test.p,
            "p_corrected": self.p_corrected,
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class Entry:
    """One checkpoint of a history.

    Attributes:
        side: its rates over all cases; loss and recovery over the disturbed ones, as `regrasp evaluate` counts them.
        since_first: primary rate minus that of the first checkpoint, None for the first itself.
        since_previous: against the one before, None for the first.
        broken: numbers of the cases that any earlier checkpoint could do and this one cannot.
    """

    side: Side
    since_first: Difference | None
    since_previous: Change | None
    broken: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            **self.side.to_json(),
            "since_first": self.since_first and self.since_first.to_json(),
            "since_previous": self.since_previous and self.since_previous.to_json(),
            "broken_since": list(self.broken),
        }


@dataclass(frozen=True)
class History:
    """Two or more checkpoints on the cases of one panel.

    Attributes:
        panel: digest of the panel.
        primary: name of the outcome that is compared.
        objects: whose cases these are, `all`, `train` or `held_out`.
        n: cases, the same ones for all.
        entries: the checkpoints, in the order given. Their p against the one before are corrected for these together.
        since_best: the last against the best earlier one, which is the first of those with the highest primary rate.
            Its p is corrected for the last against each of the earlier ones, because the best was chosen among them.
    """

    panel: str
    primary: str
    objects: Objects
    n: int
    entries: tuple[Entry, ...]
    since_best: Change

    @property
    def tests(self) -> int:
        """The number of comparisons for which each of the two families of p values is corrected."""
        return len(self.entries) - 1

    @property
    def regressions(self) -> tuple[tuple[int, Change], ...]:
        """Places of the checkpoints that regressed, and against which: what `--strict` fails on."""
        changes = [(place, entry.since_previous) for place, entry in enumerate(self.entries)]
        changes.append((len(self.entries) - 1, self.since_best))
        found: dict[tuple[int, int], tuple[int, Change]] = {}
        for place, change in changes:
            if change and change.verdict == "regressed":  # the best earlier one can be the one before: once is enough
                found.setdefault((place, change.since), (place, change))
        return tuple(found.values())

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "panel": self.panel,
            "primary": self.primary,
            "objects": self.objects,
            "n": self.n,
            "tests": self.tests,
            "history": [entry.to_json() for entry in self.entries],
            "since_best": self.since_best.to_json(),
            "regressions": [{"place": place} | change.to_json() for place, change in self.regressions],
        }


def history(
    rows: Sequence[Sequence[Trial]],
    primary: str,
    panel: str,
    seed: int = 0,
    facts: Facts = UNKNOWN,
    objects: Objects = "all",
) -> History:
    """The history of checkpoints by their trials on one panel.

    Args:
        rows: every trial of each checkpoint, in the order in which they were made; the trials themselves in any order.
        primary: the outcome to compare, one of `OUTCOMES`.
        panel: digest of the panel that all were judged on.
        seed: of the bootstrap's random streams, which are those of a comparison of two: the intervals are the same.
        facts: held-out objects and drops of the task.
        objects: count the cases with these objects only.

    Raises:
        InputError: fewer than two checkpoints, another outcome, other cases, or none with these objects.
    """
    if len(rows) < 2:
        raise InputError("history", "checkpoints", str(len(rows)), "at least two")
    if primary not in OUTCOMES:
        raise InputError("history", "primary", repr(primary), "the name of an outcome", OUTCOMES)
    trials = _by_case(rows, facts, objects)
    done = np.array([[OUTCOMES[primary](trial) for trial in own] for own in trials])

    @cache
    def gain(earlier: int, later: int) -> Difference:
        return paired_difference(done[earlier], done[later], numpy_stream(seed, "comparison", "all"))

    def change(earlier: int, later: int, test: McNemar, p: float) -> Change:
        return Change(earlier, gain(earlier, later), test, p, verdict_of(gain(earlier, later), p))

    last = len(rows) - 1
    before = _tests([(done[place - 1], done[place]) for place in range(1, len(rows))])
    against_last = _tests([(own, done[last]) for own in done[:last]])
    best = int(done[:last].sum(axis=1).argmax())
    numbers = np.array([trial.case for trial in trials[0]])
    return History(
        panel=panel,
        primary=primary,
        objects=objects,
        n=len(numbers),
        entries=tuple(
            Entry(
                side=_side(own, done[place], facts),
                since_first=gain(0, place) if place else None,
                since_previous=change(place - 1, place, *before[place - 1]) if place else None,
                broken=tuple(map(int, numbers[done[:place].any(axis=0) & ~done[place]])),
            )
            for place, own in enumerate(trials)
        ),
        since_best=change(best, last, *against_last[best]),
    )


def _by_case(rows: Sequence[Sequence[Trial]], facts: Facts, objects: Objects) -> list[list[Trial]]:
    """Each checkpoint's trials of the chosen cases, by case number: place by place the same case."""
    pairs = [pair_by_case(rows[0], own) for own in rows]
    if objects != "all":
        pairs = [restricted(own, facts, objects) for own in pairs]
    return [[trial for _, trial in own] for own in pairs]


def _side(trials: Sequence[Trial], done: NDArray[np.bool_], facts: Facts) -> Side:
    disturbed = [trial for trial in trials if trial.disturbance != "none"]
    return Side(rate_of(done), *loss_and_recovery(disturbed), facts.dropped(trials))


def _tests(pairs: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]]) -> list[tuple[McNemar, float]]:
    """McNemar's test of each pair of outcomes, and its p corrected for all of them."""
    tests = [mcnemar_exact(earlier, later) for earlier, later in pairs]
    return list(zip(tests, holm([test.p for test in tests]), strict=True))
