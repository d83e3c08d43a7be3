"""The record that a task is: everything the environment, the panel and the learning code need to know about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.actor import ActionInterface
from regrasp.fields import Fields
from regrasp.judges.judge import Judge
from regrasp.simulation.disturbance import Disturbance
from regrasp.simulation.readings import Readings
from regrasp.simulation.scene import Scene

# `Disturbance` is part of what a task hands out, so those who know only tasks find it here.
__all__ = ["Disturbance", "Observation", "Range", "Task"]


@dataclass(frozen=True)
class Observation:
    """One observation group: its columns, and how they are read (readings → (B, O) float64)."""

    fields: Fields
    read: Callable[[Readings], Tensor]


@dataclass(frozen=True)
class Range:
    """How one kind of disturbance is drawn for this task.

    Attributes:
        low, high: magnitudes, drawn uniformly, in the kind's unit. They are the envelope that a bench would see.
        delay: (first, last) control steps after contact entry, for event kinds.
        duration: control steps, for event kinds.
        planar: the direction is horizontal.
    """

    low: float
    high: float
    delay: tuple[int, int] = (0, 0)
    duration: int = 0
    planar: bool = False


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: as in `--task` and in curricula.
        description: one sentence.
        object: what is manipulated.
        make_scene: builds the scene; called once.
        interface: what an action means.
        observations: group name → observation; `policy` is what actors see, `privileged` only critics do.
        rewards: term name → readings → (B,) reward per control step; the sum is the reward.
        judge: the success code.
        horizon: control steps of a trial.
        draw_starts: (n, generator) → (n, S) stored start states.
        disturbances: kind → range.
    """

    name: str
    description: str
    object: str
    make_scene: Callable[[], Scene]
    interface: ActionInterface
    observations: Mapping[str, Observation]
    rewards: Mapping[str, Callable[[Readings], Tensor]]
    judge: Judge
    horizon: int
    draw_starts: Callable[[int, np.random.Generator], NDArray[np.float64]]
    disturbances: Mapping[str, Range]

    @cached_property
    def scene(self) -> Scene:
        """The compiled scene, shared by every environment of this process."""
        return self.make_scene()

    @property
    def regions(self) -> tuple[str, ...]:
        """Contact regions; bit i of a contact mode is region i."""
        return tuple(self.scene.links)

    @cached_property
    def control_map(self) -> tuple[Tensor, Tensor]:
        """(offset (U,), scale (U,)) float64: ctrl = offset + scale · action."""
        low, high = (torch.tensor(limit, dtype=torch.float64) for limit in (self.interface.low, self.interface.high))
        return (low + high) / 2, (high - low) / 2

    def draw_disturbance(self, kind: str, generator: np.random.Generator) -> Disturbance:
        """One disturbance of a kind, drawn from its range; `none` draws nothing."""
        if kind == "none":
            return Disturbance()
        span = self.disturbances[kind]
        magnitude = float(generator.uniform(span.low, span.high))
        direction = generator.standard_normal(3) * (1.0, 1.0, 0.0 if span.planar else 1.0)
        direction /= np.linalg.norm(direction)
        return Disturbance(
            kind=kind,
            magnitude=round(magnitude) if kind == "latency" else magnitude,
            direction=(float(direction[0]), float(direction[1]), float(direction[2])),
            delay=int(generator.integers(span.delay[0], span.delay[1] + 1)),
            duration=span.duration,
        )
