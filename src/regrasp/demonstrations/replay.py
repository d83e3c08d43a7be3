"""Demonstrations played again on today's engine: their states, contacts and outcome as this machine sees them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from regrasp.contact import modes
from regrasp.episode import Episode
from regrasp.simulation.disturbance import NONE
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Task


@dataclass(frozen=True)
class Replay:
    """One demonstration's recorded actions, executed from its recorded start.

    Attributes:
        episode: the demonstration with the states, observations, rewards and contact modes of the replay; actions as recorded.
        contact_entry: first step of the first stable contact, -1 without one.
        success, success_at_end, success_held: as the task's judge finds them.
    """

    episode: Episode
    contact_entry: int
    success: bool
    success_at_end: bool
    success_held: bool


def replay(task: Task, episodes: Sequence[Episode], threads: int = 0) -> list[Replay]:
    """Plays every episode that has a start state, all of them side by side.

    Raises:
        ValueError: an episode has no start state.
    """
    starts = np.array([_start(episode) for episode in episodes])
    count, steps = len(episodes), max(episode.steps for episode in episodes)
    lengths = np.array([episode.steps for episode in episodes])
    environment = Environment(task, count, threads)
    environment.reset(np.arange(count), starts, [NONE] * count, [0] * count)
    states = [environment.worlds.states()]
    observations = [environment.observe()["policy"].numpy()]
    contact = [modes(environment.readings.touching()).numpy()]
    rewards, ends = [], []
    for t in range(steps):
        rows = [episode.actions[min(t, episode.steps - 1)] for episode in episodes]
        step = environment.step(torch.from_numpy(np.stack(rows)))
        states.append(environment.worlds.states())
        observations.append(step.observations["policy"].numpy())
        contact.append(modes(environment.touching).numpy())
        rewards.append(step.reward.numpy().astype(np.float64))
        for row in np.flatnonzero(lengths == t + 1):
            ends.append((int(row), _outcome(environment, int(row))))
    arrays = tuple(np.stack(part, axis=1) for part in (states, observations, contact, rewards))
    outcomes = dict(ends)
    return [Replay(_cut(episode, arrays, row), *outcomes[row]) for row, episode in enumerate(episodes)]


def _start(episode: Episode) -> NDArray[np.float64]:
    if episode.start is None:
        raise ValueError("an episode without its start state cannot be replayed")
    return episode.start


def _outcome(environment: Environment, row: int) -> tuple[int, bool, bool, bool]:
    judgement = environment.judgement
    return (
        int(environment.entry.entry[row]),
        bool(judgement.successes[row] > 0),
        bool(judgement.at_end[row]),
        bool(judgement.success_held[row]),
    )


def _cut(episode: Episode, arrays: tuple[NDArray[np.generic], ...], row: int) -> Episode:
    states, observations, contact, rewards = arrays
    end = episode.steps + 1
    return replace(
        episode,
        states=states[row, :end],
        observations={"policy": observations[row, :end]},
        contact_modes=contact[row, :end],
        rewards=rewards[row, : episode.steps],
        terminal_observed=True,
    )
