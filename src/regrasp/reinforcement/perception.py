"""What a learner sees: observations, and where it corrects a frozen policy, what that would do now."""

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.policies.policy import Policy

Observations = Mapping[str, Tensor]


class Perception:
    """Of B worlds side by side, which begin one by one.

    A frozen policy may remember what a world showed. That memory is held here, apart from that of the policy itself,
    which acts elsewhere when it is judged.

    Args:
        base: the frozen policy; None: the learner sees observations alone.
        count: B.
    """

    def __init__(self, base: Policy | None, count: int) -> None:
        self._base, self._count = copy.deepcopy(base), count
        if self._base is not None:
            self._base.begin(count)
            self._proposed = torch.zeros(count, self._base.spec.action.size)

    def start(self, observations: Observations, worlds: NDArray[np.int64]) -> dict[str, Tensor]:
        """Groups of observations (B, …) where the named worlds (n,) are at their start and the others go on.

        Gives the groups as the learner sees them: in `policy`, the frozen policy's actions behind (B, O + A).
        """
        if self._base is not None:
            named = worlds.tolist()
            self._base.begin(self._count, named)
            self._proposed[named] = self._base.act(observations["policy"][named], named)
        return self._seen(observations)

    def after(self, observations: Observations) -> dict[str, Tensor]:
        """The same where every world has gone one step on."""
        if self._base is not None:
            self._proposed = self._base.act(observations["policy"])
        return self._seen(observations)

    def _seen(self, observations: Observations) -> dict[str, Tensor]:
        if self._base is None:
            return dict(observations)
        return {**observations, "policy": torch.cat([observations["policy"], self._proposed], dim=1)}

    def save(self) -> dict[str, NDArray[np.generic]]:
        """Everything that what is seen next depends on; nothing without a frozen policy."""
        if self._base is None:
            return {}
        named = {"proposed": self._proposed} | {f"memory/{name}": one for name, one in self._base.memory().items()}
        return {name: value.numpy().copy() for name, value in named.items()}

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue from what `save` returned."""
        if self._base is None:
            return
        tensors = {name.removeprefix("memory/"): torch.from_numpy(np.array(value)) for name, value in saved.items()}
        self._proposed = tensors.pop("proposed")
        self._base.recall(tensors)


def acted_along(actor: Policy, episodes: Sequence[Tensor]) -> Tensor:
    """What an actor does at every observation of episodes (T, O) that go as they were recorded; N rows (N, A)."""
    padded = torch.nn.utils.rnn.pad_sequence(list(episodes))
    actor.begin(len(episodes))
    acted = torch.stack([actor.act(observation) for observation in padded])
    return torch.cat([acted[: len(episode), row] for row, episode in enumerate(episodes)])
