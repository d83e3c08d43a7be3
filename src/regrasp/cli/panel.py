"""`regrasp panel`: panel files, looked into and made."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tyro.conf import Positional

from regrasp.cli.output import emit, require_writable, table
from regrasp.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from regrasp.panel.cases import Panel
    from regrasp.tasks.task import Task

CASES = 500


def make(
    out: Path,
    task: str = "cube-reorient",
    cases: int | None = None,
    disturbances: tuple[str, ...] = (),
    counts: dict[str, int] = {},  # noqa: B006 (never changed)
    objects: Literal["all", "train", "held_out"] = "all",
    seed: int = 0,
    json: bool = False,
) -> None:
    """Draw and freeze a new panel for a task.

    Start states and schedules of disturbances are drawn from the task's ranges and stored; the same arguments give the
    same file. A panel belongs to the judge, scene and action interface of the day: when one changes, make a new one.
    How many cases it takes to show a difference is what regrasp panel plan says.

    Args:
        out: the panel file to write, as panels/adroit-door.json.
        task: name of the task, or its Python file, as my_task.py.
        cases: number of cases, spread evenly over --disturbances; 500 if neither this nor --counts is given.
        disturbances: kinds of disturbance, none for undisturbed cases, as none push slip; all that the task knows, if
            left out.
        counts: in place of --cases, the number of cases of each kind, as none 200 push 60 slip 60. Recovery rates
            compare losses: give many cases to the kinds that cause them.
        objects: objects that the cases are about: those that learning sees, those that it never sees, or both in turn.
        seed: of the draws.
        json: print one JSON object instead of a table.
    """
    from regrasp.panel.cases import draw_cases, make_panel, write_panel
    from regrasp.tasks import find_task
    from regrasp.tasks.task import SPLITS

    found = find_task(task)
    if seed < 0:
        raise InputError("--seed", "", str(seed), "a whole number, at least 0")
    if objects == "held_out" and not len(found.split("held_out")):
        raise InputError("--objects", "", objects, f"all or train ({found.name} has no held-out objects)")
    drawn = _counted(found, counts, cases, disturbances) if counts else _spread(found, cases, disturbances)
    require_writable(out)
    splits = SPLITS if objects == "all" else (objects,)
    panel = make_panel(found, draw_cases(found, drawn, seed, "panel", splits))
    write_panel(panel, out)
    _emit(out, panel, found, "", json)


def _counted(
    task: "Task", counts: Mapping[str, int], cases: int | None, disturbances: tuple[str, ...]
) -> dict[str, int]:
    """The number of cases of each kind, in the task's order, which decides what each draw gives."""
    for option, given in (("--cases", cases), ("--disturbances", disturbances)):
        if given:
            raise InputError(option, "", f"{option} beside --counts", "one of them")
    _require_kinds(task, "--counts", counts)
    for kind, count in counts.items():
        if count < 0:
            raise InputError("--counts", kind, str(count), "a whole number, at least 0")
    if not sum(counts.values()):
        raise InputError("--counts", "", "no case at all", "at least one")
    return {kind: counts.get(kind, 0) for kind in ("none", *task.disturbances)}


def _spread(task: "Task", cases: int | None, disturbances: tuple[str, ...]) -> dict[str, int]:
    """As many cases of each kind, in the task's order; what is left over goes to the first ones, one each."""
    number = CASES if cases is None else cases
    if number < 1:
        raise InputError("--cases", "", str(number), "a whole number, at least 1")
    _require_kinds(task, "--disturbances", disturbances)
    kinds = [kind for kind in ("none", *task.disturbances) if not disturbances or kind in disturbances]
    each, over = divmod(number, len(kinds))
    return {kind: each + (place < over) for place, kind in enumerate(kinds)}


def _require_kinds(task: "Task", option: str, kinds: Iterable[str]) -> None:
    known = ("none", *task.disturbances)
    for kind in kinds:
        if kind not in known:
            raise InputError(option, "", repr(kind), f"a disturbance of {task.name}", known)


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
