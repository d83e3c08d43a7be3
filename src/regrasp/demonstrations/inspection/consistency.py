"""Do alike states have alike actions, from whomever, and does something beside the hand limit or shake them?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regrasp.demonstrations.inspection.alike import Alike, alike
from regrasp.demonstrations.inspection.demonstrators import Demonstrator, compared, demonstrators
from regrasp.demonstrations.replay import Replay
from regrasp.episode import Episode
from regrasp.scale import Floats


@dataclass(frozen=True)
class Consistency:
    """How well actions follow from states.

    Attributes:
        ambiguity: (M,) per state: how much the actions in its nearest states of other episodes differ from its own,
            relative to two states at random. Near 0 one state has one action; from 1 on its surroundings say nothing,
            and the mean of its neighbours' actions, which a Gaussian clone learns, may be none of them.
        jitter: (E,) per episode, how far an action lies from the line through its neighbours in time [spreads of the
            actions], root mean square: what changes to and fro from one control step to the next.
        pinned: share of action components at exactly the largest or smallest value of their column, where that is
            inside the action interface's limits of ±1: what another limit leaves.
        demonstrators: who → their number of episodes; empty where the file does not say.
        compared: the same, compared with each other; empty unless there are two of them.
    """

    ambiguity: Floats
    jitter: Floats
    pinned: float
    demonstrators: Mapping[str, int]
    compared: tuple[Demonstrator, ...] = ()


def consistency(episodes: Sequence[Episode], played: Sequence[Replay] = ()) -> Consistency:
    """Of two episodes or more; `played` are the replays of those that have a start."""
    near = alike(episodes)
    jitter = np.array([_jitter(episode, near) for episode in episodes])
    people = compared(episodes, played, near, jitter)
    return Consistency(near.ambiguity(), jitter, _pinned(episodes), demonstrators(episodes), people)


def _jitter(episode: Episode, near: Alike) -> float:
    actions = episode.actions.astype(np.float64)
    if len(actions) < 3:
        return 0.0
    off = near.measure.size(actions[1:-1] - (actions[:-2] + actions[2:]) / 2)
    return float(np.sqrt(np.mean(off**2)))


def _pinned(episodes: Sequence[Episode]) -> float:
    actions = np.concatenate([episode.actions for episode in episodes])
    moving = actions.std(0) > 0
    repeated = 0
    for limit in (actions.min(0), actions.max(0)):
        inside = moving & (np.abs(limit) < 1.0)
        count = (actions == limit).sum(0)[inside]
        repeated += int(count[count > 1].sum())
    return repeated / max(int(moving.sum()) * len(actions), 1)
