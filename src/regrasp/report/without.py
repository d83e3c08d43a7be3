"""The run beside the same fine-tuning without demonstrations: the sentence at the top, the drawing and the table."""

import shlex
from collections.abc import Sequence
from typing import Any

from regrasp.panel.statistics import OUTCOMES, Rate, rate_of
from regrasp.report.learning import race_figure
from regrasp.report.markup import Html, figure, join, section, table, tag
from regrasp.report.paying import Course, Paying, clone_success, course, weigh
from regrasp.report.record import Judged, RunRecord
from regrasp.report.wording import counted, difference_of, duration, number, outcome, p_value
from regrasp.trial import Trial

_TONES = {"pay": "good", "do not pay": "bad", "undecided": "open"}
_SWITCH = "--without-demos"


def courses(record: RunRecord) -> tuple[Course, Course]:
    """Of the loop and of the run without demonstrations, which `record` must have."""
    assert record.alone is not None
    cases = int(record.curriculum.get("rl", {}).get("check_cases", 0))
    clone = clone_success(record.gate.decision if record.gate else None)
    if clone is None and record.cloned is not None:
        clone = _primary([trial for trial in record.cloned.trials if trial.disturbance == "none"], record)
    return (
        course(record.progress, record.primary, cases, clone),
        course(record.alone.progress, record.primary, cases),
    )


def _primary(trials: Sequence[Trial], record: RunRecord) -> Rate:
    done = OUTCOMES[record.primary]
    return rate_of(map(done, trials))


def paying(record: RunRecord) -> Paying | None:
    """Whether the demonstrations pay; None where nobody can know: no run without them, or a run that had none."""
    if record.alone is None or not record.demonstrated:
        return None
    if record.alone.differs:
        said = f"the run without them has other settings ({record.alone.differs})"
        return Paying("undecided", f"It is undecided whether the demonstrations pay: {said}.")
    return weigh(*courses(record), outcome(record.primary))


def paying_lines(record: RunRecord) -> list[str]:
    """The answer for the first lines of the report, as plain sentences; how to get one where there is none."""
    found = paying(record)
    if found is not None:
        return [found.sentence, *_ends(record)]
    if not record.demonstrated:
        return []
    return [f"Whether the demonstrations pay is not known yet; this would tell: {how_to_find_out(record.command)}"]


def paying_data(record: RunRecord) -> dict[str, Any] | None:
    """The answer, its numbers, both ends and both wall clocks [s] as plain data; None where nobody can know."""
    found = paying(record)
    if found is None or record.alone is None:
        return None
    ends = {"with": record.tuned, "without": record.alone.tuned}
    clocks = {"with": record.wall_clock, "without": record.alone.wall_clock}
    return found.to_json() | {
        "panel": {name: _whole(policy, record).to_json() if policy else None for name, policy in ends.items()},
        "wall_s": {name: round(sum(clock.values()), 2) for name, clock in clocks.items()},
    }


def how_to_find_out(command: str) -> str:
    """The command of the same fine-tuning without demonstrations, from the run's own."""
    words = shlex.split(command) or ["regrasp", "run", "CURRICULUM", "--out", "RUN"]
    kept: list[str] = []
    skip = False
    for word in words:
        if not skip and word not in ("--demos", "--json") and not word.startswith("--demos="):
            kept.append(word)
        skip = word == "--demos"
    return shlex.join([*kept, _SWITCH])


def _ends(record: RunRecord) -> list[str]:
    """Both results on the panel, and both wall clocks."""
    assert record.alone is not None
    said = []
    if record.tuned is not None and record.alone.tuned is not None:
        rates = [counted(_whole(one, record)) for one in (record.tuned, record.alone.tuned)]
        line = (
            f"On the panel the loop ends with {outcome(record.primary)} {rates[0]}, without demonstrations {rates[1]}"
        )
        compared = record.alone.comparison
        if compared is not None:
            line += f" ({difference_of(compared['difference'])}, {p_value(compared['p'])})"
        said.append(f"{line}.")
    clocks = [sum(record.wall_clock.values()), sum(record.alone.wall_clock.values())]
    if all(clocks):
        said.append(f"Wall clock: {duration(clocks[0])} with them, {duration(clocks[1])} without.")
    return [" ".join(said)] if said else []


def _whole(policy: Judged, record: RunRecord) -> Rate:
    return _primary(policy.trials, record)


def paying_verdict(record: RunRecord) -> list[Html]:
    """The lines for the verdict section."""
    found = paying(record)
    if found is not None:
        sentence, *others = paying_lines(record)
        return [tag("p", sentence, class_=f"verdict {_TONES[found.answer]}"), *(tag("p", other) for other in others)]
    if not record.demonstrated:
        return []
    said = tag("p", "Whether the demonstrations pay is not known yet; the same fine-tuning without them would tell:")
    return [said, tag("pre", tag("code", how_to_find_out(record.command)), tabindex="0")]


def paying_section(record: RunRecord) -> Html | None:
    """Both runs on one axis, and the numbers; nothing where only one was run."""
    found = paying(record)
    if found is None:
        return None
    loop, alone = courses(record)
    points = {
        name: [(float(check.steps), check.success.rate or 0.0) for check in one.checks]
        for name, one in (("with demonstrations", loop), ("without", alone))
    }
    dotted = "; the dotted line is the best of the run without demonstrations" if found.target is not None else ""
    drawn = figure(
        race_figure(points, found.target, "race", found.sentence),
        f"{outcome(record.primary).capitalize()} at the checks, on undisturbed cases{dotted}.",
    )
    note = (
        "Control steps are those of fine-tuning, over all worlds; the clone stands at 0. What the demonstrations "
        "themselves cost to make, and the steps of checks and panels, are not among them. This is one pair of runs "
        "with one seed, and checks are coarse: look at more seeds before you rely on a small difference."
    )
    pair = tag("div", drawn, _numbers(record, found, loop, alone), class_="pair")
    return section("paying", "Do the demonstrations pay?", tag("p", note), pair)


def _numbers(record: RunRecord, found: Paying, loop: Course, alone: Course) -> Html:
    assert record.alone is not None
    rows = [
        ["all control steps", number(loop.steps), number(alone.steps)],
        ["best check", *(counted(one.best.success) if one.best else "–" for one in (loop, alone))],
        [
            f"{outcome(record.primary)} on the panel",
            *(counted(_whole(one, record)) if one else "–" for one in (record.tuned, record.alone.tuned)),
        ],
        ["wall clock", *(duration(sum(clock.values())) for clock in (record.wall_clock, record.alone.wall_clock))],
    ]
    if found.target is not None:
        head = f"control steps to {100 * found.target:.3g} %"
        rows.insert(0, [head, _count(found.steps_with), _count(found.steps_without)])
    ratio = f"Ratio of the control steps: {found.ratio:.2g}." if found.ratio is not None else ""
    content = table("The two runs", ["", "with demonstrations", "without"], rows)
    return tag("div", join([content, *([tag("p", ratio, class_="note")] if ratio else [])]))


def _count(steps: int | None) -> str:
    return "never" if steps is None else "0 (the clone)" if steps == 0 else number(steps)
