"""Does a recording go on this engine as it went when it was recorded, and do its actions belong to its steps?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from regrasp.demonstrations.inspection.observed import observed
from regrasp.demonstrations.replay import Replay, replay
from regrasp.episode import Episode
from regrasp.scale import Floats, Scale
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
        step: control step from which on every observation lies more than `APART` from the recorded one; -1 if the
            last one does not. A few odd rows, as some recorders have at the beginning, are no departure.
        size: how far the last ones lie apart [spreads].
        away: (T + 1,) how far each is.
    """

    step: int
    size: float
    away: Floats


def departure(recorded: Episode, played: Replay, scale: Scale) -> Departure:
    """Of one episode."""
    away = scale.size(_apart(recorded, played))
    near = np.flatnonzero(away <= APART)
    left = int(near[-1]) + 1 if len(near) else 0
    return Departure(left if left < len(away) else -1, float(away[-1]), away)


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
        found = [np.median(scale.size(_apart(*pair))) for pair in zip(episodes, played, strict=True)]
        errors[lag] = float(np.median(found))
    return errors


def _apart(recorded: Episode, played: Replay) -> Floats:
    """(t, O) what is observed in a replay against what was recorded."""
    rows = min(len(observed(recorded)), played.episode.steps + 1)
    return (played.episode.observations["policy"][:rows] - observed(recorded)[:rows]).astype(np.float64)


def lag_of(errors: Mapping[int, float]) -> int:
    """The lag that explains recordings clearly better than none; 0 if there is none such."""
    best = min(errors, key=lambda lag: (errors[lag], abs(lag)))
    return best if errors[best] < CLEARLY * errors[0] else 0


def _shifted(episode: Episode, lag: int) -> Episode:
    steps = min(episode.steps, EARLY)
    rows = np.clip(np.arange(steps) + lag, 0, episode.steps - 1)
    return replace(episode, actions=episode.actions[rows], rewards=episode.rewards[:steps])
