"""One file per task, and the environment that steps any of them."""

from collections.abc import Mapping

from regrasp.errors import InputError
from regrasp.tasks import adroit_door, cube_reorient
from regrasp.tasks.task import Task

TASKS: Mapping[str, Task] = {
    task.name: task for task in (cube_reorient.TASK, cube_reorient.ANY_ORIENTATION, adroit_door.TASK)
}


def find_task(name: str, source: str = "--task") -> Task:
    """The task of that name.

    Raises:
        InputError: there is none; the sentence lists the valid names.
    """
    if name not in TASKS:
        raise InputError(source, "", repr(name), "the name of a task", TASKS)
    return TASKS[name]
