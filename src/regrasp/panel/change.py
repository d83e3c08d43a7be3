"""What changed from one policy to another, as records: over a group of cases, and in recovery."""

from dataclasses import dataclass
from typing import Any, Literal

from regrasp.panel.paired import Difference, McNemar
from regrasp.panel.statistics import Rate

Verdict = Literal["improved", "regressed", "undecided"]


@dataclass(frozen=True)
class Side:
    """One policy's rates in a stratum: the primary outcome, and loss with recovery, always shown together.

    `dropped` is None where the task knows no drop.
    """

    primary: Rate
    loss: Rate
    recovery: Rate
    dropped: Rate | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        rates = {"primary": self.primary, "loss": self.loss, "recovery": self.recovery}
        rates |= {"dropped": self.dropped} if self.dropped else {}
        return {name: rate.to_json() for name, rate in rates.items()}


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
        unrealistic: cases with a disturbance that no bench would see.
    """

    n: int
    a: Side
    b: Side
    difference: Difference
    test: McNemar
    p_corrected: float
    smallest_n: int | None
    verdict: Verdict
    unrealistic: int = 0

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "n": self.n,
            "unrealistic": self.unrealistic,
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
class RecoveryChange:
    """Recovery rate of B against that of A: recovered losses among losses, which are other cases for either policy.

    McNemar's test does not apply, because a case that only one policy lost has no partner. So p is that of Fisher's
    exact test on the counts, as if the two policies' losses were independent samples; cases that are hard for both make
    them alike, which makes this test err towards `undecided`. Beside it stands the interval of a bootstrap that draws
    whole cases, with what both policies did there. The verdict asks for both: p < 0.05 and an interval without 0.

    Attributes:
        a: recovery rate of A after its losses under a disturbance.
        b: that of B after its own.
        difference: rate of B minus that of A.
        p: of Fisher's exact test, two-sided.
        verdict: about B.
    """

    a: Rate
    b: Rate
    difference: Difference
    p: float
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        rates = {"a": self.a.to_json(), "b": self.b.to_json()}
        return rates | {"difference": self.difference.to_json(), "p": self.p, "verdict": self.verdict}


@dataclass(frozen=True)
class Part:
    """A and B on all the cases, or on those with the objects of one split.

    Attributes:
        overall: all cases.
        disturbed: all cases with a disturbance, None if there are none.
        recovery: recovery after the losses in these.
    """

    overall: Stratum
    disturbed: Stratum | None
    recovery: RecoveryChange | None

    def to_json(self) -> dict[str, Any]:
        """As plain data; the overall stratum's keys stand at the top."""
        return {
            **self.overall.to_json(),
            "disturbed": self.disturbed and self.disturbed.to_json(),
            "recovery": self.recovery and self.recovery.to_json(),
        }
