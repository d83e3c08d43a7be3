"""The pen, hammer and ball tasks beside gymnasium-robotics' own: same states and actions, same motion.

Rewards differ by intent where DAPG's definition, which we use, punishes the distance from the palm to the object and
gymnasium-robotics adds it with the wrong sign: ours = theirs − 0.2 · that distance, for hammer and ball.
"""

from collections.abc import Iterator
from typing import Any

import gymnasium
import gymnasium_robotics
import numpy as np
import pytest
import torch
from gymnasium_robotics.utils.rotations import euler2quat

from regrasp.judges import adroit_hammer as hammer_judge
from regrasp.judges import adroit_pen as pen_judge
from regrasp.judges import adroit_relocate as ball_judge
from regrasp.simulation.batch import Worlds
from regrasp.simulation.disturbance import NONE
from regrasp.simulation.readings import Readings
from regrasp.tasks import adroit_hammer, adroit_pen, adroit_relocate
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Task

STEPS = 100
TASKS = {"Pen": adroit_pen.TASK, "Hammer": adroit_hammer.TASK, "Relocate": adroit_relocate.TASK}


@pytest.fixture(scope="module", params=TASKS)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[str, Any, Environment]]:
    """(name, theirs, ours)."""
    gymnasium.register_envs(gymnasium_robotics)
    theirs = gymnasium.make(f"AdroitHand{request.param}-v1", max_episode_steps=400)
    yield request.param, theirs, Environment(TASKS[request.param], 1, 1)
    theirs.close()


def start(task: Task, seed: int) -> np.ndarray:
    return task.draw_starts(np.zeros(1, np.int64), np.random.default_rng(seed))[0]


def wandering(task: Task, seed: int, **kept: float) -> np.ndarray:
    """(T, A) random actions that wander through the whole range and beyond its ends, but for some joints."""
    rows = np.cumsum(np.random.default_rng(seed).normal(0, 0.2, (STEPS, task.interface.fields.size)), axis=0)
    for joint, value in kept.items():
        rows[:, task.interface.fields[joint]] = value
    return rows.clip(-1.2, 1.2).astype(np.float32)


def still(task: Task) -> np.ndarray:
    return np.tile(np.array(task.rest, np.float32), (STEPS, 1))


def grasping() -> np.ndarray:
    """The hand goes down on a ball before it, the fingers close, tremble, and lift."""
    task = TASKS["Relocate"]
    rows = still(task)
    rows[STEPS // 4 :, task.interface.fields["FFJ3"].start :] += 0.8
    rows[: 3 * STEPS // 5, task.interface.fields["ARRx"]] = 0.15
    rows[:, task.interface.fields["FFJ3"].start :] += 0.1 * wandering(task, 0)[:, task.interface.fields["FFJ3"].start :]
    return rows


def ball_at(x: float, y: float) -> np.ndarray:
    """The ball lies there."""
    state = start(TASKS["Relocate"], 0)
    state[30:32] = x, y
    return state


RUNS = {
    "Pen": {
        "random": (start(TASKS["Pen"], 0), wandering(TASKS["Pen"], 0)),
        "turned": (adroit_pen.turned_state(), still(TASKS["Pen"])),
        "let fall": (start(TASKS["Pen"], 1), wandering(TASKS["Pen"], 1, WRJ1=1.0)),
    },
    "Hammer": {
        "random": (start(TASKS["Hammer"], 0), wandering(TASKS["Hammer"], 0)),
        "struck": (start(TASKS["Hammer"], 1), wandering(TASKS["Hammer"], 1, ARRx=1.0)),
        "driven in": (adroit_hammer.driven_state(), still(TASKS["Hammer"])),
    },
    "Relocate": {
        "random": (start(TASKS["Relocate"], 0), wandering(TASKS["Relocate"], 0)),
        "grasped": (ball_at(-0.02, -0.15), grasping()),
        "carried": (adroit_relocate.carried_state(), still(TASKS["Relocate"])),
    },
}


def their_state(name: str, state: np.ndarray) -> dict[str, np.ndarray]:
    """Our stored state as their dictionary."""
    model = TASKS[name].scene.model
    ends = np.cumsum([model.nq, model.nv, 3])
    qpos, qvel, place, turn = (part.copy() for part in np.split(state, ends))
    own = {
        "Pen": {"desired_orien": turn},
        "Hammer": {"board_pos": place},
        "Relocate": {"obj_pos": model.body("Object").pos.copy(), "target_pos": place},
    }
    return {"qpos": qpos, "qvel": qvel} | own[name]


def reward_difference(name: str, readings: Readings) -> float:
    """Ours minus theirs: their sign error in the distance from palm to object; a pen is paid by angle, not from 26°."""
    if name == "Pen":
        alike, near = pen_judge.similarity(readings), pen_judge.position_error(readings) < pen_judge.NEAR
        return float(adroit_pen.pointing(readings)) - 10.0 * float(near & (alike > 0.9))
    handled = {"Hammer": "hammer_position", "Relocate": "ball_position"}[name]
    return -0.2 * float((readings.sensor("palm_position") - readings.sensor(handled)).norm())


def test_lockstep(pair: tuple[str, Any, Environment]) -> None:
    """Motion to the bit, observations, rewards and success the same."""
    name, theirs, ours = pair
    data, task, seen, touched = theirs.unwrapped.data, TASKS[name], set(), 0
    for state, actions in RUNS[name].values():
        theirs.reset(seed=0)  # Gymnasium's pen measures itself here
        observed, _ = theirs.reset(seed=0, options={"initial_state_dict": their_state(name, state)})
        ours.reset(np.arange(1), state[None], [NONE], [0])
        np.testing.assert_allclose(ours.observe()["policy"][0], observed, rtol=0, atol=1e-6)
        for action in actions:
            observed, reward, _, _, info = theirs.step(action)
            step = ours.step(torch.from_numpy(action)[None])
            np.testing.assert_array_equal(ours.readings.qpos[0], data.qpos)
            np.testing.assert_array_equal(ours.readings.qvel[0], data.qvel)
            # In float32, velocities of 10 rad/s are 5e-7 apart.
            np.testing.assert_allclose(step.observations["policy"][0], observed, rtol=1e-7, atol=1e-6)
            ended = float(step.terms["drop"]) * (0.9 if name == "Pen" else 1.0)  # theirs takes 5 for a pen
            expected = float(reward) + reward_difference(name, ours.readings)
            assert float(step.reward[0]) - ended == pytest.approx(expected, abs=2e-5)
            assert bool(task.judge.success(ours.readings)) == info["success"]
            seen.add(bool(info["success"]))
            touched += bool(ours.readings.touching().any())
    assert seen == {True, False}
    assert touched > 20


def test_a_ball_placed_by_gymnasium_moves_as_ours() -> None:
    """Gymnasium writes its place into the model, we into the state: the same up to rounding."""
    task = TASKS["Relocate"]
    theirs, ours = gymnasium.make("AdroitHandRelocate-v1"), Environment(task, 1, 1)
    for seed in range(3):
        observed, _ = theirs.reset(seed=seed)
        found = theirs.unwrapped.get_env_state()
        state = np.concatenate([found["qpos"], found["qvel"], found["target_pos"]])
        state[30:33] = found["obj_pos"] - task.scene.model.body("Object").pos
        ours.reset(np.arange(1), state[None], [NONE], [0])
        np.testing.assert_allclose(ours.observe()["policy"][0], observed, rtol=0, atol=1e-6)
        for action in wandering(task, seed, ARTz=-0.7)[:50]:
            observed, seen = theirs.step(action)[0], ours.step(torch.from_numpy(action)[None]).observations["policy"][0]
            np.testing.assert_allclose(seen, observed, rtol=1e-7, atol=1e-6)
    theirs.close()


def test_the_same_starts_are_drawn(pair: tuple[str, Any, Environment]) -> None:
    """Gymnasium's own resets lie in the range that ours are drawn from and cover; all else is the same."""
    name, theirs, _ = pair
    task = TASKS[name]
    drawn = task.draw_starts(np.zeros(2000, np.int64), np.random.default_rng(0))
    moved = task.scene.model.nq + task.scene.model.nv
    if name == "Pen":
        drawn = np.column_stack([drawn[:, :63], *tilts(drawn[:, 63:])])
    columns = {"Pen": [63, 64], "Hammer": [68], "Relocate": [30, 31, 72, 73, 74]}[name]
    ranges = RANGES[name]
    np.testing.assert_allclose(drawn[:, columns].min(0), [low for low, _ in ranges], atol=0.005)
    np.testing.assert_allclose(drawn[:, columns].max(0), [high for _, high in ranges], atol=0.005)
    fixed = np.delete(drawn, columns, axis=1)
    assert (fixed == fixed[0]).all()
    assert (fixed[:, : 70 if name == "Relocate" else moved] == 0).all()
    for seed in range(5):
        theirs.reset(seed=seed)
        found = theirs.unwrapped.get_env_state()
        assert (found["qpos"] == 0).all()
        own = their_draw(name, found)
        assert all(low <= value <= high for (low, high), value in zip(ranges, own, strict=True))


RANGES = {
    "Pen": [(-1, 1)] * 2,
    "Hammer": [(0.1, 0.25)],
    "Relocate": [(-0.15, 0.15), (-0.15, 0.3), (-0.2, 0.2), (-0.2, 0.2), (0.15, 0.35)],
}
"""What Gymnasium draws from: tilts [rad], height [m], places of ball and target [m]."""


def their_draw(name: str, found: dict[str, np.ndarray]) -> np.ndarray:
    """What their reset has drawn."""
    if name == "Pen":
        return np.concatenate(tilts(found["desired_orien"][None]))
    return found["board_pos"][2:] if name == "Hammer" else np.concatenate([found["obj_pos"][:2], found["target_pos"]])


def tilts(quaternions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Angles about x and y [rad] of quaternions (n, 4) that Gymnasium makes of (x, y, 0)."""
    w, x, y, _ = quaternions.T
    about_x, about_y = 2 * np.arctan2(x, w), 2 * np.arctan2(y, w)
    again = euler2quat(np.stack([about_x, about_y, 0 * about_x], axis=1))
    np.testing.assert_allclose(again, quaternions, atol=1e-12)
    np.testing.assert_allclose(adroit_pen.tilted(about_x, about_y), quaternions, atol=1e-12)
    return about_x, about_y


def shown(task: Task, *states: np.ndarray) -> Readings:
    """Readings of states, freshly placed."""
    worlds = Worlds(task.scene, len(states), 1)
    worlds.place(np.arange(len(states)), np.stack(states))
    return worlds.readings


def changed(state: np.ndarray, task: Task, **joints: float) -> np.ndarray:
    state = state.copy()
    for joint, value in joints.items():
        state[task.scene.joint_column(joint)] = value
    return state


def test_the_pen_is_judged_by_place_and_angle() -> None:
    task, goal = TASKS["Pen"], adroit_pen.turned_state()
    # Its slides go down (x), along y and along x (z); `OBJRy` is -1.57 when it stands upright.
    states = [
        goal,
        changed(goal, task, OBJTy=0.062),
        changed(goal, task, OBJTy=0.065),
        changed(goal, task, OBJRy=-1.57 + 0.31),
        changed(goal, task, OBJRy=-1.57 + 0.33),
        changed(goal, task, OBJRy=1.57),
        changed(goal, task, OBJTx=0.174),
        changed(goal, task, OBJTx=0.176),
    ]
    readings = shown(task, *states)
    assert pen_judge.turned(readings).tolist() == [True, True, False, True, False, False, False, False]
    assert pen_judge.fallen(readings).tolist() == [False] * 7 + [True]
    cosines = torch.tensor([0.31, 0.33, 3.14]).double().cos()
    torch.testing.assert_close(pen_judge.similarity(readings)[3:6], cosines, atol=2e-3, rtol=0)
    assert task.cost(readings)[[1, 3, 6]].gt(float(task.cost(readings)[0])).all()  # type: ignore[misc]
    paid = [10.0, 10.0, 0.0, 10.0 * np.exp(-0.62), 10.0 * np.exp(-0.66), 10.0 * np.exp(-6.28), 0.0, 0.0]
    np.testing.assert_allclose(adroit_pen.pointing(readings), paid, atol=0.05)
    assert adroit_pen.bonus(readings).tolist() == [50.0, 50.0, 0.0, 50.0, 0.0, 0.0, 0.0, 0.0]


def test_the_nail_is_judged_by_its_depth() -> None:
    task, goal = TASKS["Hammer"], adroit_hammer.driven_state()
    palm = shown(task, start(task, 0)).sensor("palm_position")[0].numpy().copy()
    at_palm = start(task, 0)
    at_palm[-3:] = palm + np.array([0.093, 0.036, 0.02])
    states = [
        goal,
        changed(goal, task, nail_dir=0.0811),
        changed(goal, task, nail_dir=0.0809),
        changed(goal, task, OBJTx=0.0, OBJTy=-0.05),
        at_palm,
        changed(goal, task, OBJTx=0.9, OBJTy=-0.09),
    ]
    readings = shown(task, *states)
    assert hammer_judge.driven_in(readings).tolist() == [True, True, False, True, False, True]
    assert hammer_judge.in_table(readings).tolist() == [False] * 3 + [True, False, False]
    assert hammer_judge.hand_on_nail(readings).tolist() == [False] * 4 + [True, False]
    assert hammer_judge.off_table(readings).tolist() == [False] * 5 + [True]


def test_the_ball_is_judged_by_its_distance() -> None:
    task, goal = TASKS["Relocate"], adroit_relocate.carried_state()
    states = [
        goal,
        changed(goal, task, OBJTx=0.099),
        changed(goal, task, OBJTx=0.101),
        changed(goal, task, OBJTz=-0.032),
        changed(goal, task, OBJTx=0.6, OBJTz=-0.09),
    ]
    readings = shown(task, *states)
    assert ball_judge.at_target(readings).tolist() == [True, True, False, False, False]
    assert ball_judge.in_table(readings).tolist() == [False] * 3 + [True, False]
    assert ball_judge.off_table(readings).tolist() == [False] * 4 + [True]


@pytest.mark.parametrize("name", TASKS)
def test_a_drop_ends_the_trial_and_costs(name: str) -> None:
    task = TASKS[name]
    environment = Environment(task, 2, 1)
    environment.reset(np.arange(2), np.stack([task.dropped(), start(task, 0)]), [NONE] * 2, [0, 1])  # type: ignore[misc]
    step = environment.step(torch.tensor(task.rest).repeat(2, 1))
    assert step.terminated.tolist() == [True, False]
    assert step.terms["drop"].tolist() == [{"Pen": -50.0, "Hammer": -200.0, "Relocate": -10.0}[name], 0.0]


def test_a_pen_that_lies_in_the_hand_is_held_and_one_region_is_not_enough() -> None:
    task = TASKS["Pen"]
    environment = Environment(task, 1, 1)
    environment.reset(np.arange(1), start(task, 0)[None], [NONE], [0])
    for _ in range(60):
        environment.step(torch.tensor(task.rest)[None])
    assert bool(environment.judgement.held)
    for task, judge in zip(TASKS.values(), (pen_judge, hammer_judge, ball_judge), strict=True):
        readings = shown(task, *[start(task, 0)] * 3)
        readings.contacts[:, :, 0] = 0.0
        readings.contacts[1, :3, 0] = 1.0  # the thumb's three links
        readings.contacts[2, [0, 3], 0] = 1.0  # thumb and index
        assert judge.held_by_hand(readings).tolist() == [False, False, True]
