"""`regrasp compare`: two checkpoints, case by case on one panel."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from tyro.conf import Positional

from regrasp.cli.output import emit, rate_cell, table
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.cli.judging import Checkpoint

SHOWN = 40
"""Case numbers printed before the rest is counted."""


def compare(a: Positional[Path], b: Positional[Path], panel: Path | None = None, json: bool = False) -> None:
    """Compare two checkpoints on one panel: what improved, what regressed, what is undecided.

    Both must have been judged on the panel (by regrasp evaluate, or by the run itself). The test is McNemar's exact
    one, on the cases in which the two differ; per disturbance its p is corrected for the number of kinds (Holm).

    Args:
        a: folder of the checkpoint to compare with, as runs/door/checkpoints/bc.
        b: folder of the checkpoint in question, as runs/door/checkpoints/rl.
        panel: panel file, if both were judged on several; without it, one that both have in common.
        json: print one JSON object instead of tables.
    """
    from regrasp.cli.judging import open_checkpoint, stored_trials
    from regrasp.panel.comparison import compare as compare_trials

    first, second = open_checkpoint(a), open_checkpoint(b)
    if first.task.name != second.task.name:
        raise InputError(b, "task", second.task.name, f"{first.task.name}, the task of {a}")
    digest = _common_panel(first, second, panel)
    rows = stored_trials(first, digest), stored_trials(second, digest)
    cases = [{row.case for row in own} for own in rows]
    for one, missing in ((first, cases[1] - cases[0]), (second, cases[0] - cases[1])):
        if missing:
            raise _unjudged(one, f"{len(missing)} cases of panel {digest[:12]} not judged yet", panel)
    found = compare_trials(*rows, first.task.judge.primary, digest, digest).to_json()
    emit(found, json, *_shown(str(a), str(b), found))


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
    from regrasp.report.wording import counted, difference_of, kind, listed, outcome, p_value

    old, new = (counted(_rate(found[side]["primary"])) for side in "ab")
    subject = f"{outcome(found['primary'])} on the {found['n']} cases of panel {found['panel'][:12]}"
    change = f"from {old} to {new} ({difference_of(found['difference'])}, {p_value(found['p'])})"
    verdict = f"Undecided: {b} is not shown to differ from {a} in {subject}: {change}."
    if found["verdict"] != "undecided":
        verdict = f"{found['verdict'].capitalize()}: {subject} went {change} with {b} in place of {a}."
    kinds = [kind(name) for name in found["did_not_help"]]
    helped = f"Not shown to be better: {listed(kinds)}." if kinds else "Shown to be better in every group of cases."
    lists = [_cases("that only A could do", found["broken"]), _cases("that only B can do", found["gained"])]
    return [verdict, _strata_table(found), helped, *lists]


def _rate(data: dict[str, Any]) -> Any:
    from regrasp.panel.statistics import Rate

    return Rate(**data)


def _strata_table(found: dict[str, Any]) -> Table:
    from regrasp.report.wording import kind, outcome, p_value, points

    rows = []
    for name, stratum in found["strata"].items():
        change = stratum["difference"]
        span = f"{points(change['difference'])}\n{points(change['low'])} to {points(change['high'])}"
        for side, last in (("a", ["", ""]), ("b", [span, f"{stratum['verdict']}\n{p_value(stratum['p_corrected'])}"])):
            rates = [rate_cell(stratum[side][rate]) for rate in ("primary", "loss", "recovery")]
            rows.append([kind(name) if side == "a" else "", side.upper(), *rates, *last])
    columns = ["cases", "", outcome(found["primary"]), "loss", "recovery", "B − A [points]", "B is"]
    return table("By disturbance, over 95 % intervals", columns, rows)


def _cases(which: str, numbers: list[int]) -> str:
    more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
    return (
        f"{len(numbers)} cases {which}: {', '.join(map(str, numbers[:SHOWN]))}{more}"
        if numbers
        else f"No case {which}."
    )
