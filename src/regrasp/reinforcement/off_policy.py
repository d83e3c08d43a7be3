"""Off-policy fine-tuning of a clone, for simulators that are slow: every control step is learned from many times.

Half of every batch is demonstrated (Ball et al. 2023, "RLPD"), critics have LayerNorm and judge by the smaller of two,
returns span several steps, and the frozen clone keeps proposing actions (Hu et al. 2024, "IBRL"). What keeps the hand
in contact: the clone alone acts until the critics know it, then only what they prefer; its own residual is all the
noise, and little of it in some worlds; and the actor is held to demonstrations and clone in units of that residual.
"""

import copy
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

import torch
from torch import Tensor

from regrasp.policies.policy import Policy
from regrasp.policies.progress import Progress
from regrasp.reinforcement.config import OnPolicyConfig
from regrasp.reinforcement.correction import correction_values, set_bound
from regrasp.reinforcement.critics import Critics, follow, target_of
from regrasp.reinforcement.demonstrated import Demonstrated
from regrasp.reinforcement.diverged import check_weights
from regrasp.reinforcement.off_policy_config import OffPolicyConfig
from regrasp.reinforcement.off_policy_update import fit_critics, improve_actor, target_values
from regrasp.reinforcement.proposal import Proposals, ProposingRollout
from regrasp.reinforcement.replay import Replay, Steps, Transitions, windows
from regrasp.reinforcement.rollout import Finished, Segment
from regrasp.reinforcement.saved import below, moments, set_moments
from regrasp.reinforcement.update import Demonstrations, Rewards
from regrasp.seeding import numpy_stream, torch_stream


@dataclass
class OffPolicyTuning:
    """Where off-policy fine-tuning stands: all that the next record depends on.

    Attributes:
        policy: what acts, is judged and is kept, changed in place: the average of the `actor` that learns. Its width is
            the noise, and stays.
        critics: from what they see (P) and actions to scaled returns; `target` follows them.
        rollout: the worlds.
        demonstrations: what the demonstration term compares with.
        demonstrated: the same episodes as experience.
        config: how to learn.
        under: what both ways of fine-tuning train under: starts, disturbances, rewards, discount.
        seed: from which every random stream is derived.
        iteration: records so far; `control_steps` and `updates` likewise.
        clone: the policy as it was at first, frozen.
        replay: own experience.
        taught: the demonstrated transitions.
    """

    policy: Policy
    critics: Critics
    rollout: ProposingRollout
    demonstrations: Demonstrations
    demonstrated: Demonstrated
    config: OffPolicyConfig
    under: OnPolicyConfig
    seed: int
    iteration: int = 0
    control_steps: int = 0
    updates: int = 0
    clone: Policy = field(init=False)
    taught: Transitions = field(init=False)

    def __post_init__(self) -> None:
        config, discount = self.config, self.under.discount
        self.clone, self.actor = copy.deepcopy(self.policy).requires_grad_(False), copy.deepcopy(self.policy)
        self.target = target_of(self.critics)
        self.replay = Replay(config.capacity, config.return_steps, discount)
        self.taught = self._taught()
        moving = [(name, value) for name, value in self.actor.named_parameters() if value.requires_grad]
        learned = [value for name, value in moving if name != "head.log_std"]
        rates = config.learning_rate, config.critic_learning_rate
        self.actor_optimiser = torch.optim.Adam(learned, lr=rates[0], fused=True)
        self.critic_optimiser = torch.optim.Adam(self.critics.parameters(), lr=rates[1], fused=True)

    @property
    def knowing(self) -> bool:
        """The critics know the clone: from now on the actor learns, and acts where they prefer it."""
        return self.updates > 0 and self.updates >= self.config.critic_warmup

    def steps_of(self, segment: Segment | Demonstrated) -> Steps:
        """Own or demonstrated steps as the replay keeps them."""
        reward = Rewards(self.under.largest_reward, self.under.discount, 0.0).scaled(segment.reward)
        # As on-policy: success that has lasted is worth what lasts for ever, and nothing is bootstrapped behind it.
        reward = torch.where(segment.settled, reward / (1.0 - self.under.discount), reward)
        with torch.no_grad():
            observed = segment.critic_input[..., : self.clone.spec.inputs]
            proposal = self.clone.mean(observed).clamp(-1.0, 1.0)
        return Steps(
            seen=segment.critic_input,
            action=segment.action.clamp(-1.0, 1.0),
            proposal=proposal,
            reward=reward,
            next_seen=segment.next_critic_input,
            final=segment.terminated | segment.settled,
            ended=segment.ended,
        )

    def _taught(self) -> Transitions:
        steps, length = self.steps_of(self.demonstrated), self.config.return_steps
        # Steps that belong to nobody complete the windows of the last ones, which end before them.
        behind = steps.part(len(steps.reward) - 1, len(steps.reward))
        for _ in range(length - 1):
            steps = behind.after(steps)
        rows = windows(steps, length, self.under.discount)
        return rows.rows(torch.nonzero(self.demonstrated.valid.flatten())[:, 0])

    def tensors(self) -> dict[str, Tensor]:
        """Everything as named tensors, for a snapshot; `load` takes them back and continues to the bit."""
        named: dict[str, Tensor] = {"progress": torch.tensor([self.iteration, self.control_steps, self.updates])}
        for part, module in self._modules().items():
            named |= {f"{part}/{name}": value for name, value in module.state_dict().items()}
        named |= {f"actor_adam/{name}": value for name, value in moments(self.actor_optimiser).items()}
        named |= {f"critics_adam/{name}": value for name, value in moments(self.critic_optimiser).items()}
        named |= {f"replay/{name}": value for name, value in self.replay.save().items()}
        return named | {f"rollout/{name}": torch.from_numpy(value) for name, value in self.rollout.save().items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from `tensors`; the policy that this state was made with must have been the clone."""
        self.iteration, self.control_steps, self.updates = (int(number) for number in tensors["progress"])
        for part, module in self._modules().items():
            module.load_state_dict(below(tensors, part))
        set_moments(self.actor_optimiser, below(tensors, "actor_adam"))
        set_moments(self.critic_optimiser, below(tensors, "critics_adam"))
        self.replay.restore(below(tensors, "replay"))
        self.rollout.restore({name: value.numpy() for name, value in below(tensors, "rollout").items()})

    def _modules(self) -> dict[str, torch.nn.Module]:
        return {"policy": self.policy, "actor": self.actor, "critics": self.critics, "target": self.target}


def fine_tune_off_policy(state: OffPolicyTuning) -> Iterator[Progress]:
    """Experience and updates in turn until `state.config.control_steps`, changing `state`; yields records.

    Every random draw of a record depends on the seed and its number alone, so a state saved after any record and loaded
    again continues as if nothing had happened.

    Raises:
        Diverged: a loss, value or weight is not finite or beyond all that can be.
    """
    if state.iteration == 0:
        for one in (state.policy, state.actor):
            one.head.log_std.data = one.head.std().detach().clamp(min=state.under.smallest_noise).log()
    while state.iteration < state.config.iterations:
        values = _advance(state)
        state.iteration += 1
        helps = "a smaller off_policy.learning_rate or off_policy.critic_learning_rate"
        for name, module in (("the actor's", state.actor), ("the critics'", state.critics)):
            check_weights(f"the sum of {name} weights", module.parameters(), state.updates, helps)
        yield Progress("rl", state.iteration, state.config.iterations, state.control_steps, values)


def _advance(state: OffPolicyTuning) -> dict[str, float]:
    """All segments of one record, and the updates that are due after each."""
    done = state.iteration / state.config.iterations
    share = state.under.starts_share(done)
    for one in (state.policy, state.actor):
        set_bound(one, state.under.residual_bound(done))
    state.rollout.starts.generator = numpy_stream(state.seed, "rl", "starts", state.iteration)
    state.rollout.noise = torch_stream(state.seed, "rl", "noise", state.iteration)
    generator = torch_stream(state.seed, "rl", "updates", state.iteration)
    if state.iteration == 0:
        state.rollout.begin(share)
    proposals = Proposals(state.clone, state.policy, state.critics, state.rollout)
    means, finished = _Means(), Finished(0, 0, 0, 0)
    simulation_s = learning_s = 0.0
    for _ in range(state.config.segments):
        begun = time.perf_counter()
        proposals.alone = not state.knowing
        segment, ended = state.rollout.collect(proposals, state.config.segment, share)
        state.replay.add(state.steps_of(segment))
        state.control_steps += segment.steps
        finished = Finished(*(getattr(finished, one.name) + getattr(ended, one.name) for one in fields(Finished)))
        means.add({"reward": segment.reward.mean().item()})
        means.add({f"reward/{name}": mean for name, mean in segment.terms.items()})
        means.add(correction_values(state.policy, segment.observation))
        collected = time.perf_counter()
        while state.updates < state.config.due(state.control_steps):
            means.add(_update(state, generator))
        simulation_s += collected - begun
        learning_s += time.perf_counter() - collected
    return {
        **means.values(),
        **finished.values(),
        "lambda_bc": state.config.demonstration_weight,
        "updates": float(state.updates),
        "proposal_share": proposals.cloned / proposals.decisions if proposals.decisions else 1.0,
        "noise": state.policy.head.std().mean().item(),
        "disturbed_share": state.under.disturbed if state.under.disturbances else 0.0,
        **state.rollout.starts.values(),
        "demonstration_starts": share,
        "simulation_s": simulation_s,
        "learning_s": learning_s,
    }


def _update(state: OffPolicyTuning, generator: torch.Generator) -> dict[str, float]:
    config = state.config
    if state.updates == 0:
        state.critics.normaliser.fit(torch.cat([state.replay.all().seen, state.taught.seen]))
        state.target.normaliser.load_state_dict(state.critics.normaliser.state_dict())
    taught = torch.randint(len(state.taught), (config.batch // 2,), generator=generator)
    own = state.replay.sample(config.batch - len(taught), generator)
    rows = own.beside(state.taught.rows(taught))
    wanted = target_values(state.target, state.policy, rows, config.smoothing, generator)
    seen = state.critics.normaliser(rows.seen)
    found = fit_critics(state.critics, state.critic_optimiser, seen, rows.action, wanted, state.updates)
    follow(state.target, state.critics, config.target_rate)
    if state.knowing and state.updates % config.actor_every == 0:
        found |= improve_actor(
            state.actor, state.critics, state.actor_optimiser, own, state.demonstrations,
            config.demonstration_weight, config.smoothing, generator, state.updates,
        )  # fmt: skip
        follow(state.policy, state.actor, config.averaging)
    state.updates += 1
    return found


class _Means:
    """Of quantities that are measured again and again, by name."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, found: Mapping[str, float]) -> None:
        for name, value in found.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def values(self) -> dict[str, float]:
        return {name: total / self._counts[name] for name, total in self._sums.items()}
