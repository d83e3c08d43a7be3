"""Worlds to check a task in: random starts of all its objects, random actions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from regrasp.seeding import numpy_stream
from regrasp.tasks.environment import Arrays, Environment, Step
from regrasp.tasks.task import Disturbance, Task

STEPS = 30
"""Control steps of a random trajectory."""
NONE = Disturbance()


@dataclass(frozen=True)
class Beginning:
    """Where trials begin.

    Attributes:
        objects: (B,) places in the pool.
        states: (B, S).
    """

    objects: NDArray[np.int64]
    states: NDArray[np.float64]

    def row(self, world: int) -> "Beginning":
        """One of them."""
        return Beginning(self.objects[world : world + 1], self.states[world : world + 1])


def beginning(task: Task, worlds: int, seed: int = 0) -> Beginning:
    """Random starts; the objects are all of the pool in turn, the first one first."""
    objects = np.arange(worlds, dtype=np.int64) % len(task.objects)
    return Beginning(objects, task.draw_starts(objects, numpy_stream(seed, "contract", "starts")))


def environment(task: Task, begin: Beginning, disturbances: Sequence[Disturbance] = ()) -> Environment:
    """One world per start, on one thread."""
    count = len(begin.objects)
    made = Environment(task, count, threads=1)
    made.reset(np.arange(count), begin.states, list(disturbances) or [NONE] * count, list(range(count)), begin.objects)
    return made


def random_actions(task: Task, worlds: int, steps: int = STEPS, seed: int = 0) -> torch.Tensor:
    """(T, B, A) float32, uniform in [-1, 1]."""
    drawn = numpy_stream(seed, "contract", "actions").uniform(-1.0, 1.0, (steps, worlds, task.interface.fields.size))
    return torch.from_numpy(drawn.astype(np.float32))


def flat(step: Step) -> Arrays:
    """Everything that a step returned, by name."""
    parts = {f"observations of {name}": value for name, value in step.observations.items()}
    parts |= {f"reward term {name}": value for name, value in step.terms.items()} | {"reward": step.reward}
    parts |= {"terminated": step.terminated, "truncated": step.truncated}
    return {name: value.numpy() for name, value in parts.items()}
