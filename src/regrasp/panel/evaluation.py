"""Trials: one actor on a list of cases. A case's row is the same bytes alone, in any order and on any threads."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from regrasp.actor import Actor
from regrasp.contact import modes
from regrasp.errors import InputError
from regrasp.panel.cases import Case
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Task
from regrasp.trial import Trial

WORLDS = 256
"""Cases simulated side by side: what a step costs beside the engine is shared by them."""
_SEEN = ("policy",)


def evaluate(actor: Actor, task: Task, cases: Sequence[Case], threads: int = 0) -> Iterator[list[Trial]]:
    """Judge `actor` on every case; yields the rows of up to `WORLDS` cases at a time, in the order of `cases`.

    Raises:
        InputError: the actor's actions mean something else than the task's, or a start state is not one of its scene.
    """
    if actor.interface_digest != task.interface.digest:
        raise InputError(
            "actor", "action interface", actor.interface_digest[:12], f"{task.interface.digest[:12]} of {task.name}"
        )
    for case in cases:
        if len(case.state) != task.scene.state_size:
            found = f"{len(case.state)} numbers"
            raise InputError("panel", f"case {case.number}: state", found, f"{task.scene.state_size} for {task.name}")
        if case.object not in task.objects:
            raise InputError("panel", f"case {case.number}: object", repr(case.object), "an object", task.objects)
    for first in range(0, len(cases), WORLDS):
        yield _play(actor, task, cases[first : first + WORLDS], threads)[0]


def record(actor: Actor, task: Task, case: Case) -> tuple[Trial, NDArray[np.float64]]:
    """One trial again, with its (T + 1, S) states, to look at."""
    trials, states = _play(actor, task, [case], threads=1, keep=lambda environment: environment.worlds.states())
    return trials[0], states[:, 0]


def watch(
    actor: Actor, task: Task, cases: Sequence[Case], threads: int = 0
) -> Iterator[list[tuple[Trial, NDArray[np.float64]]]]:
    """As `evaluate`, each trial with what there was to see in it: (T + 1, O) policy observations without noise."""
    read = task.observations["policy"].read
    for first in range(0, len(cases), WORLDS):
        chosen = cases[first : first + WORLDS]
        trials, seen = _play(actor, task, chosen, threads, lambda environment: read(environment.readings).numpy())
        yield [(trial, seen[: trial.steps + 1, row]) for row, trial in enumerate(trials)]


def _play(
    actor: Actor,
    task: Task,
    cases: Sequence[Case],
    threads: int,
    keep: Callable[[Environment], NDArray[np.float64]] | None = None,
) -> tuple[list[Trial], NDArray[np.float64]]:
    count = len(cases)
    environment = Environment(task, count, threads)
    starts = np.array([case.state for case in cases])
    objects = np.array([task.scene.objects.index(case.object) for case in cases])
    schedules = [case.disturbance for case in cases]
    environment.reset(np.arange(count), starts, schedules, [case.seed for case in cases], objects)
    actor.begin(count)
    observation = environment.observe(_SEEN)["policy"]
    broke = np.full(count, -1)
    reward, recent = np.zeros(count), np.zeros((round(task.interface.rate), count))
    contact: list[NDArray[np.uint8]] = []
    kept = [keep(environment).copy()] if keep else []
    for t in range(task.horizon):
        live = ~environment.judgement.over.numpy()
        step = environment.step(actor.act(observation), _SEEN)
        observation = step.observations["policy"]
        reward += step.reward.numpy() * live
        # The latest second, as a ring: worlds that are over write nothing into it any more.
        recent[t % len(recent), live] = step.reward.numpy()[live]
        contact.append(modes(environment.touching).numpy())
        broke = np.where((broke < 0) & live & environment.worlds.diverged, t, broke)
        if keep:
            kept.append(keep(environment).copy())
    history = np.stack(contact, axis=1)
    dropped = environment.judgement.dropped_at.numpy()
    ends = np.where((dropped >= 0) & (broke < 0), dropped + 1, task.horizon)
    latest = recent.sum(0) / np.minimum(ends, len(recent))
    rows = [
        _row(environment, case, row, (reward[row], latest[row]), broke[row], history[row, : ends[row]])
        for row, case in enumerate(cases)
    ]
    return rows, np.array(kept)


def _row(
    environment: Environment,
    case: Case,
    row: int,
    reward: tuple[float, float],
    broke: int,
    history: NDArray[np.uint8],
) -> Trial:
    judgement, motion = environment.judgement, environment.judgement.motion
    # A diverged world goes on from the engine's defaults; what it shows there is nobody's contact, loss or success.
    sound = broke < 0

    def flag(values: torch.Tensor) -> bool:
        return sound and bool(values[row])

    def when(values: torch.Tensor) -> int:
        step = int(values[row])
        return step if sound or step < broke else -1

    return Trial(
        case=case.number,
        object=case.object,
        disturbance=case.disturbance.kind,
        magnitude=case.disturbance.magnitude,
        seed=case.seed,
        source="simulation",
        success=flag(judgement.success_once),
        success_at_end=flag(judgement.success_at_end),
        success_held=flag(judgement.success_held),
        contact_entry=when(environment.entry.entry),
        disturbed_at=when(torch.from_numpy(environment.disturbances.began)),
        lost_at=when(judgement.lost_at),
        recovered_at=when(judgement.recovered_at) if sound else -1,
        first_success=when(judgement.first_success) if sound else -1,
        slip=float(environment.slip[row]),
        total_reward=float(reward[0]),
        steps=len(history),
        violations=tuple(name for name, found in sorted(judgement.broken.items()) if flag(found)),
        failure="" if sound else f"diverged at step {broke}",
        modes=history.tobytes(),
        travel=float(motion.travel[row]),
        peak_speed=float(motion.peak_speed[row]),
        peak_force=float(motion.peak_force[row]),
        near_steps=float(motion.near[row]),
        turned=float(motion.turned[row]),
        turning=float(motion.turning[row]),
        success_steps=int(judgement.successes[row]) if sound else 0,
        close_steps=int(judgement.close[row]) if sound else 0,
        reward_at_end=float(reward[1]),
    )
