"""`regrasp panel`: panel files, looked into and made."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tyro.conf import Positional

from regrasp.cli.output import emit, require_writable, table
from regrasp.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from regrasp.panel.cases import Panel
    from regrasp.tasks.task import Task


def make(
    out: Path,
    task: str = "cube-reorient",
    undisturbed: int = 200,
    per_kind: int = 60,
    counts: dict[str, int] = {},  # noqa: B006 (never changed)
    seed: int = 0,
    json: bool = False,
) -> None:
    """Draw and freeze a new panel for a task.

    Start states and schedules of disturbances are drawn from the task's ranges and stored; the same arguments give the
    same file. A panel belongs to the judge, scene and action interface of the day: when one changes, make a new one.

    Args:
        out: the panel file to write, as panels/adroit-door.json.
        task: name of the task, or its Python file, as my_task.py.
        undisturbed: number of cases without a disturbance.
        per_kind: number of cases with each kind of disturbance that the task knows.
        counts: number of cases with single kinds, in place of --per-kind, as push 160 slip 160. Recovery rates compare
            losses: give many cases to the kinds that cause them.
        seed: of the draws.
        json: print one JSON object instead of a table.
    """
    from regrasp.panel.cases import draw_cases, make_panel, write_panel
    from regrasp.tasks import find_task
    from regrasp.tasks.task import SPLITS

    found = find_task(task)
    for option, count in (("--undisturbed", undisturbed), ("--per-kind", per_kind), ("--seed", seed)):
        if count < 0:
            raise InputError(option, "", str(count), "a whole number, at least 0")
    for kind, count in counts.items():
        if kind not in found.disturbances:
            raise InputError("--counts", kind, repr(kind), f"a disturbance of {found.name}", found.disturbances)
        if count < 0:
            raise InputError("--counts", kind, str(count), "a whole number, at least 0")
    drawn = {"none": undisturbed, **dict.fromkeys(found.disturbances, per_kind), **counts}
    if not sum(drawn.values()):
        raise InputError("--undisturbed", "", "no case at all", "at least one")
    require_writable(out)
    panel = make_panel(found, draw_cases(found, drawn, seed, "panel", SPLITS))
    write_panel(panel, out)
    _emit(out, panel, found, "", json)


def info(file: Positional[Path], task: str | None = None, json: bool = False) -> None:
    """Show what a panel file holds, and whether it fits its task as it is today.

    For each kind of disturbance: the magnitudes drawn, the envelope that a bench would see and its reason, and how many
    cases lie outside it.

    Args:
        file: the panel file.
        task: the task, if it is not built in: its Python file, as my_task.py.
        json: print one JSON object instead of a table.
    """
    from regrasp.panel.cases import read_panel
    from regrasp.tasks import stored_task

    panel = read_panel(file)
    found, misfit = None, ""
    try:
        found = stored_task(panel.task, task, f"{file}: task")
        panel.require(found, str(file))
    except InputError as error:
        misfit = str(error)
    _emit(file, panel, found, misfit, json)


def _emit(file: Path, panel: "Panel", task: "Task | None", misfit: str, json: bool) -> None:
    kinds = Counter(case.disturbance.kind for case in panel.cases)
    data: dict[str, Any] = {"file": str(file), "panel": panel.digest, "task": panel.task, "cases": len(panel.cases)}
    data |= {"horizon": panel.horizon, "judge": panel.judge, "interface": panel.interface, "scene": panel.scene}
    data |= {"fits": not misfit, "misfit": misfit, "by_disturbance": dict(kinds)}
    data["magnitudes"] = {kind: _sizes(panel, kind, task) for kind in kinds}
    if task is not None and task.held_out:
        held_out = sum(case.object in task.held_out for case in panel.cases)
        data["objects"] = {"train": len(panel.cases) - held_out, "held_out": held_out}
    title = (
        f"{file}: {len(panel.cases)} cases of {panel.task}, {panel.horizon} control steps each, panel {panel.digest}"
    )
    fits = f"It cannot be used today: {misfit}" if misfit else "It fits the task as it is today."
    emit(data, json, title, *_shown(data), fits)


def _sizes(panel: "Panel", kind: str, task: "Task | None") -> dict[str, Any]:
    """Magnitudes of a kind's cases; with a task that knows the kind, what of them a bench would see, and why."""
    from regrasp.simulation.disturbance import UNITS

    drawn = [case.disturbance for case in panel.cases if case.disturbance.kind == kind]
    sizes = [one.magnitude for one in drawn]
    data: dict[str, Any] = {"low": min(sizes), "high": max(sizes), "unit": UNITS[kind]}
    if task is None or kind == "none":
        return data
    span = task.disturbances.get(kind)
    envelope = (span.envelope or (span.low, span.high)) if span else None
    data |= {"envelope": envelope, "reason": span.reason if span else ""}
    return data | {"unrealistic": sum(not task.realistic(one) for one in drawn)}


def _shown(data: dict[str, Any]) -> "list[str | Table]":
    from regrasp.report.wording import kind_cell

    rows, reasons = [], []
    for kind, count in data["by_disturbance"].items():
        size = data["magnitudes"][kind]
        drawn = f"{size['low']:.3g} to {size['high']:.3g} {size['unit']}" if kind != "none" else "–"
        seen = size.get("envelope")
        shown = f"{seen[0]:.3g} to {seen[1]:.3g} {size['unit']}" if seen else "–"
        rows.append([kind_cell(kind, size.get("unrealistic", 0), count), str(count), drawn, shown])
        reasons += [f"  {kind}: {size['reason']}"] if size.get("reason") else []
    parts: list[str | Table] = [table("Cases", ["disturbance", "cases", "magnitude", "envelope"], rows)]
    if reasons:
        parts.append("\n".join(["Why a bench would see these:", *reasons]))
    if "objects" in data:
        split = data["objects"]
        parts.append(f"{split['train']} cases with training objects, {split['held_out']} with held-out objects.")
    return parts
