"""One world that a person drives: it is placed, driven, disturbed and marked, and becomes an episode."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from regrasp.demonstrations.disturbed import described
from regrasp.demonstrations.playing import Judged
from regrasp.demonstrations.replay import replay
from regrasp.episode import Episode
from regrasp.seeding import derive, numpy_stream
from regrasp.simulation.disturbance import EVENTS, Disturbance
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Task

Phase = Literal["ready", "driven", "ended"]
MARK = "mark"
"""What a person's own marks are called: `mark`, `mark_2`, …"""
_WORLD = np.zeros(1, np.int64)


@dataclass(frozen=True)
class Attempt:
    """What is drawn for one attempt.

    Attributes:
        number: it and the seed decide the rest.
        object: place in the task's pool.
        start: (S,) state.
    """

    number: int
    object: int
    start: NDArray[np.float64]


class Session:
    """Attempts at one task, one after the other.

    Attributes:
        phase: `ready` before an attempt begins, `driven` while it lasts, `ended` after a drop or at the longest.
        environment: its one world.
        marks: mark → control step, of the person's own.
        disturbance: what was done to the object in this attempt.

    Args:
        task: the task.
        seed: of objects, start states and disturbances; attempt i depends on it and on i alone.
        first: number of the first attempt.
        longest: control steps after which an attempt ends.
        provenance: what every episode says about where it came from.
    """

    def __init__(self, task: Task, seed: int, first: int, longest: int, provenance: Mapping[str, str]) -> None:
        self.task = task
        self._seed, self._longest, self._provenance = seed, longest, dict(provenance)
        self.environment = Environment(task, 1, threads=1)
        self.attempt = self._place(first)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Disturbances that there is a button for: sudden ones that the task can draw."""
        return tuple(kind for kind in EVENTS if kind in self.task.disturbances)

    @property
    def object(self) -> str:
        """Name of the object that is held."""
        return self.task.objects[self.attempt.object]

    @property
    def steps(self) -> int:
        """Control steps of this attempt so far."""
        return len(self._actions)

    @property
    def state(self) -> NDArray[np.float64]:
        """(S,) now."""
        state: NDArray[np.float64] = self.environment.worlds.states()[0]
        return state

    @property
    def touching(self) -> NDArray[np.bool_]:
        """(R,) regions that touch the object."""
        touching: NDArray[np.bool_] = self.environment.touching[0].numpy()
        return touching

    @property
    def strikes(self) -> bool:
        """Something may be done to the object now: stable contact was found, and nothing was done to it before."""
        entered = bool(self.environment.entry.entered[0])
        return self.phase == "driven" and entered and self.disturbance.kind == "none"

    def begin(self) -> None:
        """Start the attempt."""
        if self.phase == "ready":
            self.phase: Phase = "driven"

    def step(self, action: NDArray[np.float32]) -> None:
        """Advance by one control step with an action (A,)."""
        step = self.environment.step(torch.from_numpy(action[None]), ("policy",))
        self._actions.append(action.copy())
        if bool(step.terminated[0]) or self.steps >= self._longest:
            self.phase = "ended"

    def end(self) -> None:
        """Drive no further; what was driven can still be kept."""
        if self.phase == "driven":
            self.phase = "ended"

    def mark(self) -> None:
        """Remember the control step that was just made under a mark of the person's own."""
        if self.steps:
            count = len(self.marks) + 1
            self.marks[MARK if count == 1 else f"{MARK}_{count}"] = self.steps - 1

    def strike(self, kind: str) -> None:
        """Do something to the object from the next control step on, drawn as the task draws that kind."""
        if not self.strikes:
            return
        stream = numpy_stream(self._seed, "driving, disturbance", self.attempt.number)
        drawn = self.task.draw_disturbance(kind, stream)
        schedules, entry = self.environment.disturbances, self.environment.entry
        schedules.schedule(_WORLD, [replace(drawn, delay=0)], [self._noise])
        schedules.trigger(entry.entered.numpy(), self.environment.elapsed.numpy())
        # Elsewhere its clock starts once contact entry is found: with this delay a replay does the same thing then.
        self.disturbance = replace(drawn, delay=self.steps - int(entry.entry[0]) - entry.stable_steps)

    def played(self) -> Judged:
        """The attempt as an episode, played again under what was done to it, and judged.

        A replay computes the same bytes, and sees observations, rewards and marks as those of any other recording.

        Raises:
            ValueError: not a single control step was made.
        """
        if not self.steps:
            raise ValueError("an attempt without a control step is no episode")
        ended = bool(self.environment.judgement.over[0]) or bool(self.environment.worlds.diverged[0])
        own = described(self.disturbance, self._noise)
        driven = Episode(
            actions=np.stack(self._actions),
            observations={},
            rewards=np.zeros(self.steps),
            start=self.attempt.start,
            object=self.object,
            terminated=ended,
            truncated=not ended,
            provenance={**self._provenance, "seed": str(self._seed), "attempt": str(self.attempt.number), **own},
        )
        found = replay(self.task, [driven], threads=1)[0]
        return replace(found, episode=replace(found.episode, marks={**found.episode.marks, **self.marks}))

    def next(self) -> None:
        """Forget the attempt, kept elsewhere or not; the next is made ready."""
        self.attempt = self._place(self.attempt.number + 1)

    def _place(self, number: int) -> Attempt:
        objects = self.task.draw_objects(1, numpy_stream(self._seed, "driving, object", number))
        start = self.task.draw_starts(objects, numpy_stream(self._seed, "driving", number))
        # Rounded, so that a file that stores states in float32 holds the very state that the attempt began in.
        start = start.astype(np.float32).astype(np.float64)
        self._noise = derive(self._seed, "driving, sensor noise", number)
        self._actions: list[NDArray[np.float32]] = []
        self.marks: dict[str, int] = {}
        self.disturbance = Disturbance()
        self.phase = "ready"
        self.environment.reset(_WORLD, start, [self.disturbance], [self._noise], objects)
        return Attempt(number, int(objects[0]), start[0])
