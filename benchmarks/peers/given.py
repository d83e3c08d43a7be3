"""What every method is given, and what it tells on its way."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.actor import Actor
from regrasp.curriculum.schema import Curriculum
from regrasp.demonstrations import DemonstrationSet
from regrasp.reinforcement.pay import Pay
from regrasp.reinforcement.update import Rewards
from regrasp.tasks.task import Task


@dataclass(frozen=True)
class Given:
    """The same for all methods of a seed.

    Attributes:
        task: which task.
        curriculum: our method's settings; the others read its reward from it.
        demonstrations: of the task.
        seed: of every random draw.
        threads: of the engine.
    """

    task: Task
    curriculum: Curriculum
    demonstrations: DemonstrationSet
    seed: int
    threads: int

    @property
    def pay(self) -> Pay:
        """What a control step pays; what the judge refuses is paid like all else."""
        return Pay(self.curriculum.rl.reward_terms)

    def scaled(self, reward: Tensor) -> Tensor:
        """Rewards as ours learns from them, compressed by symlog, but with 1 for a control step in success."""
        config = self.curriculum.rl
        return Rewards(config.largest_reward, config.discount, 0.0).scaled(reward) / (1.0 - config.discount)


@dataclass(frozen=True)
class Standing:
    """How far a method has come: control steps simulated so far, and what would act if it ended here."""

    control_steps: int
    actor: Actor


Method = Callable[[Given], Iterator[Standing]]
"""Learns for as long as it is iterated; its wall clock runs only meanwhile."""


@dataclass(frozen=True)
class Acting:
    """Any function of observations as an actor.

    Attributes:
        interface_digest: of the task's action interface.
        decide: observations (B, O) float32 → actions (B, A).
    """

    interface_digest: str
    decide: Callable[[Tensor], Tensor]

    def begin(self, count: int, worlds: Sequence[int] | None = None) -> None:
        """Nothing to forget."""

    @torch.no_grad()
    def act(self, observation: Tensor) -> Tensor:
        """Observation (B, O) → action (B, A) in [-1, 1]."""
        return self.decide(observation).to(torch.float32).clamp(-1.0, 1.0)


def acting(given: Given, decide: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Acting:
    """A function of numpy arrays as an actor of the task."""
    return Acting(given.task.interface.digest, lambda seen: torch.from_numpy(decide(seen.numpy())))
