"""`regrasp bench evaluation`: what judging costs beside the engine."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from regrasp.cli.output import console, emit, progress, table
from regrasp.errors import InputError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from regrasp.actor import Actor
    from regrasp.tasks.task import Task


def evaluation(
    task: str = "cube-reorient",
    checkpoint: Path | None = None,
    worlds: int = 256,
    seconds: float = 30.0,
    threads: int = 0,
    json: bool = False,
) -> None:
    """Measure how much of the bare engine's speed an evaluation reaches, the policy included.

    One side judges a policy on undisturbed cases as regrasp evaluate does: observation, policy, reward, contact,
    judgement, rows. The other steps the same worlds with the same actions on the same threads and reads nothing. They
    take turns, a whole trial each, so that other work on the machine slows both alike; the ratio is the median.

    Args:
        task: name of the task, or its Python file, as my_task.py.
        checkpoint: folder of the policy; without it, an untrained one with two layers of 256.
        worlds: cases side by side, in both.
        seconds: about how long both are measured together.
        threads: engine threads; 0 uses every core.
        json: print one JSON object instead of a table.
    """
    from regrasp.cli.stepping import rounds
    from regrasp.panel.evaluation import WORLDS
    from regrasp.tasks import find_task

    found = find_task(task)
    if not 1 <= worlds <= WORLDS:
        raise InputError("--worlds", "", str(worlds), f"a whole number from 1 to {WORLDS}")
    if not 0 < seconds <= 3600:
        raise InputError("--seconds", "", str(seconds), "a number above 0, at most 3600")
    sides = _Sides(found, _actor(found, task, checkpoint), worlds, threads)
    rates: list[dict[str, float]] = []
    with progress("rounds", console()) as bar:
        work = bar.add_task("measuring", total=None, unit="rounds")
        for total, measured in rounds(("evaluation", "engine"), sides.turn, seconds / 2):
            rates.append(measured)
            bar.update(work, advance=1, total=total)
    ratio = median(one["evaluation"] / one["engine"] for one in rates)
    speeds = {name: round(median(one[name] for one in rates), 1) for name in ("evaluation", "engine")}
    data: dict[str, Any] = {"task": found.name, "worlds": worlds, "threads": threads, "rounds": len(rates)}
    data |= {"steps_per_s": speeds["evaluation"], "engine_steps_per_s": speeds["engine"], "engine_ratio": ratio}
    rows = [[name, f"{speed:,.0f}"] for name, speed in speeds.items()]
    title = f"{found.name}, {worlds} worlds, median of {len(rates)} rounds"
    emit(data, json, table(title, ["", "control steps/s"], rows), f"An evaluation reaches {ratio:.2f} of the engine.")


def _actor(task: "Task", name: str, checkpoint: Path | None) -> "Actor":
    from regrasp.cli.judging import open_checkpoint
    from regrasp.policies.policy import Policy, PolicySpec
    from regrasp.seeding import torch_stream

    if checkpoint is not None:
        opened = open_checkpoint(checkpoint, name if name.endswith(".py") else None)
        if opened.task.name != task.name:
            raise InputError(checkpoint, "task", opened.task.name, f"{task.name}, as --task says")
        return opened.policy
    observed, interface = task.observations["policy"].fields, task.interface
    spec = PolicySpec(observed, interface.fields, (256, 256), "tanh", interface, task.name)
    return Policy.build(spec, torch_stream(0, "bench evaluation"))


class _Recording:
    """An actor whose actions are kept."""

    def __init__(self, actor: "Actor") -> None:
        self._actor = actor
        self.interface_digest = actor.interface_digest
        self.actions: list[torch.Tensor] = []

    def begin(self, count: int, worlds: Sequence[int] | None = None) -> None:
        """The actor begins."""
        self._actor.begin(count, worlds)

    def act(self, observation: "Tensor") -> "Tensor":
        self.actions.append(self._actor.act(observation))
        return self.actions[-1]


class _Sides:
    """An evaluation and the bare engine, a whole trial of the same worlds with the same actions each."""

    def __init__(self, task: "Task", actor: "Actor", worlds: int, threads: int) -> None:
        import numpy as np

        from regrasp.cli.stepping import Engine
        from regrasp.panel.cases import draw_cases
        from regrasp.panel.evaluation import evaluate

        cases = draw_cases(task, {"none": worlds}, 0, "bench evaluation")
        recording = _Recording(actor)
        list(evaluate(recording, task, cases, threads))
        self._actions = [action.numpy() for action in recording.actions]
        starts = np.array([case.state for case in cases])
        objects = np.array([task.scene.objects.index(case.object) for case in cases])
        self._engine = Engine(task, task.scene, threads, starts, objects)
        self._evaluate: Callable[[], object] = lambda: list(evaluate(actor, task, cases, threads))
        self._steps = worlds * task.horizon

    def turn(self, name: str) -> float:
        """Control steps/s of one side over a trial, the placing of the worlds included."""
        begun = time.perf_counter()
        if name == "evaluation":
            self._evaluate()
        else:
            self._engine.reset()
            for action in self._actions:
                self._engine.step(action)
        return self._steps / (time.perf_counter() - begun)
