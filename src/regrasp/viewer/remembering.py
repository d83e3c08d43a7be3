"""An actor that remembers what it did, for whoever looks at it afterwards."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from regrasp.actor import Actor


class Remembering:
    """Acts as another actor does, in one world.

    Args:
        actor: who decides.
    """

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._acted: list[NDArray[np.float32]] = []

    @property
    def interface_digest(self) -> str:
        """Digest of the action interface that the actions are meant for."""
        return self._actor.interface_digest

    def begin(self, count: int, worlds: Sequence[int] | None = None) -> None:
        """From now on `count` worlds act; what was remembered is forgotten."""
        self._acted.clear()
        self._actor.begin(count, worlds)

    def act(self, observation: torch.Tensor) -> torch.Tensor:
        """Observation (1, O) → action (1, A)."""
        action = self._actor.act(observation)
        self._acted.append(action[0].detach().numpy().copy())
        return action

    def actions(self) -> NDArray[np.float32]:
        """(T, A) since `begin`."""
        return np.stack(self._acted)
