"""Demonstrations played again on today's engine: their states, contacts and outcome as this machine sees them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from regrasp.demonstrations.disturbed import disturbance_of
from regrasp.demonstrations.playing import Judged, play
from regrasp.episode import Episode
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Task

Replay = Judged
"""One demonstration's recorded actions, executed from its recorded start: what that showed, in place of what it had."""


def replay(task: Task, episodes: Sequence[Episode], threads: int = 0) -> list[Replay]:
    """Plays every episode, all of them side by side, each under the disturbance that it says it was recorded under.

    Raises:
        ValueError: an episode has no start state.
        InputError: an episode says something about its disturbance that cannot be.
    """
    starts = np.array([_start(episode) for episode in episodes])
    count, steps = len(episodes), max(episode.steps for episode in episodes)
    disturbances, seeds = zip(*map(disturbance_of, episodes), strict=True)
    environment = Environment(task, count, threads)
    objects = np.array([task.scene.objects.index(episode.object) if episode.object else 0 for episode in episodes])
    environment.reset(np.arange(count), starts, disturbances, seeds, objects)

    def recorded(t: int, observation: torch.Tensor) -> torch.Tensor:
        rows = [episode.actions[min(t, episode.steps - 1)] for episode in episodes]
        return torch.from_numpy(np.stack(rows))

    played = play(environment, recorded, steps)
    return [played.fill(episode, world) for world, episode in enumerate(episodes)]


def with_contact(task: Task, episodes: Sequence[Episode], threads: int = 0) -> list[Episode]:
    """The episodes with their contact modes: as recorded, or as a replay shows them; those without a start drop out."""
    played = [episode for episode in episodes if episode.contact_modes is None and episode.start is not None]
    replayed = iter(replay(task, played, threads) if played else [])
    shown = []
    for episode in episodes:
        if episode.contact_modes is not None:
            shown.append(episode)
        elif episode.start is not None:
            shown.append(next(replayed).episode)
    return shown


def _start(episode: Episode) -> NDArray[np.float64]:
    if episode.start is None:
        raise ValueError("an episode without its start state cannot be replayed")
    return episode.start
