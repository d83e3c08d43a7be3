"""The demonstration term λ_BC · L_BC: what keeps fine-tuning near what was taught, fading as experience takes over."""

from torch import Tensor

from regrasp.policies.policy import Policy
from regrasp.reinforcement.correction import within_reach


def demonstration_loss(policy: Policy, observation: Tensor, action: Tensor, width: Tensor) -> Tensor:
    """L_BC: half the squared error of the mean action, in units of the clone's own residual, averaged over actions.

    Args:
        policy: being fine-tuned.
        observation: (N, O) demonstrated observations, normalised; (N, O + A) of a policy that corrects another.
        action: (N, A) demonstrated actions in [-1, 1]; a correction need not come nearer than its bound allows.
        width: (A,) the clone's residual per action; at the start of fine-tuning the loss is about 1/2.
    """
    return distance(policy.head(policy.body(observation)), within_reach(policy, observation, action), width)


def distance(mean: Tensor, aim: Tensor, width: Tensor) -> Tensor:
    """Half the squared error of actions (N, A), in units of the clone's residual (A,), averaged."""
    return 0.5 * ((mean - aim) / width).square().mean()


def demonstration_weight(initial: float, decay: float, iteration: int) -> float:
    """λ_BC at an iteration: geometric annealing, as in DAPG (Rajeswaran et al. 2018)."""
    return float(initial * decay**iteration)
