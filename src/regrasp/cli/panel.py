"""`regrasp panel`: panel files, looked into and made."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tyro.conf import Positional

from regrasp.cli.output import emit, require_writable, table
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.panel.cases import Panel


def make(
    out: Path, task: str = "adroit-door", undisturbed: int = 200, per_kind: int = 60, seed: int = 0, json: bool = False
) -> None:
    """Draw and freeze a new panel for a task.

    Start states and schedules of disturbances are drawn from the task's ranges and stored; the same arguments give the
    same file. A panel belongs to the judge, scene and action interface of the day: when one changes, make a new one.

    Args:
        out: the panel file to write, as panels/adroit-door.json.
        task: name of the task.
        undisturbed: number of cases without a disturbance.
        per_kind: number of cases with each kind of disturbance that the task knows.
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
    if undisturbed + per_kind == 0:
        raise InputError("--undisturbed", "", "no case at all", "at least one")
    require_writable(out)
    counts = {"none": undisturbed, **dict.fromkeys(found.disturbances, per_kind)}
    panel = make_panel(found, draw_cases(found, counts, seed, "panel", SPLITS))
    write_panel(panel, out)
    _emit(out, panel, "", json)


def info(file: Positional[Path], json: bool = False) -> None:
    """Show what a panel file holds, and whether it fits its task as it is today.

    Args:
        file: the panel file.
        json: print one JSON object instead of a table.
    """
    from regrasp.panel.cases import read_panel
    from regrasp.tasks import find_task

    panel = read_panel(file)
    misfit = ""
    try:
        panel.require(find_task(panel.task, f"{file}: task"), str(file))
    except InputError as error:
        misfit = str(error)
    _emit(file, panel, misfit, json)


def _emit(file: Path, panel: "Panel", misfit: str, json: bool) -> None:
    from regrasp.simulation.disturbance import UNITS

    kinds = Counter(case.disturbance.kind for case in panel.cases)
    sizes = {kind: [c.disturbance.magnitude for c in panel.cases if c.disturbance.kind == kind] for kind in kinds}
    data: dict[str, Any] = {"file": str(file), "panel": panel.digest, "task": panel.task, "cases": len(panel.cases)}
    data |= {"horizon": panel.horizon, "judge": panel.judge, "interface": panel.interface, "scene": panel.scene}
    data |= {"fits": not misfit, "misfit": misfit, "by_disturbance": dict(kinds)}
    data["magnitudes"] = {
        kind: {"low": min(size), "high": max(size), "unit": UNITS[kind]} for kind, size in sizes.items()
    }
    rows = [
        [kind, str(count), f"{min(sizes[kind]):.3g} to {max(sizes[kind]):.3g} {UNITS[kind]}" if kind != "none" else "–"]
        for kind, count in kinds.items()
    ]
    title = (
        f"{file}: {len(panel.cases)} cases of {panel.task}, {panel.horizon} control steps each, panel {panel.digest}"
    )
    fits = f"It cannot be used today: {misfit}" if misfit else "It fits the task as it is today."
    emit(data, json, title, table("Cases", ["disturbance", "cases", "magnitude"], rows), fits)
