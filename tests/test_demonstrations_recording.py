"""Recording: attempts are what they say, and each depends on nothing but the seed and its number."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from regrasp.demonstrations.recording import Attempt, RecordingConfig, record_attempts
from regrasp.demonstrations.replay import replay
from regrasp.policies.policy import Policy
from regrasp.seeding import torch_stream
from regrasp.tasks.task import Task
from small_store import TASK, make_spec


class Still:
    """Asks for the middle of every joint's range."""

    interface_digest = TASK.interface.digest

    def act(self, observation: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(observation), TASK.interface.fields.size)


@pytest.fixture(scope="module")
def attempts() -> list[Attempt]:
    policy = Policy.build(make_spec(), torch_stream(0, "test"))
    return record(policy, 3)


def record(policy: Policy | Still, count: int, noise: float = 0.1, tail: int = 50, task: Task = TASK) -> list[Attempt]:
    config = RecordingConfig(np.full(TASK.interface.fields.size, noise, np.float32), seed=2, tail=tail, threads=1)
    return list(islice(record_attempts(policy, task, config, {"policy": "test"}), count))


def test_shapes_and_provenance(attempts: list[Attempt]) -> None:
    for number, attempt in enumerate(attempts):
        episode = attempt.episode
        steps = episode.steps
        assert steps == TASK.horizon
        assert episode.states is not None
        assert episode.contact_modes is not None
        assert episode.states.shape == (steps + 1, TASK.scene.state_size)
        assert episode.contact_modes.shape == (steps + 1,)
        assert episode.observations["policy"].shape == (steps + 1, 39)
        assert np.abs(episode.actions).max() <= 1
        assert episode.provenance == {"policy": "test", "attempt": str(number)}
        assert (episode.terminated, episode.truncated, episode.terminal_observed) == (False, True, True)


def test_the_recording_is_what_its_actions_do(attempts: list[Attempt]) -> None:
    for attempt, again in zip(attempts, replay(TASK, [one.episode for one in attempts], threads=1), strict=True):
        assert again.episode.states is not None
        np.testing.assert_array_equal(attempt.episode.states, again.episode.states)
        np.testing.assert_array_equal(attempt.episode.observations["policy"], again.episode.observations["policy"])
        np.testing.assert_array_equal(attempt.episode.rewards, again.episode.rewards)
        np.testing.assert_array_equal(attempt.episode.contact_modes, again.episode.contact_modes)
        for name in ("contact_entry", "success", "success_at_end", "success_held"):
            assert getattr(attempt, name) == getattr(again, name)


def test_starts_survive_single_precision(attempts: list[Attempt]) -> None:
    for attempt in attempts:
        assert attempt.episode.start is not None
        np.testing.assert_array_equal(attempt.episode.start, attempt.episode.start.astype(np.float32))


def test_noise_is_as_wide_as_asked() -> None:
    (attempt,) = record(Still(), 1, noise=0.2)
    assert attempt.episode.actions.std() == pytest.approx(0.2, rel=0.05)
    (quiet,) = record(Still(), 1, noise=0.0)
    assert not quiet.episode.actions.any()


def test_an_attempt_ends_after_its_first_success() -> None:
    start = np.zeros((1, TASK.scene.state_size))
    start[0, TASK.scene.joint_column("door_hinge")] = 1.5
    start[0, -3:] = (-0.25, 0.3, 0.3)
    opened = replace(TASK, draw_starts=lambda count, generator: np.repeat(start, count, axis=0))
    (attempt,) = record(Still(), 1, tail=30, task=opened)
    assert attempt.episode.steps == 31
    assert attempt.success_held
    assert attempt.success_at_end
