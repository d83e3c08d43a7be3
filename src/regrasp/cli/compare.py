"""`regrasp compare`: two checkpoints, case by case on one panel; more than two are a history."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from rich.table import Table
from tyro.conf import Positional, arg

from regrasp.cli.output import emit, rate_cell, table

if TYPE_CHECKING:
    from regrasp.trial import Trial

SHOWN = 40
"""Case numbers printed before the rest is counted."""
LISTED = 10
"""Broken cases described before the rest is only named."""
REGRESSED = 1
"""Exit code of `--strict` when something regressed."""


def compare(
    checkpoints: Annotated[Positional[tuple[Path, ...]], arg(metavar="A B [C ...] | RUN", help_behavior_hint="")],
    panel: Path | None = None,
    objects: Literal["all", "train", "held_out"] = "all",
    task: str | None = None,
    strict: bool = False,
    json: bool = False,
) -> None:
    """Compare checkpoints on one panel: what improved, what regressed, what is undecided.

    All must have been judged on the panel (by regrasp evaluate, or by the run itself). The test is McNemar's exact one,
    on the cases in which two checkpoints differ.

    Two checkpoints, A and B, are compared in detail: besides all cases together, the test is made for those of each
    disturbance, of each object, and of each third of a disturbance's magnitudes; these p are corrected for their number
    (Holm).

    More than two, or RUN alone, give a history with one line per checkpoint: its rates, the change since the first and
    since the one before (p corrected for the number of these steps, Holm), and how many cases it broke that any earlier
    one could do. A regression stays visible there, although a later checkpoint made up for it.

    Args:
        checkpoints: folders of two checkpoints A and B, as runs/door/checkpoints/bc runs/door/checkpoints/rl; of more,
            oldest first; or RUN, one run folder as runs/door, which stands for all its checkpoints that were judged
            on its panel, oldest first.
        panel: panel file, if they were judged on several; without it, the run's own or another that all have in common.
        objects: compare the cases with all objects, with those that learning saw, or with those that it never saw.
        task: the task, if it is not built in: its Python file, as my_task.py.
        strict: end with exit code 1 if B regressed, on all cases or in any of the groups; in a history, if any
            checkpoint regressed against the one before, or the last against the best earlier one.
        json: print one JSON object instead of tables.
    """
    if len(checkpoints) == 2:
        regressed = _compare_two(*checkpoints, panel, objects, task, json)
    else:
        from regrasp.cli.compare_history import compare_history

        regressed = compare_history(checkpoints, panel, objects, task, json)
    if strict and regressed:
        raise SystemExit(REGRESSED)


def _compare_two(
    a: Path, b: Path, panel: Path | None, objects: Literal["all", "train", "held_out"], task: str | None, json: bool
) -> bool:
    """Print the comparison; gives whether B regressed."""
    from regrasp.cli.judging import facts_of, judged_together, open_alike, panel_file
    from regrasp.panel.comparison import compare as compare_trials

    first, second = open_alike((a, b), task, objects)
    facts = facts_of(first.task)
    digest, (rows_a, rows_b) = judged_together((first, second), panel)
    primary = first.task.judge.primary
    found = compare_trials(rows_a, rows_b, primary, digest, digest, facts=facts, objects=objects).to_json()
    found["broken_cases"] = _described(rows_b, found["broken"], facts.horizon)
    watch = f"regrasp show trial {b} --panel {panel or panel_file(first)} --against {a} --out trial.png --case"
    emit(found, json, *_shown(str(a), str(b), found), *_watch(found["broken_cases"], watch))
    return bool(found["regressed"])


def _described(trials: "list[Trial]", broken: list[int], horizon: int | None) -> list[dict[str, Any]]:
    """The cases that only A could do, and how B's trials of them ended."""
    from regrasp.report.wording import ending

    rows = {trial.case: trial for trial in trials}
    names = ("case", "object", "disturbance", "magnitude")
    return [
        {name: getattr(rows[case], name) for name in names} | {"ended": ending(rows[case], horizon)} for case in broken
    ]


def _watch(cases: list[dict[str, Any]], command: str) -> list[str | Table]:
    """The first broken cases, and how to see one."""
    from regrasp.report.wording import kind, number

    if not cases:
        return []
    rows = [
        [str(one["case"]), one["object"], kind(one["disturbance"]), number(one["magnitude"]), one["ended"]]
        for one in cases[:LISTED]
    ]
    more = f" (the first {LISTED} of {len(cases)})" if len(cases) > LISTED else ""
    title = f"What B broke{more}"
    columns = ["case", "object", "disturbance", "magnitude", "B's trial"]
    return [table(title, columns, rows), f"To watch one: {command} {cases[0]['case']}"]


def _shown(a: str, b: str, found: dict[str, Any]) -> list[str | Table]:
    from regrasp.report.wording import counted, difference_of, kind, listed, outcome, p_value, recovered, split

    old, new = (counted(_rate(found[side]["primary"])) for side in "ab")
    which = "" if found["objects"] == "all" else f" with {split(found['objects'])}"
    subject = f"{outcome(found['primary'])} on the {found['n']} cases{which} of panel {found['panel'][:12]}"
    change = f"from {old} to {new} ({difference_of(found['difference'])}, {p_value(found['p'])})"
    verdict = f"Undecided: {b} is not shown to differ from {a} in {subject}: {change}."
    if found["verdict"] != "undecided":
        verdict = f"{found['verdict'].capitalize()}: {subject} went {change} with {b} in place of {a}."
    kinds = [kind(name) for name in found["did_not_help"]]
    helped = f"Not shown to be better: {listed(kinds)}." if kinds else "Shown to be better in every group of cases."
    lists = [_cases("that only A could do", found["broken"]), _cases("that only B can do", found["gained"])]
    recovery = [recovered(found["recovery"], "B", "A")] if found["recovery"] else []
    splits = [_split_table(found)] if found["by_split"] else []
    return [verdict, *recovery, *splits, _strata_table(found), helped, *_finer(found), *lists]


def _finer(found: dict[str, Any]) -> list[str | Table]:
    """The objects and magnitudes for which there is a verdict, and how many have none."""
    from regrasp.report.wording import outcome

    shown: list[str | Table] = []
    for key, name in (("by_object", "object"), ("by_magnitude", "magnitude")):
        strata = found[key]
        decided = {group: one for group, one in strata.items() if one["verdict"] != "undecided"}
        rows: list[list[str]] = []
        for group, one in decided.items():
            rows += _stratum_rows(f"{group}\n{one['n']} cases", one, one["p_corrected"])
        if rows:
            shown.append(table(f"By {name}, where decided", _columns(name, outcome(found["primary"]), found), rows))
        if strata:
            shown.append(
                f"Groups by {name}: {len(decided)} decided, {len(strata) - len(decided)} undecided (--json has all)."
            )
    return [*shown, f"The p values of the groups are corrected for {found['tests']} tests (Holm)."]


def _rate(data: dict[str, Any]) -> Any:
    from regrasp.panel.statistics import Rate

    return Rate(**data)


def _split_table(found: dict[str, Any]) -> Table:
    from regrasp.report.wording import outcome, split

    rows: list[list[str]] = []
    for name, part in found["by_split"].items():
        rows += _stratum_rows(f"{split(name)}\n{part['n']} cases", part, part["p"])
        if part["recovery"]:
            rows += _recovery_rows(part["recovery"], "dropped" in part["a"])
    return table("By objects, over 95 % intervals", _columns("objects", outcome(found["primary"]), found), rows)


def _strata_table(found: dict[str, Any]) -> Table:
    from regrasp.report.wording import kind, kind_cell, outcome

    rows: list[list[str]] = []
    for name, stratum in found["strata"].items():
        head = kind_cell(kind(name), stratum["unrealistic"], stratum["n"])
        rows += _stratum_rows(head, stratum, stratum["p_corrected"])
    return table("By disturbance, over 95 % intervals", _columns("cases", outcome(found["primary"]), found), rows)


def _columns(first: str, primary: str, found: dict[str, Any]) -> list[str]:
    drops = ["dropped"] if "dropped" in found["a"] else []
    return [first, "", primary, "loss", "recovery", *drops, "B − A [points]", "B is"]


def _stratum_rows(head: str, stratum: dict[str, Any], p: float) -> list[list[str]]:
    """A's line and B's, the change at the end of the second."""
    return [
        [head if side == "a" else "", side.upper(), *map(rate_cell, stratum[side].values()), *last]
        for side, last in (("a", ["", ""]), ("b", _change(stratum, p)))
    ]


def _recovery_rows(change: dict[str, Any], drops: bool) -> list[list[str]]:
    """The change of recovery after the losses under disturbances, in one line; the rates stand above it."""
    counts = f"{_short(change['a'])} → {_short(change['b'])}"
    last = _change(change, change["p"])
    return [["after losses under disturbances", "A → B", "", "", counts, *([""] if drops else []), *last]]


def _short(rate: dict[str, Any]) -> str:
    return f"{rate['count']}/{rate['n']}"


def _change(change: dict[str, Any], p: float) -> list[str]:
    from regrasp.report.wording import p_value, points

    gain = change["difference"]
    span = f"{points(gain['difference'])}\n{points(gain['low'])} to {points(gain['high'])}"
    return [span, f"{change['verdict']}\n{p_value(p)}"]


def _cases(which: str, numbers: list[int]) -> str:
    more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
    return (
        f"{len(numbers)} cases {which}: {', '.join(map(str, numbers[:SHOWN]))}{more}"
        if numbers
        else f"No case {which}."
    )
