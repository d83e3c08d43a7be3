"""What an audit of the reward finds in a trial's row, against the environment stepped by hand."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from regrasp.panel.cases import Case
from regrasp.panel.evaluation import evaluate
from regrasp.seeding import numpy_stream
from regrasp.simulation.disturbance import NONE
from regrasp.tasks import TASKS
from regrasp.tasks.environment import Environment


@dataclasses.dataclass
class Stirrer:
    """Moves planar fingers about, by what it sees."""

    interface_digest: str = TASKS["planar-turn"].interface.digest

    def begin(self, count: int, worlds: Sequence[int] | None = None) -> None:
        pass

    def act(self, observation: torch.Tensor) -> torch.Tensor:
        return torch.sin(40 * observation[:, :4] + 3 * observation[:, 7:8])


def test_what_an_audit_needs_is_in_the_row() -> None:
    """Reward over the last second, and sums over the steps, against the environment stepped by hand."""
    task = TASKS["planar-turn"]
    start = task.draw_starts(np.zeros(1, np.int64), numpy_stream(0))[0]
    case = Case(0, task.objects[0], 0, NONE, tuple(map(float, start)))
    row = next(evaluate(Stirrer(), task, [case], 1))[0]
    environment = Environment(task, 1, 1)
    environment.reset(np.arange(1), start[None], [NONE], [0], np.zeros(1, np.int64))
    observation = environment.observe()["policy"]
    rewards, angles, places, forces = [], [], [], []
    for _ in range(row.steps):
        step = environment.step(Stirrer().act(observation))
        observation = step.observations["policy"]
        rewards.append(float(step.reward[0]))
        angles.append(float(environment.readings.joint("disc_turn")[0]))
        places.append([float(environment.readings.joint(name)[0]) for name in ("disc_x", "disc_y")])
        forces.append(float(environment.readings.strongest_force()[0]))
    assert row.steps > 25
    assert row.reward_at_end == pytest.approx(np.mean(rewards[-25:]), rel=1e-9)
    assert row.reward_at_end != pytest.approx(np.mean(rewards), rel=1e-3)
    assert row.turned == pytest.approx(angles[-1] - angles[0])
    assert row.turning == pytest.approx(np.abs(np.diff(angles)).sum())
    assert row.turning > abs(row.turned) + 0.01
    assert row.travel == pytest.approx(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())
    assert row.peak_force == max(forces) > 0
    assert 0 < row.near_steps < row.steps
    assert row.success_steps == 0
    assert row.close_steps == sum(angle >= np.pi / 4 for angle in angles)
