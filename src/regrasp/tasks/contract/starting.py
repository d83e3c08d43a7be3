"""Checks of the starts that a task draws."""

from collections.abc import Iterator

import mujoco
import numpy as np
from numpy.typing import NDArray

from regrasp.seeding import numpy_stream
from regrasp.simulation.batch import Worlds
from regrasp.tasks.contract.finding import complaint
from regrasp.tasks.task import Task

FEWEST = 16
DEEPEST = 0.01
"""Penetration at a start that the engine would turn into a leap [m]."""
SOLVED = 0.25
"""Share of starts that may be in success already: targets that are drawn at random lie there now and then."""


def starts(task: Task) -> Iterator[str]:
    """Shape, randomness, and what the judge says of them."""
    count = max(FEWEST, len(task.objects) + 1)
    objects = np.arange(count, dtype=np.int64) % len(task.objects)
    first, again, other = (task.draw_starts(objects, numpy_stream(seed, "contract")) for seed in (0, 0, 1))
    size = task.scene.state_size
    if first.shape != (count, size) or first.dtype != np.float64 or not np.isfinite(first).all():
        found = f"starts of shape {first.shape} and type {first.dtype} for {count} worlds"
        yield complaint(found, f"({count}, {size}) finite float64", "return [qpos, qvel, mocap_pos] rows")
        return
    if not np.array_equal(first, again):
        yield complaint("other starts from the same seed", "the same", "draw everything from the given generator")
    if np.array_equal(first, other) or np.array_equal(first[0], first[len(task.objects)]):
        yield complaint("the same start drawn twice", "random starts", "draw some coordinate from the generator")
    if np.shares_memory(first, again):
        yield complaint("two draws that share memory", "arrays of their own", "return a copy")
    yield from _unit(task, first)
    yield from _judged(task, objects, first)


def _unit(task: Task, states: NDArray[np.float64]) -> Iterator[str]:
    model = task.scene.model
    for joint in range(model.njnt):
        column = int(model.jnt_qposadr[joint])
        kind = int(model.jnt_type[joint])
        if kind == int(mujoco.mjtJoint.mjJNT_FREE):
            column += 3
        elif kind != int(mujoco.mjtJoint.mjJNT_BALL):
            continue
        norms = np.linalg.norm(states[:, column : column + 4], axis=1)
        if np.abs(norms - 1.0).max() > 1e-6:
            found = f"quaternions of {model.joint(joint).name} as long as {norms.max():.3g}"
            yield complaint(found, "unit length", "normalise them")


def _judged(task: Task, objects: NDArray[np.int64], states: NDArray[np.float64]) -> Iterator[str]:
    worlds = Worlds(task.scene, len(objects), threads=1)
    worlds.place(np.arange(len(objects)), states, objects)
    readings = worlds.readings
    deepest = float(readings.deepest().max())
    if deepest > DEEPEST:
        held = task.objects[int(objects[int(readings.deepest().argmax())])]
        found = f"a start in which the hand is {deepest * 1000:.1f} mm inside {held!r}"
        yield complaint(found, f"at most {DEEPEST * 1000:g} mm", "start further away or with another posture")
    if task.judge.dropped(readings).any():
        yield complaint("a start that is judged a drop", "none", "start in the hand, or mend the judge's `dropped`")
    solved = float(task.judge.success(readings).double().mean())
    if solved > SOLVED:
        found = f"{solved:.0%} of the starts in success already"
        yield complaint(found, f"at most {SOLVED:.0%}", "start where there is something to do")
