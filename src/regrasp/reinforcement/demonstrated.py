"""Demonstrations as off-policy experience: played again on today's engine, with its rewards and what critics see."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from regrasp.demonstrations.disturbed import disturbance_of
from regrasp.episode import Episode
from regrasp.policies.policy import Policy
from regrasp.reinforcement.pay import Pay
from regrasp.reinforcement.perception import Perception
from regrasp.reinforcement.rollout import critic_input
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Task


@dataclass(frozen=True)
class Demonstrated:
    """E episodes side by side for as many steps as the longest has; every tensor is (T, E, …).

    Attributes:
        critic_input: before each step; `next_critic_input` after it.
        action: recorded, clipped to [-1, 1].
        reward: today's, unscaled.
        terminated: dropped, or broken down.
        settled: success has been held for long enough.
        ended: the episode's last step; those behind it (`valid` is false) belong to nobody.
    """

    critic_input: Tensor
    next_critic_input: Tensor
    action: Tensor
    reward: Tensor
    terminated: Tensor
    settled: Tensor
    ended: Tensor
    valid: Tensor


def play_again(
    task: Task, episodes: Sequence[Episode], pay: Pay, threads: int = 0, base: Policy | None = None
) -> Demonstrated:
    """Recorded actions from recorded starts, each episode under the disturbance it says it was recorded under.

    Recorded rewards are not used: a file may have others, and none has what the critics see of the simulator.

    Args:
        task: which task.
        episodes: each with its start.
        pay: what a step pays.
        threads: of the engine.
        base: the frozen policy whose actions are corrected, if the learner does that.

    Raises:
        InputError: an episode says something about its disturbance that cannot be.
    """
    environment = _placed(task, episodes, threads)
    lengths = torch.tensor([episode.steps for episode in episodes])
    rows: dict[str, list[Tensor]] = {name: [] for name in Demonstrated.__annotations__}
    running = torch.ones(len(episodes), dtype=torch.bool)
    perception = Perception(base, len(episodes))
    seen = critic_input(perception.start(environment.observe(), np.arange(len(episodes))))
    for t in range(int(lengths.max())):
        chosen = np.stack([episode.actions[min(t, episode.steps - 1)] for episode in episodes])
        action = torch.from_numpy(chosen).clamp(-1.0, 1.0)
        step = environment.step(action)
        settled = pay.settled(environment)
        found = {
            "critic_input": seen,
            "next_critic_input": critic_input(perception.after(step.observations)),
            "action": action,
            "reward": pay.reward(environment, step),
            "terminated": step.terminated.clone(),
            "settled": settled,
            "ended": step.terminated | settled | (t + 1 >= lengths),
            "valid": running,
        }
        for name, value in found.items():
            rows[name].append(value)
        running = running & ~found["ended"]
        seen = found["next_critic_input"]
    return Demonstrated(**{name: torch.stack(values) for name, values in rows.items()})


def _placed(task: Task, episodes: Sequence[Episode], threads: int) -> Environment:
    environment = Environment(task, len(episodes), threads)
    disturbances, seeds = zip(*map(disturbance_of, episodes), strict=True)
    starts = np.array([episode.start for episode in episodes])
    objects = np.array([task.scene.objects.index(episode.object) if episode.object else 0 for episode in episodes])
    environment.reset(np.arange(len(episodes)), starts, disturbances, seeds, objects)
    return environment
