"""Plans for several worlds at once: random splines of actions, tried out in copies of the worlds.

Predictive sampling (Howell et al. 2022) with the weighted mean of path-integral control (Williams et al. 2017). The
copies have nominal physics: a planner, like a policy, meets a disturbance only through what it does to the state.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.actor import Actor
from regrasp.errors import InputError
from regrasp.simulation.batch import Worlds
from regrasp.simulation.readings import Readings
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Task

SCALES = (0.1, 0.35, 1.0)
"""Candidates take these shares of the noise in turn: fine corrections are found beside new ideas."""
FINAL = 4.0 / 3.0
"""What the cost of the last step weighs beside the weighted mean of all."""

_LEAST = {"candidates": 3, "horizon": 2, "knots": 2, "every": 1, "best": 1, "clear": 0.0, "prior_weight": 0.0}


@dataclass(frozen=True)
class Sampling:
    """How a plan is improved. The defaults are those of the project's prototype.

    Attributes:
        candidates: splines tried per planning.
        horizon: control steps that a plan reaches ahead.
        knots: of a spline, evenly spaced over the horizon; in between, actions are interpolated linearly.
        every: control steps that a plan is followed before the next planning.
        noise: standard deviation at a knot, in halves of an action's range.
        columns: share of (knot, actuator) pairs that a candidate changes.
        best: candidates that the new plan is the weighted mean of.
        temperature: of their weights exp(-excess cost / temperature); this and `clear` are in units of the median
            candidate's cost above the best one's.
        clear: a candidate that is better than all others by this much is the new plan.
        prior_weight: cost of leaving the prior, per squared half of an action's range, in units of that median.
    """

    candidates: int = 64
    horizon: int = 10
    knots: int = 5
    every: int = 1
    noise: float = 0.3
    columns: float = 0.35
    best: int = 4
    temperature: float = 0.1
    clear: float = 0.4
    prior_weight: float = 10.0

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if not least <= getattr(self, name) < math.inf:
                raise InputError("planning settings", name, repr(getattr(self, name)), f"at least {least}")
        for name in ("noise", "columns", "temperature"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise InputError("planning settings", name, repr(getattr(self, name)), "a number above 0")

    @property
    def spacing(self) -> float:
        """Control steps between two knots."""
        return (self.horizon - 1) / (self.knots - 1)


def action_at(knots: Tensor, step: float, spacing: float) -> Tensor:
    """Action (…, A) of splines (…, K, A) `step` control steps ahead; the last knot holds beyond the end."""
    place = min(step / spacing, knots.shape[-2] - 1.0)
    left = min(int(place), knots.shape[-2] - 2)
    return torch.lerp(knots[..., left, :], knots[..., left + 1, :], place - left)


def shifted(knots: Tensor, steps: int, spacing: float) -> Tensor:
    """Splines (…, K, A) as they look `steps` control steps later."""
    return torch.stack([action_at(knots, k * spacing + steps, spacing) for k in range(knots.shape[-2])], dim=-2)


def perturbed(plan: Tensor, home: Tensor, noise: Tensor) -> Tensor:
    """Candidates (E, C, K, A) of plans (E, K, A): the plan, half-way to `home` (A,), with noise (E, C - 2, K, A)."""
    homeward = torch.lerp(plan, home.expand_as(plan), 0.5)
    return torch.cat([plan[:, None], homeward[:, None], plan[:, None] + noise], dim=1)


def draw_noise(sampling: Sampling, actions: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """(C - 2, K, A) noise on the knots of one world's candidates."""
    shape = (sampling.candidates - 2, sampling.knots, actions)
    scale = sampling.noise * np.resize(SCALES, shape[0])[:, None, None]
    return np.where(generator.random(shape) < sampling.columns, generator.standard_normal(shape) * scale, 0.0)


def excess(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Scores (E, C) above the best of their world, and their median (E, 1); what broke down counts as the worst."""
    finite = torch.isfinite(scores)
    worst = torch.where(finite, scores, -torch.inf).amax(1, keepdim=True)
    above = torch.where(finite, scores, worst) - scores.amin(1, keepdim=True)
    above = above.nan_to_num(0.0, 0.0, 0.0)  # where every candidate broke down
    return above, above.median(1, keepdim=True).values.clamp(min=1e-12)


def combined(candidates: Tensor, scores: Tensor, sampling: Sampling) -> Tensor:
    """New plans (E, K, A): the weighted mean of the best candidates (E, C, K, A), or the best where it is clear."""
    above, typical = excess(scores)
    top, places = (above / typical).topk(min(sampling.best, above.shape[1]), dim=1, largest=False)
    weights = torch.exp(-top / sampling.temperature)
    if top.shape[1] > 1:
        weights[:, 1:] *= (top[:, 1:2] <= sampling.clear).to(weights)
    rows = torch.arange(len(top))
    plan, total = torch.zeros_like(candidates[:, 0]), torch.zeros(len(top), 1, 1, dtype=weights.dtype)
    for weight, place in zip(weights.unbind(1), places.unbind(1), strict=True):
        plan += weight[:, None, None] * candidates[rows, place]
        total += weight[:, None, None]
    return plan / total


class Planner:
    """The plans of E worlds, and C copies of each to try candidates in.

    With a prior, what is planned is added to the prior's action, in every copy by what the prior sees there.
    """

    def __init__(
        self, task: Task, sampling: Sampling, count: int, prior: Actor | None = None, threads: int = 0
    ) -> None:
        self._task, self._sampling, self._prior = task, sampling, prior
        self._copies = Worlds(task.scene, count * sampling.candidates, threads)
        self._ctrl = torch.from_numpy(self._copies.ctrl)
        self._origin: NDArray[np.int64] = np.repeat(np.arange(count), sampling.candidates)
        rest = torch.tensor(task.rest, dtype=torch.float64)
        self._home = rest if prior is None else torch.zeros_like(rest)
        self._plan = self._home.repeat(count, sampling.knots, 1)

    def restart(self, worlds: NDArray[np.int64]) -> None:
        """Forget the plans of the named worlds."""
        self._plan[torch.from_numpy(worlds)] = self._home

    def improve(self, real: Environment, streams: Sequence[np.random.Generator | None]) -> None:
        """Plan ahead from where the worlds are; a world without a stream keeps its plan."""
        sampling, actions = self._sampling, len(self._home)
        shape = (sampling.candidates - 2, sampling.knots, actions)
        noise = [np.zeros(shape) if s is None else draw_noise(sampling, actions, s) for s in streams]
        candidates = perturbed(self._plan, self._home, torch.from_numpy(np.stack(noise)))
        candidates = candidates.clamp(-1.0, 1.0) if self._prior is None else candidates.clamp(-2.0, 2.0)
        live = np.array([stream is not None for stream in streams])
        scores = self._try(real, candidates, np.flatnonzero(np.repeat(live, sampling.candidates)))
        planned = torch.from_numpy(live)[:, None, None]
        self._plan = torch.where(planned, combined(candidates, scores, sampling), self._plan)

    def action(self, step: int, observation: Tensor) -> Tensor:
        """(E, A) float32 `step` control steps after the latest planning, where the prior sees `observation`."""
        return self._chosen(action_at(self._plan, step, self._sampling.spacing), observation).to(torch.float32)

    def advance(self) -> None:
        """The planned steps have been taken."""
        self._plan = shifted(self._plan, self._sampling.every, self._sampling.spacing)

    def _chosen(self, planned: Tensor, observation: Tensor) -> Tensor:
        wanted = planned if self._prior is None else planned + self._prior.act(observation)
        return wanted.clamp(-1.0, 1.0)

    def _try(self, real: Environment, candidates: Tensor, live: NDArray[np.int64]) -> Tensor:
        """Scores (E, C): mean cost over the horizon, and leaving the prior. Only the copies `live` move.

        Where the task has a cost, it is how far there is still to go, so that later steps weigh more and the last one
        most; where it has only rewards, they add up.
        """
        sampling, copies, flat = self._sampling, self._copies, candidates.flatten(0, 1)
        offset, scale = self._task.control_map
        copies.copy_from(real.worlds, self._origin)
        observation = self._see(real.readings)[torch.from_numpy(self._origin)]
        score, left = torch.zeros(len(flat), dtype=torch.float64), torch.zeros(len(flat), dtype=torch.float64)
        rising = self._task.cost is not None
        cost = score
        for step in range(sampling.horizon):
            planned = action_at(flat, step, sampling.spacing)
            # float32 on the way, as the environment takes actions.
            action = self._chosen(planned, observation).to(torch.float32)
            torch.mul(action, scale, out=self._ctrl).add_(offset)
            copies.step(live)
            cost = self._cost(copies.readings)
            score = score + cost * ((2.0 * (step + 1) / (sampling.horizon + 1) if rising else 1.0) / sampling.horizon)
            left = left + planned.square().mean(1) / sampling.horizon
            if self._prior is not None:
                observation = self._see(copies.readings)
        score = (
            (score + FINAL * cost * rising)
            .masked_fill(torch.from_numpy(copies.diverged), torch.inf)
            .nan_to_num(torch.inf)
        )
        scores = score.view(candidates.shape[:2])
        if self._prior is None:
            return scores
        return scores + sampling.prior_weight * excess(scores)[1] * left.view(candidates.shape[:2])

    def _see(self, readings: Readings) -> Tensor:
        return self._task.observations["policy"].read(readings).to(torch.float32)

    def _cost(self, readings: Readings) -> Tensor:
        if self._task.cost is not None:
            return self._task.cost(readings)
        return -torch.stack([term(readings) for term in self._task.rewards.values()]).sum(0)
