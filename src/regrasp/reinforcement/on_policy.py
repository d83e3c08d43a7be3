"""On-policy fine-tuning of a clone: PPO (Schulman et al. 2017) that starts gently and remembers the demonstrations.

What keeps the hand in contact: action noise of the size of the clone's own residual, a critic that is warmed up before
the policy moves, a demonstration term that fades (Rajeswaran et al. 2018), and a stop when an update strays too far.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from regrasp.policies.policy import Policy
from regrasp.policies.progress import Progress
from regrasp.reinforcement.critic import Critic
from regrasp.reinforcement.demonstration_term import demonstration_weight
from regrasp.reinforcement.rollout import Finished, Rollout, Segment
from regrasp.reinforcement.update import Batch, Demonstrations, Rewards, fit_critic, improve, make_batch
from regrasp.seeding import numpy_stream, torch_stream


def _setting(default: Any, **bounds: Any) -> Any:
    return field(default=default, metadata=bounds)


@dataclass(frozen=True)
class OnPolicyConfig:
    """How to fine-tune.

    Attributes:
        iterations: segments collected and learned from.
        worlds: B, simulated side by side.
        segment: T, control steps per world and iteration.
        learning_rate, final_learning_rate: Adam's for the policy, falling linearly.
        critic_learning_rate: Adam's for the critic.
        epochs: passes over a segment, at most.
        minibatch: rows per gradient step.
        clip: PPO's ratio clip.
        kl_stop: the policy stops learning from a segment when its estimated KL divergence passes this.
        discount: γ.
        gae_decay: λ of the advantage estimate.
        smallest_noise: the action noise starts at the clone's residual, but not below this, in half action ranges.
        final_noise: what the action noise is at most in the end; the bound falls linearly from where the noise starts.
            What acts without noise afterwards is then what was learned. No bound where it is above the start.
        critic_warmup: iterations in which only the critic learns.
        critic_hidden: widths of the critic's hidden layers.
        initial_noise: the action noise of a policy that begins without demonstrations, in half action ranges.
        noise_correlation: of the action noise at two control steps in a row.
        reward_terms: the task's reward terms that count, as success and dropped for a sparse reward; all if empty.
        largest_reward: what a control step in success pays; brings returns to the order of 1.
        demonstration_weight: λ_BC at the start.
        demonstration_decay: factor on λ_BC per iteration.
        demonstration_starts: share of episodes that begin in a recorded state at first.
        demonstration_starts_until: that share falls linearly to zero over this part of the iterations.
        disturbed: share of episodes with a disturbance.
        disturbances: kinds to train under; the panel's other kinds stay unseen.
        check_every: iterations between two checkpoints on the way.
        check_cases: undisturbed cases on which those are judged.
    """

    iterations: int = _setting(140, minimum=1)
    worlds: int = _setting(128, minimum=1)
    segment: int = _setting(50, minimum=1)
    learning_rate: float = _setting(7e-5, above=0.0)
    final_learning_rate: float = _setting(2e-5, minimum=0.0)
    critic_learning_rate: float = _setting(5e-4, above=0.0)
    epochs: int = _setting(6, minimum=1)
    minibatch: int = _setting(1600, minimum=1)
    clip: float = _setting(0.2, above=0.0)
    kl_stop: float = _setting(0.03, above=0.0)
    discount: float = _setting(0.99, minimum=0.0, maximum=0.9999)
    gae_decay: float = _setting(0.95, minimum=0.0, maximum=1.0)
    smallest_noise: float = _setting(0.05, above=0.0)
    final_noise: float = _setting(2.0, above=0.0)
    critic_warmup: int = _setting(5, minimum=0)
    critic_hidden: tuple[int, ...] = (256, 256)
    initial_noise: float = _setting(0.2, above=0.0)
    noise_correlation: float = _setting(0.0, minimum=0.0, maximum=0.99)
    reward_terms: tuple[str, ...] = ()
    largest_reward: float = _setting(20.0, above=0.0)
    demonstration_weight: float = _setting(0.1, minimum=0.0)
    demonstration_decay: float = _setting(0.97, minimum=0.0, maximum=1.0)
    demonstration_starts: float = _setting(0.5, minimum=0.0, maximum=1.0)
    demonstration_starts_until: float = _setting(0.6, above=0.0, maximum=1.0)
    disturbed: float = _setting(0.5, minimum=0.0, maximum=1.0)
    disturbances: tuple[str, ...] = ("push", "slip", "pose_error", "friction")
    check_every: int = _setting(40, minimum=1)
    check_cases: int = _setting(64, minimum=1)

    def starts_share(self, iteration: int) -> float:
        """Share of episodes that begin in a recorded state, at an iteration."""
        left = 1.0 - iteration / (self.iterations * self.demonstration_starts_until)
        return self.demonstration_starts * max(0.0, left)

    def rate(self, iteration: int) -> float:
        """The policy's learning rate at an iteration."""
        return self.learning_rate + (self.final_learning_rate - self.learning_rate) * iteration / self.iterations


@dataclass
class FineTuning:
    """Where fine-tuning stands: all that the next iteration depends on.

    Attributes:
        policy: being fine-tuned, changed in place.
        critic: from policy and privileged observations to scaled returns.
        rollout: the worlds.
        demonstrations: what the demonstration term compares with, if there is any.
        iteration: iterations done.
        control_steps: simulated so far.
        first_noise: (A,) the action noise that fine-tuning began with.
    """

    policy: Policy
    critic: Critic
    rollout: Rollout
    demonstrations: Demonstrations | None
    config: OnPolicyConfig
    seed: int
    iteration: int = 0
    control_steps: int = 0

    def __post_init__(self) -> None:
        self.first_noise = self.policy.head.std().detach().clone()
        rate = self.config.critic_learning_rate
        self.policy_optimiser = torch.optim.Adam(self.policy.parameters(), lr=self.config.learning_rate, fused=True)
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=rate, fused=True)

    def tensors(self) -> dict[str, Tensor]:
        """Everything as named tensors, for a snapshot; `load` takes them back and continues to the bit."""
        named: dict[str, Tensor] = {"progress": torch.tensor([self.iteration, self.control_steps])}
        named["first_noise"] = self.first_noise
        named |= {f"policy/{name}": value for name, value in self.policy.state_dict().items()}
        named |= {f"critic/{name}": value for name, value in self.critic.state_dict().items()}
        named |= {f"policy_adam/{name}": value for name, value in _moments(self.policy_optimiser).items()}
        named |= {f"critic_adam/{name}": value for name, value in _moments(self.critic_optimiser).items()}
        return named | {f"rollout/{name}": torch.from_numpy(value) for name, value in self.rollout.save().items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from `tensors`."""
        self.iteration, self.control_steps = (int(number) for number in tensors["progress"])
        self.first_noise = tensors["first_noise"].clone()
        self.policy.load_state_dict(_below(tensors, "policy"))
        self.critic.load_state_dict(_below(tensors, "critic"))
        _set_moments(self.policy_optimiser, _below(tensors, "policy_adam"))
        _set_moments(self.critic_optimiser, _below(tensors, "critic_adam"))
        self.rollout.restore({name: value.numpy() for name, value in _below(tensors, "rollout").items()})


def fine_tune(state: FineTuning) -> Iterator[Progress]:
    """Iterate until `state.config.iterations`, changing `state` in place; yields a record after every iteration.

    Every random draw of iteration k depends on the seed and k alone, so a state saved after any record and loaded again
    continues as if nothing had happened.
    """
    config = state.config
    if state.iteration == 0:
        _widen(state.policy, config.smallest_noise)
        state.first_noise = state.policy.head.std().detach().clone()
    while state.iteration < config.iterations:
        begun = time.perf_counter()
        segment, finished = _collect(state)
        collected = time.perf_counter()
        values = _learn(state, segment) | _episodes(finished)
        state.iteration += 1
        _narrow(state)
        state.control_steps += segment.steps
        values |= {
            "reward": segment.reward.mean().item(),
            **{f"reward/{name}": mean for name, mean in segment.terms.items()},
            "noise": state.policy.head.std().mean().item(),
            "disturbed_share": config.disturbed if config.disturbances else 0.0,
            "demonstration_starts": config.starts_share(state.iteration - 1),
            "simulation_s": collected - begun,
            "learning_s": time.perf_counter() - collected,
        }
        yield Progress("rl", state.iteration, config.iterations, state.control_steps, values)


def _widen(policy: Policy, smallest_noise: float) -> None:
    with torch.no_grad():
        policy.head.log_std.copy_(policy.head.std().clamp(min=smallest_noise).log())


@torch.no_grad()
def _narrow(state: FineTuning) -> None:
    """Keep the noise below a bound that falls from the first noise to the final one, where that is smaller."""
    first, final = state.first_noise, torch.full_like(state.first_noise, state.config.final_noise)
    bound = torch.lerp(first, final, state.iteration / state.config.iterations)
    log_std = state.policy.head.log_std
    log_std.copy_(torch.where(first > final, torch.minimum(log_std, bound.log()), log_std))


@torch.no_grad()
def begin_at_rest(policy: Policy, rest: Sequence[float], noise: float) -> None:
    """Make a fresh policy hold the rest posture, with Gaussian noise around it: where one starts without a clone."""
    policy.head.linear.weight.mul_(0.01)
    policy.head.linear.bias.copy_(torch.tensor(rest))
    policy.head.log_std.fill_(math.log(noise))


@torch.no_grad()
def _fit_normaliser(policy: Policy, segment: Segment) -> None:
    """Scale observations by the first segment's. What acted in it keeps acting: nearly nothing but the rest posture."""
    policy.normaliser.fit(segment.observation.flatten(0, 1))


def _collect(state: FineTuning) -> tuple[Segment, Finished]:
    share = state.config.starts_share(state.iteration)
    state.rollout.starts.generator = numpy_stream(state.seed, "rl", "starts", state.iteration)
    state.rollout.noise = torch_stream(state.seed, "rl", "noise", state.iteration)
    if state.iteration == 0:
        state.rollout.begin(share)
    return state.rollout.collect(state.policy, state.config.segment, share)


def _learn(state: FineTuning, segment: Segment) -> dict[str, float]:
    config = state.config
    if state.iteration == 0:
        state.critic.normaliser.fit(segment.critic_input.flatten(0, 1))
    if state.iteration == 0 and state.demonstrations is None:
        _fit_normaliser(state.policy, segment)
    for group in state.policy_optimiser.param_groups:
        group["lr"] = config.rate(state.iteration)
    weight = demonstration_weight(config.demonstration_weight, config.demonstration_decay, state.iteration)
    rewards = Rewards(config.largest_reward, config.discount, config.gae_decay)
    batch = make_batch(segment, state.policy, state.critic, rewards)
    # Critic and policy share nothing but the batch: the policy learns here while the critic learns beside it.
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as beside:
        fitting = beside.submit(_fit_critic, state, batch)
        kls = _improve_policy(state, batch, weight)
        losses = fitting.result()
    return {
        "lambda_bc": weight,
        "kl": max(kls, default=0.0),
        "policy_updates": float(len(kls)),
        "loss": sum(losses) / len(losses),
        "explained_variance": 1.0 - losses[0] / max(batch.target.var().item(), 1e-12),
    }


def _fit_critic(state: FineTuning, batch: Batch) -> list[float]:
    shuffled = _minibatches(state, "critic", len(batch.target))
    return [fit_critic(state.critic, state.critic_optimiser, batch.rows(index)) for index in shuffled]


def _improve_policy(state: FineTuning, batch: Batch, weight: float) -> list[float]:
    config, kls = state.config, list[float]()
    if state.iteration < config.critic_warmup:
        return kls
    pull = None
    if state.demonstrations is not None:
        pull = (weight, state.demonstrations, torch_stream(state.seed, "rl", "demonstrations", state.iteration))
    for index in _minibatches(state, "policy", len(batch.target)):
        rows = batch.rows(index)
        kl = improve(state.policy, state.policy_optimiser, rows, config.clip, config.kl_stop, pull)
        if kl is None:
            break
        kls.append(kl)
    return kls


def _minibatches(state: FineTuning, use: str, rows: int) -> Iterator[Tensor]:
    generator = torch_stream(state.seed, "rl", use, state.iteration)
    for _ in range(state.config.epochs):
        yield from torch.randperm(rows, generator=generator).split(state.config.minibatch)


def _episodes(finished: Finished) -> dict[str, float]:
    values = {"episodes": float(finished.episodes)}
    if finished.from_task_start:
        values["success_in_training"] = finished.successes / finished.from_task_start
        values["contact_entry_in_training"] = finished.entered / finished.from_task_start
    return values


def _moments(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = optimiser.state_dict()["state"]
    return {f"{index}.{name}": value for index, moments in state.items() for name, value in moments.items()}


def _set_moments(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        moments.setdefault(int(index), {})[name] = value.clone()
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": moments, "param_groups": groups})


def _below(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{part}/"): value for key, value in tensors.items() if key.startswith(f"{part}/")}
