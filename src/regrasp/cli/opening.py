"""Demonstration files, opened with the task that they belong to."""

from pathlib import Path

from regrasp.demonstrations import DemonstrationSet, accept
from regrasp.demonstrations.formats import Contents, read_contents
from regrasp.errors import InputError
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
    raise InputError(file, "", found, "a file that names its task, or --task beside it", valid)
