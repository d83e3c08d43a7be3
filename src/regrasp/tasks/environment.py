"""Batch + task: the one step contract that demonstrations, learning and evaluation share.

action (B, A) in [-1, 1] → control map → one engine call → observation groups, reward terms, contact, judgement. The
environment never resets a world by itself: whoever steps it sees every last observation and decides what comes next.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.contact import ContactEntry
from regrasp.fields import Field, Fields
from regrasp.judges.judge import Judgement
from regrasp.simulation.batch import Worlds
from regrasp.simulation.disturbance import KINDS, Disturbance, Disturbances
from regrasp.simulation.variation import FACTORS
from regrasp.tasks.task import Task

Arrays = dict[str, NDArray[np.generic]]
PHYSICS_FIELDS = Fields(
    [
        Field("object_mass", 1, "kg"),
        Field("object_friction", 1, "1"),
        Field("physics_factors", len(FACTORS), "1"),
        Field("disturbance", len(KINDS), "1"),
    ]
)
"""What the environment appends to a task's privileged observation."""


@dataclass(frozen=True)
class Step:
    """What one control step led to, for B worlds; nothing here aliases the engine's memory.

    Attributes:
        observations: group → (B, O) float32 after the step.
        reward: (B,) float32, sum of the terms.
        terms: reward term → (B,) float64.
        terminated: (B,) bool, dropped, or the world broke down (diverged); its value is not bootstrapped.
        truncated: (B,) bool, the time limit was reached.
    """

    observations: dict[str, Tensor]
    reward: Tensor
    terms: dict[str, Tensor]
    terminated: Tensor
    truncated: Tensor


class Environment:
    """B worlds of one task.

    Attributes:
        elapsed: (B,) int64 control steps since each world was placed.
        entry: contact entry so far.
        judgement: the judge's findings so far.
        slip: (B,) float64 tangential travel of the object against touching regions so far [m].
        touching: (B, R) bool after the latest step.
    """

    def __init__(self, task: Task, worlds: int, threads: int = 0) -> None:
        self.task = task
        self.count = worlds
        self.worlds = Worlds(task.scene, worlds, threads)
        self.readings = self.worlds.readings
        observed = task.observations["policy"].fields
        self.disturbances = Disturbances(
            self.worlds, task.horizon, observed, task.interface.fields.size, task.misjudged
        )
        self.entry = ContactEntry(worlds, task.judge.stable_steps)
        self.judgement = Judgement(task.judge, worlds)
        self.slip = torch.zeros(worlds, dtype=torch.float64)
        self.touching = self.readings.touching()
        self._elapsed: NDArray[np.int64] = np.zeros(worlds, np.int64)
        self.elapsed = torch.from_numpy(self._elapsed)
        self._ctrl = torch.from_numpy(self.worlds.ctrl)

    @property
    def privileged_size(self) -> int:
        """Columns of the `privileged` group."""
        return self.task.observations["privileged"].fields.size + PHYSICS_FIELDS.size

    def reset(
        self,
        worlds: NDArray[np.int64],
        states: NDArray[np.float64],
        disturbances: Sequence[Disturbance],
        seeds: Sequence[int],
        objects: NDArray[np.int64] | None = None,
    ) -> None:
        """Place the named worlds (n, ascending) into stored states (n, S), with a disturbance each; then `observe`.

        Each holds its object of `objects` (n,), or the scene's first.
        """
        self.worlds.place(worlds, states, objects)
        self.disturbances.schedule(worlds, disturbances, seeds)
        self._elapsed[worlds] = 0
        index = torch.from_numpy(worlds)
        self.entry.reset(index)
        self.judgement.reset(index)
        self.slip[index] = 0.0

    def observe(self, groups: Collection[str] | None = None) -> dict[str, Tensor]:
        """Group → (B, O) float32 observations of the present state; of all groups, or of the named ones."""
        observations = self.task.observations
        chosen = observations if groups is None else groups
        seen = {name: observations[name].read(self.readings) for name in chosen}
        if "privileged" in seen:
            seen["privileged"] = torch.cat([seen["privileged"], *self._in_force()], dim=1)
        read = {name: values.to(torch.float32) for name, values in seen.items()}
        if "policy" in read:
            self.disturbances.noisy(read["policy"].numpy(), self._elapsed)
        return read

    def _in_force(self) -> tuple[Tensor, Tensor]:
        """The columns of `PHYSICS_FIELDS`: physics and disturbance."""
        variation = self.worlds.variation
        physics = torch.from_numpy(np.concatenate([variation.objects_own, variation.factors], axis=1))
        return physics, torch.from_numpy(self.disturbances.active(self._elapsed))

    def step(self, action: Tensor, groups: Collection[str] | None = None) -> Step:
        """Advance all worlds by one control step with actions (B, A); values outside [-1, 1] are clipped.

        Gives the observations of all groups, or of the named ones.
        """
        offset, scale = self.task.control_map
        clipped = action.detach().clamp(-1.0, 1.0).to(torch.float32)
        applied = torch.from_numpy(self.disturbances.delayed(clipped.numpy(), self._elapsed))
        # Not `addcmul`, which rounds once where Gymnasium rounds twice: the motion would not be the same to the bit.
        torch.mul(applied, scale, out=self._ctrl).add_(offset)
        self.disturbances.apply(self._elapsed)
        self.worlds.step()
        self._find_contact()
        self._elapsed += 1
        terms = {name: term(self.readings) for name, term in self.task.rewards.items()}
        return Step(
            observations=self.observe(groups),
            reward=torch.stack(list(terms.values())).sum(0).to(torch.float32),
            terms=terms,
            terminated=self.judgement.over | torch.from_numpy(self.worlds.diverged),
            truncated=self.elapsed >= self.task.horizon,
        )

    def _find_contact(self) -> None:
        # Nothing counts after a drop.
        live = ~self.judgement.over
        self.touching = self.readings.touching() & live[:, None]
        self.slip = self.slip + self.readings.sliding_speed() * self.readings.period * live
        self.entry.observe(self.touching.any(1), self.elapsed)
        self.disturbances.trigger(self.entry.entered.numpy(), self._elapsed + 1)
        self.judgement.observe(self.readings, self.elapsed, torch.from_numpy(self.disturbances.watched_from))

    def save(self) -> Arrays:
        """Everything the next step depends on, by name; `restore` continues from it to the bit."""
        parts: dict[str, Mapping[str, NDArray[np.generic]]] = {
            "worlds": self.worlds.save(),
            "disturbances": self.disturbances.save(),
            "judgement": {name: value.numpy().copy() for name, value in self.judgement.tensors().items()},
            "own": {
                "elapsed": self._elapsed.copy(),
                "slip": self.slip.numpy().copy(),
                "run": self.entry.run.numpy().copy(),
                "entry": self.entry.entry.numpy().copy(),
            },
        }
        return {f"{part}/{name}": value for part, arrays in parts.items() for name, value in arrays.items()}

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue from what `save` returned. Sensor readings are current only after the next step."""
        parts: dict[str, Arrays] = {}
        for key, value in saved.items():
            part, name = key.split("/", 1)
            parts.setdefault(part, {})[name] = value
        self.worlds.restore(parts["worlds"])
        self.disturbances.restore(parts["disturbances"])
        self.judgement.load({name: torch.from_numpy(value.copy()) for name, value in parts["judgement"].items()})
        own = parts["own"]
        self._elapsed[:] = own["elapsed"]
        self.slip = torch.from_numpy(own["slip"].copy())
        self.entry.run, self.entry.entry = (torch.from_numpy(own[name].copy()) for name in ("run", "entry"))
