"""Soft actor-critic's actor: a Gaussian squashed by tanh (Haarnoja et al. 2018)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from regrasp.policies.bodies import MLP, initialised_linear
from regrasp.policies.normaliser import Normaliser

LOG_STD_LIMITS = (-20.0, 2.0)


class TanhGaussian(nn.Module):
    """Observations (N, O) → actions (N, A) in (-1, 1), with mean and width both of the state.

    Args:
        seen: O.
        actions: A.
        hidden: widths of the hidden layers.
        generator: where the initial weights come from.
    """

    def __init__(self, seen: int, actions: int, hidden: Sequence[int], generator: torch.Generator) -> None:
        super().__init__()
        self.normaliser = Normaliser(seen)
        self.body = MLP((seen, *hidden), "relu", generator, activate_last=True)
        self.mean = initialised_linear(hidden[-1], actions, generator)
        self.log_std = initialised_linear(hidden[-1], actions, generator)

    def sample(self, observation: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Observations (N, O) → actions (N, A), and the logarithm of their density (N,); differentiable."""
        features = self.body(self.normaliser(observation))
        log_std = self.log_std(features).clamp(*LOG_STD_LIMITS)
        draw = torch.randn(log_std.shape, generator=generator)
        before = self.mean(features) + log_std.exp() * draw
        return before.tanh(), log_density(before, draw, log_std)

    @torch.no_grad()
    def mode(self, observation: Tensor) -> Tensor:
        """Observations (N, O) → actions (N, A) without noise."""
        squashed: Tensor = self.mean(self.body(self.normaliser(observation))).tanh()
        return squashed


def log_density(before: Tensor, draw: Tensor, log_std: Tensor) -> Tensor:
    """Logarithm of the density of tanh(before) (N,), where before (N, A) is mean + exp(log_std) · draw."""
    gaussian = -0.5 * draw.square() - log_std - 0.5 * math.log(2.0 * math.pi)
    # log(1 - tanh²(x)) = 2 (log 2 - x - softplus(-2x)), which does not underflow.
    slope = 2.0 * (math.log(2.0) - before - nn.functional.softplus(-2.0 * before))
    return (gaussian - slope).sum(1)
