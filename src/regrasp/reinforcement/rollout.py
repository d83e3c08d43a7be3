"""Short segments of experience from worlds that never wait for each other."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.contact import modes
from regrasp.policies.policy import Policy
from regrasp.reinforcement.guard import Contact
from regrasp.reinforcement.pay import Pay
from regrasp.reinforcement.perception import Perception
from regrasp.reinforcement.starts import Starts
from regrasp.tasks.environment import Environment


@dataclass(frozen=True)
class Segment:
    """T steps of B worlds; every tensor is (T, B, …).

    Attributes:
        observation: what the learner saw: on a frozen policy, its actions behind.
        critic_input: what the critic sees of it; `next_critic_input` after the step, before any reset.
        action: as drawn, unclipped.
        log_prob: of the action, up to a constant.
        reward: of the step.
        terminated: the world broke down.
        settled: success has been held; the world is reset.
        ended: the world was reset after this step, for whatever reason.
        terms: reward term → its mean over all steps, also of those that do not count.
        contact: what was touched.
    """

    observation: Tensor
    critic_input: Tensor
    next_critic_input: Tensor
    action: Tensor
    log_prob: Tensor
    reward: Tensor
    terminated: Tensor
    settled: Tensor
    ended: Tensor
    terms: dict[str, float]
    contact: Contact

    @property
    def steps(self) -> int:
        """Control steps in it, over all worlds."""
        return self.reward.numel()


@dataclass(frozen=True)
class Finished:
    """What episodes that ended in a segment were like.

    Attributes:
        episodes: how many.
        from_task_start: those that began at the task's own start and had its full time limit.
        entered, successes: of these.
    """

    episodes: int
    from_task_start: int
    entered: int
    successes: int

    def values(self) -> dict[str, float]:
        """For a progress record: how many, and rates where they are known."""
        values = {"episodes": float(self.episodes)}
        if self.from_task_start:
            values["success_in_training"] = self.successes / self.from_task_start
            values["contact_entry_in_training"] = self.entered / self.from_task_start
        return values


_STACKED = [name for name, kind in Segment.__annotations__.items() if kind is Tensor]


class _Contacts:
    """Counts of contact, as a segment comes in."""

    def __init__(self, limit: int) -> None:
        self._due, self._entered = np.zeros((2, limit + 1), np.int64)
        self._modes = np.zeros(256, np.int64)

    def add(self, environment: Environment, own_start: NDArray[np.bool_], ended: NDArray[np.bool_]) -> None:
        """Count a step."""
        elapsed, entered = environment.elapsed.numpy(), environment.entry.entered.numpy()
        size = len(self._due)
        self._due += np.bincount(elapsed[own_start], minlength=size)
        self._entered += np.bincount(elapsed[own_start & entered], minlength=size)
        # What entered contact and is over would have done so by any later step.
        over = np.bincount(elapsed[own_start & entered & ended] + 1, minlength=size + 1)[:size].cumsum()
        self._due += over
        self._entered += over
        self._modes += np.bincount(modes(environment.touching).numpy(), minlength=256)

    def found(self) -> Contact:
        return Contact(self._due, self._entered, self._modes)


class Acting(Protocol):
    """Who acts in a rollout: a policy, or whatever else has a mean and noise around it."""

    def fixed_mean(self, observation: Tensor) -> Tensor:
        """What the learner sees (B, O) or (B, O + A) → decided actions (B, A), each by its own row alone."""
        ...

    def std(self, observation: Tensor) -> Tensor:
        """Standard deviation of the noise there, (A,) or (B, A)."""
        ...


class Rollout:
    """Keeps B worlds running and hands out segments.

    The first episodes get random time limits, so that resets are spread evenly ever after.

    Args:
        environment: the worlds.
        starts: where episodes begin.
        noise: of the actions.
        correlation: of a world's noise at two steps in a row (Hollenstein et al. 2024, "Colored Noise in PPO").
        pay: what a step pays; all of the task's reward terms if left out.
        base: the frozen policy whose actions are corrected, if the learner does that.
    """

    def __init__(
        self,
        environment: Environment,
        starts: Starts,
        noise: torch.Generator,
        pay: Pay | None = None,
        correlation: float = 0.0,
        base: Policy | None = None,
    ) -> None:
        self.environment = environment
        self.starts = starts
        self.noise = noise
        self.pay = pay or Pay()
        count = environment.count
        self._limit = starts.generator.integers(1, environment.task.horizon + 1, size=count)
        self._begun = np.full(count, -1, np.int64)  # in which demonstration; -1 at the task's own start
        self.correlation = correlation
        self._drawn = torch.zeros(count, environment.task.interface.fields.size)
        self._observation: dict[str, Tensor] = {}
        self._perception = Perception(base, count)

    def begin(self, from_demonstrations: float) -> None:
        """Place all worlds for the first time."""
        self._reset(np.arange(self.environment.count), from_demonstrations)

    def collect(self, acting: Acting, steps: int, from_demonstrations: float) -> tuple[Segment, Finished]:
        """Run `steps` control steps in every world by who acts, with noise."""
        rows: dict[str, list[Tensor]] = {name: [] for name in _STACKED}
        sums = dict.fromkeys(self.environment.task.rewards, 0.0)
        finished = np.zeros(4, np.int64)
        contact = _Contacts(self.environment.task.horizon)
        for _ in range(steps):
            before = self._observation
            mean, std = acting.fixed_mean(before["policy"]), acting.std(before["policy"])
            draw = self._draw(mean)
            action = mean + std * draw
            step = self.environment.step(action)
            settled = self.pay.settled(self.environment)
            ended = self._ended(step.terminated | step.truncated | settled)
            contact.add(self.environment, self._begun < 0, ended)
            self._observation = self._perception.after(step.observations)
            rows["observation"].append(before["policy"])
            rows["critic_input"].append(critic_input(before))
            rows["next_critic_input"].append(critic_input(self._observation))
            rows["action"].append(action)
            rows["log_prob"].append(-(0.5 * draw.square() + std.log()).sum(1))
            rows["reward"].append(self.pay.reward(self.environment, step))
            sums = {name: total + float(step.terms[name].mean()) for name, total in sums.items()}
            rows["terminated"].append(step.terminated)
            rows["settled"].append(settled)
            rows["ended"].append(torch.from_numpy(ended))
            if ended.any():
                finished += self._finish(np.flatnonzero(ended), from_demonstrations)
        terms = {name: total / steps for name, total in sums.items()}
        stacked = {name: torch.stack(values) for name, values in rows.items()}
        segment = Segment(**stacked, terms=terms, contact=contact.found())
        return segment, Finished(*(int(n) for n in finished))

    def _draw(self, mean: Tensor) -> Tensor:
        """Standard normal noise (B, A), correlated in time."""
        fresh = torch.randn(mean.shape, generator=self.noise)
        self._drawn = self.correlation * self._drawn + math.sqrt(1.0 - self.correlation**2) * fresh
        return self._drawn

    def _ended(self, over: Tensor) -> NDArray[np.bool_]:
        ended: NDArray[np.bool_] = over.numpy() | (self.environment.elapsed.numpy() >= self._limit)
        return ended

    def _finish(self, worlds: NDArray[np.int64], from_demonstrations: float) -> NDArray[np.int64]:
        own = worlds[(self._begun[worlds] < 0) & (self._limit[worlds] == self.environment.task.horizon)]
        entered = self.environment.entry.entered.numpy()[own].sum()
        successes = self.environment.judgement.success_once.numpy()[own].sum()
        self._note(worlds[self._limit[worlds] == self.environment.task.horizon])
        counts = np.array([len(worlds), len(own), entered, successes])
        self._limit[worlds] = self.environment.task.horizon
        self._reset(worlds, from_demonstrations)
        return counts

    def _note(self, worlds: NDArray[np.int64]) -> None:
        """Tell how the episodes of these worlds went."""
        judgement, kinds = self.environment.judgement, self.environment.disturbances.kinds(worlds)
        succeeded = judgement.success_once
        stood = succeeded & ((judgement.lost_at < 0) | (judgement.recovered_at >= 0))
        ends = (one.numpy()[worlds].tolist() for one in (succeeded, stood))
        self.starts.note(self._begun[worlds].tolist(), kinds, *ends)

    def _reset(self, worlds: NDArray[np.int64], from_demonstrations: float) -> None:
        begin, self._begun[worlds] = self.starts.draw(len(worlds), from_demonstrations)
        self.environment.reset(worlds, begin.states, begin.disturbances, begin.seeds, begin.objects)
        self._observation = self._perception.start(self.environment.observe(), worlds)

    def save(self) -> dict[str, NDArray[np.generic]]:
        """Everything the next segment depends on."""
        arrays: dict[str, NDArray[np.generic]] = {
            "limit": self._limit.copy(),
            "begun": self._begun.copy(),
            "noise": self.noise.get_state().numpy(),
            "drawn": self._drawn.numpy().copy(),
        }
        arrays |= {f"observation/{name}": value.numpy().copy() for name, value in self._observation.items()}
        arrays |= {f"starts/{name}": value for name, value in self.starts.save().items()}
        arrays |= {f"perception/{name}": value for name, value in self._perception.save().items()}
        return arrays | {f"environment/{name}": value for name, value in self.environment.save().items()}

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue from what `save` returned."""
        self._limit = np.array(saved["limit"])
        self._begun = np.array(saved["begun"], np.int64)
        self._drawn = torch.from_numpy(np.array(saved["drawn"]))
        self.noise.set_state(torch.from_numpy(np.array(saved["noise"])))
        self._observation = {k: torch.from_numpy(np.array(v)) for k, v in _below(saved, "observation").items()}
        self.starts.restore(_below(saved, "starts"))
        self._perception.restore(_below(saved, "perception"))
        self.environment.restore(_below(saved, "environment"))


def critic_input(observations: Mapping[str, Tensor]) -> Tensor:
    """The critic sees what the policy sees, and the privileged group besides."""
    return torch.cat([observations["policy"], observations["privileged"]], dim=1)


def _below(saved: Mapping[str, NDArray[np.generic]], part: str) -> dict[str, NDArray[np.generic]]:
    return {key.removeprefix(f"{part}/"): value for key, value in saved.items() if key.startswith(f"{part}/")}
