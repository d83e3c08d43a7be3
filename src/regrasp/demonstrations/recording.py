"""Recording: an actor's noisy attempts at a task, as demonstrations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from regrasp.actor import Actor
from regrasp.contact import modes
from regrasp.episode import Episode
from regrasp.seeding import numpy_stream
from regrasp.simulation.disturbance import NONE
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Task

WORLDS = 32
"""Attempts side by side."""


@dataclass(frozen=True)
class Attempt:
    """One attempt and what the judge found in the part of it that was kept; a diverged one succeeded in nothing."""

    episode: Episode
    contact_entry: int
    success: bool
    success_at_end: bool
    success_held: bool


@dataclass(frozen=True)
class RecordingConfig:
    """How attempts are made.

    Attributes:
        noise: (A,) standard deviation of the Gaussian noise on each action, in units of the action range's half width.
        seed: of start states and noise; attempt i depends on it and on i alone.
        tail: control steps kept after the first success; an attempt without success lasts the task's horizon.
        threads: of the engine, 0 for every core.
    """

    noise: NDArray[np.float32]
    seed: int = 0
    tail: int = 50
    threads: int = 0


@dataclass(frozen=True)
class _Steps:
    """What `WORLDS` attempts left behind; the first axis is time, the second the attempt."""

    actions: NDArray[np.float32]
    observations: NDArray[np.float32]
    rewards: NDArray[np.float64]
    states: NDArray[np.float64]
    contact_modes: NDArray[np.uint8]
    successes: NDArray[np.int64]
    diverged: NDArray[np.bool_]
    entry: NDArray[np.int64]


def record_attempts(
    actor: Actor, task: Task, config: RecordingConfig, provenance: Mapping[str, str]
) -> Iterator[Attempt]:
    """Attempts from the task's own starts, undisturbed, without end; `provenance` goes into every episode."""
    first = 0
    while True:
        numbers = range(first, first + WORLDS)
        steps = _play(actor, task, config, numbers)
        for row, number in enumerate(numbers):
            yield _attempt(task, config, steps, row, {**provenance, "attempt": str(number)})
        first += WORLDS


def _play(actor: Actor, task: Task, config: RecordingConfig, numbers: Sequence[int]) -> _Steps:
    environment = Environment(task, len(numbers), config.threads)
    streams = [numpy_stream(config.seed, "recording", number) for number in numbers]
    # Rounded, so that a file that stores states in float32 holds the very state that the attempt began in.
    starts = (
        np.concatenate([task.draw_starts(np.zeros(1, np.int64), stream) for stream in streams])
        .astype(np.float32)
        .astype(np.float64)
    )
    environment.reset(np.arange(len(numbers)), starts, [NONE] * len(numbers), [0] * len(numbers))
    observation = environment.observe()["policy"]
    found: dict[str, list[NDArray[np.generic]]] = {
        "actions": [],
        "observations": [observation.numpy()],
        "rewards": [],
        "states": [environment.worlds.states()],
        "contact_modes": [modes(environment.readings.touching()).numpy()],
        "successes": [],
    }
    for _ in range(task.horizon):
        noise = np.stack([stream.standard_normal(len(config.noise), np.float32) for stream in streams]) * config.noise
        action = (actor.act(observation) + torch.from_numpy(noise)).clamp(-1.0, 1.0)
        step = environment.step(action)
        observation = step.observations["policy"]
        found["actions"].append(action.numpy())
        found["observations"].append(observation.numpy())
        found["rewards"].append(step.reward.numpy().astype(np.float64))
        found["states"].append(environment.worlds.states())
        found["contact_modes"].append(modes(environment.touching).numpy())
        found["successes"].append(environment.judgement.successes.numpy().copy())
    arrays = {name: np.stack(rows) for name, rows in found.items()}
    return _Steps(**arrays, diverged=environment.worlds.diverged.copy(), entry=environment.entry.entry.numpy().copy())


def _attempt(task: Task, config: RecordingConfig, steps: _Steps, row: int, provenance: Mapping[str, str]) -> Attempt:
    successes = steps.successes[:, row]
    reached = np.flatnonzero(successes > 0)
    end = min(task.horizon, int(reached[0]) + 1 + config.tail) if len(reached) else task.horizon
    episode = Episode(
        actions=steps.actions[:end, row],
        observations={"policy": steps.observations[: end + 1, row]},
        rewards=steps.rewards[:end, row],
        states=steps.states[: end + 1, row],
        contact_modes=steps.contact_modes[: end + 1, row],
        provenance=provenance,
    )
    sound = not steps.diverged[row]
    return Attempt(
        episode=episode,
        contact_entry=int(steps.entry[row]) if steps.entry[row] <= end else -1,
        success=bool(sound and successes[end - 1] > 0),
        success_at_end=bool(sound and successes[end - 1] > (successes[end - 2] if end > 1 else 0)),
        success_held=bool(sound and successes[end - 1] > task.judge.held_steps),
    )
