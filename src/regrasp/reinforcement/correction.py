"""How large a learned correction of a frozen policy's actions may be, and how large it is."""

import torch
from torch import Tensor

from regrasp.policies.policy import Policy
from regrasp.policies.residual import CorrectionHead


def set_bound(policy: Policy, bound: float) -> None:
    """From now on no action is corrected by more [half action range]; a policy that corrects nothing has no bound."""
    if isinstance(policy.head, CorrectionHead):
        policy.head.bound.fill_(bound)


def within_reach(policy: Policy, inputs: Tensor, action: Tensor) -> Tensor:
    """What the policy can decide that is nearest to an action.

    Args:
        policy: whose bound counts.
        inputs: (N, O + A) normalised; a policy that corrects nothing can decide anything.
        action: (N, A).
    """
    if not isinstance(policy.head, CorrectionHead):
        return action
    proposed, bound = inputs[:, -action.shape[1] :], float(policy.head.bound)
    return proposed + (action - proposed).clamp(-bound, bound)


@torch.no_grad()
def correction_values(policy: Policy, inputs: Tensor) -> dict[str, float]:
    """For the learning curves: mean size of the corrections [half action range] at raw inputs (…, O + A), and bound."""
    if not isinstance(policy.head, CorrectionHead):
        return {}
    size = policy.head.correction(policy.features(inputs)).abs().mean()
    return {"correction/size": size.item(), "correction/bound": policy.head.bound.item()}
