"""One file per task, and the environment that steps any of them."""

from collections.abc import Mapping

from regrasp.errors import InputError
from regrasp.tasks import (
    adroit_door,
    adroit_hammer,
    adroit_pen,
    adroit_relocate,
    cube_reorient,
    planar_turn,
    tool_pickup,
)
from regrasp.tasks.own import SUFFIX, load_task
from regrasp.tasks.task import Task

TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        cube_reorient.TASK,
        cube_reorient.ANY_ORIENTATION,
        tool_pickup.TASK,
        adroit_door.TASK,
        adroit_pen.TASK,
        adroit_hammer.TASK,
        adroit_relocate.TASK,
        planar_turn.TASK,
    )
}


def find_task(name: str, source: str = "--task") -> Task:
    """The task of that name, or the one in the Python file at that path.

    Raises:
        InputError: there is none; the sentence lists the valid names. Or the file holds none that can be used.
    """
    if name in TASKS:
        return TASKS[name]
    if not name.endswith(SUFFIX):
        raise InputError(source, "", repr(name), "the name of a task, or a Python file with one (my_task.py)", TASKS)
    own = load_task(name, source)
    if own.name in TASKS:
        raise InputError(source, f"{name}: name", f"{own.name!r}, which is built in", "a name of its own")
    return own


def stored_task(name: str, given: Task | str | None, source: str) -> Task:
    """The task that a checkpoint, panel or run knows by its record's name, which never makes a file run.

    Args:
        name: as stored.
        given: what `--task` says, or the task itself, if either is known.
        source: what stores the name, for the refusal.

    Raises:
        InputError: the name is not built in and no task was given, or one of another name was.
    """
    if given is None:
        if name in TASKS:
            return TASKS[name]
        expected = "the name of a built-in task, or the file of this one beside it (--task path/to/my_task.py)"
        raise InputError(source, "", repr(name), expected, TASKS)
    task = given if isinstance(given, Task) else find_task(given)
    if task.name != name:
        raise InputError(source, "", repr(name), f"{task.name!r}, the task that was given")
    return task
