"""The demonstration term λ_BC · L_BC: what keeps fine-tuning near what was taught, fading as experience takes over."""

from torch import Tensor

from regrasp.policies.policy import Policy


def demonstration_loss(policy: Policy, observation: Tensor, action: Tensor, width: Tensor) -> Tensor:
    """L_BC: half the squared error of the mean action, in units of the clone's own residual, averaged over actions.

    Args:
        policy: being fine-tuned.
        observation: (N, O) demonstrated observations, normalised.
        action: (N, A) demonstrated actions in [-1, 1].
        width: (A,) the clone's residual per action; at the start of fine-tuning the loss is about 1/2.
    """
    error: Tensor = (policy.head(policy.body(observation)) - action) / width
    return 0.5 * error.square().mean()


def demonstration_weight(initial: float, decay: float, iteration: int) -> float:
    """λ_BC at an iteration: geometric annealing, as in DAPG (Rajeswaran et al. 2018)."""
    return float(initial * decay**iteration)
