"""DAPG (Rajeswaran et al. 2018, "Learning Complex Dexterous Manipulation with … Demonstrations") as published.

From the paper and its code (github.com/aravindr93/hand_dapg, `dapg/examples/dapg.txt`; github.com/aravindr93/mjrl): a
policy of 32 x 32 tanh units, cloned for 5 epochs of 32 rows at 1e-3, with the demonstrated actions' own deviation as
noise, not below exp(-3); then natural gradient steps of δ = 0.05 on 200 whole episodes each, γ 0.995, λ 0.97; a
baseline of 128 x 128 on observations and powers of time, fitted to the returns for 2 epochs of 64 rows at 1e-3.
Demonstrations count with λ0 · λ1^k · max A in the gradient, λ0 = 0.1, λ1 = 0.95 as in the paper; the code's example
has λ0 = 0.01 and no maximum.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from peers.given import Given, Standing
from peers.npg import natural_step
from peers.worlds import ResettingWorlds
from regrasp.demonstrations import transitions
from regrasp.policies.bodies import MLP
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.reinforcement.advantage import generalised_advantage
from regrasp.seeding import torch_stream


@dataclass(frozen=True)
class DapgConfig:
    """The published settings; see above."""

    hidden: tuple[int, ...] = (32, 32)
    cloning_epochs: int = 5
    cloning_batch: int = 32
    learning_rate: float = 1e-3
    smallest_log_std: float = -3.0
    episodes: int = 200
    step_size: float = 0.05
    discount: float = 0.995
    gae_decay: float = 0.97
    weight: float = 0.1
    weight_decay: float = 0.95
    baseline_hidden: tuple[int, ...] = (128, 128)
    baseline_epochs: int = 2
    baseline_batch: int = 64
    baseline_shrinkage: float = 1e-3


PUBLISHED = DapgConfig()


@dataclass(frozen=True)
class Paths:
    """Whole episodes side by side; every tensor is (T, E, …), and `valid` says which steps belong to an episode."""

    observation: Tensor
    action: Tensor
    reward: Tensor
    terminated: Tensor
    ended: Tensor
    valid: Tensor


def dapg(given: Given, config: DapgConfig = PUBLISHED) -> Iterator[Standing]:
    """Clone, then natural gradient steps on whole episodes."""
    observations, actions = transitions(given.demonstrations)
    policy = cloned(given, config, observations, actions)
    yield Standing(0, policy)
    worlds = ResettingWorlds(given, config.episodes)
    inputs = observations.shape[1]
    baseline = Baseline(inputs, config, torch_stream(given.seed, "dapg", "baseline"))
    noise = torch_stream(given.seed, "dapg", "noise")
    steps = 0
    for iteration in range(1_000_000_000):
        paths = collect(worlds, policy, noise)
        steps += int(paths.valid.sum())
        advantage = advantages(paths, baseline, config)
        taught = demonstrated_weight(config, iteration, advantage.max().item())
        _improve(policy, paths, advantage, (observations, actions, taught), config)
        baseline.fit(paths, returns(paths.reward, paths.ended, config.discount))
        yield Standing(steps, policy)


def cloned(given: Given, config: DapgConfig, observations: Tensor, actions: Tensor) -> Policy:
    """The published cloning: mean squared error, outputs that begin at the demonstrations' mean."""
    task, generator = given.task, torch_stream(given.seed, "dapg", "policy")
    columns = task.observations["policy"].fields
    spec = PolicySpec(columns, task.interface.fields, config.hidden, "tanh", task.interface, task.name)
    policy = Policy.build(spec, generator)
    policy.normaliser.fit(observations)
    spread = actions.std(0, correction=0)
    with torch.no_grad():
        policy.head.linear.weight.mul_(0.01 * spread[:, None])
        policy.head.linear.bias.mul_(0.01 * spread).add_(actions.mean(0))
        policy.head.log_std.copy_(spread.clamp(min=1e-12).log().clamp(min=config.smallest_log_std))
    rows = policy.normaliser(observations)
    learned = [weight for name, weight in policy.named_parameters() if name != "head.log_std"]
    optimiser = torch.optim.Adam(learned, lr=config.learning_rate, fused=True)
    for _ in range(config.cloning_epochs * (len(rows) // config.cloning_batch)):
        index = torch.randint(len(rows), (config.cloning_batch,), generator=generator)
        loss = nn.functional.mse_loss(policy.head(policy.body(rows[index])), actions[index])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return policy


@torch.no_grad()
def collect(worlds: ResettingWorlds, policy: Policy, noise: torch.Generator) -> Paths:
    """One episode per world, from the task's own starts."""
    worlds.reset(np.arange(worlds.count))
    running = torch.ones(worlds.count, dtype=torch.bool)
    rows: dict[str, list[Tensor]] = {name: [] for name in Paths.__annotations__}
    std = policy.head.std()
    for _ in range(worlds.given.task.horizon):
        seen = worlds.observation["policy"]
        action = policy.mean(seen)
        action = action + std * torch.randn(action.shape, generator=noise)
        step = worlds.step(action)
        found = (seen, action, step.reward, step.terminated, step.ended, running)
        for name, value in zip(rows, found, strict=True):
            rows[name].append(value)
        running = running & ~step.ended
        if not running.any():
            break
    return Paths(**{name: torch.stack(values) for name, values in rows.items()})


def returns(reward: Tensor, ended: Tensor, discount: float) -> Tensor:
    """(T, E) discounted sums of rewards (T, E) to the end of each episode."""
    found, following = torch.empty_like(reward), torch.zeros_like(reward[0])
    for t in range(len(reward) - 1, -1, -1):
        following = reward[t] + discount * following * ~ended[t]
        found[t] = following
    return found


def advantages(paths: Paths, baseline: "Baseline", config: DapgConfig) -> Tensor:
    """(N,) whitened advantages of the valid steps; behind a time-out the last value stands."""
    value = baseline(paths.observation)
    following = torch.cat([value[1:], value[-1:]])
    following = torch.where(paths.ended, value, following)
    found = generalised_advantage(
        paths.reward, value, following, paths.terminated, paths.ended, config.discount, config.gae_decay
    )[paths.valid]
    return (found - found.mean()) / (found.std(correction=0) + 1e-6)


def demonstrated_weight(config: DapgConfig, iteration: int, largest: float) -> float:
    """What a demonstrated step counts beside advantages of which the largest is so large."""
    return float(config.weight * config.weight_decay**iteration * largest)


def _improve(
    policy: Policy, paths: Paths, advantage: Tensor, taught: tuple[Tensor, Tensor, float], config: DapgConfig
) -> None:
    """One natural step on the surrogate and the demonstrations' likelihood, both per step of the policy's own."""
    seen = policy.normaliser(paths.observation[paths.valid])
    observations, actions, weight = taught
    own = _log_density(policy, seen, paths.action[paths.valid])
    gain = (own * advantage).sum() + weight * _log_density(policy, policy.normaliser(observations), actions).sum()
    natural_step(policy, seen, gain / len(advantage), config.step_size)
    with torch.no_grad():
        policy.head.log_std.clamp_(min=config.smallest_log_std)


def _log_density(policy: Policy, observation: Tensor, action: Tensor) -> Tensor:
    """(N,) of actions (N, A) at normalised observations (N, O)."""
    log_std = policy.head.log_std
    draw = (action - policy.head(policy.body(observation))) / log_std.exp()
    return -(0.5 * draw.square() + log_std).sum(1) - 0.5 * math.log(2.0 * math.pi) * action.shape[1]


class Baseline(nn.Module):
    """Values (T, E) of observations (T, E, O) of whole episodes, from these and from powers of time."""

    def __init__(self, seen: int, config: DapgConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.config, self.generator = config, generator
        self.body = MLP((seen + 4, *config.baseline_hidden, 1), "relu", generator)
        rates = {"lr": config.learning_rate, "weight_decay": config.baseline_shrinkage}
        self.optimiser = torch.optim.Adam(self.body.parameters(), **rates, fused=True)

    @torch.no_grad()
    def forward(self, observation: Tensor) -> Tensor:
        """Values (T, E)."""
        value: Tensor = self.body(self._features(observation)).squeeze(-1)
        return value

    def _features(self, observation: Tensor) -> Tensor:
        time = torch.arange(len(observation)) / 1000.0
        powers = torch.stack([time**power for power in range(1, 5)], dim=1)
        powers = powers[:, None].expand(-1, observation.shape[1], -1)
        return torch.cat([observation.clamp(-10.0, 10.0) / 10.0, powers], dim=2)

    def fit(self, paths: Paths, wanted: Tensor) -> None:
        """Regress returns (T, E) of the valid steps."""
        rows, values = self._features(paths.observation)[paths.valid], wanted[paths.valid]
        for _ in range(self.config.baseline_epochs):
            for index in torch.randperm(len(rows), generator=self.generator).split(self.config.baseline_batch):
                loss = nn.functional.mse_loss(self.body(rows[index]).squeeze(-1), values[index])
                self.optimiser.zero_grad()
                loss.backward()
                self.optimiser.step()
