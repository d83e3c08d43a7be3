"""Do the demonstrations pay? Samples that fine-tuning needs with them and without, from the checks of both runs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from regrasp.panel.statistics import ALPHA, Rate, fisher_exact, rate_from_counts
from regrasp.report.wording import counted, number
from regrasp.store.curves import ProgressRecord

Answer = Literal["pay", "do not pay", "undecided"]


@dataclass(frozen=True)
class Check:
    """Success on the check's cases after so many control steps."""

    steps: int
    success: Rate


@dataclass(frozen=True)
class Course:
    """What fine-tuning reached on its way.

    Attributes:
        checks: in order; with demonstrations the first is the clone, after 0 control steps.
        steps: control steps simulated so far.
        finished: it has done all its iterations.
    """

    checks: tuple[Check, ...]
    steps: int
    finished: bool

    @property
    def best(self) -> Check | None:
        """The first check with the highest success."""
        return max(self.checks, key=lambda check: check.success.rate or 0.0, default=None)

    def reaching(self, share: float) -> Check | None:
        """The first check with at least this success."""
        return next((check for check in self.checks if (check.success.rate or 0.0) >= share), None)


@dataclass(frozen=True)
class Paying:
    """The answer.

    Attributes:
        answer: whether they pay.
        sentence: the same with its numbers.
        target: the best success of the run without demonstrations, None if it was never checked.
        steps_without: control steps after which it had that.
        steps_with: control steps after which the loop had at least that; 0 is the clone, None is never.
        ratio: the latter by the former.
    """

    answer: Answer
    sentence: str
    target: float | None = None
    steps_without: int | None = None
    steps_with: int | None = None
    ratio: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def course(progress: Sequence[ProgressRecord], primary: str, cases: int, clone: Rate | None = None) -> Course:
    """The course of a run's fine-tuning.

    Args:
        progress: the run's records, in order.
        primary: the value that a check records.
        cases: of a check; they give its share a count.
        clone: success of the clone on undisturbed cases.
    """
    tuning = [record for record in progress if record.phase == "rl"]
    checks = [Check(0, clone)] if clone is not None and clone.n else []
    for record in tuning:
        share = record.values.get(primary)
        if share is not None and 0 <= share <= 1:
            checks.append(Check(record.control_steps, rate_from_counts(round(share * cases), cases)))
    last = tuning[-1] if tuning else None
    return Course(tuple(checks), last.control_steps if last else 0, last is not None and last.step >= last.steps)


def clone_success(gate: Mapping[str, Any] | None) -> Rate | None:
    """Success of the clone as the gate measured it, on undisturbed cases as a check's are."""
    return Rate(**gate["success"]) if gate and gate.get("success") else None


def weigh(loop: Course, alone: Course, what: str) -> Paying:
    """The loop against the same fine-tuning without demonstrations.

    Samples are control steps of fine-tuning; the clone counts as none. The bar is the best success that the run without
    demonstrations had at any check, so chance favours that run. Where the clone alone has as much, no ratio exists, and
    Fisher's exact test on the counts says whether the loop's best within as many samples is better at all.

    Args:
        loop: with demonstrations, the clone as its first check.
        alone: without.
        what: name of the outcome, in words.
    """
    bar = alone.best
    if bar is None or bar.success.rate is None:
        return Paying("undecided", _sentence("undecided", "the run without demonstrations has no check yet"))
    clone = loop.checks[0] if loop.checks and not loop.checks[0].steps else None
    if clone is not None and (clone.success.rate or 0.0) >= bar.success.rate:
        return _beside_the_clone(loop, alone, bar, clone, what)
    return _against_the_bar(loop, alone, bar, f"{what} {counted(bar.success)} after {_steps(bar.steps)}")


def _against_the_bar(loop: Course, alone: Course, bar: Check, without: str) -> Paying:
    """The loop had to learn what the run without demonstrations learned: how long did either take?"""
    target = bar.success.rate or 0.0
    reached = loop.reaching(target)
    ratio = reached.steps / bar.steps if reached else None
    answer: Answer = "undecided"
    if not alone.finished:
        said = f"the run without demonstrations has not finished; so far it has {without}"
    elif reached is None or ratio is None:
        said = f"the best without them is {without}, which the loop has not reached in its {_steps(loop.steps)}"
        answer = "undecided" if loop.steps < bar.steps else "do not pay"
    elif ratio == 1:
        said = f"the best without them is {without}, and the loop reached it at the same check"
    else:
        said = f"the best without them is {without}; the loop had that after {_steps(reached.steps)}"
        said += f", {ratio:.2g} times as many"
        answer = "pay" if ratio < 1 else "do not pay"
    return Paying(answer, _sentence(answer, said), target, bar.steps, reached.steps if reached else None, ratio)


def _beside_the_clone(loop: Course, alone: Course, bar: Check, clone: Check, what: str) -> Paying:
    """Without demonstrations nothing was reached that the clone has not from the start."""
    within = Course(tuple(check for check in loop.checks if check.steps <= alone.steps), loop.steps, loop.finished)
    best = within.best or clone
    said = (
        f"without demonstrations {what} is at best {counted(bar.success)} in {_steps(alone.steps)}; "
        f"the clone alone has {counted(clone.success)}"
    )
    if best.steps:
        said += f", and the loop {counted(best.success)} after {_steps(best.steps)}"
    better = (best.success.rate or 0.0) > (bar.success.rate or 0.0)
    shown = alone.finished and better and fisher_exact(bar.success, best.success) < ALPHA
    answer: Answer = "pay" if shown else "undecided"
    said += "" if alone.finished else " (the former has not finished)"
    return Paying(answer, _sentence(answer, said), bar.success.rate, bar.steps, 0)


def _sentence(answer: Answer, said: str) -> str:
    begin = {
        "pay": "The demonstrations pay",
        "do not pay": "The demonstrations do not pay here",
        "undecided": "It is undecided whether the demonstrations pay",
    }
    return f"{begin[answer]}: {said}."


def _steps(count: int) -> str:
    return f"{number(count)} control steps"
