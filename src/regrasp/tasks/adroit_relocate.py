"""Carry a ball to a place in the air with the Adroit arm and hand: 30 actions at 100 Hz (DAPG, Rajeswaran et al. 2018).

The target, of which Gymnasium edits the place in its model, is a mocap body here. Gymnasium edits the ball's place in
its model, too; here the ball's slide joints carry it, so that it is part of the state. From one and the same state the
motion is bit-identical to AdroitHandRelocate-v1's.
"""

from functools import cache, partial

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.fields import Field, Fields
from regrasp.judges.adroit_relocate import JUDGE, NEAR, off_table, target_error
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
from regrasp.tasks.adroit_relocate_sketch import motion
from regrasp.tasks.task import Observation, Range, Task

HAND_JOINTS = 30
BALL_RANGE = ((-0.15, 0.15), (-0.15, 0.3))
"""Where the ball lies at reset, x and y [m], as in AdroitHandRelocate-v1."""
TARGET_RANGE = ((-0.2, 0.2), (-0.2, 0.2), (0.15, 0.35))
"""Where the target hangs at reset [m], as in AdroitHandRelocate-v1."""
MARKER = 0.02
"""Radius of the ball that shows the target [m]; nothing touches it."""
LIFTED = 0.04
"""Height of the ball's middle above which it is lifted [m], as in DAPG; it lies at 0.035."""


def make_spec() -> mujoco.MjSpec:
    """The recomposed model, editable."""
    spec = read_spec("adroit_relocate")
    site = spec.site("target")
    target = spec.worldbody.add_body(name="target", pos=site.pos, mocap=True)
    target.add_site(name="target_site")
    target.add_geom(size=(MARKER, 0, 0), rgba=(0, 0.7, 0.2, 1), contype=0, conaffinity=0)
    spec.delete(site)
    add_contact_sensors(spec, ALL_LINKS, OBJECT)
    add_contact(spec, "table_contact", "table", OBJECT)
    add_frame(spec, "ball", OBJECT)
    add_site_position(spec, "palm_position", "S_grasp")
    add_site_position(spec, "target_position", "target_site")
    set_gains(spec)
    return spec


@cache
def make_scene() -> Scene:
    """The compiled ball scene."""
    return make_adroit_scene(make_spec(), "ball", fixture="target")


INTERFACE = joint_targets(make_spec())
POLICY_FIELDS = Fields(
    [
        Field("arm_slides", 3, "m"),
        Field("arm_and_hand", 27, "rad"),
        Field("ball_to_palm", 3, "m"),
        Field("target_to_palm", 3, "m"),
        Field("target_to_ball", 3, "m"),
    ]
)
PRIVILEGED_FIELDS = Fields(
    [
        Field("joint_velocity", 30, "rad/s"),
        Field("ball_position", 3, "m"),
        *motion_fields("ball"),
        *touch_fields(10),
    ]
)


def observe(readings: Readings) -> Tensor:
    """(B, 39) in the order of AdroitHandRelocate-v1 and of the demonstrations."""
    palm, ball, target = (readings.sensor(f"{name}_position") for name in ("palm", "ball", "target"))
    return torch.cat([readings.qpos[:, :HAND_JOINTS], palm - ball, palm - target, ball - target], dim=1)


def observe_privileged(readings: Readings) -> Tensor:
    """(B, 57): what only the simulator knows; the environment appends the physics and disturbance in force."""
    ball = [readings.sensor("ball_position"), read_motion(readings, "ball")]
    return torch.cat([readings.qvel[:, :HAND_JOINTS], *ball, read_touch(readings, 10)], dim=1)


def palm_distance(readings: Readings, name: str) -> Tensor:
    """(B,) from the palm to the `ball` or the `target` [m]."""
    offset = readings.sensor("palm_position") - readings.sensor(f"{name}_position")
    distance: Tensor = torch.linalg.vector_norm(offset, dim=1)
    return distance


def reach(readings: Readings) -> Tensor:
    """-0.1 · distance from palm to ball [m]."""
    return -0.1 * palm_distance(readings, "ball")


def carry(readings: Readings) -> Tensor:
    """Off the table: 1, less half the distances from palm to target and from ball to target [m]."""
    lifted = readings.sensor("ball_position")[:, 2] > LIFTED
    return lifted * (1.0 - 0.5 * palm_distance(readings, "target") - 0.5 * target_error(readings))


def bonus(readings: Readings) -> Tensor:
    """10 in success, 20 more within 5 cm."""
    error = target_error(readings)
    return 10.0 * (error < NEAR) + 20.0 * (error < 0.05)


def drop(readings: Readings) -> Tensor:
    """-10 off the table, which ends the trial: more than `reach` takes from an idle hand until its end.

    DAPG has no such end and no such term.
    """
    return -10.0 * off_table(readings)


def cost(readings: Readings) -> Tensor:
    """Palm to ball and ball to target, 3 per metre each, and the height short of 8 cm, 5 per metre."""
    low = (0.08 - readings.sensor("ball_position")[:, 2]).clamp(min=0.0)
    return 3.0 * (palm_distance(readings, "ball") + target_error(readings)) + 5.0 * low


def draw_starts(objects: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.float64]:
    """(n, 75): arm and hand at zero, ball and target anywhere in their ranges."""
    scene, count = make_scene(), len(objects)
    low, high = np.array((*BALL_RANGE, *TARGET_RANGE)).T
    places = generator.uniform(low, high, (count, len(low)))
    states = np.zeros((count, scene.state_size))
    states[:, [scene.joint_column("OBJTx"), scene.joint_column("OBJTy")]] = places[:, :2]
    states[:, -3:] = places[:, 2:]
    return states


def carried_state() -> NDArray[np.float64]:
    """(75,) the ball is at the target, in the air."""
    scene = make_scene()
    state: NDArray[np.float64] = draw_starts(np.zeros(1, np.int64), np.random.default_rng(0))[0]
    state[-3:] = (0.0, 0.0, 0.25)
    first = scene.joint_column("OBJTx")
    state[first : first + 3] = state[-3:] - scene.model.body(OBJECT).pos
    return state


def lost_state() -> NDArray[np.float64]:
    """(75,) the ball falls beside the table."""
    scene = make_scene()
    state: NDArray[np.float64] = draw_starts(np.zeros(1, np.int64), np.random.default_rng(0))[0]
    state[scene.joint_column("OBJTx")] = 0.6
    state[scene.joint_column("OBJTz")] = -0.2
    return state


TASK = Task(
    name="adroit-relocate",
    description="Grasp a ball with a 24-joint hand on a 6-joint arm and carry it to a place in the air.",
    make_scene=make_scene,
    interface=INTERFACE,
    observations={
        "policy": Observation(POLICY_FIELDS, observe),
        "privileged": Observation(PRIVILEGED_FIELDS, observe_privileged),
    },
    rewards={"reach": reach, "carry": carry, "bonus": bonus, "drop": drop},
    judge=JUDGE,
    horizon=200,
    draw_starts=draw_starts,
    # The ball weighs 1.8 N; that for 0.1 s is 0.18 N·s.
    disturbances={
        "push": Range(0.09, 0.36, "a knock of half to twice the ball's weight for 0.1 s", (0.0, 0.54), (0, 40), 10),
        "drop": Range(0.05, 0.2, "fingers that let go for as long as a supply drops out", delay=(0, 40)),
        "slip": Range(0.05, 0.3, "a wet or greasy ball", delay=(0, 40), duration=50),
        "pose_error": Range(
            0.01, 0.03, "a camera that sees the arm 1 to 3 cm beside its place", delay=(0, 40), duration=20
        ),
        "friction": Range(0.4, 0.8, "a polished ball, or worn fingertips"),
        "mass": Range(0.7, 1.5, "another ball of the same size"),
        "actuator": Range(0.6, 0.85, "warm motors or a low supply"),
        "latency": Range(1, 4, "10 to 40 ms of bus and filter"),
        "sensor_noise": Range(0.02, 0.06, "1 to 3 degrees, hobby encoders and a tag-based pose"),
    },
    camera=Camera(lookat=(0.0, -0.15, 0.15), distance=1.1, azimuth=35.0, elevation=-25.0),
    rest=rest_action(INTERFACE),
    # The palm is misplaced against ball and target alike: an error of the camera's calibration to the arm.
    misjudged=("ball_to_palm", "target_to_palm"),
    goal=carried_state,
    dropped=lost_state,
    cost=cost,
    sketch=partial(motion, INTERFACE),
)
