"""Worlds that are reset where an episode ends, as other packages expect them: undisturbed, at the task's own starts."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from peers.given import Given
from regrasp.reinforcement.magnitudes import Magnitudes
from regrasp.reinforcement.starts import Starts
from regrasp.seeding import numpy_stream
from regrasp.tasks.environment import Environment


@dataclass(frozen=True)
class Stepped:
    """What one control step led to, in B worlds.

    Attributes:
        final: group → (B, O) observations after the step, before any reset.
        reward: (B,) float32, scaled.
        terminated: (B,) bool, dropped, or the world broke down.
        truncated: (B,) bool, the horizon was reached and nothing else ended the episode.
    """

    final: dict[str, Tensor]
    reward: Tensor
    terminated: Tensor
    truncated: Tensor

    @property
    def ended(self) -> Tensor:
        """(B,) bool, the world was reset after the step."""
        return self.terminated | self.truncated


class ResettingWorlds:
    """B worlds of the task.

    Args:
        given: task, reward and seed.
        count: B.
        groups: observation groups to read.

    Attributes:
        observation: group → (B, O) as of now.
        age: (B,) control steps of the running episodes; an episode ends at the task's horizon.
    """

    def __init__(self, given: Given, count: int, groups: tuple[str, ...] = ("policy",)) -> None:
        self.given, self.count, self.groups = given, count, groups
        self.environment = Environment(given.task, count, given.threads)
        self._starts = Starts(given.task, None, Magnitudes(()), 0.0, numpy_stream(given.seed, "peers", "starts"))
        self.age = torch.zeros(count, dtype=torch.int64)
        self.observation: dict[str, Tensor] = {}
        self.reset(np.arange(count))

    def reset(self, worlds: np.ndarray) -> None:
        """Begin new episodes in the named worlds (n, ascending)."""
        begin, _ = self._starts.draw(len(worlds), 0.0)
        self.environment.reset(worlds, begin.states, begin.disturbances, begin.seeds, begin.objects)
        self.age[worlds] = 0
        self.observation = self.environment.observe(self.groups)

    def step(self, action: Tensor) -> Stepped:
        """Advance all worlds with actions (B, A); values outside [-1, 1] are clipped."""
        step = self.environment.step(action, self.groups)
        self.age += 1
        reward = self.given.pay.reward(self.environment, step)
        terminated = step.terminated.clone()
        truncated = (self.age >= self.given.task.horizon) & ~terminated
        stepped = Stepped(step.observations, self.given.scaled(reward), terminated, truncated)
        self.observation = step.observations
        if stepped.ended.any():
            self.reset(np.flatnonzero(stepped.ended.numpy()))
        return stepped
