"""Resuming in the midst of every disturbance, losses, drops and divergence, as the environment shows them."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from door_states import GRASP_ACTION, GRASP_STATE, PULL_ACTION, PULL_STATE
from regrasp.errors import InputError
from regrasp.simulation.disturbance import KINDS, NONE, Disturbance
from regrasp.tasks import TASKS, find_task
from regrasp.tasks.environment import PHYSICS_FIELDS, Environment, Step
from stepped import assert_same, tensors_of


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(InputError, match=r"--task: found 'window', .*valid names: .*adroit-door"):
        find_task("window")


DOOR = TASKS["adroit-door"]
DISTURBED = {
    "push": Disturbance("push", 4.0, (0.0, 1.0, 0.0), delay=2, duration=20),
    "slip": Disturbance("slip", 0.1, delay=1, duration=20),
    "pose_error": Disturbance("pose_error", 0.03, (1.0, 0.0, 0.0), delay=1, duration=20),
    "drop": Disturbance("drop", 0.2, delay=1, duration=20),
    "mass": Disturbance("mass", 1.4),
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


def test_a_drop_ends_a_world_and_no_other() -> None:
    """It is said at once and from then on; contact and slip stop counting, the motion goes on."""
    judge = dataclasses.replace(DOOR.judge, dropped=lambda readings: readings.joint("door_hinge") > 0.5)
    whole = hold(holding(NONE), 25)
    environment = Environment(dataclasses.replace(DOOR, judge=judge), 2, 1)
    environment.reset(np.arange(2), np.stack([GRASP_STATE, PULL_STATE]), [NONE, NONE], [3, 4])
    found, touching = [], []
    for _ in range(25):
        found += hold(environment, 1)
        touching.append(environment.touching.clone())
    ended = next(t for t, seen in enumerate(found) if seen["terminated"].any())
    assert 3 < ended < 20
    assert [seen["terminated"].tolist() for seen in found] == [[False, False]] * ended + [[False, True]] * (25 - ended)
    assert environment.judgement.dropped_at.tolist() == [-1, ended]
    for t, (seen, free) in enumerate(zip(found, whole, strict=True)):
        assert torch.equal(seen["states"], free["states"])
        assert torch.equal(seen["slip"][0], free["slip"][0])
        assert torch.equal(seen["slip"][1], (free if t <= ended else whole[ended])["slip"][1])
        assert bool(touching[t][1].any()) == (t <= ended)
        assert touching[t][0].any()


def test_pose_error_may_be_in_the_eye() -> None:
    """Where a task says what is misjudged, the world stays and the named positions shift, to stay shifted."""
    columns = DOOR.observations["policy"].fields
    task = dataclasses.replace(DOOR, misjudged=("handle_position", "handle_to_palm"))
    error, first = DISTURBED["pose_error"], DOOR.judge.stable_steps + 1
    environment = Environment(task, 2, 1)
    environment.reset(np.arange(2), np.stack([GRASP_STATE, PULL_STATE]), [error, NONE], [3, 4])
    found, truth = hold(environment, 35), hold(holding(NONE), 35)
    assert all(torch.equal(one["states"], other["states"]) for one, other in zip(found, truth, strict=True))
    name = "observation policy"
    shift = np.array([one[name] - other[name] for one, other in zip(found, truth, strict=True)])
    grown = np.clip(np.arange(35) - first + 1, 0, error.duration) / error.duration
    wanted = np.zeros_like(shift)
    for field in task.misjudged:
        wanted[:, 0, columns[field]] = grown[:, None] * error.magnitude * np.array(error.direction)
    np.testing.assert_allclose(shift, wanted, atol=1e-6)
    assert (shift[wanted == 0] == 0).all()
    environment.reset(np.arange(2), np.stack([GRASP_STATE, PULL_STATE]), [NONE, NONE], [3, 4])
    assert torch.equal(environment.observe()["policy"], holding(NONE).observe()["policy"])


def test_physics_is_privileged_knowledge() -> None:
    environment = holding(Disturbance("mass", 1.4), beside=Disturbance("actuator", 0.7))
    seen = environment.observe()["privileged"][:, DOOR.observations["privileged"].fields.size :]
    np.testing.assert_allclose(seen[:, PHYSICS_FIELDS["physics_factors"]], [[1, 1, 1, 1.4], [1, 1, 0.7, 1]], rtol=1e-6)
    mass = seen[:, PHYSICS_FIELDS["object_mass"]].ravel()
    nominal = sum(DOOR.scene.model.body(name).mass[0] for name in DOOR.scene.object_bodies)
    np.testing.assert_allclose(mass, [1.4 * nominal, nominal], rtol=1e-6)
    friction = DOOR.scene.model.geom_friction[DOOR.scene.object_geoms[0], 0]
    np.testing.assert_allclose(seen[:, PHYSICS_FIELDS["object_friction"]].ravel(), [friction, friction], rtol=1e-6)
    active = [np.flatnonzero(row).tolist() for row in seen[:, PHYSICS_FIELDS["disturbance"]]]
    assert active == [[KINDS.index("mass")], [KINDS.index("actuator")]]


def test_a_step_is_all_there_is() -> None:
    assert {field.name for field in dataclasses.fields(Step)} == {
        "observations",
        "reward",
        "terms",
        "terminated",
        "truncated",
    }
