"""Does a recording go on this engine as it went when it was recorded, and do its actions belong to its steps?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from regrasp.demonstrations.inspection.scale import Scale, observed
from regrasp.demonstrations.replay import Replay, replay
from regrasp.episode import Episode
from regrasp.tasks.task import Task

APART = 0.1
"""Spreads, root mean square over columns, beyond which a replay no longer shows what was recorded."""
LAGS = range(-3, 4)
EARLY = 50
"""Control steps in which lags are told apart: contact soon makes small differences large."""
CLEARLY = 0.5
"""Another lag explains the recording better if its error is below this part of the error without one."""


@dataclass(frozen=True)
class Departure:
    """How a replay leaves its recording.

    Attributes:
        step: first control step whose observation lies more than `APART` from the recorded one; -1 if none does.
        size: how far the last ones lie apart [spreads].
    """

    step: int
    size: float


def departure(recorded: Episode, played: Replay, scale: Scale) -> Departure:
    """Of one episode."""
    rows = observed(recorded)
    away = scale.size(played.episode.observations["policy"][: len(rows)] - rows)
    gone = np.flatnonzero(away > APART)
    return Departure(int(gone[0]) if len(gone) else -1, float(away[-1]))


def lag_errors(task: Task, episodes: Sequence[Episode], scale: Scale, threads: int = 0) -> Mapping[int, float]:
    """Lag → median error of replays in which step t executes the action recorded at t + lag [spreads].

    Of a sound recording lag 0 has the smallest. Where the actions of a file were shifted against its observations, as
    by a camera's delay or an off-by-one, another lag explains it better.

    Args:
        task: which task.
        episodes: each with its start.
        scale: of the observations.
        threads: engine threads.
    """
    errors = {}
    for lag in LAGS:
        played = replay(task, [_shifted(episode, lag) for episode in episodes], threads)
        found = []
        for episode, one in zip(episodes, played, strict=True):
            rows = min(len(observed(episode)), one.episode.steps + 1)
            found.append(scale.size(one.episode.observations["policy"][:rows] - observed(episode)[:rows]).mean())
        errors[lag] = float(np.median(found))
    return errors


def lag_of(errors: Mapping[int, float]) -> int:
    """The lag that explains recordings clearly better than none; 0 if there is none such."""
    best = min(errors, key=lambda lag: (errors[lag], abs(lag)))
    return best if errors[best] < CLEARLY * errors[0] else 0


def _shifted(episode: Episode, lag: int) -> Episode:
    steps = min(episode.steps, EARLY)
    rows = np.clip(np.arange(steps) + lag, 0, episode.steps - 1)
    return replace(episode, actions=episode.actions[rows], rewards=episode.rewards[:steps])
