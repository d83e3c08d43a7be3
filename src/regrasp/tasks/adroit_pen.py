"""Turn a pen in the palm-up Adroit hand: 24 actions at 100 Hz (DAPG, Rajeswaran et al. 2018).

The target pen, of which Gymnasium edits the orientation in its model, is a mocap body here. The motion is bit-identical
to AdroitHandPen-v1's.
"""

from functools import cache

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.fields import Field, Fields
from regrasp.judges.adroit_pen import (
    JUDGE,
    NEAR,
    PLACE,
    direction,
    fallen,
    position_error,
    similarity,
    turned,
)
from regrasp.simulation.readings import Readings
from regrasp.simulation.render import Camera
from regrasp.simulation.scene import Scene, add_contact_sensors, add_site_position
from regrasp.tasks.adroit import (
    ALL_LINKS,
    OBJECT,
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
from regrasp.tasks.task import Observation, Range, Task

HAND_JOINTS = 24
TILT = 1.0
"""The target starts upright and is tilted by up to this angle about x, then about y [rad], as in AdroitHandPen-v1."""
SHOWN_AT = (0.2, -0.2, 0.25)
"""Where the target pen is drawn [m], beside the hand, as in the model."""


def make_spec() -> mujoco.MjSpec:
    """The recomposed model, editable."""
    spec = read_spec("adroit_pen")
    spec.body("target").mocap = True
    add_contact_sensors(spec, ALL_LINKS, OBJECT)
    add_frame(spec, "pen", OBJECT)
    for sensor, site in (("pen", "object"), ("target", "target")):
        add_site_position(spec, f"{sensor}_top", f"{site}_top")
        add_site_position(spec, f"{sensor}_bottom", f"{site}_bottom")
    for geom in ("pen", "target"):
        spec.geom(geom).rgba[3] = 1.0  # what is translucent vanishes before an empty background
    set_gains(spec)
    return spec


@cache
def make_scene() -> Scene:
    """The compiled pen scene."""
    return make_adroit_scene(make_spec(), "pen", fixture="target", fixture_turns=True)


INTERFACE = joint_targets(make_spec())
POLICY_FIELDS = Fields(
    [
        Field("hand", 24, "rad"),
        Field("pen_position", 3, "m"),
        Field("pen_slide_velocity", 3, "m/s"),
        Field("pen_hinge_velocity", 3, "rad/s"),
        Field("pen_direction", 3, "rotation"),
        Field("target_direction", 3, "1"),
        Field("pen_offset", 3, "m"),
        Field("direction_difference", 3, "rotation"),
    ]
)
PRIVILEGED_FIELDS = Fields(
    [
        Field("hand_velocity", 24, "rad/s"),
        *motion_fields("pen"),
        *touch_fields(10),
    ]
)


def observe(readings: Readings) -> Tensor:
    """(B, 45) in the order of AdroitHandPen-v1 and of the demonstrations."""
    pen = readings.sensor("pen_position")
    pointing, target = direction(readings, "pen"), direction(readings, "target")
    offset = pen - torch.tensor(PLACE, dtype=torch.float64)
    hand, moving = readings.qpos[:, :HAND_JOINTS], readings.qvel[:, HAND_JOINTS:]
    return torch.cat([hand, pen, moving, pointing, target, offset, pointing - target], dim=1)


def observe_privileged(readings: Readings) -> Tensor:
    """(B, 48): what only the simulator knows; the environment appends the physics and disturbance in force."""
    return torch.cat([readings.qvel[:, :HAND_JOINTS], read_motion(readings, "pen"), read_touch(readings, 10)], dim=1)


def centre(readings: Readings) -> Tensor:
    """Minus the distance from the pen's middle to where it should be [m]."""
    return -position_error(readings)


def pointing(readings: Readings) -> Tensor:
    """10 where the pen points as it should, an e-th of that 0.5 rad away, in place."""
    angle = torch.acos(similarity(readings).clamp(-1.0, 1.0))
    return 10.0 * (position_error(readings) < NEAR) * torch.exp(-angle / 0.5)


def bonus(readings: Readings) -> Tensor:
    """50 in success, as DAPG pays; its 10 within a cosine of 0.9 are `pointing` here, which says which way to turn."""
    return 50.0 * turned(readings)


def drop(readings: Readings) -> Tensor:
    """-50 where the pen has left the hand, which ends the trial; DAPG takes 5."""
    return -50.0 * fallen(readings)


def cost(readings: Readings) -> Tensor:
    """Angle to the target [rad], 10 · distance [m], and a rise towards the place where the pen would be lost."""
    chord = torch.linalg.vector_norm(direction(readings, "pen") - direction(readings, "target"), dim=1)
    angle = 2.0 * torch.asin((0.5 * chord).clamp(max=1.0))
    sunk = (0.2 - readings.sensor("pen_position")[:, 2]).clamp(min=0.0)
    return angle + 10.0 * position_error(readings) + 20.0 * sunk


def tilted(about_x: NDArray[np.float64], about_y: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 4) quaternions, wxyz, of Gymnasium's Euler angles (x, y, 0) [rad]."""
    sx, cx, sy, cy = np.sin(about_x / 2), np.cos(about_x / 2), np.sin(about_y / 2), np.cos(about_y / 2)
    return np.stack([cx * cy, sx * cy, cx * sy, sx * sy], axis=1)


def draw_starts(objects: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.float64]:
    """(n, 67): all joints at zero, the pen over the palm, the target tilted."""
    model, count = make_scene().model, len(objects)
    tilt = generator.uniform(-TILT, TILT, (2, count))
    still = np.zeros((count, model.nq + model.nv))
    return np.concatenate([still, np.tile(SHOWN_AT, (count, 1)), tilted(*tilt)], axis=1)


def turned_state() -> NDArray[np.float64]:
    """(67,) pen and target upright, the pen on its end in the palm; its x axis points down at the start."""
    state: NDArray[np.float64] = draw_starts(np.zeros(1, np.int64), np.random.default_rng(0))[0]
    state[make_scene().joint_column("OBJTx")] = -0.04
    state[make_scene().joint_column("OBJRy")] = -1.57
    state[-4:] = (1.0, 0.0, 0.0, 0.0)
    return state


def fallen_state() -> NDArray[np.float64]:
    """(67,) the pen lies on the table beside the hand; its x axis points down."""
    state: NDArray[np.float64] = draw_starts(np.zeros(1, np.int64), np.random.default_rng(0))[0]
    state[make_scene().joint_column("OBJTx")] = 0.234
    state[make_scene().joint_column("OBJTz")] = -0.25
    return state


TASK = Task(
    name="adroit-pen",
    description="Turn a pen in a 24-joint hand until it points where another pen points.",
    make_scene=make_scene,
    interface=INTERFACE,
    observations={
        "policy": Observation(POLICY_FIELDS, observe),
        "privileged": Observation(PRIVILEGED_FIELDS, observe_privileged),
    },
    rewards={"centre": centre, "similarity": similarity, "pointing": pointing, "bonus": bonus, "drop": drop},
    judge=JUDGE,
    horizon=200,
    draw_starts=draw_starts,
    # The pen weighs 1.8 N; that for 0.1 s is 0.18 N·s.
    disturbances={
        "push": Range(
            0.03, 0.12, "a nudge of a fifth to two thirds of the pen's weight for 0.1 s", (0.0, 0.18), (0, 40), 10
        ),
        "drop": Range(0.05, 0.2, "fingers that let go for as long as a supply drops out", delay=(0, 40)),
        "slip": Range(0.05, 0.3, "a wet or greasy pen", delay=(0, 40), duration=50),
        "pose_error": Range(0.005, 0.02, "a pen seen 5 to 20 mm beside its place", delay=(0, 40), duration=20),
        "friction": Range(0.4, 0.8, "a smooth pen, or worn fingertips"),
        "mass": Range(0.7, 1.5, "another pen of the same size"),
        "actuator": Range(0.6, 0.85, "warm motors or a low supply"),
        "latency": Range(1, 4, "10 to 40 ms of bus and filter"),
        "sensor_noise": Range(0.02, 0.06, "1 to 3 degrees, hobby encoders and a tag-based pose"),
    },
    camera=Camera(lookat=(0.08, -0.24, 0.25), distance=0.55, azimuth=60.0, elevation=-35.0),
    rest=rest_action(INTERFACE),
    misjudged=("pen_position", "pen_offset"),
    goal=turned_state,
    dropped=fallen_state,
    cost=cost,
)
