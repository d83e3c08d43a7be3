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
        episode: the recorded actions with the states, observations, rewards and contact modes of the replay.
        contact_entry: first step of the first stable contact, -1 without one.
        success, success_at_end, success_held: as the task's judge finds them.
    """

    episode: Episode
    contact_entry: int
    success: bool
    success_at_end: bool
    success_held: bool


@dataclass(frozen=True)
class _Played:
    """What was seen in all worlds, (B, time, …), up to the end of the longest episode."""

    states: NDArray[np.float64]
    observations: NDArray[np.float32]
    contact_modes: NDArray[np.uint8]
    rewards: NDArray[np.float64]

    def cut(self, episode: Episode, row: int) -> Episode:
        """`episode` with what was seen in its world until its own end."""
        end = episode.steps + 1
        return replace(
            episode,
            states=self.states[row, :end],
            observations={"policy": self.observations[row, :end]},
            contact_modes=self.contact_modes[row, :end],
            rewards=self.rewards[row, : episode.steps],
            terminal_observed=True,
        )


def replay(task: Task, episodes: Sequence[Episode], threads: int = 0) -> list[Replay]:
    """Plays every episode that has a start state, all of them side by side.

    Raises:
        ValueError: an episode has no start state.
    """
    starts = np.array([_start(episode) for episode in episodes])
    count, steps = len(episodes), max(episode.steps for episode in episodes)
    lengths = np.array([episode.steps for episode in episodes])
    environment = Environment(task, count, threads)
    objects = np.array([task.scene.objects.index(episode.object) if episode.object else 0 for episode in episodes])
    environment.reset(np.arange(count), starts, [NONE] * count, [0] * count, objects)
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
    played = _Played(*(np.stack(part, axis=1) for part in (states, observations, contact, rewards)))
    outcomes = dict(ends)
    return [Replay(played.cut(episode, row), *outcomes[row]) for row, episode in enumerate(episodes)]


def _start(episode: Episode) -> NDArray[np.float64]:
    if episode.start is None:
        raise ValueError("an episode without its start state cannot be replayed")
    return episode.start


def _outcome(environment: Environment, row: int) -> tuple[int, bool, bool, bool]:
    judgement = environment.judgement
    findings = (judgement.success_once, judgement.success_at_end, judgement.success_held)
    # A diverged world goes on from the engine's defaults; what it shows there is nobody's success.
    once, at_end, held = (bool(found[row]) and not environment.worlds.diverged[row] for found in findings)
    return int(environment.entry.entry[row]), once, at_end, held
