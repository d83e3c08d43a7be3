"""Acting with noise while fine-tuning, as wide everywhere or as wide as the state asks for."""

import torch
from torch import Tensor, nn

from regrasp.policies.policy import Policy

WIDEST = 3.0
"""By what factor the noise in one state may be wider or narrower than the policy's own."""


class StateNoise(nn.Module):
    """The body's features (…, F) → factor on the width of each action (…, A); 1 everywhere at first.

    State-dependent widths from the policy's own features are customary (rsl_rl, `state_dependent_std`); the bound keeps
    a few states from throwing the hand out of contact. Only training needs it: what acts afterwards has no noise.
    """

    def __init__(self, features: int, actions: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, actions)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor) -> Tensor:
        """The body does not learn from it: it serves the mean."""
        return WIDEST ** torch.tanh(self.linear(features.detach()))


class Exploring(nn.Module):
    """A policy and the noise around it, as a rollout's `Acting`.

    Args:
        policy: whose head has the width of each action.
        by_state: the width depends on the state, too.
    """

    def __init__(self, policy: Policy, by_state: bool = False) -> None:
        super().__init__()
        self.policy = policy
        with torch.no_grad():
            features = policy.features(torch.zeros(1, policy.spec.inputs)).shape[-1]
        self.noise = StateNoise(features, policy.spec.action.size) if by_state else None

    def fixed_mean(self, observation: Tensor) -> Tensor:
        """Observation (B, O) or (B, O + A) → decided actions (B, A), each by its own row alone."""
        return self.policy.fixed_mean(observation)

    @torch.no_grad()
    def std(self, observation: Tensor) -> Tensor:
        """Standard deviation of the noise at observations (…, O): (…, A), or (A,) where it is the same in all."""
        return self.width(self.policy.features(observation) if self.noise else observation)

    def width(self, features: Tensor) -> Tensor:
        """The same at the body's features (…, F), differentiable."""
        std: Tensor = self.policy.head.std()
        return std if self.noise is None else std * self.noise(features)
