"""Picking up tools: the sketched motion succeeds, tools lie still, the judge knows a grip, rewards lead to it."""

import mujoco
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from regrasp.judges.tool_pickup import gripped, handle_axis, height, tilt
from regrasp.seeding import numpy_stream
from regrasp.simulation.disturbance import KINDS, NONE, Disturbance
from regrasp.tasks.environment import Environment, Step
from regrasp.tasks.task import Sketch
from regrasp.tasks.tool_pickup import START_PLACE, TASK, cost, distance, dropped_state, goal_state
from regrasp.tasks.tool_scene import INTERFACE, JOINTS, REST, TIPS, lying, shapes
from regrasp.tasks.tool_sketch import TURNED, action, posture

HOLDING = action(posture({**TURNED, "ARTx": 0.026, "ARTy": 0.25, "ARTz": 0.016})).numpy()
"""The action that holds a tool up, in the posture of the goal state."""
EVERY = np.arange(len(TASK.objects))


def average_start(place: int) -> NDArray[np.float64]:
    """(73,) a tool at the middle of the range of starts, the hand exactly at rest."""
    state = TASK.draw_starts(np.array([place]), numpy_stream(0))[0]
    state[:JOINTS] = [REST.get(name, 0.0) for name in INTERFACE.fields.names]
    w, x, y, z = lying(shapes()[place])[1]
    state[JOINTS : JOINTS + 2], state[JOINTS + 3 : JOINTS + 7] = START_PLACE, (-z, -y, x, w)
    return np.asarray(state)


def begin(states: NDArray[np.float64], objects: NDArray[np.int64], one: Disturbance = NONE) -> Environment:
    environment = Environment(TASK, len(states), 1)
    environment.reset(np.arange(len(states)), states, [one] * len(states), list(range(len(states))), objects)
    return environment


def actor() -> Sketch:
    """The task's sketch of the motion."""
    found = TASK.sketched
    assert found is not None
    return found


def act(environment: Environment, action: NDArray[np.float64]) -> Step:
    return environment.step(torch.tensor(np.tile(action, (environment.count, 1)), dtype=torch.float32))


def at_goal(state: NDArray[np.float64] | None = None) -> Environment:
    return begin((goal_state() if state is None else state)[None], np.zeros(1, np.int64))


@pytest.fixture(scope="module")
def lifting() -> tuple[Environment, list[Step], list[float]]:
    """The sketched motion with the first training tool and the first held-out one."""
    objects = np.array([0, TASK.split("held_out")[0]])
    environment = begin(np.stack([average_start(place) for place in objects]), objects)
    observation, steps, costs = environment.observe()["policy"], [], []
    for _ in range(110):
        steps.append(environment.step(actor().act(observation)))
        observation = steps[-1].observations["policy"]
        costs.append(float(cost(environment.readings)[0]))
    return environment, steps, costs


class TestSketchedMotion:
    def test_it_succeeds(self, lifting: tuple[Environment, list[Step], list[float]]) -> None:
        environment, _, _ = lifting
        assert TASK.objects[0] == "mallet"
        assert environment.judgement.success_held.all()
        assert not torch.stack(list(environment.judgement.broken.values())).any()
        assert (environment.entry.entry >= 3).all()
        assert (height(environment.readings) > 0.3).all()

    def test_rewards_and_cost_follow_it(self, lifting: tuple[Environment, list[Step], list[float]]) -> None:
        _, steps, costs = lifting
        stages = [float(steps[step].reward[0]) for step in (0, 19, 54, 105)]
        assert stages == sorted(stages)
        assert stages[-1] > 3 * stages[-2]
        assert costs[0] > costs[19] > costs[54] > costs[105]
        assert costs[0] < 1.0
        assert costs[105] < 0.05
        last = {name: float(value[0]) for name, value in steps[105].terms.items()}
        assert max(last, key=last.__getitem__) == "success"
        assert last["success"] > sum(value for name, value in last.items() if name != "success")

    def test_nearness_is_that_of_palm_and_fingertips(
        self, lifting: tuple[Environment, list[Step], list[float]]
    ) -> None:
        environment, _, _ = lifting
        data = mujoco.MjData(TASK.scene.model)
        data.qpos[:] = environment.readings.qpos[0].numpy()
        mujoco.mj_forward(TASK.scene.model, data)
        sites = ["S_grasp", *(f"S_{tip}tip" for tip in TIPS.values())]
        away = [np.linalg.norm(data.site(name).xpos - data.body("object").xpos) for name in sites]
        assert float(distance(environment.readings)[0]) == pytest.approx(np.mean(away), abs=1e-3)
        np.testing.assert_allclose(
            handle_axis(environment.readings)[0], data.body("object").xmat.reshape(3, 3)[:, 2], atol=1e-9
        )


class TestStarts:
    def test_every_tool_lies_still_under_the_resting_hand(self) -> None:
        states = TASK.draw_starts(EVERY, numpy_stream(1))
        environment = begin(states, EVERY)
        assert (environment.readings.contacts[:, :, 0] == 0).all()
        for _ in range(13):
            found = act(environment, np.array(TASK.rest))
            assert not found.terminated.any()
            assert (found.reward >= 0).all()
        moved = np.abs(environment.worlds.states() - states)
        # Tools with a round head swing a little about the lowest line of their handle.
        assert moved[:, JOINTS : JOINTS + 3].max() < 0.006
        assert np.median(moved[:, JOINTS : JOINTS + 3].max(1)) < 1e-4
        assert moved[:, :JOINTS].max() < 0.15
        assert not environment.judgement.held.any()

    def test_they_lie_flat_with_the_head_on_the_thumbs_side(self) -> None:
        readings = begin(TASK.draw_starts(EVERY, numpy_stream(2)), EVERY).readings
        axis = handle_axis(readings)
        assert (axis[:, 2].abs() < 0.1).all()
        assert (axis[:, 0] < -0.8).all()
        assert (tilt(readings) > 1.4).all()
        assert (height(readings) > 0.011).all()
        assert (height(readings) < 0.0225).all()
        thumb = readings.sensor("thumb_tip") - readings.sensor("little_tip")
        assert (thumb[:, 0] < -0.05).all()

    def test_they_differ_by_place_yaw_and_tool(self) -> None:
        states = TASK.draw_starts(np.zeros(400, np.int64), numpy_stream(3))
        place = states[:, JOINTS : JOINTS + 2] - START_PLACE
        assert np.abs(place).max() <= 0.05
        assert np.ptp(place, axis=0).min() > 0.09
        yaw = 2 * np.arctan2(states[:, JOINTS + 6], states[:, JOINTS + 3])
        assert 0.9 < np.ptp(yaw) < 1.01
        assert states[:, JOINTS + 7 :].any() == 0
        assert len({lying(shape)[0] for shape in shapes()}) > 30


class TestObjects:
    def test_two_disjoint_splits(self) -> None:
        assert len(TASK.split("train")) == 24
        assert len(TASK.split("held_out")) == 12
        assert TASK.objects == tuple(shape.name for shape in shapes())

    def test_hulls_have_their_size(self) -> None:
        """The package's file scales its own meshes by 0.001."""
        for shape in shapes():
            model = TASK.scene.model_of(shape.name)
            data = mujoco.MjData(model)
            mujoco.mj_forward(model, data)
            for slot in range(len(shape.parts)):
                geom = model.geom(f"object_{slot}")
                assert float(geom.rbound[0]) > 0.008, shape.name

    def test_they_weigh_what_their_file_says(self) -> None:
        masses = [float(TASK.scene.model_of(name).body("object").mass[0]) for name in TASK.objects]
        assert min(masses) > 0.09
        assert max(masses) < 0.31
        assert len(set(masses)) == len(masses)


class TestJudge:
    def test_the_goal_is_a_success_that_lasts(self) -> None:
        environment, action = at_goal(), HOLDING
        for _ in range(14):
            act(environment, action)
            assert TASK.judge.success(environment.readings).all()
            assert gripped(environment.readings).all()
        assert environment.judgement.success_held.all()

    def test_no_success_without_touch(self) -> None:
        state = goal_state()
        state[:JOINTS] = [REST.get(name, 0.0) for name in INTERFACE.fields.names]
        environment = at_goal(state)
        act(environment, np.array(TASK.rest))
        assert height(environment.readings) > 0.4
        assert tilt(environment.readings) < 0.3
        assert not environment.readings.touching().any()
        assert not TASK.judge.success(environment.readings).any()

    @pytest.mark.parametrize("angle", [0.25, 0.35, np.pi])
    def test_only_upright_with_the_head_up(self, angle: float) -> None:
        readings = at_goal().readings
        readings.pose("object")[1][0] = torch.tensor([np.cos(angle / 2), 0.0, np.sin(angle / 2), 0.0])
        assert float(tilt(readings)) == pytest.approx(angle)
        assert bool(TASK.judge.success(readings)) == (angle < 0.3)

    @pytest.mark.parametrize(("centre", "enough"), [(0.16, False), (0.18, True)])
    def test_only_when_lifted(self, centre: float, enough: bool) -> None:
        readings = at_goal().readings
        readings.pose("object")[0][0, 2] = centre
        assert bool(TASK.judge.success(readings)) == enough

    def test_a_grip_needs_the_thumb_and_another_region(self) -> None:
        readings = at_goal().readings
        found = readings.contacts[0, :, 0]
        for touching, expected in (
            ("thumb", False),
            ("index palm", False),
            ("thumb index", True),
            ("thumb palm", True),
        ):
            found[:] = 0
            for region in touching.split():
                found[readings.regions[region].start] = 1
            assert bool(gripped(readings)) == expected, touching

    @pytest.mark.parametrize(
        ("place", "quaternion", "expected"),
        [
            ((0.0, 0.0, 0.015), (0.7071068, 0.7071068, 0.0, 0.0), False),
            ((0.0, 0.0, -0.015), (0.7071068, 0.7071068, 0.0, 0.0), True),
            ((0.0, 0.0, 0.07), (1.0, 0.0, 0.0, 0.0), False),
            ((0.0, 0.0, 0.04), (1.0, 0.0, 0.0, 0.0), True),
        ],
    )
    def test_in_the_table(self, place: tuple[float, ...], quaternion: tuple[float, ...], expected: bool) -> None:
        readings = at_goal().readings
        readings.pose("object")[0][0] = torch.tensor(place)
        readings.pose("object")[1][0] = torch.tensor(quaternion)
        assert bool(TASK.judge.impossible["in_table"](readings)) == expected

    def test_a_tool_that_leaves_the_table_ends_the_trial(self) -> None:
        environment = at_goal(dropped_state())
        found = act(environment, np.array(TASK.rest))
        assert found.terminated.all()
        assert float(found.terms["dropped"]) == -1.0

    def test_a_tool_that_falls_back_is_a_loss_and_no_end(self) -> None:
        environment = at_goal()
        for _ in range(5):
            act(environment, HOLDING)
        for _ in range(25):
            found = act(environment, np.array(TASK.rest))
        assert environment.judgement.lost_at[0] > 5
        assert not found.terminated.any()
        assert height(environment.readings) < 0.1


class TestDisturbances:
    def test_all_kinds_have_a_reason(self) -> None:
        assert {"none", *TASK.disturbances} == set(KINDS)
        assert all(span.reason for span in TASK.disturbances.values())

    def test_a_drop_opens_the_grip(self) -> None:
        environment = begin(goal_state()[None], np.zeros(1, np.int64), Disturbance("drop", 1.2, delay=2, duration=30))
        for _ in range(40):
            act(environment, HOLDING)
        assert environment.judgement.lost_at[0] > 0
        assert height(environment.readings) < 0.2

    def test_a_misjudged_pose_shifts_place_and_direction(self) -> None:
        one = Disturbance("pose_error", 0.03, (1.0, 0.0, 0.0), delay=0, duration=1)
        fields = TASK.observations["policy"].fields
        told, true = begin(goal_state()[None], np.zeros(1, np.int64), one), at_goal()
        for _ in range(8):
            seen = [act(environment, HOLDING).observations["policy"][0] for environment in (told, true)]
        shift = torch.tensor([0.03, 0.0, 0.0])
        for name in ("object_position", "palm_to_object"):
            torch.testing.assert_close((seen[0] - seen[1])[fields[name]], shift, atol=1e-6, rtol=0)
        assert seen[0][fields["palm_position"]].equal(seen[1][fields["palm_position"]])


def test_touch_sensors_feel_the_grip() -> None:
    group = TASK.observations["tactile"]
    assert group.fields.size == 21
    environment = at_goal()
    felt = [act(environment, HOLDING).observations["tactile"] for _ in range(5)]
    assert all((one >= 0).all() for one in felt)
    assert felt[-1].sum() > 1.0
    away = begin(TASK.draw_starts(np.zeros(1, np.int64), numpy_stream(0)), np.zeros(1, np.int64))
    assert act(away, np.array(TASK.rest)).observations["tactile"].sum() == 0
