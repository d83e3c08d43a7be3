"""Demonstrations made worse on purpose, in ways that curation is meant to mend; all of it is played on the engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from regrasp.demonstrations.inspection.curating import Fate, apply_fates
from regrasp.demonstrations.playing import play
from regrasp.demonstrations.replay import replay
from regrasp.episode import Episode
from regrasp.seeding import numpy_stream
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Disturbance, Task

FEW = 3
"""Episodes that are repeated until they are two thirds of the set."""
SETTLED = 1.5
"""Time in which what moves all the same comes to rest [s]; not recorded."""
WAIT = 1 / 3
"""Of an episode's length: how long the hand waits before it and after it."""
SETTLING, GAIN = 3.0, 0.1
"""How long the command is looked for that holds the hand still [s], and how much of an error it takes up per step."""
NOISE = (0.2, 0.4, 0.8)
"""Standard deviations of the noise with which an attempt is made to fail, the first that does [half ranges]."""

Way = Callable[[Task, Sequence[Episode], int], list[Episode]]


def repeated(task: Task, episodes: Sequence[Episode], threads: int) -> list[Episode]:
    """The first few episodes over and over again, as when files were joined that share them."""
    return [*episodes, *list(episodes[:FEW]) * (2 * len(episodes) // FEW)]


def waiting(task: Task, episodes: Sequence[Episode], threads: int) -> list[Episode]:
    """The recorder runs before the hand begins and after it is done: it keeps still, acts, and keeps its last command.

    Before, it keeps to the task's rest or is held near its start, whichever spoils fewer attempts.
    """
    settled = round(SETTLED * task.interface.rate)
    rest = np.tile(np.asarray(task.rest, np.float32), (len(episodes), 1))
    tried = [
        replay(task, [_longer(*each, settled) for each in zip(episodes, still, strict=True)], threads)
        for still in (rest, _holding(task, episodes, threads))
    ]
    played = [one.episode for one in max(tried, key=lambda every: sum(one.success for one in every))]
    return list(apply_fates(task, played, [Fate(settled, one.steps) for one in played], threads))


def _longer(episode: Episode, still: NDArray[np.float32], settled: int) -> Episode:
    wait = round(WAIT * episode.steps)
    parts = [np.tile(still, (settled + wait, 1)), episode.actions, np.tile(episode.actions[-1], (wait, 1))]
    actions = np.concatenate(parts)
    return replace(episode, actions=actions, rewards=np.zeros(len(actions)), terminated=False, truncated=True)


def _holding(task: Task, episodes: Sequence[Episode], threads: int) -> NDArray[np.float32]:
    """(E, A) per episode, the action that holds the hand near its start, against gravity: an integrating controller's.

    For hands whose every actuator moves one joint.
    """
    count, model = len(episodes), task.scene.model
    starts = np.stack([episode.start for episode in episodes if episode.start is not None])
    columns = model.jnt_qposadr[model.actuator_trnid[:, 0]]
    offset, scale = (part.numpy() for part in task.control_map)
    environment = Environment(task, count, threads)
    objects = np.array([task.objects.index(episode.object) if episode.object else 0 for episode in episodes])
    environment.reset(np.arange(count), starts, [Disturbance()] * count, [0] * count, objects)
    held = (starts[:, columns] - offset) / scale

    def correcting(t: int, observation: torch.Tensor) -> torch.Tensor:
        held[:] += GAIN * (starts[:, columns] - environment.worlds.states()[:, columns]) / scale
        held.clip(-1, 1, out=held)
        return torch.from_numpy(held.astype(np.float32))

    play(environment, correcting, round(SETTLING * task.interface.rate))
    return held.astype(np.float32)


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
