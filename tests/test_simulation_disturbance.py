"""Every disturbance does what it says, where and when it says, and nothing else; the truth is plain MuJoCo."""

from collections.abc import Callable, Sequence

import mujoco
import numpy as np
import pytest
import torch

from door_states import GRASP_ACTION, GRASP_STATE
from regrasp.simulation.disturbance import EVENTS, KINDS, LIMITS, NONE, UNITS, Disturbance
from regrasp.tasks import TASKS
from regrasp.tasks.adroit_door import make_spec
from regrasp.tasks.environment import Environment

TASK = TASKS["adroit-door"]
SCENE = TASK.scene
FAR = TASK.draw_starts(np.zeros(1, np.int64), np.random.default_rng(0))[0]
STEPS = 40
# Contact lasts from step 0 on, is stable and found at step 4, so that the clock of an event starts with step 5.
FIRST = TASK.judge.stable_steps

PUSH = Disturbance("push", 3.0, (0.6, 0.0, -0.8), delay=4, duration=10)
DROP = Disturbance("drop", 0.12, delay=3, duration=12)
SLIP = Disturbance("slip", 0.1, delay=2, duration=15)
POSE = Disturbance("pose_error", 0.03, (0.0, 1.0, 0.0), delay=1, duration=20)
FRICTION = Disturbance("friction", 1.7)
MASS = Disturbance("mass", 1.4)
ACTUATOR = Disturbance("actuator", 0.7)
LATENCY = Disturbance("latency", 3)
NOISE = Disturbance("sensor_noise", 0.05)
ALL = (PUSH, DROP, SLIP, POSE, FRICTION, MASS, ACTUATOR, LATENCY, NOISE)


def begin(disturbances: Sequence[Disturbance], state: np.ndarray = GRASP_STATE) -> Environment:
    count = len(disturbances)
    environment = Environment(TASK, count, 1)
    environment.reset(np.arange(count), np.repeat(state[None], count, 0), disturbances, list(range(count)))
    return environment


def grip(environment: Environment) -> np.ndarray:
    """One step of holding on, with a trembling that no latency hides; returns the (B, S) states."""
    t = int(environment.elapsed[0])
    action = GRASP_ACTION + 0.1 * np.sin(0.7 * t + np.arange(28))
    environment.step(torch.tensor(action, dtype=torch.float32).repeat(environment.count, 1))
    return environment.worlds.states()


def played(environment: Environment, steps: int = STEPS) -> np.ndarray:
    return np.array([grip(environment) for _ in range(steps)])


def serial(prepare: Callable[[mujoco.MjModel, mujoco.MjData, int], None]) -> np.ndarray:
    """The same grip in plain MuJoCo; `prepare` writes into a model of its own, and the data, before every step."""
    model = make_spec().compile()
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:], data.mocap_pos[0] = GRASP_STATE[:30], GRASP_STATE[30:60], GRASP_STATE[60:]
    mujoco.mj_forward(model, data)
    offset, scale = (part.numpy() for part in TASK.control_map)
    rows = []
    for t in range(STEPS):
        action = (GRASP_ACTION + 0.1 * np.sin(0.7 * t + np.arange(28))).astype(np.float32).clip(-1, 1)
        data.ctrl[:] = offset + scale * action
        prepare(model, data, t)
        mujoco.mj_step(model, data, SCENE.substeps)
        rows.append(np.concatenate([data.qpos, data.qvel, data.mocap_pos[0]]))
    return np.array(rows)


def test_every_kind_has_a_unit_and_limits() -> None:
    assert set(UNITS) == set(LIMITS) == set(KINDS)
    assert {"none", *TASK.disturbances} == set(KINDS)
    for kind, span in TASK.disturbances.items():
        low, high = LIMITS[kind]
        assert low <= span.low <= span.high <= high
        assert (span.duration > 0) == (kind in EVENTS and kind != "drop"), "a drop's magnitude is its duration"


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.kind)
def test_the_other_worlds_feel_nothing(one: Disturbance) -> None:
    mixed, alone = begin([NONE, one, NONE]), begin([NONE])
    states, truth = played(mixed), played(alone)[:, 0]
    np.testing.assert_array_equal(states[:, 0], truth)
    np.testing.assert_array_equal(states[:, 2], truth)
    np.testing.assert_array_equal(mixed.worlds.variation.factors[[0, 2]], 1.0)
    assert mixed.disturbances.began[[0, 2]].tolist() == [-1, -1]
    moved = not np.array_equal(states[:, 1], truth)
    assert moved == (one.kind != "sensor_noise"), "noise is in the eye alone"


@pytest.mark.parametrize("one", [PUSH, DROP, SLIP, POSE], ids=lambda one: one.kind)
def test_events_wait_for_contact(one: Disturbance) -> None:
    far, near = begin([one], FAR), begin([one])
    undisturbed = begin([NONE], FAR)
    np.testing.assert_array_equal(played(far, 10), played(undisturbed, 10))
    assert far.disturbances.began.tolist() == [-1]
    assert far.disturbances.watched_from[0] > TASK.horizon
    played(near)
    assert near.disturbances.began.tolist() == [FIRST + one.delay]
    assert near.disturbances.watched_from.tolist() == [FIRST + one.delay]


@pytest.mark.parametrize("one", [NONE, FRICTION, MASS, ACTUATOR, LATENCY, NOISE], ids=lambda one: one.kind)
def test_quiet_kinds_act_from_the_beginning(one: Disturbance) -> None:
    environment = begin([one], FAR)
    assert environment.disturbances.began.tolist() == [-1 if one is NONE else 0]
    assert environment.disturbances.watched_from.tolist() == [0]
    hot = environment.disturbances.active(environment.elapsed.numpy())[0]
    assert np.flatnonzero(hot).tolist() == ([] if one is NONE else [KINDS.index(one.kind)])


def test_push_delivers_its_impulse() -> None:
    environment = begin([PUSH])
    pushes, states, active = [], [], []
    for t in range(STEPS):
        states.append(grip(environment)[0])
        pushes.append(environment.worlds.push[0].copy())
        active.append(environment.disturbances.active(np.array([t]))[0, KINDS.index("push")])
    acting = np.flatnonzero(np.any(pushes, axis=1))
    first = FIRST + PUSH.delay
    assert acting.tolist() == list(range(first, first + PUSH.duration))
    assert np.flatnonzero(active).tolist() == acting.tolist()
    impulse = np.sum(pushes, axis=0) * SCENE.control_period
    np.testing.assert_allclose(impulse, np.multiply(PUSH.direction, PUSH.magnitude), rtol=1e-12)

    def prepare(model: mujoco.MjModel, data: mujoco.MjData, t: int) -> None:
        inside = first <= t < first + PUSH.duration
        force = np.multiply(PUSH.direction, PUSH.magnitude / (PUSH.duration * 0.01)) * inside
        data.xfrc_applied[model.body("palm").id, :3] = force

    np.testing.assert_allclose(states, serial(prepare), atol=1e-9)


def test_drop_opens_the_fingers_for_a_while() -> None:
    environment = begin([DROP])
    states, targets, active = [], [], []
    for t in range(STEPS):
        active.append(environment.disturbances.active(np.array([t]))[0, KINDS.index("drop")])
        states.append(grip(environment)[0])
        targets.append(environment.worlds.ctrl[0].copy())
    first = FIRST + DROP.delay
    opened = range(first, first + DROP.duration)
    assert np.flatnonzero(active).tolist() == list(opened)
    fingers = [SCENE.model.actuator(name).id for name in SCENE.released]
    meant: list[np.ndarray] = []

    def prepare(model: mujoco.MjModel, data: mujoco.MjData, t: int) -> None:
        meant.append(data.ctrl.copy())
        if t in opened:
            data.ctrl[fingers] = list(SCENE.released.values())

    np.testing.assert_array_equal(states, serial(prepare))
    steps, actuators = np.nonzero(np.array(targets) != meant)
    assert (set(steps), set(actuators)) == (set(opened), set(fingers))


def test_slip_lowers_friction_for_a_while() -> None:
    environment = begin([SLIP])
    states, factors = [], []
    for _ in range(STEPS):
        states.append(grip(environment)[0])
        factors.append(environment.worlds.variation.factors[0].copy())
    first = FIRST + SLIP.delay
    expected = [SLIP.magnitude if first <= t < first + SLIP.duration else 1.0 for t in range(STEPS)]
    np.testing.assert_array_equal(np.array(factors), [[factor, 1.0, 1.0, 1.0] for factor in expected])
    nominal = SCENE.model.geom_friction.copy()
    geoms = list(SCENE.hand_geoms + SCENE.object_geoms)
    assert len(geoms) > 15

    def prepare(model: mujoco.MjModel, data: mujoco.MjData, t: int) -> None:
        model.geom_friction[geoms] = nominal[geoms] * expected[t]

    np.testing.assert_array_equal(states, serial(prepare))


def test_pose_error_moves_the_fixture_by_its_magnitude() -> None:
    states = played(begin([POSE]))[:, 0]
    moved = states[:, 60:] - GRASP_STATE[60:]
    first = FIRST + POSE.delay
    assert (moved[:first] == 0).all()
    steps = np.diff(np.concatenate([np.zeros((1, 3)), moved]), axis=0)
    each = np.multiply(POSE.direction, POSE.magnitude / POSE.duration)
    np.testing.assert_allclose(steps[first : first + POSE.duration], np.tile(each, (POSE.duration, 1)), atol=1e-12)
    np.testing.assert_allclose(moved[first + POSE.duration :], POSE.duration * np.array([each] * 14), atol=1e-12)


def test_joint_friction() -> None:
    def prepare(model: mujoco.MjModel, data: mujoco.MjData, t: int) -> None:
        for name in ("door_hinge", "latch"):
            dof = model.joint(name).dofadr[0]
            assert SCENE.model.dof_frictionloss[dof] > 0
            model.dof_frictionloss[dof] = SCENE.model.dof_frictionloss[dof] * FRICTION.magnitude

    np.testing.assert_array_equal(played(begin([FRICTION]))[:, 0], serial(prepare))


def test_another_mass() -> None:
    """Mass, inertia, and what the engine derives from both: they follow it but for the joints' armature."""
    model = make_spec().compile()
    bodies = [model.body(name).id for name in SCENE.object_bodies]
    own = np.isin(model.dof_bodyid, bodies)
    model.body_mass[bodies] *= MASS.magnitude
    model.body_inertia[bodies] *= MASS.magnitude
    mujoco.mj_setConst(model, mujoco.MjData(model))

    def prepare(changed: mujoco.MjModel, data: mujoco.MjData, t: int) -> None:
        if t > 0:
            return
        for name in ("body_mass", "body_inertia", "body_subtreemass"):
            getattr(changed, name)[bodies] *= MASS.magnitude
        changed.body_invweight0[bodies] /= MASS.magnitude
        changed.dof_invweight0[own] /= MASS.magnitude
        for name in ("body_mass", "body_inertia", "body_invweight0", "dof_invweight0"):
            np.testing.assert_allclose(getattr(changed, name), getattr(model, name), rtol=0.02, err_msg=name)

    states = played(begin([MASS]))[:, 0]
    np.testing.assert_allclose(states, serial(prepare), rtol=1e-9, atol=1e-9)
    assert np.abs(states - played(begin([NONE]))[:, 0]).max() > 1e-2


def test_weak_actuators() -> None:
    def prepare(model: mujoco.MjModel, data: mujoco.MjData, t: int) -> None:
        model.actuator_gainprm[:] = SCENE.model.actuator_gainprm * ACTUATOR.magnitude
        model.actuator_biasprm[:] = SCENE.model.actuator_biasprm * ACTUATOR.magnitude

    np.testing.assert_array_equal(played(begin([ACTUATOR]))[:, 0], serial(prepare))


def run_actions(environment: Environment, actions: np.ndarray) -> np.ndarray:
    rows = []
    for action in actions:
        environment.step(torch.from_numpy(action).repeat(environment.count, 1))
        rows.append(environment.worlds.states())
    return np.array(rows)


def shifted(actions: np.ndarray, steps: int) -> np.ndarray:
    return actions[np.maximum(np.arange(len(actions)) - steps, 0)]


def test_latency_shifts_the_actions() -> None:
    actions = np.random.default_rng(3).uniform(-1, 1, (STEPS, 28)).astype(np.float32)
    states = run_actions(begin([Disturbance("latency", n) for n in (1, 4)] + [NONE], FAR), actions)
    for world, steps in enumerate((1, 4, 0)):
        truth = run_actions(begin([NONE], FAR), shifted(actions, steps))
        np.testing.assert_array_equal(states[:, world], truth[:, 0])


def test_a_longer_latency_may_arrive_later() -> None:
    actions = np.random.default_rng(4).uniform(-1, 1, (STEPS, 28)).astype(np.float32)
    environment = begin([Disturbance("latency", 2), NONE], FAR)
    first = run_actions(environment, actions[:10])
    environment.reset(np.array([1]), FAR[None], [Disturbance("latency", 5)], [0])
    states = np.concatenate([first, run_actions(environment, actions[10:])])
    np.testing.assert_array_equal(states[:, 0], run_actions(begin([NONE], FAR), shifted(actions, 2))[:, 0])
    np.testing.assert_array_equal(states[10:, 1], run_actions(begin([NONE], FAR), shifted(actions[10:], 5))[:, 0])


def noise_of(seed: int, steps: int = 300) -> np.ndarray:
    """(T, 39) what `sensor_noise` adds to the observation of a world."""
    environment = Environment(TASK, 2, 1)
    environment.reset(np.arange(2), np.stack([FAR, FAR]), [NOISE, NONE], [seed, seed])
    rows = [environment.observe()["policy"]]
    rows += [environment.step(torch.zeros(2, 28)).observations["policy"] for _ in range(steps - 1)]
    return np.array([(row[0] - row[1]).numpy() for row in rows])


def test_sensor_noise_has_its_spread_and_its_own_seed() -> None:
    noise = noise_of(7)
    fields = TASK.observations["policy"].fields
    scales = {"rad": 1.0, "m": 0.1, "1": 0.0}
    for field in fields:
        part = noise[:, fields[field.name]]
        spread, wanted = float(np.sqrt((part.astype(float) ** 2).mean())), NOISE.magnitude * scales[field.unit]
        assert spread == pytest.approx(wanted, rel=0.15), field.name
        assert abs(part.mean()) <= 0.15 * wanted + 1e-9
    joints = noise[:, fields["arm_and_hand"]].astype(float)
    assert float(joints.std()) == pytest.approx(NOISE.magnitude, rel=0.03)
    assert abs(np.corrcoef(joints[1:].ravel(), joints[:-1].ravel())[0, 1]) < 0.05
    np.testing.assert_array_equal(noise[:5], noise_of(7, 5))
    assert not np.isclose(noise[:5, :27], noise_of(8, 5)[:, :27]).any()


def test_observing_twice_shows_the_same_noise() -> None:
    environment = begin([NOISE])
    np.testing.assert_array_equal(environment.observe()["policy"], environment.observe()["policy"])


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.kind)
@pytest.mark.parametrize("steps", [11, STEPS])
def test_reset_cleans_everything(one: Disturbance, steps: int) -> None:
    environment, fresh = begin([one, one]), begin([NONE])
    played(environment, steps)
    environment.reset(np.arange(2), np.stack([GRASP_STATE] * 2), [NONE, NONE], [0, 1])
    for _ in range(12):
        np.testing.assert_array_equal(grip(environment), np.repeat(grip(fresh), 2, 0))
        np.testing.assert_array_equal(environment.observe()["policy"][:1], fresh.observe()["policy"])
        np.testing.assert_array_equal(environment.observe()["privileged"][:1], fresh.observe()["privileged"])
    assert environment.disturbances.began.tolist() == [-1, -1]
