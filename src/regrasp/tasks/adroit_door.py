"""Open a latched door with the Adroit hand on its arm: 28 actions at 100 Hz (DAPG, Rajeswaran et al. 2018).

Hand and door are the installed gymnasium-robotics package's own, recomposed: the door frame becomes a mocap body, so
that its place is part of the state, and contact sensors replace the model's. The motion is bit-identical to
AdroitHandDoor-v1's.
"""

from functools import cache

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.fields import Field, Fields
from regrasp.judges.adroit_door import JUDGE
from regrasp.simulation.readings import Readings
from regrasp.simulation.render import Camera
from regrasp.simulation.scene import Scene, add_contact_sensors, add_site_position
from regrasp.tasks.adroit import (
    ALL_LINKS,
    joint_targets,
    make_adroit_scene,
    read_spec,
    read_touch,
    rest_action,
    set_gains,
    touch_fields,
)
from regrasp.tasks.task import Observation, Range, Task

HAND_JOINTS = 28
START_RANGE = ((-0.3, -0.2), (0.25, 0.35), (0.252, 0.35))
"""Door frame positions at reset [m], as in AdroitHandDoor-v1; human demonstrations range wider."""


def make_spec() -> mujoco.MjSpec:
    """The recomposed model, editable."""
    spec = read_spec("adroit_door")
    spec.body("frame").mocap = True
    add_contact_sensors(spec, ALL_LINKS, "latch")
    add_site_position(spec, "palm_position", "S_grasp")
    add_site_position(spec, "handle_position", "S_handle")
    set_gains(spec)
    return spec


@cache
def make_scene() -> Scene:
    """The compiled door scene."""
    own = {"object_bodies": ("door", "latch"), "object_joints": ("door_hinge", "latch"), "pushed_body": "palm"}
    return make_adroit_scene(make_spec(), "door", "latch", fixture="frame", **own)


INTERFACE = joint_targets(make_spec())
POLICY_FIELDS = Fields(
    [
        Field("arm_and_hand", 27, "rad"),
        Field("latch", 1, "rad"),
        Field("door_hinge", 1, "rad"),
        Field("palm_position", 3, "m"),
        Field("handle_position", 3, "m"),
        Field("handle_to_palm", 3, "m"),
        Field("door_open", 1, "1"),
    ]
)
PRIVILEGED_FIELDS = Fields(
    [
        Field("joint_velocity", 30, "rad/s"),
        Field("frame_position", 3, "m"),
        *touch_fields(100),
    ]
)


def observe(readings: Readings) -> Tensor:
    """(B, 39) in the order of the demonstrations; the arm's slide joint is not among them."""
    palm, handle = readings.sensor("palm_position"), readings.sensor("handle_position")
    hinge = readings.joint("door_hinge")[:, None]
    latch = readings.joint("latch")[:, None]
    door_open = torch.where(hinge > 1.0, 1.0, -1.0)
    joints = readings.qpos[:, 1:HAND_JOINTS]
    return torch.cat([joints, latch, hinge, palm, handle, palm - handle, door_open], dim=1)


def observe_privileged(readings: Readings) -> Tensor:
    """(B, 45): what only the simulator knows; the environment appends the physics and disturbance in force."""
    return torch.cat([readings.qvel, readings.fixture_position, read_touch(readings, 100)], dim=1)


def reach(readings: Readings) -> Tensor:
    """-0.1 · distance from palm to handle [m]."""
    offset = readings.sensor("palm_position") - readings.sensor("handle_position")
    distance: Tensor = torch.linalg.vector_norm(offset, dim=1)
    return -0.1 * distance


def open_door(readings: Readings) -> Tensor:
    """-0.1 · squared hinge angle short of 1.57 rad."""
    return -0.1 * (readings.joint("door_hinge") - 1.57).square()


def stillness(readings: Readings) -> Tensor:
    """-1e-5 · squared norm of all joint velocities."""
    return -1e-5 * readings.qvel.square().sum(1)


def progress(readings: Readings) -> Tensor:
    """2 beyond 0.2 rad, 8 more beyond 1.0, 10 more beyond 1.35."""
    hinge = readings.joint("door_hinge")
    return 2.0 * (hinge > 0.2) + 8.0 * (hinge > 1.0) + 10.0 * (hinge > 1.35)


def draw_starts(objects: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.float64]:
    """(n, 63): all joints at zero, the door frame anywhere in `START_RANGE`."""
    model = make_scene().model
    low, high = np.array(START_RANGE).T
    still = np.zeros((len(objects), model.nq + model.nv))
    return np.concatenate([still, generator.uniform(low, high, (len(objects), 3))], axis=1)


def open_state() -> NDArray[np.float64]:
    """(63,) the door stands open at 1.5 rad."""
    state: NDArray[np.float64] = draw_starts(np.zeros(1, np.int64), np.random.default_rng(0))[0]
    state[make_scene().joint_column("door_hinge")] = 1.5
    return state


TASK = Task(
    name="adroit-door",
    description="Turn the latch and pull the door open with a 24-joint hand on a 4-joint arm.",
    make_scene=make_scene,
    interface=INTERFACE,
    observations={
        "policy": Observation(POLICY_FIELDS, observe),
        "privileged": Observation(PRIVILEGED_FIELDS, observe_privileged),
    },
    rewards={"reach": reach, "open_door": open_door, "stillness": stillness, "progress": progress},
    judge=JUDGE,
    # Human demonstrations last 223 to 300 steps and succeed late; Gymnasium's limit of 200 would cut most of them off.
    horizon=300,
    draw_starts=draw_starts,
    disturbances={
        "push": Range(2.0, 6.0, "a person's elbow: 20 to 60 N on the palm for 0.1 s", delay=(0, 40), duration=10),
        "drop": Range(0.1, 0.3, "fingers that let go for as long as a supply drops out", delay=(0, 40)),
        "slip": Range(0.05, 0.3, "a wet or greasy handle", delay=(0, 40), duration=50),
        "pose_error": Range(
            0.02, 0.06, "a door frame that was not screwed down", delay=(0, 40), duration=20, planar=True
        ),
        "friction": Range(1.3, 2.0, "a hinge that wants oil"),
        "mass": Range(0.7, 1.5, "another door leaf of the same size"),
        "actuator": Range(0.6, 0.85, "warm motors or a low supply"),
        "latency": Range(1, 4, "10 to 40 ms of bus and filter"),
        "sensor_noise": Range(0.02, 0.06, "1 to 3 degrees, hobby encoders and a tag-based pose"),
    },
    camera=Camera(lookat=(0.07, -0.1, 0.29), distance=1.0, azimuth=66.0, elevation=-25.0),
    rest=rest_action(INTERFACE),
    goal=open_state,
)
