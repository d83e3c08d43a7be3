"""The critic's first lesson: what the demonstrations earned, before the policy has been tried."""

import torch
from torch import Tensor

from regrasp.reinforcement.advantage import generalised_advantage
from regrasp.reinforcement.critic import Critic
from regrasp.reinforcement.demonstrated import Demonstrated
from regrasp.reinforcement.update import Rewards, fit_critic

MINIBATCH = 256


def teach_critic(
    critic: Critic,
    optimiser: torch.optim.Optimizer,
    shown: Demonstrated,
    rewards: Rewards,
    passes: int,
    generator: torch.Generator,
) -> list[float]:
    """Fit the critic to the discounted returns of demonstrations, and its normaliser to what it saw in them.

    Where a recording merely ends, the critic's own value stands for the rest, as at a time-out. The demonstrator earns
    more than the clone will, so what is learned here is too high, and right about where there is something to earn.

    Args:
        critic: changed in place.
        optimiser: the critic's.
        shown: the demonstrations, played again.
        rewards: how rewards become returns.
        passes: over all control steps.
        generator: of the shuffling.

    Returns:
        The mean squared error of each pass.
    """
    critic.normaliser.fit(shown.critic_input[shown.valid])
    seen = critic.normaliser(shown.critic_input[shown.valid])
    losses = []
    for _ in range(passes):
        target = _returns(critic, shown, rewards)[shown.valid]
        found = [
            fit_critic(critic, optimiser, seen[rows], target[rows])
            for rows in torch.randperm(len(seen), generator=generator).split(MINIBATCH)
        ]
        losses.append(sum(found) / len(found))
    return losses


@torch.no_grad()
def _returns(critic: Critic, shown: Demonstrated, rewards: Rewards) -> Tensor:
    """(T, E) scaled returns; rows behind the end of an episode mean nothing."""
    reward = rewards.scaled(shown.reward)
    following = torch.zeros_like(reward)
    # No value is beyond what the poorest or richest control step, paid for ever, is worth: so none runs away.
    worst, best = rewards.for_ever(reward[shown.valid]).aminmax()
    following[shown.ended] = critic(shown.next_critic_input[shown.ended]).clamp(worst, best)
    following[shown.settled] = rewards.for_ever(reward[shown.settled])
    # With λ = 1 and values of zero in between, the advantage is the discounted sum up to the episode's end.
    nothing = torch.zeros_like(reward)
    return generalised_advantage(reward, nothing, following, shown.terminated, shown.ended, rewards.discount, decay=1.0)
