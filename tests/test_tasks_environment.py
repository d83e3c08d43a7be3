"""The step contract, kept by every task that is listed; resuming in the midst of every disturbance."""

import copy
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from door_states import GRASP_ACTION, GRASP_STATE, PULL_ACTION, PULL_STATE
from regrasp.errors import InputError
from regrasp.seeding import numpy_stream
from regrasp.simulation.disturbance import NONE, Disturbance
from regrasp.tasks import TASKS, find_task
from regrasp.tasks.environment import PHYSICS_FIELDS, Environment, Step
from regrasp.tasks.task import Task

STEPS = 25


@pytest.fixture(params=TASKS)
def task(request: pytest.FixtureRequest) -> Task:
    return TASKS[request.param]


def begin(task: Task, seed: int = 0, threads: int = 1) -> Environment:
    """One world per kind of disturbance."""
    generator = numpy_stream(seed, "test")
    disturbances = [task.draw_disturbance(kind, generator) for kind in ("none", *task.disturbances)]
    count = len(disturbances)
    environment = Environment(task, count, threads)
    environment.reset(
        np.arange(count), task.draw_starts(np.zeros(count, np.int64), generator), disturbances, list(range(count))
    )
    return environment


def random_actions(environment: Environment, steps: int, seed: int = 0) -> torch.Tensor:
    """(T, B, A) within a little more than the limits."""
    shape = (steps, environment.count, environment.task.interface.fields.size)
    return torch.from_numpy(numpy_stream(seed, "actions").uniform(-1.1, 1.1, shape)).to(torch.float32)


def tensors_of(step: Step) -> dict[str, torch.Tensor]:
    whole = {"reward": step.reward, "terminated": step.terminated, "truncated": step.truncated}
    parts = {f"observation {name}": value for name, value in step.observations.items()}
    return whole | parts | {f"term {name}": value for name, value in step.terms.items()}


def played(environment: Environment, actions: torch.Tensor) -> list[dict[str, torch.Tensor]]:
    return [tensors_of(environment.step(action)) for action in actions]


def assert_same(first: list[dict[str, torch.Tensor]], second: list[dict[str, torch.Tensor]]) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            assert torch.equal(value, other[name]), name


class TestContract:
    def test_names(self, task: Task) -> None:
        assert TASKS[task.name] is task
        assert find_task(task.name) is task
        assert set(task.observations) == {"policy", "privileged"}
        assert len(task.regions) <= 8, "a contact mode is one byte"
        assert task.scene.control_period == pytest.approx(1 / task.interface.rate)
        assert task.interface.fields.size == len(task.interface.low) == len(task.interface.high)
        assert all(low < high for low, high in zip(task.interface.low, task.interface.high, strict=True))

    def test_shapes_types_and_finiteness(self, task: Task) -> None:
        environment = begin(task)
        sizes = {"policy": task.observations["policy"].fields.size, "privileged": environment.privileged_size}
        assert sizes["privileged"] == task.observations["privileged"].fields.size + PHYSICS_FIELDS.size
        count = environment.count
        for found in played(environment, random_actions(environment, STEPS)):
            for name, value in found.items():
                assert torch.isfinite(value).all(), name
            for group, size in sizes.items():
                assert found[f"observation {group}"].shape == (count, size)
                assert found[f"observation {group}"].dtype == torch.float32
            assert found["reward"].shape == (count,)
            assert found["reward"].dtype == torch.float32
            assert found["terminated"].dtype == found["truncated"].dtype == torch.bool
            assert not found["terminated"].any()
        assert environment.touching.shape == (count, len(task.regions))
        assert (environment.slip >= 0).all()

    def test_the_reward_is_the_sum_of_its_named_terms(self, task: Task) -> None:
        environment = begin(task)
        for found in played(environment, random_actions(environment, STEPS)):
            terms = {name.removeprefix("term "): value for name, value in found.items() if name.startswith("term ")}
            assert terms.keys() == task.rewards.keys()
            assert all(value.shape == (environment.count,) for value in terms.values())
            torch.testing.assert_close(found["reward"], sum(terms.values()).to(torch.float32), rtol=1e-6, atol=1e-6)

    def test_the_same_seed_gives_the_same_trajectory(self, task: Task) -> None:
        first, second = begin(task), begin(task, threads=2)
        actions = random_actions(first, STEPS)
        assert_same(played(first, actions), played(second, actions))
        other = begin(task, seed=1)
        assert not torch.equal(other.observe()["policy"], begin(task).observe()["policy"])

    def test_nothing_returned_changes_later(self, task: Task) -> None:
        environment = begin(task)
        actions = random_actions(environment, 6)
        kept = [*played(environment, actions[:3]), environment.observe()]
        copies = copy.deepcopy(kept)
        played(environment, actions[3:])
        environment.reset(np.arange(1), task.draw_starts(np.zeros(1, np.int64), numpy_stream(9)), [NONE], [0])
        assert_same(kept, copies)

    def test_actions_are_not_written_to_and_are_clipped(self, task: Task) -> None:
        first, second = begin(task), begin(task)
        actions = 3 * random_actions(first, 5)
        given = actions.clone()
        assert_same(played(first, actions), played(second, actions.clamp(-1, 1)))
        assert torch.equal(actions, given)

    def test_starts_differ_and_repeat_with_their_seed(self, task: Task) -> None:
        starts = task.draw_starts(np.zeros(50, np.int64), numpy_stream(0))
        assert starts.shape == (50, task.scene.state_size)
        assert len(np.unique(starts, axis=0)) == 50
        np.testing.assert_array_equal(starts, task.draw_starts(np.zeros(50, np.int64), numpy_stream(0)))
        assert (starts != task.draw_starts(np.zeros(50, np.int64), numpy_stream(1))).any()

    def test_disturbances_are_drawn_from_their_ranges(self, task: Task) -> None:
        generator = numpy_stream(0)
        for kind, span in task.disturbances.items():
            drawn = [task.draw_disturbance(kind, generator) for _ in range(200)]
            magnitudes = np.array([one.magnitude for one in drawn])
            assert (span.low <= magnitudes).all()
            assert (magnitudes <= span.high).all()
            assert np.ptp(magnitudes) > 0.8 * (span.high - span.low)
            assert {one.duration for one in drawn} == {span.duration}
            delays = [one.delay for one in drawn]
            assert span.delay[0] <= min(delays) <= max(delays) <= span.delay[1]
            assert np.ptp(delays) >= 0.8 * (span.delay[1] - span.delay[0])
            directions = np.array([one.direction for one in drawn])
            np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-12)
            assert (directions[:, 2] == 0).all() == span.planar
            assert np.abs(directions.mean(0)).max() < 0.2

    def test_no_disturbance_draws_nothing(self, task: Task) -> None:
        generator = numpy_stream(0)
        before = generator.bit_generator.state
        assert task.draw_disturbance("none", generator) == NONE
        assert generator.bit_generator.state == before

    def test_time_runs_out_at_the_horizon(self, task: Task) -> None:
        environment = Environment(task, 1, 1)
        environment.reset(np.arange(1), task.draw_starts(np.zeros(1, np.int64), numpy_stream(0)), [NONE], [0])
        actions = random_actions(environment, 1)[0] * 0
        ends = [bool(environment.step(actions).truncated[0]) for _ in range(task.horizon)]
        assert ends == [False] * (task.horizon - 1) + [True]
        assert environment.elapsed.tolist() == [task.horizon]


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(InputError, match=r"--task: found 'window', .*valid names: adroit-door"):
        find_task("window")


DOOR = TASKS["adroit-door"]
DISTURBED = {
    "push": Disturbance("push", 4.0, (0.0, 1.0, 0.0), delay=2, duration=20),
    "slip": Disturbance("slip", 0.1, delay=1, duration=20),
    "pose_error": Disturbance("pose_error", 0.03, (1.0, 0.0, 0.0), delay=1, duration=20),
    "push to come": Disturbance("push", 4.0, (0.0, 1.0, 0.0), delay=12, duration=10),
    "friction": Disturbance("friction", 1.8),
    "actuator": Disturbance("actuator", 0.7),
    "latency": Disturbance("latency", 3),
    "sensor_noise": Disturbance("sensor_noise", 0.05),
    "none": NONE,
}


def holding(one: Disturbance, beside: Disturbance = NONE) -> Environment:
    environment = Environment(DOOR, 2, 1)
    environment.reset(np.arange(2), np.stack([GRASP_STATE, PULL_STATE]), [one, beside], [3, 4])
    return environment


def hold(environment: Environment, steps: int) -> list[dict[str, torch.Tensor]]:
    """Hold on and tremble, so that late actions differ from timely ones; includes what judge and contact find."""
    found = []
    for _ in range(steps):
        tremble = 0.1 * np.sin(0.7 * int(environment.elapsed[0]) + np.arange(28))
        action = torch.tensor(np.stack([GRASP_ACTION, PULL_ACTION]) + tremble, dtype=torch.float32)
        seen = tensors_of(environment.step(action)) | environment.judgement.tensors()
        found.append(seen | {"entry": environment.entry.entry, "slip": environment.slip})
        found[-1] |= {"states": torch.from_numpy(environment.worlds.states())}
        found[-1] |= {"began": torch.from_numpy(environment.disturbances.began.copy())}
    return [{name: value.clone() for name, value in seen.items()} for seen in found]


@pytest.mark.parametrize("kind", DISTURBED)
def test_a_restored_environment_continues_to_the_bit(kind: str) -> None:
    environment = holding(DISTURBED[kind], beside=Disturbance("latency", 1))
    hold(environment, 12)
    saved = environment.save()
    kept = copy.deepcopy(saved)
    truth = hold(environment, 25)
    assert saved.keys() == kept.keys()
    for name, value in kept.items():
        np.testing.assert_array_equal(saved[name], value, err_msg="what was saved must not change with later steps")
    for used in (False, True):
        other = holding(DISTURBED["sensor_noise"] if used else NONE)
        hold(other, 7 if used else 0)
        other.restore(saved)
        assert_same(hold(other, 25), truth)
        assert_same_arrays(other.save(), environment.save())


def assert_same_arrays(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> None:
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)


def let_go(environment: Environment, steps: int) -> None:
    """The hand opens and the arm draws back."""
    offset, scale = DOOR.control_map
    targets = torch.from_numpy(np.stack([GRASP_STATE, PULL_STATE])[:, :28])
    targets[:, 6:] = 0
    targets[:, 0] -= 0.4
    for _ in range(steps):
        environment.step(((targets - offset) / scale).to(torch.float32))


def test_losses_count_from_the_beginning_where_nothing_disturbs() -> None:
    environment = holding(NONE, beside=Disturbance("push", 1.0, (1.0, 0.0, 0.0), delay=250, duration=5))
    hold(environment, 10)
    let_go(environment, 60)
    assert environment.entry.entry.tolist() == [0, 0]
    assert environment.disturbances.began.tolist() == [-1, -1]
    lost = environment.judgement.lost_at.tolist()
    assert 10 < lost[0] < 60
    assert lost[1] == -1, "it let go before the disturbance that would have been judged"


def test_divergence_ends_a_world_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the engine appends its warnings to a file in the current folder
    environment = holding(Disturbance("push", 1e12, (1.0, 0.0, 0.0), delay=0, duration=5))
    found = hold(environment, 12)
    ends = [seen["terminated"].tolist() for seen in found]
    assert ends == [[False, False]] * 5 + [[True, False]] * 7
    assert all(torch.isfinite(seen["observation policy"]).all() for seen in found)
    assert torch.equal(found[-1]["states"][1], hold(holding(NONE), 12)[-1]["states"][1])


def test_a_step_is_all_there_is() -> None:
    assert {field.name for field in fields(Step)} == {"observations", "reward", "terms", "terminated", "truncated"}
