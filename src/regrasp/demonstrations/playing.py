"""Worlds stepped to the end with everything kept: what recording and replaying share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.contact import modes
from regrasp.demonstrations.formats.contents import MARKS
from regrasp.episode import Episode
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Task

Choice = Callable[[int, Tensor], Tensor]
"""Control step and policy observations (B, O) → actions (B, A)."""


@dataclass(frozen=True)
class Judged:
    """One episode and what the task's judge found in it.

    Attributes:
        episode: it carries as marks what happened in it.
        contact_entry: first step of the first stable contact, -1 without one.
        success, success_at_end, success_held: at the episode's end; a diverged one succeeded in nothing.
    """

    episode: Episode
    contact_entry: int
    success: bool
    success_at_end: bool
    success_held: bool


@dataclass(frozen=True)
class Played:
    """What T control steps showed in B worlds; the first axis is time, the second the world.

    Attributes:
        actions: (T, B, A) float32.
        observations: group → (T + 1, B, O) float32, for every group that is recorded.
        rewards: (T, B) float64.
        states: (T + 1, B, S) float64.
        contact_modes: (T + 1, B) uint8.
        found: finding → (T, B), as it stood after each step: every one of `MARKS` (-1: not yet), the three successes,
            and `diverged`.
    """

    actions: NDArray[np.float32]
    observations: Mapping[str, NDArray[np.float32]]
    rewards: NDArray[np.float64]
    states: NDArray[np.float64]
    contact_modes: NDArray[np.uint8]
    found: Mapping[str, NDArray[Any]]

    def fill(self, episode: Episode, world: int) -> Judged:
        """`episode` with what was seen in a world until the episode's own end, and the judge's findings there."""
        steps, rows = episode.steps, episode.steps + 1
        found = {name: values[steps - 1, world] for name, values in self.found.items()}
        seen = replace(
            episode,
            observations={group: values[:rows, world] for group, values in self.observations.items()},
            rewards=self.rewards[:steps, world],
            states=self.states[:rows, world],
            contact_modes=self.contact_modes[:rows, world],
            marks={name: int(found[name]) for name in MARKS if found[name] >= 0},
            terminal_observed=True,
        )
        # A diverged world goes on from the engine's defaults; what it shows there is nobody's success.
        sound = not found["diverged"]
        successes = (bool(sound and found[name]) for name in ("success_once", "success_at_end", "success_held"))
        return Judged(seen, int(found["contact_entry"]), *successes)


def recorded_groups(task: Task) -> tuple[str, ...]:
    """The observation groups of an episode: all but what only the simulator knows."""
    return tuple(group for group in task.observations if group != "privileged")


def play(environment: Environment, choose: Choice, steps: int) -> Played:
    """Steps worlds that were just placed, keeping everything."""
    groups = recorded_groups(environment.task)
    seen = environment.observe()
    kept: dict[str, list[NDArray[Any]]] = {"actions": [], "rewards": []}
    kept["states"] = [environment.worlds.states()]
    kept["contact_modes"] = [modes(environment.readings.touching()).numpy()]
    observations, found = [seen], []
    for t in range(steps):
        action = choose(t, seen["policy"])
        step = environment.step(action)
        seen = step.observations
        kept["actions"].append(action.numpy())
        kept["rewards"].append(step.reward.numpy().astype(np.float64))
        kept["states"].append(environment.worlds.states())
        kept["contact_modes"].append(modes(environment.touching).numpy())
        observations.append(seen)
        found.append(_findings(environment))
    return Played(
        **{name: np.stack(rows) for name, rows in kept.items()},
        observations={group: torch.stack([one[group] for one in observations]).numpy() for group in groups},
        found={name: np.stack([one[name] for one in found]) for name in found[0]},
    )


def _findings(environment: Environment) -> dict[str, NDArray[Any]]:
    judgement = environment.judgement
    found = {
        "contact_entry": environment.entry.entry,
        "lost": judgement.lost_at,
        "recovered": judgement.recovered_at,
        "success": judgement.first_success,
        "dropped": judgement.dropped_at,
        "success_once": judgement.success_once,
        "success_at_end": judgement.success_at_end,
        "success_held": judgement.success_held,
    }
    copies: dict[str, NDArray[Any]] = {name: values.numpy().copy() for name, values in found.items()}
    return copies | {"disturbed": environment.disturbances.began.copy(), "diverged": environment.worlds.diverged.copy()}
