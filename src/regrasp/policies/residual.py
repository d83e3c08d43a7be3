"""A bounded correction of what a frozen policy does, as body and head (Silver et al. 2018, "Residual Policy Learning").

The frozen policy may be of any design: its action stands among the inputs, and what is decided is that action and a
correction, which begins at zero (Johannink et al. 2019, "Residual RL for Robot Control"; on frozen chunks, Ankile et
al. 2024, "From Imitation to Refinement") and never passes a bound (Yuan et al. 2024, "Policy Decorator").
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from regrasp.policies.bodies import MLP
from regrasp.policies.heads import Head


@dataclass(frozen=True)
class Residual:
    """How an action is corrected.

    Attributes:
        limit: what the bound of a correction is at most, in half action ranges.
        hidden: widths of the correction's hidden layers.

    Raises:
        ValueError: a limit that is not above 0 and at most 2, or no hidden layer.
    """

    limit: float
    hidden: tuple[int, ...]

    def __post_init__(self) -> None:
        if not 0.0 < self.limit <= 2.0:
            raise ValueError(f"the limit of a residual must be above 0 and at most 2, not {self.limit!r}")
        if not self.hidden:
            raise ValueError("a residual needs at least one hidden layer")


class CorrectionBody(MLP):
    """Inputs (…, O + A), the frozen policy's action last → features and, behind them, that action (…, F + A).

    Args:
        inputs: O + A.
        actions: A.
        hidden: widths of the hidden layers; the last one is F.
        activation: a key of `regrasp.policies.bodies.ACTIVATIONS`.
        generator: where the initial weights come from.
    """

    def __init__(
        self, inputs: int, actions: int, hidden: Sequence[int], activation: str, generator: torch.Generator
    ) -> None:
        super().__init__((inputs, *hidden), activation, generator, activate_last=True)
        self._actions = actions

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalised inputs (…, O + A); the action is not scaled → (…, F + A)."""
        return torch.cat([super().forward(x), x[..., -self._actions :]], dim=-1)


class CorrectionHead(Head):
    """The frozen policy's action and bound · tanh(linear / bound): near zero it is linear, whatever the bound.

    So what was learned stays what it is when the bound grows. The bound is part of the weights: a checkpoint acts with
    the one that it had when it was saved.

    Args:
        features: F.
        actions: A.
        limit: the bound at first.
        generator: of the initial weights, all of which are zero.
    """

    bound: torch.Tensor

    def __init__(self, features: int, actions: int, limit: float, generator: torch.Generator) -> None:
        super().__init__(features, actions, actions, generator)
        self._actions = actions
        self.register_buffer("bound", torch.tensor(limit))
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def correction(self, features: torch.Tensor) -> torch.Tensor:
        """Features and action (…, F + A) → correction (…, A), between -bound and bound."""
        # A product of a strided slice rounds a row differently in different batches (measured); of a copy it does not.
        own = features[..., : -self._actions].contiguous()
        return self.bound * torch.tanh(self.linear(own) / self.bound)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features and action (…, F + A) → the corrected action (…, A), not clipped."""
        return features[..., -self._actions :] + self.correction(features)
