"""Two policies on one panel, case by case: what improved, what regressed, and where the data cannot say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from regrasp.errors import InputError
from regrasp.panel.statistics import (
    ALPHA,
    OUTCOMES,
    Difference,
    McNemar,
    Rate,
    by_disturbance,
    holm,
    loss_and_recovery,
    mcnemar_exact,
    paired_difference,
    rate_of,
    smallest_decidable,
)
from regrasp.seeding import numpy_stream
from regrasp.trial import Trial

Verdict = Literal["improved", "regressed", "undecided"]
Pairs = Sequence[tuple[Trial, Trial]]


@dataclass(frozen=True)
class Side:
    """One policy's rates in a stratum: the primary outcome, and loss with recovery, always shown together."""

    primary: Rate
    loss: Rate
    recovery: Rate

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"primary": self.primary.to_json(), "loss": self.loss.to_json(), "recovery": self.recovery.to_json()}


@dataclass(frozen=True)
class Stratum:
    """Policies A and B on n cases of one kind.

    Attributes:
        n: cases, the same ones for both.
        a: rates of A.
        b: rates of B.
        difference: primary rate of B minus that of A.
        test: the exact McNemar test of the primary outcome, uncorrected.
        p_corrected: p after Holm's correction for the strata it is listed with (p itself, if listed alone).
        smallest_n: cases below which a difference of this size is undecided whatever the table; None for no difference.
        verdict: about B, from `p_corrected` < 0.05.
    """

    n: int
    a: Side
    b: Side
    difference: Difference
    test: McNemar
    p_corrected: float
    smallest_n: int | None
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "n": self.n,
            "a": self.a.to_json(),
            "b": self.b.to_json(),
            "difference": self.difference.to_json(),
            "only_a": self.test.only_a,
            "only_b": self.test.only_b,
            "p": self.test.p,
            "p_corrected": self.p_corrected,
            "smallest_n": self.smallest_n,
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class Comparison:
    """What B did with the cases of A.

    Attributes:
        panel: digest of the panel.
        primary: name of the outcome that is compared.
        overall: all cases.
        undisturbed: the cases without a disturbance (the same record as in `strata`), None if there are none.
        disturbed: all cases with one, None if there are none.
        strata: kind of disturbance → its cases, corrected for their number.
        broken: numbers of the cases that A could do and B cannot.
        gained: numbers of the cases that B newly can.
    """

    panel: str
    primary: str
    overall: Stratum
    undisturbed: Stratum | None
    disturbed: Stratum | None
    strata: dict[str, Stratum]
    broken: tuple[int, ...]
    gained: tuple[int, ...]

    @property
    def did_not_help(self) -> tuple[str, ...]:
        """The kinds of disturbance under which B is not shown to be better."""
        return tuple(kind for kind, stratum in self.strata.items() if stratum.verdict != "improved")

    def to_json(self) -> dict[str, Any]:
        """As plain data; the overall stratum's keys stand at the top."""
        return {
            "panel": self.panel,
            "primary": self.primary,
            **self.overall.to_json(),
            "undisturbed": self.undisturbed and self.undisturbed.to_json(),
            "disturbed": self.disturbed and self.disturbed.to_json(),
            "strata": {kind: stratum.to_json() for kind, stratum in self.strata.items()},
            "did_not_help": list(self.did_not_help),
            "broken": list(self.broken),
            "gained": list(self.gained),
        }


def compare(
    rows_a: Sequence[Trial],
    rows_b: Sequence[Trial],
    primary: str,
    panel_a: str,
    panel_b: str,
    seed: int = 0,
) -> Comparison:
    """Policy B against policy A by their trials on one panel.

    Args:
        rows_a: every trial of A, in any order.
        rows_b: every trial of B, in any order.
        primary: the outcome to compare, one of `OUTCOMES`.
        panel_a: digest of the panel that A was judged on.
        panel_b: digest of the panel that B was judged on.
        seed: of the bootstrap's random streams.
    """
    if primary not in OUTCOMES:
        raise InputError("comparison", "primary", repr(primary), "the name of an outcome", OUTCOMES)
    if panel_a != panel_b:
        raise InputError("comparison", "panel", f"digests {panel_a} and {panel_b}", "trials of one panel")
    pairs = pair_by_case(rows_a, rows_b)
    kinds = {kind: [pair for pair in pairs if pair[0].disturbance == kind] for kind in by_disturbance(rows_a)}
    strata = _strata(kinds, primary, seed)
    disturbed = [pair for pair in pairs if pair[0].disturbance != "none"]
    done = OUTCOMES[primary]
    return Comparison(
        panel=panel_a,
        primary=primary,
        overall=_stratum(pairs, primary, numpy_stream(seed, "comparison", "all")),
        undisturbed=strata.get("none"),
        disturbed=_stratum(disturbed, primary, numpy_stream(seed, "comparison", "disturbed")) if disturbed else None,
        strata=strata,
        broken=tuple(a.case for a, b in pairs if done(a) and not done(b)),
        gained=tuple(a.case for a, b in pairs if done(b) and not done(a)),
    )


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


def _verdict(difference: Difference, p: float) -> Verdict:
    if p >= ALPHA or not difference.difference:
        return "undecided"
    return "improved" if difference.difference > 0 else "regressed"


def _strata(kinds: Mapping[str, Pairs], primary: str, seed: int) -> dict[str, Stratum]:
    done = OUTCOMES[primary]
    p_values = [mcnemar_exact([done(a) for a, _ in pairs], [done(b) for _, b in pairs]).p for pairs in kinds.values()]
    return {
        kind: _stratum(pairs, primary, numpy_stream(seed, "comparison", "kind", kind), p)
        for (kind, pairs), p in zip(kinds.items(), holm(p_values), strict=True)
    }


def _stratum(pairs: Pairs, primary: str, generator: np.random.Generator, p_corrected: float | None = None) -> Stratum:
    done = OUTCOMES[primary]
    rows_a, rows_b = [a for a, _ in pairs], [b for _, b in pairs]
    done_a, done_b = [done(a) for a in rows_a], [done(b) for b in rows_b]
    test = mcnemar_exact(done_a, done_b)
    difference = paired_difference(done_a, done_b, generator)
    p = test.p if p_corrected is None else p_corrected
    return Stratum(
        n=len(pairs),
        a=Side(rate_of(done_a), *loss_and_recovery(rows_a)),
        b=Side(rate_of(done_b), *loss_and_recovery(rows_b)),
        difference=difference,
        test=test,
        p_corrected=p,
        smallest_n=smallest_decidable(difference.difference or 0.0),
        verdict=_verdict(difference, p),
    )
