"""Generalised advantage estimation (Schulman et al. 2016) with terminations and time-outs kept apart."""

import torch
from torch import Tensor


def generalised_advantage(
    reward: Tensor, value: Tensor, next_value: Tensor, terminated: Tensor, ended: Tensor, discount: float, decay: float
) -> Tensor:
    """Advantages of T steps in B worlds.

    Args:
        reward: (T, B).
        value: (T, B) critic at the observation the action was chosen in.
        next_value: (T, B) critic at the observation the step led to, before any reset.
        terminated: (T, B) bool, the step ended the task: nothing follows, nothing is bootstrapped.
        ended: (T, B) bool, the step was the world's last before a reset, for whatever reason.
        discount: γ.
        decay: λ.

    Returns:
        (T, B) advantages; `advantage + value` is the return the critic learns.
    """
    delta = reward + discount * next_value * ~terminated - value
    advantage = torch.empty_like(delta)
    following = torch.zeros_like(delta[0])
    for t in range(len(delta) - 1, -1, -1):
        following = delta[t] + discount * decay * following * ~ended[t]
        advantage[t] = following
    return advantage
