"""The way from a start to a task's goal, and what the judge finds on it."""

from functools import cached_property

import numpy as np
import torch

from regrasp.judges.judge import Judgement
from regrasp.simulation.batch import Worlds
from regrasp.tasks.contract.finding import Unchecked
from regrasp.tasks.contract.traces import States, Trace, between, placed, quaternions, scripted, touched
from regrasp.tasks.contract.worlds import beginning
from regrasp.tasks.task import Task

SPARE = 10
"""Control steps at the goal beyond those that count as held."""
_STARTS = 32


class Script:
    """What all traces of a task are made from, computed once and only if it is asked for."""

    def __init__(self, task: Task) -> None:
        self.task = task

    @cached_property
    def path(self) -> States:
        """(N, S) from the drawn start that is farthest from the goal, with the goal's fixture, to the goal.

        Raises:
            Unchecked: the task names no goal.
        """
        task = self.task
        if task.goal is None:
            raise Unchecked("The task has no `goal`, so no trace to it can be scripted: give it a state with success.")
        goal = task.goal()
        moved = int(task.scene.model.nq + task.scene.model.nv)
        starts = beginning(task, _STARTS * len(task.objects)).states[:: len(task.objects)].copy()
        starts[:, moved:] = goal[moved:]
        for column in quaternions(task.scene):
            part = slice(column, column + 4)
            # The same orientation has two quaternions: the one nearer to the goal's, or `tracked` would see a jump.
            starts[:, part] *= np.where(starts[:, part] @ goal[part] < 0.0, -1.0, 1.0)[:, None]
        readings = placed(task.scene, np.concatenate([goal[None], starts]), np.zeros(_STARTS + 1, bool))
        place = task.judge.tracked(readings)
        distance = torch.linalg.vector_norm(place - place[0], dim=1) * ~task.judge.success(readings)
        return between(task, starts[int(distance[1:].argmax())], goal)

    @cached_property
    def enters(self) -> int:
        """First row of the path that is in success while touched; the last if none is."""
        readings = placed(self.task.scene, self.path, np.ones(len(self.path), bool))
        inside = self.task.judge.success(readings)
        return int(inside.double().argmax()) if inside.any() else len(self.path) - 1

    @property
    def outside(self) -> States:
        """(n, S) the part of the path before success."""
        return self.path[: max(1, self.enters)]

    @property
    def held(self) -> States:
        """(T, S) at the goal for as long as success asks for, and a little longer."""
        return np.repeat(self.path[-1:], self.task.judge.held_steps + SPARE, axis=0)

    def edge(self, steps: int) -> States:
        """(steps, S) the first state in success, again and again."""
        return np.repeat(self.path[self.enters][None], steps, axis=0)

    @cached_property
    def good(self) -> Judgement:
        """What the judge finds when the object is carried to the goal and held there."""
        return self.judge(touched(self.path, self.held))

    def require_good(self) -> None:
        """Frauds say nothing where not even the good trace is a success."""
        if not self.succeeded(self.good):
            raise Unchecked("Not even the good trace is a success, so this one says nothing: mend that first.")

    @cached_property
    def _world(self) -> Worlds:
        return Worlds(self.task.scene, 1, threads=1)

    def judge(self, trace: Trace) -> Judgement:
        """What the judge finds in a trace."""
        found = Judgement(self.task.judge, 1)
        for step, (state, touching) in enumerate(zip(trace.states, trace.touching, strict=True)):
            self._world.place(np.zeros(1, np.int64), state[None])
            readings = scripted(self._world.readings, torch.tensor([bool(touching)]), trace.distance)
            found.observe(readings, torch.tensor([step]), torch.zeros(1, dtype=torch.int64))
        return found

    def succeeded(self, found: Judgement) -> bool:
        """By the task's primary."""
        return bool(
            {"success": found.success_once, "success_at_end": found.success_at_end}.get(
                self.task.judge.primary, found.success_held
            )[0]
        )


def seen(found: Judgement) -> str:
    """In words: steps in success, a drop, rules broken."""
    broken = [name for name, value in found.broken.items() if value[0]]
    words = [f"{int(found.successes[0])} steps in success"]
    words += [f"a drop at step {int(found.dropped_at[0])}"] if found.over[0] else []
    return ", ".join(words + ([f"broken: {', '.join(broken)}"] if broken else []))
