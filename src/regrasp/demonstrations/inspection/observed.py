"""What was observed in demonstrations, and how far it spreads over them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from regrasp.episode import Episode
from regrasp.scale import Scale


def observed(episode: Episode) -> NDArray[np.float32]:
    """The policy's observations (T + 1, O), or (T, O) where the last one was never observed."""
    rows = episode.observations["policy"]
    return rows if episode.terminal_observed else rows[:-1]


def scale_of(episodes: Sequence[Episode]) -> Scale:
    """Of what the policy observes in them."""
    return Scale(np.concatenate([observed(episode) for episode in episodes]))
