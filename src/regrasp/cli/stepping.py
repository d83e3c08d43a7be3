"""Ways to step the same task, taking turns: the full step, the bare engine, Gymnasium's async environments."""

import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, redirect_stderr
from io import StringIO
from types import TracebackType
from typing import Protocol, Self

import mujoco
import mujoco.batch
import numpy as np
import torch
from numpy.typing import NDArray

from regrasp.seeding import numpy_stream
from regrasp.simulation.disturbance import NONE
from regrasp.simulation.scene import Scene
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Task

GYMNASIUM: Mapping[str, str] = {"adroit-door": "AdroitHandDoor-v1"}
EPISODE = 200
"""Control steps between two resets, as Gymnasium's time limit has it."""
ROUND = 20
"""Control steps per turn of the contestant with most worlds; the others take more, for as many in all."""
FEWEST = 3
"""Rounds that a median needs."""
SMOOTHNESS = 0.9


class _Contestant(Protocol):
    worlds: int

    def step(self, actions: NDArray[np.float32]) -> None: ...

    def reset(self) -> None: ...


class _Full:
    """Control, disturbances, engine, observation, reward, contact, judgement."""

    def __init__(self, task: Task, threads: int, starts: NDArray[np.float64], objects: NDArray[np.int64]) -> None:
        self.worlds = worlds = len(starts)
        self._environment = Environment(task, worlds, threads)
        self._starts, self._objects = starts, objects
        self.reset()

    def reset(self) -> None:
        count = self.worlds
        self._environment.reset(np.arange(count), self._starts, [NONE] * count, [0] * count, self._objects)

    def step(self, actions: NDArray[np.float32]) -> None:
        self._environment.step(torch.from_numpy(actions))


class Engine:
    """The engine's own batch: write controls, step.

    World i begins in starts[i] (B, S) and holds object objects[i] of the scene's pool.
    """

    def __init__(
        self, task: Task, scene: Scene, threads: int, starts: NDArray[np.float64], objects: NDArray[np.int64]
    ) -> None:
        self.worlds = len(starts)
        model = scene.model
        self._substeps = scene.substeps
        self._batch = mujoco.batch.Batch(model, self.worlds, threads)
        for name, table in scene.objects.tables.items():
            self._batch.expand(name)[:] = table[objects]
        self._ctrl = self._batch.bind("ctrl")
        columns = {"qpos": model.nq, "qvel": model.nv, "mocap_pos": 3 * model.nmocap}
        if scene.fixture_turns:
            columns["mocap_quat"] = 4 * model.nmocap
        self._places = dict(zip(columns, np.split(starts, np.cumsum([*columns.values()])[:-1], axis=1), strict=True))
        self._offset, self._scale = (part.numpy() for part in task.control_map)
        self.reset()

    def reset(self) -> None:
        """Back to the starts."""
        self._batch.reset()
        for name, rows in self._places.items():
            view = self._batch.bind(name)
            view[:] = rows.reshape(view.shape)
        self._batch.forward()

    def step(self, actions: NDArray[np.float32]) -> None:
        """One control step with actions (B, A)."""
        self._ctrl[:] = self._offset + self._scale * actions
        self._batch.step(nstep=self._substeps)


class _Gymnasium:
    """One process per world; it resets its worlds by itself."""

    def __init__(self, name: str, worlds: int) -> None:
        # The package prints a remark about reward functions that this command does not look at.
        with redirect_stderr(StringIO()):
            import gymnasium
            import gymnasium_robotics  # noqa: F401  registers the environments

        self.worlds = worlds
        # Forked, so that every process knows the package's environments; it warns about its own version.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            options = {"context": "fork"}
            self._vector = gymnasium.make_vec(name, worlds, vectorization_mode="async", vector_kwargs=options)
            self._vector.reset(seed=0)

    def reset(self) -> None:
        """Nothing: done inside."""

    def step(self, actions: NDArray[np.float32]) -> None:
        self._vector.step(actions)

    def close(self) -> None:
        self._vector.close()


class Contestants:
    """What is measured, by name; the same actions for all, drawn once."""

    def __init__(self, task: Task, worlds: int, threads: int, gymnasium_worlds: int) -> None:
        self.all: dict[str, _Contestant] = {}
        self._open = ExitStack()
        generator = numpy_stream(0, "bench")
        # First, because its processes are forked and the engine's threads would not survive that.
        if gymnasium_worlds and task.name in GYMNASIUM:
            vector = _Gymnasium(GYMNASIUM[task.name], gymnasium_worlds)
            self._open.callback(vector.close)
            self.all["gymnasium"] = vector
        objects = task.draw_objects(worlds, generator)
        starts = task.draw_starts(objects, generator)
        self.all["full"] = _Full(task, threads, starts, objects)
        self.all["engine"] = Engine(task, task.scene, threads, starts, objects)
        self.most = max(one.worlds for one in self.all.values())
        self.actions = smooth_noise(EPISODE, self.most, task.interface.fields.size, generator)
        self._clock = dict.fromkeys(self.all, 0)

    def turn(self, name: str) -> float:
        """Control steps/s of one contestant over as many control steps as every other takes per turn."""
        one, begun = self.all[name], time.perf_counter()
        count = max(1, ROUND * self.most // one.worlds)
        for clock in range(self._clock[name], self._clock[name] + count):
            if clock % EPISODE == 0:
                one.reset()
            one.step(self.actions[clock % EPISODE, : one.worlds])
        self._clock[name] += count
        return count * one.worlds / (time.perf_counter() - begun)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()


def smooth_noise(steps: int, worlds: int, size: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """(T, B, A): a bounded random walk, as wild as exploration and no wilder."""
    actions: NDArray[np.float32] = np.zeros((steps, worlds, size), np.float32)
    for t in range(1, steps):
        fresh = generator.standard_normal((worlds, size))
        actions[t] = np.clip(SMOOTHNESS * actions[t - 1] + 0.2 * fresh, -1.0, 1.0)
    return actions


def rounds(
    names: Collection[str], turn: Callable[[str], float], seconds: float
) -> Iterator[tuple[int, dict[str, float]]]:
    """Yields (number of rounds there will be, name → control steps/s in this round) with everyone's turn in each."""
    for name in names:
        turn(name)  # pays for what is made once
    begun, done, total = time.perf_counter(), 0, 1
    while done < total:
        done += 1
        rates = {name: turn(name) for name in names}
        spent = (time.perf_counter() - begun) / (done * len(rates))
        total = max(FEWEST, round(seconds / spent))
        yield total, rates
