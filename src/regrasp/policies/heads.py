"""Heads: from a body's features to what the network decides."""

import torch
from torch import nn
from torch.distributions import Independent, Normal

from regrasp.policies.bodies import initialised_linear

LOG_STD_LIMITS = (-7.0, 1.0)
"""Standard deviations between 0.0009 and 2.7: wider than [-1, 1] needs, narrow enough to keep densities finite."""


class GaussianHead(nn.Module):
    """A Gaussian over actions: its mean is linear in the features, its width belongs to the action, not to the state.

    Args:
        features: width of the body's output.
        actions: A.
        generator: where the initial weights come from.
        log_std: initial natural logarithm of the standard deviation, in units of the action range's half width.
    """

    def __init__(self, features: int, actions: int, generator: torch.Generator, log_std: float = -1.6) -> None:
        super().__init__()
        self.linear = initialised_linear(features, actions, generator)
        self.log_std = nn.Parameter(torch.full((actions,), log_std))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features (…, F) → mean action (…, A), not clipped."""
        mean: torch.Tensor = self.linear(features)
        return mean

    def std(self) -> torch.Tensor:
        """Standard deviation of each action (A,), kept inside `LOG_STD_LIMITS`."""
        return self.log_std.clamp(*LOG_STD_LIMITS).exp()

    def distribution(self, features: torch.Tensor) -> Independent[Normal]:
        """Features (…, F) → the Gaussian over whole actions (batch …, event A)."""
        mean = self(features)
        return Independent(Normal(mean, self.std().expand_as(mean), validate_args=False), 1, validate_args=False)
