"""Demonstration files and run folders, opened with the task that they belong to."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from regrasp.demonstrations import DemonstrationSet, accept, read_demonstrations
from regrasp.demonstrations.formats import Contents, Unfit, read_contents
from regrasp.errors import InputError
from regrasp.panel.cases import Panel, read_panel
from regrasp.store.run_folder import RunFolder
from regrasp.tasks import TASKS, find_task, stored_task
from regrasp.tasks.task import Task


def open_demonstrations(file: Path, name: str | None) -> tuple[DemonstrationSet, Task]:
    """Read a file for the task asked for, or else the one that the file names, or the only one with its columns."""
    asked = find_task(name) if name is not None else None
    contents = read_contents(file)
    task = asked or _own_task(file, contents)
    return accept(file, contents, task), task


def _own_task(file: Path, contents: Contents) -> Task:
    if contents.task is not None:
        return stored_task(contents.task, None, f"{file}: data, attribute task")
    first = contents.episodes[0]
    observed = first.observations["policy"].shape[1] if "policy" in first.observations else 0
    acted = first.actions.shape[1]
    columns = {
        name: (task.observations["policy"].fields.size, task.interface.fields.size) for name, task in TASKS.items()
    }
    fitting = [name for name, own in columns.items() if own == (observed, acted)]
    if len(fitting) == 1:
        return TASKS[fitting[0]]
    found = f"no name of a task, observations of {observed} columns and actions of {acted} columns"
    valid = [f"{name} ({own[0]} and {own[1]})" for name, own in columns.items()]
    raise Unfit(file, "", found, "a file that names its task, or --task beside it", valid)


@dataclass(frozen=True)
class Run:
    """A run folder with the task and the panel that it was about."""

    folder: RunFolder
    resolved: Mapping[str, Any]
    task: Task
    panel: Panel


def open_run(path: Path, task: str | None) -> Run:
    """Read a run folder; `task` is what `--task` says, needed if its task is not built in."""
    folder = RunFolder(path)
    resolved = folder.resolved()
    found = stored_task(resolved["curriculum"]["task"], task, f"{path}: task")
    panel = read_panel(folder.path / "panel.json")
    panel.require(found, str(folder.path / "panel.json"))
    return Run(folder, resolved, found, panel)


def demonstrations_of(run: Run, file: Path | None) -> DemonstrationSet:
    """The demonstrations that a run learned from: from the file named, else from where the run or regrasp has them.

    Raises:
        InputError: the run has none, they are nowhere to be found, or the file named holds others.
    """
    wanted = run.resolved["demonstrations"]
    if wanted is None:
        raise InputError(run.folder.path, "demonstrations", "none", "a run that learned from some")
    name = f"{wanted['source']}, digest {wanted['digest'][:12]}"
    if file is not None:
        found = read_demonstrations(file, run.task)
        if found.digest != wanted["digest"]:
            raise InputError(file, "digest", found.digest[:12], f"the run's demonstrations ({name})")
        return found
    for place in _places(run):
        if place.is_file():
            found = read_demonstrations(place, run.task)
            if found.digest == wanted["digest"]:
                return found
    raise InputError(
        run.folder.path, "demonstrations", f"{name}, not where the run read them", "their file: --demos FILE"
    )


def _places(run: Run) -> list[Path]:
    """Where the run read its demonstrations, and where regrasp ships its own."""
    read = run.folder.inputs().get("demonstrations")
    return [*([Path(read)] if read else []), shipped_demonstrations(run.task)]


def shipped_demonstrations(task: Task) -> Path:
    """Where the demonstrations of a task lie that come with regrasp, if there are any."""
    return Path(str(resources.files("regrasp"))) / "data" / f"{task.name}.hdf5"
