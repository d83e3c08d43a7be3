"""Heads: from a body's features to what is decided, and what a decision costs that is not the demonstrated one."""

import torch
from torch import nn
from torch.distributions import Independent, Normal

from regrasp.policies.bodies import initialised_linear

LOG_STD_LIMITS = (-7.0, 1.0)
"""Standard deviations between 0.0009 and 2.7: wider than [-1, 1] needs, narrow enough to keep densities finite."""


class Head(nn.Module):
    """What every head has: a last linear layer, a width for each action, a decision (`forward`) and a loss.

    The width is how far the clone is from what was demonstrated. It takes no part in the decision: fine-tuning and
    recording explore with it.

    Args:
        inputs: width of what the last layer reads.
        outputs: width of what it gives.
        actions: A.
        generator: where the initial weights come from.
        log_std: initial natural logarithm of the width, in units of the action range's half width.
    """

    def __init__(
        self, inputs: int, outputs: int, actions: int, generator: torch.Generator, log_std: float = -1.6
    ) -> None:
        super().__init__()
        self.linear = initialised_linear(inputs, outputs, generator)
        self.log_std = nn.Parameter(torch.full((actions,), log_std))

    def std(self) -> torch.Tensor:
        """Width of each action (A,), kept inside `LOG_STD_LIMITS`."""
        return self.log_std.clamp(*LOG_STD_LIMITS).exp()

    def fit(self, target: torch.Tensor) -> None:
        """Learn the scale of all targets (N, H·A), before the first update; a head that needs none ignores them."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features (…, F) → the decided chunk (…, H·A), not clipped; the same every time."""
        raise NotImplementedError

    def loss(self, features: torch.Tensor, target: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Features (N, F) and demonstrated chunks (N, H·A) → the mean over rows of what to make small, ().

        Whatever a loss draws comes from `generator`.
        """
        raise NotImplementedError


class GaussianHead(Head):
    """A Gaussian over actions: its mean is linear in the features, its width belongs to the action, not to the state.

    Args:
        features: width of the body's output.
        actions: A.
        generator: where the initial weights come from.
        log_std: initial natural logarithm of the standard deviation, in units of the action range's half width.
        chunk: H.
    """

    def __init__(
        self, features: int, actions: int, generator: torch.Generator, log_std: float = -1.6, chunk: int = 1
    ) -> None:
        super().__init__(features, chunk * actions, actions, generator, log_std)
        self._chunk = chunk

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features (…, F) → mean of the chunk (…, H·A), not clipped."""
        mean: torch.Tensor = self.linear(features)
        return mean

    def loss(self, features: torch.Tensor, target: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Mean squared error of the mean, which is the likelihood's best mean whatever the width is."""
        return nn.functional.mse_loss(self(features), target)

    def distribution(self, features: torch.Tensor) -> Independent[Normal]:
        """Features (…, F) → the Gaussian over whole chunks (batch …, event H·A)."""
        mean = self(features)
        std = self.std().repeat(self._chunk).expand_as(mean)
        return Independent(Normal(mean, std, validate_args=False), 1, validate_args=False)
