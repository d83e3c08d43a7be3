"""Two policies on one panel, case by case: what improved, what regressed, and where the data cannot say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from regrasp.errors import InputError
from regrasp.panel.change import Part, RecoveryChange, Side, Stratum, Verdict
from regrasp.panel.groups import grouped
from regrasp.panel.paired import (
    Difference,
    holm,
    mcnemar_exact,
    paired_difference,
    share_difference,
    smallest_decidable,
)
from regrasp.panel.statistics import (
    ALPHA,
    OUTCOMES,
    UNKNOWN,
    Facts,
    fisher_exact,
    loss_and_recovery,
    rate_of,
)
from regrasp.seeding import numpy_stream
from regrasp.trial import Trial

Objects = Literal["all", "train", "held_out"]
Pairs = Sequence[tuple[Trial, Trial]]


@dataclass(frozen=True)
class Comparison:
    """What B did with the cases of A.

    Attributes:
        panel: digest of the panel.
        primary: name of the outcome that is compared.
        objects: whose cases these are, `all`, `train` or `held_out`.
        whole: all of these cases.
        undisturbed: the cases without a disturbance (the same record as in `strata`), None if there are none.
        strata: kind of disturbance → its cases.
        by_object: object → its cases; empty where there is only one.
        by_magnitude: third of a kind's magnitudes → its cases. These three are corrected for the number of them all.
        broken: numbers of the cases that A could do and B cannot.
        gained: numbers of the cases that B newly can.
        by_split: `train` and `held_out` → the cases with these objects; empty where the task has no held-out ones, and
            if the comparison is of one split already.
    """

    panel: str
    primary: str
    objects: Objects
    whole: Part
    undisturbed: Stratum | None
    strata: dict[str, Stratum]
    by_object: dict[str, Stratum]
    by_magnitude: dict[str, Stratum]
    broken: tuple[int, ...]
    gained: tuple[int, ...]
    by_split: dict[str, Part]

    @property
    def overall(self) -> Stratum:
        """All cases."""
        return self.whole.overall

    @property
    def disturbed(self) -> Stratum | None:
        """All cases with a disturbance, None if there are none."""
        return self.whole.disturbed

    @property
    def recovery(self) -> RecoveryChange | None:
        """Recovery after the losses under a disturbance, None if no case has one."""
        return self.whole.recovery

    @property
    def regressed(self) -> tuple[str, ...]:
        """`all` and the strata in which B is shown to be worse: what `--strict` fails on."""
        every = {"all": self.overall, **self.strata, **self.by_object, **self.by_magnitude}
        return tuple(name for name, stratum in every.items() if stratum.verdict == "regressed")

    @property
    def tests(self) -> int:
        """The number of strata for which their p values are corrected."""
        return len(self.strata) + len(self.by_object) + len(self.by_magnitude)

    @property
    def did_not_help(self) -> tuple[str, ...]:
        """The kinds of disturbance under which B is not shown to be better."""
        return tuple(kind for kind, stratum in self.strata.items() if stratum.verdict != "improved")

    def to_json(self) -> dict[str, Any]:
        """As plain data; the overall stratum's keys stand at the top."""
        return {
            "panel": self.panel,
            "primary": self.primary,
            "objects": self.objects,
            **self.whole.to_json(),
            "undisturbed": self.undisturbed and self.undisturbed.to_json(),
            "strata": {kind: stratum.to_json() for kind, stratum in self.strata.items()},
            "by_object": {name: stratum.to_json() for name, stratum in self.by_object.items()},
            "by_magnitude": {name: stratum.to_json() for name, stratum in self.by_magnitude.items()},
            "tests": self.tests,
            "regressed": list(self.regressed),
            "did_not_help": list(self.did_not_help),
            "broken": list(self.broken),
            "gained": list(self.gained),
            "by_split": {name: part.to_json() for name, part in self.by_split.items()},
        }


def compare(
    rows_a: Sequence[Trial],
    rows_b: Sequence[Trial],
    primary: str,
    panel_a: str,
    panel_b: str,
    seed: int = 0,
    facts: Facts = UNKNOWN,
    objects: Objects = "all",
) -> Comparison:
    """Policy B against policy A by their trials on one panel.

    Args:
        rows_a: every trial of A, in any order.
        rows_b: every trial of B, in any order.
        primary: the outcome to compare, one of `OUTCOMES`.
        panel_a: digest of the panel that A was judged on.
        panel_b: digest of the panel that B was judged on.
        seed: of the bootstrap's random streams.
        facts: held-out objects, drops and envelopes of the task.
        objects: compare the cases with these objects only.
    """
    if primary not in OUTCOMES:
        raise InputError("comparison", "primary", repr(primary), "the name of an outcome", OUTCOMES)
    if panel_a != panel_b:
        raise InputError("comparison", "panel", f"digests {panel_a} and {panel_b}", "trials of one panel")
    pairs = pair_by_case(rows_a, rows_b)
    splits: dict[str, Pairs] = {}
    if objects != "all":
        pairs = restricted(pairs, facts, objects)
    elif facts.held_out:
        own = {name: [pair for pair in pairs if facts.split_of(pair[0]) == name] for name in ("train", "held_out")}
        splits = {name: chosen for name, chosen in own.items() if chosen}
    kinds, objects_own, sizes = _strata(grouped(pairs, facts), primary, seed, facts)
    done = OUTCOMES[primary]
    return Comparison(
        panel=panel_a,
        primary=primary,
        objects=objects,
        whole=_part(pairs, primary, seed, facts),
        undisturbed=kinds.get("none"),
        strata=kinds,
        by_object=objects_own,
        by_magnitude=sizes,
        broken=tuple(a.case for a, b in pairs if done(a) and not done(b)),
        gained=tuple(a.case for a, b in pairs if done(b) and not done(a)),
        by_split={name: _part(chosen, primary, seed, facts) for name, chosen in splits.items()},
    )


def restricted(pairs: Pairs, facts: Facts, objects: Objects) -> list[tuple[Trial, Trial]]:
    """The pairs with the objects that learning saw, or with those it did not; refused if there are none."""
    chosen = [pair for pair in pairs if facts.split_of(pair[0]) == objects]
    if not chosen:
        kept = sorted({facts.split_of(a) for a, _ in pairs})
        found = f"{objects}, of which the panel has no case"
        raise InputError("comparison", "objects", found, "objects that its cases have", ["all", *kept])
    return chosen


def _part(pairs: Pairs, primary: str, seed: int, facts: Facts) -> Part:
    """The streams are named alike for any choice of cases: a split alone has the intervals it has beside the other."""
    disturbed = [pair for pair in pairs if pair[0].disturbance != "none"]
    return Part(
        overall=_stratum(pairs, primary, numpy_stream(seed, "comparison", "all"), facts),
        disturbed=_stratum(disturbed, primary, numpy_stream(seed, "comparison", "disturbed"), facts)
        if disturbed
        else None,
        recovery=_recovery(disturbed, numpy_stream(seed, "comparison", "recovery")) if disturbed else None,
    )


def _recovery(pairs: Pairs, generator: np.random.Generator) -> RecoveryChange:
    sides = [a for a, _ in pairs], [b for _, b in pairs]
    # Only losses after the disturbance acted count, as everywhere.
    first, second = ([(t.disturbed_at >= 0 and t.lost, t.recovered) for t in side] for side in sides)
    lost = [one for one, _ in first], [one for one, _ in second]
    recovered = [all(one) for one in first], [all(one) for one in second]
    difference = share_difference(recovered, lost, generator)
    (_, a), (_, b) = (loss_and_recovery(side) for side in sides)
    p = fisher_exact(a, b)
    low, high = difference.low, difference.high
    apart = low is not None and high is not None and (low > 0 or high < 0)
    return RecoveryChange(a, b, difference, p, verdict_of(difference, p) if apart else "undecided")


def pair_by_case(rows_a: Sequence[Trial], rows_b: Sequence[Trial]) -> list[tuple[Trial, Trial]]:
    """The two policies' trials of each case, by case number; refused unless both have each case exactly once."""
    by_case = []
    for name, rows in (("A", rows_a), ("B", rows_b)):
        cases = {row.case: row for row in rows}
        if not rows or len(cases) < len(rows):
            found = f"{len(rows)} trials of {len(cases)} cases"
            raise InputError("comparison", f"trials of {name}", found, "one trial of every case")
        by_case.append(cases)
    a, b = by_case
    if a.keys() != b.keys():
        found = f"{_numbers(a.keys() - b.keys())} only in A and {_numbers(b.keys() - a.keys())} only in B"
        raise InputError("comparison", "cases", found, "the same cases in both")
    for case in a:
        if _identity(a[case]) != _identity(b[case]):
            found = f"{_identity(a[case])} in A and {_identity(b[case])} in B"
            raise InputError("comparison", f"case {case}", found, "one object, disturbance, magnitude and seed")
    return [(a[case], b[case]) for case in sorted(a)]


def _identity(trial: Trial) -> tuple[str, str, float, int]:
    return trial.object, trial.disturbance, trial.magnitude, trial.seed


def _numbers(cases: set[int]) -> str:
    if not cases:
        return "none"
    shown = ", ".join(map(str, sorted(cases)[:5]))
    return f"{len(cases)} cases ({shown}{', …' if len(cases) > 5 else ''})"


def verdict_of(difference: Difference, p: float) -> Verdict:
    """About B, from its rate minus that of A and the p value after any correction."""
    if p >= ALPHA or not difference.difference:
        return "undecided"
    return "improved" if difference.difference > 0 else "regressed"


def _strata(
    groupings: Mapping[str, Mapping[str, Pairs]], primary: str, seed: int, facts: Facts
) -> list[dict[str, Stratum]]:
    """The strata of each grouping, in its order, their p values corrected for all strata of all groupings."""
    done = OUTCOMES[primary]
    every = {(grouping, name): pairs for grouping, own in groupings.items() for name, pairs in own.items()}
    p_values = [mcnemar_exact([done(a) for a, _ in pairs], [done(b) for _, b in pairs]).p for pairs in every.values()]
    found: dict[str, dict[str, Stratum]] = {grouping: {} for grouping in groupings}
    for ((grouping, name), pairs), p in zip(every.items(), holm(p_values), strict=True):
        # "kind" is what the stream of a disturbance has always been called.
        stream = numpy_stream(seed, "comparison", "kind" if grouping == "disturbance" else grouping, name)
        found[grouping][name] = _stratum(pairs, primary, stream, facts, p)
    return list(found.values())


def _stratum(
    pairs: Pairs, primary: str, generator: np.random.Generator, facts: Facts, p_corrected: float | None = None
) -> Stratum:
    done = OUTCOMES[primary]
    rows_a, rows_b = [a for a, _ in pairs], [b for _, b in pairs]
    done_a, done_b = [done(a) for a in rows_a], [done(b) for b in rows_b]
    test = mcnemar_exact(done_a, done_b)
    difference = paired_difference(done_a, done_b, generator)
    p = test.p if p_corrected is None else p_corrected
    return Stratum(
        n=len(pairs),
        a=Side(rate_of(done_a), *loss_and_recovery(rows_a), facts.dropped(rows_a)),
        b=Side(rate_of(done_b), *loss_and_recovery(rows_b), facts.dropped(rows_b)),
        difference=difference,
        test=test,
        p_corrected=p,
        smallest_n=smallest_decidable(difference.difference or 0.0),
        verdict=verdict_of(difference, p),
        unrealistic=facts.unrealistic(rows_a),
    )
