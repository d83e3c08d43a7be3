"""The natural policy gradient (Kakade 2001) as in mjrl (Rajeswaran et al. 2017): conjugate gradient, equal steps."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from regrasp.policies.policy import Policy

ITERATIONS, DAMPING, SMALLEST_RESIDUAL = 10, 1e-4, 1e-10


def conjugate_gradient(
    product: Callable[[Tensor], Tensor], wanted: Tensor, iterations: int = ITERATIONS, start: Tensor | None = None
) -> Tensor:
    """The solution x (N,) of A x = wanted, for a symmetric positive A known by its product with a vector alone."""
    x = torch.zeros_like(wanted) if start is None else start.clone()
    residual = wanted - product(x)
    direction, size = residual.clone(), residual.dot(residual)
    for _ in range(iterations):
        if size < SMALLEST_RESIDUAL:
            break
        image = product(direction)
        length = size / direction.dot(image)
        x = x + length * direction
        residual = residual - length * image
        before, size = size, residual.dot(residual)
        direction = residual + size / before * direction
    return x


def fisher_product(policy: Policy, observation: Tensor, weights: Sequence[nn.Parameter]) -> Callable[[Tensor], Tensor]:
    """The damped product with the Fisher matrix, as the second derivative of the KL divergence from the policy now.

    Args:
        policy: whose Gaussian it is.
        observation: (N, O) normalised.
        weights: of the policy, in the order of the vector.
    """
    mean = policy.head(policy.body(observation))
    log_std = policy.head.log_std
    moved = (mean - mean.detach()).square() / (2.0 * (2.0 * log_std).exp()).detach()
    # Beside terms that vanish with their slopes where the policies are the same, this is the divergence.
    divergence = moved.sum(1).mean() + (log_std - log_std.detach()).square().sum()
    slope = flat(torch.autograd.grad(divergence, weights, create_graph=True))

    def product(vector: Tensor) -> Tensor:
        return flat(torch.autograd.grad(slope.dot(vector), weights, retain_graph=True)) + DAMPING * vector

    return product


@torch.no_grad()
def move(weights: Sequence[nn.Parameter], along: Tensor) -> None:
    """Add a flat vector to the weights."""
    parts = along.split([weight.numel() for weight in weights])
    for weight, part in zip(weights, parts, strict=True):
        weight.add_(part.view_as(weight))


def natural_step(policy: Policy, observation: Tensor, gain: Tensor, size: float) -> None:
    """Move the policy up `gain` (differentiable, at its present weights) by a step of length `size` in the Fisher norm.

    Args:
        policy: changed in place.
        observation: (N, O) normalised, of the states that the policy visits.
        gain: what to increase.
        size: δ, twice the KL divergence of the step; α = sqrt(δ / gᵀF⁻¹g).
    """
    weights = list(policy.parameters())
    gradient = flat(torch.autograd.grad(gain, weights))
    ascent = conjugate_gradient(fisher_product(policy, observation, weights), gradient, start=gradient)
    move(weights, ascent * (size / (gradient.dot(ascent).abs() + 1e-20)).sqrt())


def flat(parts: Sequence[Tensor]) -> Tensor:
    """One vector of many tensors."""
    return torch.cat([part.reshape(-1) for part in parts])
