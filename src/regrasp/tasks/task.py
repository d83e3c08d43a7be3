"""The record that a task is: everything the environment, the panel and the learning code need to know about it."""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.actor import ActionInterface
from regrasp.fields import Fields, digest_of
from regrasp.judges.judge import Judge
from regrasp.simulation.disturbance import Disturbance, neutral
from regrasp.simulation.readings import Readings
from regrasp.simulation.render import Camera
from regrasp.simulation.scene import Scene

# `Disturbance` is part of what a task hands out, so those who know only tasks find it here.
__all__ = ["SPLITS", "Disturbance", "Observation", "Range", "Task"]
SPLITS = ("train", "held_out")
"""Objects that learning sees, and objects that only panels show."""


@dataclass(frozen=True)
class Observation:
    """One observation group: its columns, and how they are read (readings → (B, O) float64)."""

    fields: Fields
    read: Callable[[Readings], Tensor]


@dataclass(frozen=True)
class Range:
    """How one kind of disturbance is drawn for this task.

    Attributes:
        low, high: magnitudes, drawn uniformly, in the kind's unit.
        reason: why a bench would see these.
        envelope: smallest and largest magnitude that a bench would see, [low, high] unless said otherwise; what lies
            outside is allowed, and marked as unrealistic wherever it is reported.
        delay: (first, last) control steps after contact entry, for event kinds.
        duration: control steps, for event kinds.
        planar: the direction is horizontal.
    """

    low: float
    high: float
    reason: str = ""
    envelope: tuple[float, float] | None = None
    delay: tuple[int, int] = (0, 0)
    duration: int = 0
    planar: bool = False

    def realistic(self, magnitude: float) -> bool:
        """A bench would see this."""
        low, high = self.envelope or (self.low, self.high)
        return low <= magnitude <= high


@dataclass(frozen=True)
class Sketch:
    """A motion written down by hand, as an actor."""

    motion: Callable[[Tensor], Tensor]
    interface: ActionInterface

    @property
    def interface_digest(self) -> str:
        """Digest of the action interface that the actions are meant for."""
        return self.interface.digest

    @property
    def digest(self) -> str:
        """SHA-256 of the source file of the motion, the name of what was planned around it."""
        motion = self.motion.func if isinstance(self.motion, partial) else self.motion
        return digest_of(inspect.getsource(sys.modules[motion.__module__]))

    def begin(self, count: int, worlds: Sequence[int] | None = None) -> None:
        """Nothing to forget."""

    def act(self, observation: Tensor) -> Tensor:
        """Observation (B, O) → action (B, A) float32 in [-1, 1]."""
        return self.motion(observation).to(torch.float32).clamp(-1.0, 1.0)


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: as in `--task` and in curricula.
        description: one sentence.
        make_scene: builds the scene; called once.
        interface: what an action means.
        observations: group name → observation; `policy` is what actors see, `privileged` only critics do, any other
            (as `tactile`) is recorded beside them.
        rewards: term name → readings → (B,) reward per control step; the sum is the reward.
        judge: the success code.
        horizon: control steps of a trial.
        draw_starts: (objects (n,), generator) → (n, S) stored start states.
        disturbances: kind → range.
        camera: where pictures are taken from.
        rest: (A,) action that holds the hand in its rest posture.
        held_out: names of the objects that learning must not see.
        misjudged: observed positions that a `pose_error` shifts; without any it moves the fixture.
        goal: a state (S,) of the first object in which success is judged, if the hand touches it.
        dropped: a state (S,) that is judged a drop, where the task knows any.
        cost: readings → (B,) cost per control step, for the planner; minus the reward if left out.
        sketch: (B, O) float32 policy observations → (B, A) actions: a motion written down by hand that leads into
            contact and works now and then. `demos plan` plans around it where no policy is given.
    """

    name: str
    description: str
    make_scene: Callable[[], Scene]
    interface: ActionInterface
    observations: Mapping[str, Observation]
    rewards: Mapping[str, Callable[[Readings], Tensor]]
    judge: Judge
    horizon: int
    draw_starts: Callable[[NDArray[np.int64], np.random.Generator], NDArray[np.float64]]
    disturbances: Mapping[str, Range]
    camera: Camera
    rest: tuple[float, ...]
    held_out: tuple[str, ...] = ()
    misjudged: tuple[str, ...] = ()
    goal: Callable[[], NDArray[np.float64]] | None = None
    dropped: Callable[[], NDArray[np.float64]] | None = None
    cost: Callable[[Readings], Tensor] | None = None
    sketch: Callable[[Tensor], Tensor] | None = None

    @property
    def sketched(self) -> "Sketch | None":
        """The sketch as an actor, where the task has one."""
        return None if self.sketch is None else Sketch(self.sketch, self.interface)

    @cached_property
    def scene(self) -> Scene:
        """The compiled scene, shared by every environment of this process."""
        return self.make_scene()

    @property
    def regions(self) -> tuple[str, ...]:
        """Contact regions; bit i of a contact mode is region i."""
        return tuple(self.scene.links)

    @property
    def objects(self) -> tuple[str, ...]:
        """Names of all objects."""
        return self.scene.objects.names

    def split(self, name: str) -> NDArray[np.int64]:
        """Places of the objects of a split, `train` or `held_out`, in the scene's pool."""
        held_out = [(own in self.held_out) == (name == "held_out") for own in self.objects]
        return np.flatnonzero(held_out)

    def draw_objects(self, count: int, generator: np.random.Generator, split: str = "train") -> NDArray[np.int64]:
        """(n,) objects of a split, each as likely as any other."""
        places = self.split(split)
        return places[generator.integers(len(places), size=count)]

    def realistic(self, disturbance: Disturbance) -> bool:
        """A bench would see a disturbance of this size."""
        kind = disturbance.kind
        return kind == "none" or (
            kind in self.disturbances and self.disturbances[kind].realistic(disturbance.magnitude)
        )

    @cached_property
    def control_map(self) -> tuple[Tensor, Tensor]:
        """(offset (U,), scale (U,)) float64: ctrl = offset + scale · action."""
        low, high = (torch.tensor(limit, dtype=torch.float64) for limit in (self.interface.low, self.interface.high))
        return (low + high) / 2, (high - low) / 2

    def draw_disturbance(self, kind: str, generator: np.random.Generator, scale: float = 1.0) -> Disturbance:
        """One disturbance of a kind, drawn from its range; `none` draws nothing.

        A scale below 1 brings the magnitude that much closer to no disturbance at all.
        """
        if kind == "none":
            return Disturbance()
        span = self.disturbances[kind]
        magnitude = float(generator.uniform(span.low, span.high))
        if scale != 1.0:  # the whole range stays as drawn, to the bit
            magnitude = neutral(kind) + scale * (magnitude - neutral(kind))
        direction = generator.standard_normal(3) * (1.0, 1.0, 0.0 if span.planar else 1.0)
        direction /= np.linalg.norm(direction)
        return Disturbance(
            kind=kind,
            magnitude=round(magnitude) if kind == "latency" else magnitude,
            direction=(float(direction[0]), float(direction[1]), float(direction[2])),
            delay=int(generator.integers(span.delay[0], span.delay[1] + 1)),
            # A drop's magnitude is its duration.
            duration=max(1, round(magnitude * self.interface.rate)) if kind == "drop" else span.duration,
        )
