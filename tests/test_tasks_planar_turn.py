"""The teaching toy: its physics against closed forms, what it takes to succeed, and what is not success."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from regrasp.judges.planar_turn import GOAL, REACH, TOO_FAR
from regrasp.seeding import numpy_stream
from regrasp.simulation.disturbance import NONE
from regrasp.simulation.shapes import solid_of
from regrasp.tasks.environment import Environment
from regrasp.tasks.planar_fingers import SHAPES, TABLE_FRICTION
from regrasp.tasks.planar_turn import TASK, lost_state, turned_state

REST = torch.tensor(TASK.rest, dtype=torch.float32)


def begin(states: NDArray[np.float64], objects: NDArray[np.int64] | None = None) -> Environment:
    environment, count = Environment(TASK, len(states), 1), len(states)
    environment.reset(np.arange(count), states, [NONE] * count, [0] * count, objects)
    return environment


def at(name: str) -> int:
    return TASK.scene.joint_column(name)


def hold(environment: Environment, action: torch.Tensor, steps: int) -> None:
    for _ in range(steps):
        environment.step(action.expand(environment.count, 4))


def still(count: int = 1) -> NDArray[np.float64]:
    """The disc in the middle at zero, the fingers open."""
    state = turned_state()
    state[at("disc_turn")] = 0.0
    return np.repeat(state[None], count, axis=0)


def test_it_is_small_and_has_all_its_objects() -> None:
    assert TASK.scene.model.nv == 7
    assert TASK.observations["policy"].fields.size == 12
    assert [len(TASK.split(split)) for split in ("train", "held_out")] == [24, 12]
    assert TASK.objects == tuple(shape.name for shape in SHAPES)


def test_a_knocked_disc_slides_as_far_as_dry_friction_lets_it() -> None:
    objects = np.arange(len(SHAPES))
    states = still(len(SHAPES))
    states[:, TASK.scene.model.nq + TASK.scene.joint_dof("disc_x")] = speed = 0.25
    environment = begin(states, objects)
    hold(environment, REST, 10)
    deceleration = TABLE_FRICTION * 9.81
    # The small viscous part, 0.05 N·s/m, takes a little more.
    masses = np.array([solid_of(shape).mass for shape in SHAPES])
    shorter = 1 / (1 + 0.05 / masses * speed / deceleration * 2 / 3)
    expected = speed**2 / (2 * deceleration) * shorter
    found = environment.readings.joint("disc_x").numpy()
    np.testing.assert_allclose(found, expected, rtol=0.08)
    assert environment.readings.joint_velocity("disc_x").abs().max() < 1e-3


def test_the_disc_stays_where_it_is_left() -> None:
    generator = numpy_stream(0)
    states = TASK.draw_starts(np.arange(36), generator)
    environment = begin(states, np.arange(36))
    hold(environment, REST, 25)
    np.testing.assert_allclose(environment.readings.qpos[:, :3].numpy(), states[:, :3], atol=1e-6)
    assert not environment.readings.touching().any(), "no start touches a disc"


def test_no_single_stroke_is_enough() -> None:
    generator, count = numpy_stream(0), 256
    environment = begin(still(count))
    first, last = (torch.from_numpy(generator.uniform(-1, 1, (count, 2))).float().repeat(1, 2) for _ in range(2))
    for step in range(40):
        share = min(1.0, max(0.0, (step - 10) / 20))
        environment.step(first + share * (last - first))
    turn = environment.readings.joint("disc_turn")
    assert 0.5 < turn.max() < 0.9 * GOAL


def held_state() -> NDArray[np.float64]:
    """The turned disc between both fingertips."""
    state = turned_state()
    for finger in ("left", "right"):
        state[at(f"{finger}_base")], state[at(f"{finger}_elbow")] = -0.52, 1.15
    return state


def test_a_disc_that_was_turned_and_is_held_is_success() -> None:
    environment = begin(np.stack([held_state()]))
    hold(environment, torch.zeros(4), 12)
    assert not environment.judgement.success_held.any(), "held too short"
    hold(environment, torch.zeros(4), 8)
    assert environment.touching.any()
    assert environment.judgement.success_held.tolist() == [True]
    assert environment.judgement.lost_at.tolist() == [-1]


def test_what_is_not_success() -> None:
    rows = {name: turned_state() for name in ("untouched", "too far", "short", "aside", "thrown through")}
    rows["too far"][at("disc_turn")] = TOO_FAR + 0.1
    rows["short"][at("disc_turn")] = GOAL - 0.1
    rows["aside"][at("disc_y")] = 0.03
    rows["thrown through"][at("disc_turn")] = 0.0
    rows["thrown through"][TASK.scene.model.nq + TASK.scene.joint_dof("disc_turn")] = 60.0
    environment = begin(np.stack(list(rows.values())))
    hold(environment, REST, 40)
    judgement = environment.judgement
    assert not judgement.success_held.any()
    assert judgement.broken["untouched_success"].tolist() == [True, False, False, False, True]
    assert not judgement.over.any()


def test_a_disc_out_of_reach_ends_the_trial() -> None:
    environment = begin(np.stack([lost_state(), turned_state()]))
    step = environment.step(REST.expand(2, 4))
    assert step.terminated.tolist() == [True, False]
    assert step.terms["lost"].tolist() == [-2.0, 0.0]
    assert lost_state()[at("disc_y")] > REACH


def test_a_disc_that_is_moved_by_hand_was_teleported() -> None:
    environment = begin(still())
    hold(environment, REST, 2)
    state = environment.worlds.save()
    state["qpos"] = state["qpos"].copy()
    state["qpos"][:, at("disc_turn")] = GOAL + 0.2
    environment.worlds.restore(state)
    hold(environment, torch.zeros(4), 30)
    assert environment.judgement.broken["teleported"].all()
    assert not environment.judgement.success_held.any()


def test_a_loss_is_a_disc_off_the_middle_that_nothing_touches() -> None:
    states = still(2)
    states[1, at("disc_y")] = -0.0148
    states[1, TASK.scene.model.nq + TASK.scene.joint_dof("disc_y")] = 0.5
    environment = begin(states)
    hold(environment, REST, 20)
    assert environment.judgement.held.tolist() == [True, False]
    lost = environment.judgement.lost_at.tolist()
    assert lost[0] == -1
    assert 0 <= lost[1] < 10


def test_the_reward_of_a_living_trial_is_small_and_success_pays_most() -> None:
    environment = begin(np.stack([turned_state(), still()[0]]))
    hold(environment, torch.zeros(4), 10)
    terms = environment.step(torch.zeros(2, 4)).terms
    reward = sum(terms.values())
    assert set(terms) == {"turning", "centre", "touch", "success", "lost"}
    assert reward[0] == pytest.approx(2.2, abs=0.15)
    assert -0.1 < reward[1] < 0.5


@pytest.mark.parametrize("finger", ["left", "right"])
def test_the_fingers_are_images_of_each_other_under_half_a_turn(finger: str) -> None:
    environment = begin(still())
    hold(environment, REST, 5)
    other = {"left": "right", "right": "left"}[finger]
    own, image = (environment.readings.sensor(f"{name}_tip") for name in (finger, other))
    np.testing.assert_allclose(own[0, :2], -image[0, :2], atol=1e-9)
