"""The critic: a normaliser and an MLP from (policy + privileged) observations to a value."""

import torch
from torch import Tensor, nn

from regrasp.policies.bodies import MLP
from regrasp.policies.normaliser import Normaliser


class Critic(nn.Module):
    """(…, P) → (…) value."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], generator: torch.Generator) -> None:
        super().__init__()
        self.normaliser = Normaliser(inputs)
        self.body = MLP((inputs, *hidden, 1), "relu", generator)

    def forward(self, x: Tensor) -> Tensor:
        """Raw critic input (…, P) → value (…)."""
        value: Tensor = self.body(self.normaliser(x)).squeeze(-1)
        return value
