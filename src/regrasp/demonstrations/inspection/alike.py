"""States that are nearly the same in different episodes, and how much the actions chosen in them differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from regrasp.demonstrations.inspection.observed import scale_of
from regrasp.episode import Episode
from regrasp.scale import Floats, Scale

STATES = 2000
"""States that are compared with each other, spread evenly over all."""
NEIGHBOURS = 5
INSIDE = 0.95
"""States are alike if they lie no further apart than this share of states from the nearest one of another episode."""


@dataclass(frozen=True)
class Alike:
    """M states of E episodes.

    Attributes:
        episodes: E.
        actions: (M, A) float64, chosen in them.
        own: (M,) the episode of each, ascending.
        distance: (M, M) between them [spreads of the observations]; infinite within an episode.
        measure: of differences of actions [spreads of the actions].
    """

    episodes: int
    actions: Floats
    own: NDArray[np.int64]
    distance: Floats
    measure: Scale

    def ambiguity(self) -> Floats:
        """(M,) how much the actions in the nearest states differ from a state's own, relative to states at random."""
        near = np.argsort(self.distance, axis=1, kind="stable")[:, :NEIGHBOURS]
        others = self.measure.size(self.actions[near] - self.actions[:, None]).mean(1)
        shuffled = np.random.default_rng(0).permutation(len(self.actions))
        anywhere = self.measure.size(self.actions - self.actions[shuffled]).mean()
        found: Floats = others / max(float(anywhere), 1e-12)
        return found

    def apart(self) -> Floats:
        """(E, E) mean difference of actions between states of one episode and the nearest ones of another.

        [spreads of the actions]; over the states that are alike, NaN where a pair of episodes has none, and symmetric.
        """
        reach = np.quantile(self.distance.min(1), INSIDE)
        begins = np.flatnonzero(np.diff(self.own, prepend=-1))
        known = self.own[begins]
        found: Floats = np.full((self.episodes, self.episodes), np.nan)
        for column, begin, end in zip(known, begins, [*begins[1:], len(self.own)], strict=True):
            near = begin + self.distance[:, begin:end].argmin(1)
            alike = self.distance[np.arange(len(near)), near] <= reach
            differing = np.where(alike, self.measure.size(self.actions[near] - self.actions), 0.0)
            count, total = np.add.reduceat(alike, begins, dtype=np.float64), np.add.reduceat(differing, begins)
            found[known[count > 0], column] = total[count > 0] / count[count > 0]
        both = np.stack([found, found.T])
        return np.where(np.isnan(both).all(0), np.nan, np.nansum(both, 0) / np.maximum((~np.isnan(both)).sum(0), 1))


def alike(episodes: Sequence[Episode]) -> Alike:
    """Of two episodes or more."""
    scale = scale_of(episodes)
    states = np.concatenate([episode.observations["policy"][:-1] for episode in episodes]) / scale.spread
    actions = np.concatenate([episode.actions for episode in episodes]).astype(np.float64)
    own = np.repeat(np.arange(len(episodes)), [episode.steps for episode in episodes])
    rows = np.unique(np.linspace(0, len(states) - 1, min(STATES, len(states))).astype(int))
    states, actions, own = states[rows], actions[rows], own[rows]
    distance = torch.cdist(torch.from_numpy(states), torch.from_numpy(states)).numpy()
    distance[own[:, None] == own[None]] = np.inf
    return Alike(len(episodes), actions, own, distance, Scale(actions))
