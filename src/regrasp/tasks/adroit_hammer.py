"""Pick up a hammer with the Adroit hand and drive a nail in: 26 actions at 100 Hz (DAPG, Rajeswaran et al. 2018).

The nail's board, of which Gymnasium edits the height in its model, is a mocap body here. The motion is bit-identical to
AdroitHandHammer-v1's.
"""

from functools import cache, partial

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.fields import Field, Fields
from regrasp.judges.adroit_hammer import JUDGE, NEAR, nail_error, off_table
from regrasp.simulation.readings import Readings
from regrasp.simulation.render import Camera
from regrasp.simulation.scene import Scene, add_contact_sensors, add_site_position
from regrasp.tasks.adroit import (
    ALL_LINKS,
    OBJECT,
    add_contact,
    add_frame,
    joint_targets,
    make_adroit_scene,
    motion_fields,
    read_motion,
    read_spec,
    read_touch,
    rest_action,
    set_gains,
    touch_fields,
)
from regrasp.tasks.adroit_hammer_sketch import motion
from regrasp.tasks.task import Observation, Range, Task

OBJECT_FIRST = 27
"""First column of the hammer in `qpos` and `qvel`, after 26 joints of the arm and hand and the nail's."""
BOARD = (0.05, 0.0)
"""Where the board stands, x and y [m]."""
HEIGHTS = (0.1, 0.25)
"""Height of the board at reset [m], as in AdroitHandHammer-v1."""
LIFTED = 0.04
"""Height of handle and head above which the hammer is lifted [m], as in DAPG."""


def make_spec() -> mujoco.MjSpec:
    """The recomposed model, editable."""
    spec = read_spec("adroit_hammer", kept=("S_nail",))
    spec.body("nail_board").mocap = True
    add_contact_sensors(spec, ALL_LINKS, OBJECT)
    add_contact(spec, "table_contact", "table", OBJECT)
    add_contact(spec, "nail_contact", "nail", "wrist")
    add_frame(spec, "hammer", OBJECT)
    sites = {"palm": "S_grasp", "head": "tool", "nail": "S_target", "goal": "nail_goal"}
    for name, site in sites.items():
        add_site_position(spec, f"{name}_position", site)
    set_gains(spec)
    return spec


@cache
def make_scene() -> Scene:
    """The compiled hammer scene."""
    return make_adroit_scene(make_spec(), "hammer", fixture="nail_board")


INTERFACE = joint_targets(make_spec())
POLICY_FIELDS = Fields(
    [
        Field("arm_and_hand", 26, "rad"),
        Field("nail_depth", 1, "m"),
        Field("hammer_slide_velocity", 3, "m/s"),
        Field("hammer_hinge_velocity", 3, "rad/s"),
        Field("palm_position", 3, "m"),
        Field("hammer_position", 3, "m"),
        Field("hammer_angles", 3, "rad"),
        Field("nail_position", 3, "m"),
        Field("nail_force", 1, "N"),
    ]
)
PRIVILEGED_FIELDS = Fields(
    [
        Field("joint_velocity", 27, "rad/s"),
        Field("head_position", 3, "m"),
        *motion_fields("hammer"),
        Field("board_position", 3, "m"),
        *touch_fields(100),
    ]
)


def observe(readings: Readings) -> Tensor:
    """(B, 46) in the order of AdroitHandHammer-v1 and of the demonstrations; velocities and force are clipped to ±1."""
    moving = readings.qvel[:, OBJECT_FIRST:].clamp(-1.0, 1.0)
    struck = readings.sensor("S_nail").clamp(-1.0, 1.0)
    places = [readings.sensor(f"{name}_position") for name in ("palm", "hammer")]
    parts = [readings.qpos[:, :OBJECT_FIRST], moving, *places, hammer_angles(readings)]
    return torch.cat([*parts, readings.sensor("nail_position"), struck], dim=1)


def hammer_angles(readings: Readings) -> Tensor:
    """(B, 3) Gymnasium's Euler angles of the hammer [rad]."""
    x, y, z = (readings.sensor(f"hammer_{axis}_axis") for axis in "xyz")
    level = torch.hypot(z[:, 2], z[:, 1])
    angles = [-torch.atan2(z[:, 1], z[:, 2]), torch.atan2(z[:, 0], level), -torch.atan2(y[:, 0], x[:, 0])]
    return torch.stack(angles, dim=1)


def observe_privileged(readings: Readings) -> Tensor:
    """(B, 57): what only the simulator knows; the environment appends the physics and disturbance in force."""
    hammer = [readings.sensor("head_position"), read_motion(readings, "hammer")]
    parts = [readings.qvel[:, :OBJECT_FIRST], *hammer, readings.fixture_position, read_touch(readings, 100)]
    return torch.cat(parts, dim=1)


def _distance(readings: Readings, one: str, other: str) -> Tensor:
    offset = readings.sensor(f"{one}_position") - readings.sensor(f"{other}_position")
    distance: Tensor = torch.linalg.vector_norm(offset, dim=1)
    return distance


def reach(readings: Readings) -> Tensor:
    """-0.1 · distance from palm to handle [m]."""
    return -0.1 * _distance(readings, "palm", "hammer")


def aim(readings: Readings) -> Tensor:
    """Minus the distance from the hammer's head to the nail [m]."""
    return -_distance(readings, "head", "nail")


def drive(readings: Readings) -> Tensor:
    """-10 · distance from the nail to its goal [m]."""
    return -10.0 * nail_error(readings)


def stillness(readings: Readings) -> Tensor:
    """-0.01 · norm of all joint velocities."""
    speed: Tensor = torch.linalg.vector_norm(readings.qvel, dim=1)
    return -0.01 * speed


def lift(readings: Readings) -> Tensor:
    """2 while handle and head are off the table."""
    handle, head = readings.sensor("hammer_position")[:, 2], readings.sensor("head_position")[:, 2]
    return 2.0 * ((handle > LIFTED) & (head > LIFTED))


def bonus(readings: Readings) -> Tensor:
    """25 within 2 cm of the goal, 75 more in success."""
    error = nail_error(readings)
    return 25.0 * (error < 0.02) + 75.0 * (error < NEAR)


def drop(readings: Readings) -> Tensor:
    """-200 off the table, which ends the trial: more than the terms above take from an idle hand until its end.

    DAPG has no such end and no such term.
    """
    return -200.0 * off_table(readings)


def cost(readings: Readings) -> Tensor:
    """Palm to handle and head to nail, 3 per metre each, nail to goal, 10 per metre, and the height short of 8 cm."""
    low = (0.08 - readings.sensor("hammer_position")[:, 2]).clamp(min=0.0)
    away = _distance(readings, "palm", "hammer") + _distance(readings, "head", "nail")
    return 3.0 * away + 10.0 * nail_error(readings) + 5.0 * low


def draw_starts(objects: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.float64]:
    """(n, 69): all joints at zero, the hammer on the table, the board at any of `HEIGHTS`."""
    model, count = make_scene().model, len(objects)
    still = np.zeros((count, model.nq + model.nv))
    return np.concatenate([still, np.tile(BOARD, (count, 1)), generator.uniform(*HEIGHTS, (count, 1))], axis=1)


def driven_state() -> NDArray[np.float64]:
    """(69,) the nail is in the board at 0.2 m, the hammer's head 3 cm before it; its y axis points up, z backwards."""
    state: NDArray[np.float64] = draw_starts(np.zeros(1, np.int64), np.random.default_rng(0))[0]
    state[-1] = 0.2
    for joint, value in {"nail_dir": 0.088, "OBJTx": 0.21, "OBJTy": 0.165, "OBJTz": -0.144}.items():
        state[make_scene().joint_column(joint)] = value
    return state


def lost_state() -> NDArray[np.float64]:
    """(69,) the hammer falls behind the table; its y axis points up."""
    state: NDArray[np.float64] = draw_starts(np.zeros(1, np.int64), np.random.default_rng(0))[0]
    state[make_scene().joint_column("OBJTx")] = 0.9
    state[make_scene().joint_column("OBJTy")] = -0.2
    return state


TASK = Task(
    name="adroit-hammer",
    description="Pick up a hammer with a 24-joint hand on a 2-joint arm and drive a nail into a board.",
    make_scene=make_scene,
    interface=INTERFACE,
    observations={
        "policy": Observation(POLICY_FIELDS, observe),
        "privileged": Observation(PRIVILEGED_FIELDS, observe_privileged),
    },
    rewards={
        "reach": reach,
        "aim": aim,
        "drive": drive,
        "stillness": stillness,
        "lift": lift,
        "bonus": bonus,
        "drop": drop,
    },
    judge=JUDGE,
    horizon=200,
    draw_starts=draw_starts,
    # The hammer weighs 2.5 N; that for 0.1 s is 0.25 N·s.
    disturbances={
        "push": Range(0.12, 0.5, "a knock of half to twice the hammer's weight for 0.1 s", (0.0, 0.75), (0, 40), 10),
        "drop": Range(0.05, 0.2, "fingers that let go for as long as a supply drops out", delay=(0, 40)),
        "slip": Range(0.05, 0.3, "a wet or greasy handle", delay=(0, 40), duration=50),
        "pose_error": Range(0.01, 0.03, "a board that was not screwed down", delay=(0, 40), duration=20, planar=True),
        "friction": Range(0.4, 0.8, "a polished handle, or worn fingertips"),
        "mass": Range(0.7, 1.5, "another hammer of the same size"),
        "actuator": Range(0.6, 0.85, "warm motors or a low supply"),
        "latency": Range(1, 4, "10 to 40 ms of bus and filter"),
        "sensor_noise": Range(0.02, 0.06, "1 to 3 degrees, hobby encoders and a tag-based pose"),
    },
    camera=Camera(lookat=(-0.04, -0.2, 0.13), distance=0.9, azimuth=25.0, elevation=-25.0),
    rest=rest_action(INTERFACE),
    goal=driven_state,
    dropped=lost_state,
    cost=cost,
    sketch=partial(motion, INTERFACE),
)
