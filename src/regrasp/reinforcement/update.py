"""One round of updates from one segment: PPO's clipped objective (Schulman et al. 2017) and the critic's regression."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from regrasp.policies.policy import Policy
from regrasp.reinforcement.advantage import generalised_advantage
from regrasp.reinforcement.critic import Critic
from regrasp.reinforcement.demonstration_term import demonstration_loss
from regrasp.reinforcement.exploring import Exploring
from regrasp.reinforcement.rollout import Segment

LARGEST_GRADIENT = 0.5
DEMONSTRATION_BATCH = 256


@dataclass(frozen=True)
class Batch:
    """A segment, flattened to N = T · B rows and normalised, as the updates read it."""

    observation: Tensor
    critic_input: Tensor
    action: Tensor
    log_prob: Tensor
    advantage: Tensor
    target: Tensor

    def rows(self, index: Tensor) -> "Batch":
        """The rows of one minibatch."""
        return Batch(*(value[index] for value in vars(self).values()))


@dataclass(frozen=True)
class Demonstrations:
    """What the demonstration term compares with: normalised observations (N, O), actions (N, A), and residuals (A,)."""

    observation: Tensor
    action: Tensor
    width: Tensor

    def sample(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A random minibatch of observations and actions."""
        rows = torch.randint(len(self.action), (DEMONSTRATION_BATCH,), generator=generator)
        return self.observation[rows], self.action[rows]


@dataclass(frozen=True)
class Rewards:
    """How rewards become returns.

    Attributes:
        largest: reward of a control step in success.
        discount: γ.
        decay: λ of the advantage estimate.
    """

    largest: float
    discount: float
    decay: float

    def for_ever(self, reward: Tensor) -> Tensor:
        """What a scaled reward is worth if it is paid in this control step and every one after."""
        return reward / (1.0 - self.discount)

    def scaled(self, reward: Tensor) -> Tensor:
        """By symlog (Hafner et al. 2023), so that late jumps do not drown the first; success for ever is worth 1."""
        compressed = reward.sign() * reward.abs().log1p()
        return compressed * ((1.0 - self.discount) / math.log1p(self.largest))


@torch.no_grad()
def make_batch(segment: Segment, policy: Policy, critic: Critic, rewards: Rewards) -> Batch:
    """Estimate advantages of T steps of B worlds, flatten, and normalise as policy and critic read it."""
    value, following = _values(segment, critic)
    reward = rewards.scaled(segment.reward)
    # Success that has lasted is treated as lasting and paying as now: its worth is known, and need not be learned. Any
    # smaller worth would teach to hover about the goal.
    following[segment.settled] = rewards.for_ever(reward[segment.settled])
    advantage = generalised_advantage(
        reward, value, following, segment.terminated, segment.ended, rewards.discount, rewards.decay
    )
    return Batch(
        observation=policy.normaliser(segment.observation.flatten(0, 1)),
        critic_input=critic.normaliser(segment.critic_input.flatten(0, 1)),
        action=segment.action.flatten(0, 1),
        log_prob=segment.log_prob.flatten(),
        advantage=((advantage - advantage.mean()) / (advantage.std() + 1e-8)).flatten(),
        target=(advantage + value).flatten(),
    )


def _values(segment: Segment, critic: Critic) -> tuple[Tensor, Tensor]:
    # The observation after a step is the one before the next, except where a world was reset in between.
    inputs = torch.cat([segment.critic_input, segment.next_critic_input[-1:]])
    value = critic(inputs.flatten(0, 1)).view(inputs.shape[:2])
    following = value[1:].clone()
    following[segment.ended] = critic(segment.next_critic_input[segment.ended])
    return value[:-1], following


def fit_critic(critic: Critic, optimiser: torch.optim.Optimizer, seen: Tensor, target: Tensor) -> float:
    """One gradient step of the squared error of returns (N,) at normalised inputs (N, P); gives the loss."""
    loss: Tensor = (critic.body(seen).squeeze(-1) - target).square().mean()
    _step(optimiser, loss)
    return loss.item()


def surrogate(exploring: Exploring, rows: Batch, clip: float) -> tuple[Tensor, Tensor]:
    """PPO's clipped loss and the estimated KL divergence from the policy that acted (Schulman's k3 estimator)."""
    features = exploring.policy.body(rows.observation)
    std = exploring.width(features)
    draw = (rows.action - exploring.policy.head(features)) / std
    log_ratio = -(0.5 * draw.square() + std.log()).sum(1) - rows.log_prob
    ratio = log_ratio.exp()
    gain = torch.min(ratio * rows.advantage, ratio.clamp(1 - clip, 1 + clip) * rows.advantage)
    return -gain.mean(), (ratio.detach() - 1 - log_ratio.detach()).mean()


def improve(
    exploring: Exploring,
    optimiser: torch.optim.Optimizer,
    rows: Batch,
    clip: float,
    kl_stop: float,
    demonstration: tuple[float, Demonstrations, torch.Generator] | None,
) -> float | None:
    """One gradient step of clipped surrogate + λ_BC · L_BC; gives the KL before it, None beyond `kl_stop`."""
    loss, kl = surrogate(exploring, rows, clip)
    if not kl.item() <= kl_stop:
        return None
    if demonstration is not None and demonstration[0] > 0:
        weight, demonstrations, generator = demonstration
        observation, action = demonstrations.sample(generator)
        loss = loss + weight * demonstration_loss(exploring.policy, observation, action, demonstrations.width)
    _step(optimiser, loss)
    return kl.item()


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    learned = [value for group in optimiser.param_groups for value in group["params"]]
    nn.utils.clip_grad_norm_(learned, LARGEST_GRADIENT)
    optimiser.step()
