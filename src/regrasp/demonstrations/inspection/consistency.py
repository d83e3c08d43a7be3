"""Do alike states have alike actions, and are actions as smooth as a hand is?"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from regrasp.demonstrations.inspection.scale import Floats, Scale, scale_of
from regrasp.episode import Episode

STATES = 2000
"""States that are compared with each other, spread evenly over all."""
NEIGHBOURS = 5
SPIKE = 8.0
"""Times the median: a change of speed between two actions that no motion before or after it explains."""
WHO = ("demonstrator", "operator", "user", "subject")
"""Keys of an episode's provenance that name who recorded it."""


@dataclass(frozen=True)
class Consistency:
    """How well actions follow from states.

    Attributes:
        ambiguity: (M,) per state: how much the actions in its nearest states of other episodes differ from its own,
            relative to two states at random. Near 0 one state has one action; from 1 on its surroundings say nothing,
            and the mean of its neighbours' actions, which a Gaussian clone learns, may be none of them.
        spikes: share of control steps at which the action jumps.
        pinned: share of action components at exactly the largest or smallest value of their column, beyond one row:
            what a limit leaves.
        demonstrators: who → their number of episodes; empty where the file does not say.
    """

    ambiguity: Floats
    spikes: float
    pinned: float
    demonstrators: Mapping[str, int]


def consistency(episodes: Sequence[Episode]) -> Consistency:
    """Of two episodes or more."""
    return Consistency(_ambiguity(episodes), _spikes(episodes), _pinned(episodes), _demonstrators(episodes))


def _ambiguity(episodes: Sequence[Episode]) -> Floats:
    scale = scale_of(episodes)
    states = np.concatenate([episode.observations["policy"][:-1] for episode in episodes]) / scale.spread
    actions = np.concatenate([episode.actions for episode in episodes]).astype(np.float64)
    own = np.repeat(np.arange(len(episodes)), [episode.steps for episode in episodes])
    rows = np.unique(np.linspace(0, len(states) - 1, min(STATES, len(states))).astype(int))
    states, actions, own = states[rows], actions[rows], own[rows]
    distance = torch.cdist(torch.from_numpy(states), torch.from_numpy(states)).numpy()
    distance[own[:, None] == own[None]] = np.inf
    near = np.argsort(distance, axis=1, kind="stable")[:, :NEIGHBOURS]
    measure = Scale(actions)
    others = measure.size(actions[near] - actions[:, None]).mean(1)
    shuffled = np.random.default_rng(0).permutation(len(actions))
    anywhere = measure.size(actions - actions[shuffled]).mean()
    found: Floats = others / max(float(anywhere), 1e-12)
    return found


def _spikes(episodes: Sequence[Episode]) -> float:
    measure = Scale(np.concatenate([episode.actions for episode in episodes]))
    jumps = [measure.size(np.diff(episode.actions, n=2, axis=0)) for episode in episodes if episode.steps > 2]
    if not jumps:
        return 0.0
    sizes = np.concatenate(jumps)
    return float((sizes > SPIKE * np.median(sizes) + 1e-9).mean())


def _pinned(episodes: Sequence[Episode]) -> float:
    actions = np.concatenate([episode.actions for episode in episodes])
    moving = actions.std(0) > 0
    at = [(actions == limit).sum(0) for limit in (actions.min(0), actions.max(0))]
    repeated = sum(np.where(count > 1, count, 0) for count in at)[moving]
    return float(repeated.sum() / max(actions[:, moving].size, 1))


def _demonstrators(episodes: Sequence[Episode]) -> dict[str, int]:
    counts: defaultdict[str, int] = defaultdict(int)
    for episode in episodes:
        for key in WHO:
            if episode.provenance.get(key):
                counts[episode.provenance[key]] += 1
                break
    return dict(sorted(counts.items()))
