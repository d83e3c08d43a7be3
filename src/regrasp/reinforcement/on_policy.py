"""On-policy fine-tuning of a clone: PPO (Schulman et al. 2017) that starts gently and remembers the demonstrations.

What keeps the hand in contact: action noise of the size of the clone's own residual, a critic that is warmed up before
the policy moves, a demonstration term that fades (Rajeswaran et al. 2018), and a stop when an update strays too far.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from regrasp.policies.policy import Policy
from regrasp.policies.progress import Progress
from regrasp.reinforcement.config import OnPolicyConfig
from regrasp.reinforcement.correction import correction_values, set_bound
from regrasp.reinforcement.critic import Critic
from regrasp.reinforcement.demonstration_term import demonstration_weight
from regrasp.reinforcement.diverged import check_value, check_weights
from regrasp.reinforcement.exploring import Exploring
from regrasp.reinforcement.guard import ContactGuard
from regrasp.reinforcement.rollout import Finished, Rollout, Segment
from regrasp.reinforcement.saved import below, moments, set_moments
from regrasp.reinforcement.update import Batch, Demonstrations, Rewards, fit_critic, improve, make_batch
from regrasp.seeding import numpy_stream, torch_stream

PACE = 1.5
"""By how much the learning rate changes at a time, where steps adapt (as in rsl_rl; Rudin et al. 2022)."""
FURTHEST = 100.0
"""By how much in all: where nothing is paid, nothing strays, and the rate would rise for ever."""


@dataclass
class FineTuning:
    """Where fine-tuning stands: all that the next iteration depends on.

    Attributes:
        policy: being fine-tuned, changed in place.
        critic: from policy and privileged observations to scaled returns.
        rollout: the worlds.
        demonstrations: what the demonstration term compares with, if there is any.
        guard: measures contact against the clone's, if there is one, and sets λ_BC if that is asked for.
        iteration: iterations done.
        control_steps: simulated so far.
        first_noise: (A,) the action noise that fine-tuning began with.
        exploring: the policy and its noise, which acts and learns.
        pace: factor on the policy's learning rate, 1 unless steps adapt.
    """

    policy: Policy
    critic: Critic
    rollout: Rollout
    demonstrations: Demonstrations | None
    config: OnPolicyConfig
    seed: int
    iteration: int = 0
    control_steps: int = 0
    pace: float = 1.0

    def __post_init__(self) -> None:
        self.first_noise = self.policy.head.std().detach().clone()
        config = self.config
        self.exploring = Exploring(self.policy, config.state_dependent_noise)
        limits = config.guard_margin, config.guard_style, config.guard_gain, config.demonstration_weight
        limit = self.rollout.environment.task.horizon
        self.guard = ContactGuard(*limits, limit) if self.demonstrations else None
        rate = config.critic_learning_rate
        learned = [value for value in self.exploring.parameters() if value.requires_grad]
        self.policy_optimiser = torch.optim.Adam(learned, lr=self.config.learning_rate, fused=True)
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=rate, fused=True)

    @property
    def rewards(self) -> Rewards:
        """How rewards become returns."""
        return Rewards(self.config.largest_reward, self.config.discount, self.config.gae_decay)

    @property
    def warming(self) -> bool:
        """Only the critic learns: at first, and until the guard knows the clone."""
        unsure = self.config.contact_guard and self.guard is not None and not self.guard.certain
        return unsure or self.iteration < self.config.critic_warmup

    def tensors(self) -> dict[str, Tensor]:
        """Everything as named tensors, for a snapshot; `load` takes them back and continues to the bit."""
        named: dict[str, Tensor] = {"progress": torch.tensor([self.iteration, self.control_steps])}
        named["first_noise"], named["pace"] = self.first_noise, torch.tensor(self.pace, dtype=torch.float64)
        named |= {f"policy/{name}": value for name, value in self.policy.state_dict().items()}
        named |= {f"noise/{name}": value for name, value in self._noise().items()}
        named |= {f"critic/{name}": value for name, value in self.critic.state_dict().items()}
        named |= {f"policy_adam/{name}": value for name, value in moments(self.policy_optimiser).items()}
        named |= {f"critic_adam/{name}": value for name, value in moments(self.critic_optimiser).items()}
        named |= {f"guard/{name}": value for name, value in (self.guard.tensors() if self.guard else {}).items()}
        return named | {f"rollout/{name}": torch.from_numpy(value) for name, value in self.rollout.save().items()}

    def _noise(self) -> dict[str, Tensor]:
        return self.exploring.noise.state_dict() if self.exploring.noise is not None else {}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from `tensors`."""
        self.iteration, self.control_steps = (int(number) for number in tensors["progress"])
        self.first_noise, self.pace = tensors["first_noise"].clone(), tensors["pace"].item()
        self.policy.load_state_dict(below(tensors, "policy"))
        if self.exploring.noise is not None:
            self.exploring.noise.load_state_dict(below(tensors, "noise"))
        self.critic.load_state_dict(below(tensors, "critic"))
        set_moments(self.policy_optimiser, below(tensors, "policy_adam"))
        set_moments(self.critic_optimiser, below(tensors, "critic_adam"))
        if self.guard:
            self.guard.load(below(tensors, "guard"))
        self.rollout.restore({name: value.numpy() for name, value in below(tensors, "rollout").items()})


def fine_tune(state: FineTuning) -> Iterator[Progress]:
    """Iterate until `state.config.iterations`, changing `state` in place; yields a record after every iteration.

    Every random draw of iteration k depends on the seed and k alone, so a state saved after any record and loaded again
    continues as if nothing had happened.

    Raises:
        Diverged: the critic's loss or a weight is not finite.
    """
    config = state.config
    if state.iteration == 0:
        _widen(state.policy, config.smallest_noise)
        state.first_noise = state.policy.head.std().detach().clone()
    while state.iteration < config.iterations:
        begun = time.perf_counter()
        segment, finished = _collect(state)
        collected = time.perf_counter()
        values = _learn(state, segment) | finished.values()
        state.iteration += 1
        _narrow(state)
        state.control_steps += segment.steps
        values |= {
            "reward": segment.reward.mean().item(),
            **{f"reward/{name}": mean for name, mean in segment.terms.items()},
            "noise": state.exploring.std(segment.observation).mean().item(),
            "disturbed_share": config.disturbed if config.disturbances else 0.0,
            **state.rollout.starts.values(),
            "demonstration_starts": config.starts_share((state.iteration - 1) / config.iterations),
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
    done = state.iteration / state.config.iterations
    share = state.config.starts_share(done)
    set_bound(state.policy, state.config.residual_bound(done))
    state.rollout.starts.generator = numpy_stream(state.seed, "rl", "starts", state.iteration)
    state.rollout.noise = torch_stream(state.seed, "rl", "noise", state.iteration)
    if state.iteration == 0:
        state.rollout.begin(share)
    return state.rollout.collect(state.exploring, state.config.segment, share)


def _learn(state: FineTuning, segment: Segment) -> dict[str, float]:
    config = state.config
    if state.iteration == 0 and not config.critic_taught:
        state.critic.normaliser.fit(segment.critic_input.flatten(0, 1))
    if state.iteration == 0 and state.demonstrations is None:
        _fit_normaliser(state.policy, segment)
    for group in state.policy_optimiser.param_groups:
        group["lr"] = config.rate(state.iteration) * state.pace
    warming = state.warming
    weight = _weight(state, segment, warming)
    corrected = correction_values(state.policy, segment.observation)
    batch = make_batch(segment, state.policy, state.critic, state.rewards)
    # Critic and policy share nothing but the batch: the policy learns here while the critic learns beside it.
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as beside:
        fitting = beside.submit(_fit_critic, state, batch)
        kls = [] if warming else _improve_policy(state, batch, weight)
        losses = fitting.result()
    _check(state, losses)
    if config.adaptive_steps and not warming:
        _adapt(state, kls, len(losses))  # nothing stops the critic, which makes all the steps that are planned
    return {
        "lambda_bc": weight,
        **(state.guard.values() if state.guard else {}),
        **corrected,
        "kl": max(kls, default=0.0),
        "policy_updates": float(len(kls)),
        "learning_rate": state.policy_optimiser.param_groups[0]["lr"],
        "loss": sum(losses) / len(losses),
        "explained_variance": 1.0 - losses[0] / max(batch.target.var().item(), 1e-12),
    }


def _check(state: FineTuning, losses: Sequence[float]) -> None:
    """Name what diverged, before anything acts by it or is kept.

    Raises:
        Diverged: the critic's loss or a weight is not finite.
    """
    done = (state.iteration + 1) * len(losses)
    critics, policies = "a smaller rl.critic_learning_rate", "a smaller rl.learning_rate or rl.kl_stop"
    check_value("the critic's loss", sum(losses), math.inf, done, critics)
    check_weights("the sum of the critic's weights", state.critic.parameters(), done, critics)
    check_weights("the sum of the policy's weights", state.policy.parameters(), done, policies)


def _adapt(state: FineTuning, kls: Sequence[float], planned: int) -> None:
    """Learn slower where the policy had strayed too far before half of an update, faster where it stayed near."""
    if len(kls) < planned / 2:
        state.pace = max(state.pace / PACE, 1.0 / FURTHEST)
    elif len(kls) == planned and kls[-1] < state.config.kl_stop / 2:
        state.pace = min(state.pace * PACE, FURTHEST)


def _weight(state: FineTuning, segment: Segment, warming: bool) -> float:
    """λ_BC: by the guard where it is asked for, else by schedule."""
    config, guard = state.config, state.guard
    if guard is not None and warming:
        guard.note_clone(segment.contact)
    elif guard is not None:
        guard.note(segment.contact)
    if guard is not None and config.contact_guard:
        return guard.weight
    return demonstration_weight(config.demonstration_weight, config.demonstration_decay, state.iteration)


def _fit_critic(state: FineTuning, batch: Batch) -> list[float]:
    shuffled = _minibatches(state, "critic", len(batch.target))
    critic, optimiser, seen, target = state.critic, state.critic_optimiser, batch.critic_input, batch.target
    return [fit_critic(critic, optimiser, seen[index], target[index]) for index in shuffled]


def _improve_policy(state: FineTuning, batch: Batch, weight: float) -> list[float]:
    config, kls = state.config, list[float]()
    pull = None
    if state.demonstrations is not None:
        pull = (weight, state.demonstrations, torch_stream(state.seed, "rl", "demonstrations", state.iteration))
    for index in _minibatches(state, "policy", len(batch.target)):
        rows = batch.rows(index)
        kl = improve(state.exploring, state.policy_optimiser, rows, config.clip, config.kl_stop, pull)
        if kl is None:
            break
        kls.append(kl)
    return kls


def _minibatches(state: FineTuning, use: str, rows: int) -> Iterator[Tensor]:
    generator = torch_stream(state.seed, "rl", use, state.iteration)
    for _ in range(state.config.epochs):
        yield from torch.randperm(rows, generator=generator).split(state.config.minibatch)
