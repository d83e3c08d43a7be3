"""Demonstrations made worse on purpose, in ways that curation is meant to mend; all of it is played on the engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from regrasp.demonstrations.inspection.curating import Fate, apply_fates
from regrasp.demonstrations.replay import replay
from regrasp.episode import Episode
from regrasp.seeding import numpy_stream
from regrasp.tasks.task import Task

FEW = 3
"""Episodes that are repeated until they are two thirds of the set."""
WAIT = 1 / 3
"""Of an episode's length: how long the hand waits before it and after it."""
SETTLED = 1.0
"""Time in which the hand comes to rest before it waits [s]; not recorded."""
NOISE = (0.2, 0.4, 0.8)
"""Standard deviations of the noise with which an attempt is made to fail, the first that does [half ranges]."""

Way = Callable[[Task, Sequence[Episode], int], list[Episode]]


def repeated(task: Task, episodes: Sequence[Episode], threads: int) -> list[Episode]:
    """The first few episodes over and over again, as when files were joined that share them."""
    return [*episodes, *list(episodes[:FEW]) * (2 * len(episodes) // FEW)]


def waiting(task: Task, episodes: Sequence[Episode], threads: int) -> list[Episode]:
    """The recorder runs before the hand begins and after it is done: it rests, acts, and holds its last posture."""
    settled = round(SETTLED * task.interface.rate)
    rest, longer = np.asarray(task.rest, np.float32), []
    for episode in episodes:
        wait = round(WAIT * episode.steps)
        parts = [np.tile(rest, (settled + wait, 1)), episode.actions, np.tile(episode.actions[-1], (wait, 1))]
        actions = np.concatenate(parts)
        longer.append(replace(episode, actions=actions, rewards=np.zeros(len(actions)), terminated=False, truncated=True))
    played = [one.episode for one in replay(task, longer, threads)]
    return list(apply_fates(task, played, [Fate(settled, one.steps) for one in played], threads))


def failed(task: Task, episodes: Sequence[Episode], threads: int) -> list[Episode]:
    """A failed attempt for each episode: its actions under noise that keeps it from succeeding."""
    missing, found = list(enumerate(episodes)), dict[int, Episode]()
    for level in NOISE:
        if not missing:
            break
        noisy = [_shaken(episode, place, level) for place, episode in missing]
        for (place, _), one in zip(missing, replay(task, noisy, threads), strict=True):
            if not one.success:
                found[place] = one.episode
        missing = [(place, episode) for place, episode in missing if place not in found]
    return [*episodes, *(found[place] for place in sorted(found))]


def _shaken(episode: Episode, place: int, level: float) -> Episode:
    noise = numpy_stream(place, "polluted", str(level)).standard_normal(episode.actions.shape)
    return replace(episode, actions=(episode.actions + level * noise).clip(-1, 1).astype(np.float32))


WAYS: Mapping[str, Way] = {
    "as it is": lambda task, episodes, threads: list(episodes),
    "three repeated": repeated,
    "waiting": waiting,
    "failures mixed in": failed,
}
