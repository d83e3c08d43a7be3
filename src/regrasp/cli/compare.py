"""`regrasp compare`: two checkpoints, case by case on one panel."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.table import Table
from tyro.conf import Positional

from regrasp.cli.output import emit, rate_cell, table
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.cli.judging import Checkpoint
    from regrasp.trial import Trial

SHOWN = 40
"""Case numbers printed before the rest is counted."""
LISTED = 10
"""Broken cases described before the rest is only named."""
REGRESSED = 1
"""Exit code of `--strict` when something regressed."""


def compare(
    a: Positional[Path],
    b: Positional[Path],
    panel: Path | None = None,
    objects: Literal["all", "train", "held_out"] = "all",
    task: str | None = None,
    strict: bool = False,
    json: bool = False,
) -> None:
    """Compare two checkpoints on one panel: what improved, what regressed, what is undecided.

    Both must have been judged on the panel (by regrasp evaluate, or by the run itself). The test is McNemar's exact
    one, on the cases in which the two differ. Besides all cases together, it is made for those of each disturbance,
    of each object, and of each third of a disturbance's magnitudes; these p are corrected for their number (Holm).

    Args:
        a: folder of the checkpoint to compare with, as runs/door/checkpoints/bc.
        b: folder of the checkpoint in question, as runs/door/checkpoints/rl.
        panel: panel file, if both were judged on several; without it, one that both have in common.
        objects: compare the cases with all objects, with those that learning saw, or with those that it never saw.
        task: the task, if it is not built in: its Python file, as my_task.py.
        strict: end with exit code 1 if B regressed, on all cases or in any of the groups.
        json: print one JSON object instead of tables.
    """
    from regrasp.cli.judging import facts_of, open_checkpoint, stored_trials
    from regrasp.panel.comparison import compare as compare_trials

    first, second = open_checkpoint(a, task), open_checkpoint(b, task)
    if first.task.name != second.task.name:
        raise InputError(b, "task", second.task.name, f"{first.task.name}, the task of {a}")
    facts = facts_of(first.task)
    if objects == "held_out" and not facts.held_out:
        raise InputError("--objects", "", objects, f"all or train ({first.task.name} has no held-out objects)")
    digest = _common_panel(first, second, panel)
    rows = stored_trials(first, digest), stored_trials(second, digest)
    cases = [{row.case for row in own} for own in rows]
    for one, missing in ((first, cases[1] - cases[0]), (second, cases[0] - cases[1])):
        if missing:
            raise _unjudged(one, f"{len(missing)} cases of panel {digest[:12]} not judged yet", panel)
    found = compare_trials(*rows, first.task.judge.primary, digest, digest, facts=facts, objects=objects).to_json()
    found["broken_cases"] = _described(rows[1], found["broken"], facts.horizon)
    file = panel or _panel_of(first)
    watch = f"regrasp show trial {b} --panel {file} --against {a} --out trial.png --case"
    emit(found, json, *_shown(str(a), str(b), found), *_watch(found["broken_cases"], watch))
    if strict and found["regressed"]:
        raise SystemExit(REGRESSED)


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


def _common_panel(first: "Checkpoint", second: "Checkpoint", file: Path | None) -> str:
    """The digest of a panel that both were judged on: the one asked for, else the first run's own, else any."""
    from regrasp.cli.judging import stored_panels
    from regrasp.panel.cases import read_panel

    panels = [read_panel(file).digest] if file else stored_panels(first)
    if not panels:
        raise _unjudged(first, "no judged trials", file)
    for one in (first, second):
        known = stored_panels(one)
        panels = [digest for digest in panels if digest in known]
        if not panels:
            raise _unjudged(one, "no judged trials on that panel", file or _panel_of(first))
    return panels[0]


def _panel_of(checkpoint: "Checkpoint") -> Path | None:
    """The panel file that lies in the checkpoint's run."""
    return checkpoint.run.path / "panel.json" if checkpoint.run else None


def _unjudged(checkpoint: "Checkpoint", found: str, panel: Path | None) -> InputError:
    folder = checkpoint.manifest.folder
    if checkpoint.run is None:
        return InputError(
            folder, "", f"{found} (it lies in no run folder)", "a checkpoint in a run, which keeps its rows"
        )
    file = panel or _panel_of(checkpoint)
    return InputError(
        folder, "", found, f"a judged checkpoint (judge it with: regrasp evaluate {folder} --panel {file})"
    )


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
