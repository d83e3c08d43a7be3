"""`regrasp panel check`: whether a panel can be trusted, and what it can show."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tyro.conf import Positional

from regrasp.cli.output import console, emit, progress, table
from regrasp.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from regrasp.panel.cases import Panel
    from regrasp.tasks.task import Task

PLAYABLE = ("signed", "fits", "objects", "disturbances", "states")
"""Checks without which no case can be played."""
FAILED = 1
"""Exit code of a check that found faults."""


def check(
    file: Positional[Path],
    task: str | None = None,
    rate: float = 0.8,
    floor: Path | None = None,
    cases: int | None = None,
    json: bool = False,
) -> None:
    """Check a panel: signature, fit, start states, duplicates, balance, power; exit code 1 if a check fails.

    A case must begin in a state that the engine can go on from, not yet in success, not dropped, and its first step
    with the hand at rest must show nothing that cannot happen on a bench. Beside the checks: how evenly objects and
    disturbances are spread, how many disturbances no bench would see, and what difference so many cases show.

    With --floor it measures the benign floor: one policy plays the cases twice, on one thread in their order, and on
    all threads in another order and layout. Rows that differ would be differences between two policies that are one.

    Args:
        file: the panel file.
        task: the task, if it is not built in: its Python file, as my_task.py.
        rate: of the policy compared with, for the difference that the panel shows.
        floor: folder of a checkpoint whose benign floor is measured; a row that differs is a failed check.
        cases: play only so many of the panel's cases for the floor, spread evenly over it.
        json: print one JSON object instead of tables.
    """
    from regrasp.cli.panel_plan import sentence, shows
    from regrasp.panel.cases import read_unsigned
    from regrasp.panel.checking import balance, check_panel
    from regrasp.panel.power import POWER
    from regrasp.tasks import stored_task

    if not 0 < rate < 1:
        raise InputError("--rate", "", str(rate), "a number above 0 and below 1")
    panel, signed = read_unsigned(file)
    if cases is not None and not 1 <= cases <= len(panel.cases):
        raise InputError("--cases", "", str(cases), f"a whole number from 1 to the panel's {len(panel.cases)}")
    found = stored_task(panel.task, task, f"{file}: task")
    checks = [vars(one) for one in check_panel(panel, signed, found)]
    data: dict[str, Any] = {"file": str(file), "panel": panel.digest, "task": panel.task, "cases": len(panel.cases)}
    if floor is not None:
        if unplayable := [one["name"] for one in checks if not one["passed"] and one["name"] in PLAYABLE]:
            raise InputError(file, "", f"failed checks ({', '.join(unplayable)})", "cases to play, before --floor")
        data["floor"] = _floor(floor, task, panel, cases)
        checks.append(_floor_check(data["floor"]))
    failed = [one["name"] for one in checks if not one["passed"]]
    data |= {"passed": not failed, "failed": failed, "checks": checks, "balance": balance(panel, found)}
    data["shows"] = shows(len(panel.cases), rate, POWER)
    verdict = f"{len(failed)} of {len(checks)} checks failed." if failed else "It is sound."
    power = sentence("Taken as independent outcomes", data["shows"])
    emit(data, json, _checks(str(file), checks), _balance(data["balance"], found), power, verdict)
    if failed:
        raise SystemExit(FAILED)


def _floor(folder: Path, task: str | None, panel: "Panel", cases: int | None) -> dict[str, Any]:
    from regrasp.cli.judging import open_checkpoint
    from regrasp.panel.checking import benign_floor

    checkpoint = open_checkpoint(folder, task)
    panel.require(checkpoint.task, f"panel {panel.digest[:12]}")
    number = len(panel.cases) if cases is None else cases
    chosen = [panel.cases[place * len(panel.cases) // number] for place in range(number)]
    differing: list[int] = []
    with progress("cases", console()) as bar:
        work = bar.add_task("playing twice", total=2 * number, unit="cases")
        for done, found in benign_floor(checkpoint.policy, checkpoint.task, chosen):
            bar.update(work, completed=done)
            differing = found
    return {"checkpoint": checkpoint.manifest.digest, "cases": number, "differing": differing}


def _floor_check(floor: dict[str, Any]) -> dict[str, Any]:
    from regrasp.panel.statistics import rate_from_counts
    from regrasp.report.wording import counted, span

    rate = rate_from_counts(len(floor["differing"]), floor["cases"])
    floor["rate"] = rate.to_json()
    found = f"rows that differ when played twice: {counted(rate)}, 95 % interval {span(rate.low, rate.high)}"
    return {"name": "benign floor", "passed": not rate.count, "found": found}


def _checks(title: str, checks: list[dict[str, Any]]) -> "Table":
    rows = [[one["name"], "ok" if one["passed"] else "failed", one["found"]] for one in checks]
    shown = table(title, ["check", "", "found"], rows)
    for column in shown.columns[1:]:
        column.justify, column.overflow = "left", "fold"
    return shown


def _balance(kinds: dict[str, dict[str, int]], task: "Task") -> "Table":
    from regrasp.report.wording import kind

    columns = ["disturbance", "cases", "held-out objects", f"per object ({len(task.objects)})", "outside the envelope"]
    rows = [
        [kind(name), str(own["cases"]), str(own["held_out"]), f"{own['fewest']}–{own['most']}", str(own["unrealistic"])]
        for name, own in kinds.items()
    ]
    return table("Balance", columns, rows)
