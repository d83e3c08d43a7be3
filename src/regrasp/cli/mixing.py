"""Batches that mix K different objects: prepared, weighed, and stepped in turn with batches of another K."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from regrasp.cli.stepping import ROUND, Engine, smooth_noise
from regrasp.seeding import numpy_stream
from regrasp.simulation.families import draw_shapes
from regrasp.simulation.scene import Scene
from regrasp.simulation.shape_files import read_shapes, shipped_objects
from regrasp.simulation.shapes import Shape, solid_of
from regrasp.tasks import planar_fingers, shadow_hand, tool_scene
from regrasp.tasks.task import Task

BUILDERS: Mapping[str, Callable[[Sequence[Shape]], Scene]] = {
    "cube-reorient": shadow_hand.make_scene_of,
    "tool-pickup": tool_scene.make_scene_of,
    "planar-turn": planar_fingers.make_scene_of,
}
"""Task → its scene with any pool of objects."""
EPISODE = 50
"""Control steps between two resets: few, so that objects are still in the hand."""
WILDNESS = 0.3
"""Share of the actuators' half ranges by which bounded noise moves the hand from its rest."""


@dataclass(frozen=True)
class Mix:
    """A prepared scene of K objects.

    Attributes:
        scene: with the objects as its pool.
        origin: (K,) place in the task's own pool of the object that each one is, or is drawn like.
        shapes: the K objects.
        seconds: what compiling and pooling them took.
    """

    scene: Scene
    origin: NDArray[np.int64]
    shapes: tuple[Shape, ...]
    seconds: float

    def bytes(self) -> dict[str, float]:
        """What one object holds in memory, what every world holds so that it can have another, and a whole model."""
        tables = self.scene.objects.tables.values()
        count = len(self.shapes)
        return {
            "bytes_per_object": sum(table.nbytes for table in tables) / count,
            "bytes_per_world": sum(table[0].nbytes for table in tables),
            "model_bytes": int(self.scene.model.nbuffer),
        }


def prepare(task: Task, count: int) -> Mix:
    """A scene of `count` objects, evenly spread over the task's own and as many more sets of them as it takes."""
    own = read_shapes(shipped_objects(task.name))
    shapes = list(own)
    for number in range(1, -(-count // len(own))):
        more = draw_shapes(task.name, numpy_stream(number, "bench", task.name))
        shapes += [replace(shape, name=f"{shape.name}_again_{number}") for shape in more]
    places = np.arange(count) * len(shapes) // count
    pool = tuple(shapes[place] for place in places)
    BUILDERS[task.name](pool[:1])  # pays for what is read and made once
    solid_of.cache_clear()
    begun = time.perf_counter()
    scene = BUILDERS[task.name](pool)
    return Mix(scene, places % len(own), pool, time.perf_counter() - begun)


class Mixes:
    """One bare engine per mix, with the same actions and the same draws of start states."""

    def __init__(self, task: Task, mixes: Mapping[str, Mix], worlds: int, threads: int) -> None:
        noise = smooth_noise(EPISODE, worlds, task.interface.fields.size, numpy_stream(0, "bench", "actions"))
        self._actions = np.clip(np.array(task.rest, np.float32) + WILDNESS * noise, -1.0, 1.0)
        self._engines = {name: _engine(task, mix, worlds, threads) for name, mix in mixes.items()}
        self._clock = dict.fromkeys(mixes, 0)

    def turn(self, name: str) -> float:
        """Control steps/s of one batch over `ROUND` control steps."""
        engine, begun = self._engines[name], time.perf_counter()
        for clock in range(self._clock[name], self._clock[name] + ROUND):
            if clock % EPISODE == 0:
                engine.reset()
            engine.step(self._actions[clock % EPISODE])
        self._clock[name] += ROUND
        return ROUND * engine.worlds / (time.perf_counter() - begun)


def _engine(task: Task, mix: Mix, worlds: int, threads: int) -> Engine:
    objects = np.arange(worlds) % len(mix.shapes)
    starts = task.draw_starts(mix.origin[objects], numpy_stream(0, "bench", "starts"))
    if not mix.scene.object_joints:
        _raise_objects(task, mix, objects, starts)
    return Engine(task, mix.scene, threads, starts, objects)


def _raise_objects(task: Task, mix: Mix, objects: NDArray[np.int64], starts: NDArray[np.float64]) -> None:
    """Leave as much room below an object as below the one that it is drawn like, whose start it was given."""
    own = read_shapes(shipped_objects(task.name))
    first = mix.scene.joint_column(mix.scene.object_body)
    for start, place in zip(starts, objects, strict=True):
        w, x, y, z = start[first + 3 : first + 7]
        down = (-2 * (x * z - w * y), -2 * (y * z + w * x), 2 * (x * x + y * y) - 1)
        start[first + 2] += mix.shapes[place].reach(down) - own[mix.origin[place]].reach(down)
