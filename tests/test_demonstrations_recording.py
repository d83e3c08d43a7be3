"""Recording: attempts are what they say, and each depends on nothing but the seed and its number."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch

from door_states import GRASP_ACTION, GRASP_STATE
from regrasp.demonstrations.recording import Attempt, RecordingConfig, record_attempts
from regrasp.demonstrations.replay import replay
from regrasp.episode import Episode
from regrasp.errors import InputError
from regrasp.policies.policy import Policy
from regrasp.seeding import torch_stream
from regrasp.simulation.readings import Readings
from regrasp.tasks import TASKS
from regrasp.tasks.task import Task
from small_store import TASK, make_spec


class Still:
    """Asks for the middle of every joint's range."""

    def __init__(self, task: Task = TASK) -> None:
        self.interface_digest = task.interface.digest
        self._size = task.interface.fields.size

    def begin(self, count: int, worlds: Sequence[int] | None = None) -> None:
        pass

    def act(self, observation: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(observation), self._size)


@pytest.fixture(scope="module")
def attempts() -> list[Attempt]:
    policy = Policy.build(make_spec(), torch_stream(0, "test"))
    return record(policy, 3)


def record(
    policy: Policy | Still, count: int, noise: float = 0.1, tail: int = 50, task: Task = TASK, **more: Any
) -> list[Attempt]:
    spread = np.full(task.interface.fields.size, noise, np.float32)
    config = RecordingConfig(spread, seed=2, tail=tail, threads=1, **more)
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
        assert episode.object == TASK.objects[0]
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
    short = replace(TASK, horizon=60)
    (attempt,) = record(Still(), 1, noise=0.2, task=short)
    assert attempt.episode.actions.std() == pytest.approx(0.2, rel=0.05)
    (quiet,) = record(Still(), 1, noise=0.0, task=short)
    assert not quiet.episode.actions.any()


def touched(task: Task, **rules: object) -> Task:
    """The task with other rules of judging, as if the hand always touched: its absence alone would void success."""
    touching = lambda readings: torch.ones(len(readings.qpos)) > 0  # noqa: E731
    return replace(task, judge=replace(task.judge, touching=touching, **rules))


def test_an_attempt_ends_after_its_first_success() -> None:
    start = np.zeros((1, TASK.scene.state_size))
    start[0, TASK.scene.joint_column("door_hinge")] = 1.5
    start[0, -3:] = (-0.25, 0.3, 0.3)
    opened = replace(touched(TASK), draw_starts=lambda objects, generator: np.repeat(start, len(objects), axis=0))
    (attempt,) = record(Still(), 1, tail=30, task=replace(opened, horizon=60))
    assert attempt.episode.steps == 31
    assert attempt.success_held
    assert attempt.success_at_end
    assert attempt.episode.marks["success"] == 0
    assert (attempt.episode.terminated, attempt.episode.truncated) == (False, True)


class Grasp(Still):
    """Keeps the grasp that it begins with."""

    def act(self, observation: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(GRASP_ACTION).to(torch.float32).expand(len(observation), -1)


class Waving(Still):
    """Lets one finger swing: out at 20 steps and for good from 60 on."""

    def __init__(self) -> None:
        super().__init__()
        self.t = 0

    def act(self, observation: torch.Tensor) -> torch.Tensor:
        action = super().act(observation)
        action[:, FINGER] = 1.0 if 20 <= self.t < 32 or self.t >= 60 else -1.0
        self.t += 1
        return action


FINGER = TASK.interface.fields["FFJ2"].start


def out(readings: Readings) -> torch.Tensor:
    return readings.joint("FFJ2") > 0.5


def steps_out(attempt: Attempt) -> np.ndarray:
    """Control steps after which the finger is out."""
    assert attempt.episode.states is not None
    return np.flatnonzero(attempt.episode.states[1:, TASK.scene.joint_column("FFJ2")] > 0.5)


def test_unbroken_success_keeps_the_tail_after_the_success_that_holds() -> None:
    task = touched(replace(TASK, horizon=110), success=out, unbroken=True, held_steps=25)
    for tail in (5, 40):
        (attempt,) = record(Waving(), 1, noise=0.0, tail=tail, task=task)
        wave = steps_out(attempt)
        second = int(wave[np.flatnonzero(np.diff(wave) > 1)[0] + 1])
        assert wave[0] < 40 < 60 <= second
        assert attempt.episode.marks["success"] == wave[0]
        # Long enough that what is kept is itself held success, on more than 25 steps in a row.
        assert attempt.episode.steps == second + max(26, 1 + tail)
        assert attempt.success_held
    broken = replace(task, judge=replace(task.judge, unbroken=False))
    (early,) = record(Waving(), 1, noise=0.0, tail=5, task=broken)
    assert early.episode.steps == wave[0] + 6
    assert not early.success_held


def test_a_drop_ends_the_attempt_as_a_failure() -> None:
    short = replace(TASK, horizon=60)
    task = touched(short, success=lambda readings: readings.qpos[:, 0] > -9, dropped=out, primary="success")
    (attempt,) = record(Waving(), 1, noise=0.0, tail=300, task=task)
    episode = attempt.episode
    assert 20 < episode.steps < 32
    assert episode.marks["dropped"] == episode.steps - 1
    assert (episode.terminated, episode.truncated) == (True, False)
    assert (attempt.success, attempt.success_at_end, attempt.success_held) == (False, False, False)


def test_a_share_of_the_attempts_is_disturbed_and_replays_to_the_bit() -> None:
    kinds = ("push", "sensor_noise", "slip")
    grasped = replace(TASK, horizon=50, draw_starts=lambda objects, generator: GRASP_STATE[None].astype("f4"))
    disturbed = record(Grasp(), 24, noise=0.01, task=grasped, disturbed=0.5, kinds=kinds)
    described = [attempt.episode.provenance.get("disturbance") for attempt in disturbed]
    assert {json.loads(text)["kind"] for text in described if text} == set(kinds)
    assert 6 <= sum(text is None for text in described) <= 18
    for attempt, again in zip(disturbed, replay(grasped, [one.episode for one in disturbed], threads=1), strict=True):
        np.testing.assert_array_equal(attempt.episode.states, again.episode.states)
        np.testing.assert_array_equal(attempt.episode.observations["policy"], again.episode.observations["policy"])
        assert attempt.episode.marks == again.episode.marks
        assert attempt.episode.marks.get("disturbed", -1) == disturbance_step(attempt.episode)


def disturbance_step(episode: Episode) -> int:
    """Noise is there from the beginning; an event waits for stable contact, and then its delay."""
    if "disturbance" not in episode.provenance:
        return -1
    disturbance = json.loads(episode.provenance["disturbance"])
    if disturbance["kind"] == "sensor_noise":
        return 0
    begins = episode.marks["contact_entry"] + TASK.judge.stable_steps + int(disturbance["delay"])
    return begins if begins < episode.steps else -1


def test_disturbing_changes_neither_starts_nor_noise() -> None:
    short = replace(TASK, horizon=2)
    plain, disturbed = (record(Still(), 3, task=short, disturbed=share) for share in (0.0, 1.0))
    for one, other in zip(plain, disturbed, strict=True):
        np.testing.assert_array_equal(one.episode.start, other.episode.start)
        np.testing.assert_array_equal(one.episode.actions, other.episode.actions)
    kinds = [json.loads(one.episode.provenance["disturbance"])["kind"] for one in disturbed]
    assert set(kinds) <= set(TASK.disturbances)


def test_attempts_are_at_training_objects_and_keep_every_group_of_sensors() -> None:
    task = replace(TASKS["cube-reorient"], horizon=2)
    episodes = [attempt.episode for attempt in record(Still(task), 20, task=task)]
    found = {episode.object for episode in episodes}
    assert found <= {task.objects[place] for place in task.split("train")}
    assert len(found) > 5
    assert {group: rows.shape for group, rows in episodes[0].observations.items()} == {
        group: (3, group_of.fields.size) for group, group_of in task.observations.items() if group != "privileged"
    }
    assert set(episodes[0].observations) == {"policy", "tactile"}


def test_a_disturbance_that_cannot_be_is_refused() -> None:
    episode = record(Still(), 1, task=replace(TASK, horizon=2))[0].episode
    good = {"kind": "push", "magnitude": 1.0, "direction": [1, 0, 0], "delay": 0, "duration": 1}
    bad = [{"kind": "shove"}, {"magnitude": -1}, {"magnitude": float("nan")}, {"direction": [1, 1, 1]}, {"delay": "x"}]
    for change in [*bad, {"duration": 0}, {"direction": [1, 0]}, {"kind": []}]:
        text = json.dumps(good | change)
        with pytest.raises(InputError, match=r"provenance, disturbance: found .*push"):
            replay(TASK, [replace(episode, provenance={"disturbance": text})], 1)
