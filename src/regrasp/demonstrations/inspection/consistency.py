"""Do alike states have alike actions, and does something beside the hand limit them?"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from regrasp.demonstrations.inspection.observed import scale_of
from regrasp.episode import Episode
from regrasp.scale import Floats, Scale

STATES = 2000
"""States that are compared with each other, spread evenly over all."""
NEIGHBOURS = 5
WHO = ("demonstrator", "operator", "user", "subject")
"""Keys of an episode's provenance that name who recorded it."""


@dataclass(frozen=True)
class Consistency:
    """How well actions follow from states.

    Attributes:
        ambiguity: (M,) per state: how much the actions in its nearest states of other episodes differ from its own,
            relative to two states at random. Near 0 one state has one action; from 1 on its surroundings say nothing,
            and the mean of its neighbours' actions, which a Gaussian clone learns, may be none of them.
        pinned: share of action components at exactly the largest or smallest value of their column, where that is
            inside the action interface's limits of ±1: what another limit leaves.
        demonstrators: who → their number of episodes; empty where the file does not say.
    """

    ambiguity: Floats
    pinned: float
    demonstrators: Mapping[str, int]


def consistency(episodes: Sequence[Episode]) -> Consistency:
    """Of two episodes or more."""
    return Consistency(_ambiguity(episodes), _pinned(episodes), _demonstrators(episodes))


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


def _pinned(episodes: Sequence[Episode]) -> float:
    actions = np.concatenate([episode.actions for episode in episodes])
    moving = actions.std(0) > 0
    repeated = 0
    for limit in (actions.min(0), actions.max(0)):
        inside = moving & (np.abs(limit) < 1.0)
        count = (actions == limit).sum(0)[inside]
        repeated += int(count[count > 1].sum())
    return repeated / max(int(moving.sum()) * len(actions), 1)


def _demonstrators(episodes: Sequence[Episode]) -> dict[str, int]:
    counts: defaultdict[str, int] = defaultdict(int)
    for episode in episodes:
        for key in WHO:
            if episode.provenance.get(key):
                counts[episode.provenance[key]] += 1
                break
    return dict(sorted(counts.items()))
