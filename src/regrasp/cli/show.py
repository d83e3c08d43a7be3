"""`regrasp show`: what there is, in pictures."""

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

from regrasp.cli.output import console, emit, progress, require_writable

if TYPE_CHECKING:
    from regrasp.report.gallery import Shelf
    from regrasp.tasks.task import Task

SIZE = (480, 360)
"""Of each picture before it is drawn smaller [pixels]."""
NOTES = {"train": ("train", "after"), "held_out": ("held out", "before")}
"""Split → what a caption says, and the colour that it is said in."""


def tasks(out: Path, tasks: tuple[str, ...] = (), json: bool = False) -> None:
    """Draw every task with one object of each family, on one sheet.

    Args:
        out: the picture to write (PNG), as tasks.png.
        tasks: names of the tasks to draw; left out, all.
        json: print one JSON object instead of a sentence.
    """
    from regrasp.report.gallery import draw_gallery
    from regrasp.store.atomic import replacing
    from regrasp.tasks import TASKS, find_task

    require_writable(out)
    shown = [find_task(name, "--tasks") for name in dict.fromkeys(tasks)] or list(TASKS.values())
    shelves = []
    with progress("tasks", console()) as bar:
        work = bar.add_task("drawing", total=len(shown), unit="tasks")
        for task in shown:
            shelves.append(_shelf(task))
            bar.advance(work)
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as picture:
        picture.write(draw_gallery(shelves))
    drawn = {shelf.title: [tile.caption for tile in shelf.tiles] for shelf in shelves}
    count = sum(len(names) for names in drawn.values())
    emit({"picture": str(out), "tasks": drawn}, json, f"{out}: tasks drawn: {len(shown)}, objects: {count}")


def _shelf(task: "Task") -> "Shelf":
    import numpy as np

    from regrasp.report.gallery import Shelf, Tile
    from regrasp.seeding import numpy_stream
    from regrasp.simulation.render import render_states

    tiles = []
    for name, split in _examples(task):
        place = task.scene.objects.index(name)
        state = task.draw_starts(np.array([place]), numpy_stream(0, "show", task.name))
        (pixels,) = render_states(task.scene.model_of(name), state, task.camera, *SIZE)
        note, colour = NOTES[split] if len(task.objects) > 1 else ("the only object", "muted")
        tiles.append(Tile(pixels, name, note, colour))
    return Shelf(task.name, _counted(task), tiles)


def _examples(task: "Task") -> list[tuple[str, str]]:
    """The first object of each family with its split, training objects first."""
    found: dict[tuple[str, str], str] = {}
    for split in NOTES:
        for place in task.split(split):
            name = task.objects[place]
            found.setdefault((split, _families().get(name, re.sub(r"_\d+$", "", name))), name)
    return [(name, split) for (split, _), name in found.items()]


@functools.cache
def _families() -> dict[str, str]:
    """Object → family, of all objects that come with regrasp; any other `box_3` is taken to be a `box`."""
    from regrasp.simulation.families import KINDS
    from regrasp.simulation.shape_files import read_shapes, shipped_objects

    return {shape.name: shape.family for kind in KINDS for shape in read_shapes(shipped_objects(kind))}


def _counted(task: "Task") -> str:
    if len(task.objects) == 1:
        return task.description
    numbers = {split: len(task.split(split)) for split in NOTES}
    return f"{task.description} {numbers['train']} objects to train with, {numbers['held_out']} held out."
