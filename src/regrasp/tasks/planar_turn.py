"""Turn a disc past 90° on a table with two planar fingers: 4 actions at 25 Hz, the teaching toy.

A finger's stroke turns the disc by less than 90°, so that the fingers must let go and take hold again.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.fields import Field, Fields
from regrasp.judges.planar_turn import GOAL, JUDGE, MIDDLE, RADIUS, off_middle, turned
from regrasp.simulation.readings import Readings
from regrasp.simulation.render import Camera
from regrasp.tasks.planar_fingers import JOINTS, LINKS, RANGES, REST, SHAPES, make_interface, make_scene, rest_action
from regrasp.tasks.task import Observation, Range, Task

START = {"turn": 0.4, "offset": 0.005, "finger": 0.05}
"""At reset the disc's angle [rad], its place [m] and the fingers' joints [rad] lie within ± these."""

POLICY_FIELDS = Fields(
    [
        Field("fingers", 4, "rad"),
        Field("disc_position", 3, "m"),
        Field("disc_turn", 1, "rad"),
        Field("left_tip", 2, "m"),
        Field("right_tip", 2, "m"),
    ]
)
PRIVILEGED_FIELDS = Fields(
    [
        Field("disc_pose", 3, "m, m, rad"),
        Field("joint_velocity", 7, "m/s, m/s, rad/s"),
        Field("touching", len(LINKS), "1"),
        Field("normal_force", len(LINKS), "N"),
    ]
)


def observe(readings: Readings) -> Tensor:
    """(B, 12): the fingers' joints, the disc's place on the table and its angle, and where the fingertips are."""
    disc = torch.stack([readings.joint(name) for name in JOINTS], dim=1)
    flat = torch.zeros_like(disc[:, :1])
    tips = [readings.sensor(f"{finger}_tip")[:, :2] for finger in LINKS]
    return torch.cat([_fingers(readings), disc[:, :2], flat, disc[:, 2:], *tips], dim=1)


def _fingers(readings: Readings) -> Tensor:
    joints = [readings.joint(f"{finger}_{joint}") for finger in LINKS for joint in RANGES]
    return torch.stack(joints, dim=1)


def observe_privileged(readings: Readings) -> Tensor:
    """(B, 14): what only the simulator knows; the environment appends the physics and disturbance in force."""
    disc = torch.stack([readings.joint(name) for name in JOINTS], dim=1)
    touching = readings.touching().to(torch.float64)
    return torch.cat([disc, readings.qvel, touching, readings.normal_force()], dim=1)


def turning(readings: Readings) -> Tensor:
    """0.3 · turning speed, at most 1.5 rad/s either way, until 0.1 rad beyond the goal."""
    short = readings.joint("disc_turn") < GOAL + 0.1
    return 0.3 * readings.joint_velocity("disc_turn").clamp(-1.5, 1.5) * short


def centre(readings: Readings) -> Tensor:
    """0.1 in the middle, falling with the distance over 15 mm as a Gaussian does."""
    return 0.1 * torch.exp(-(off_middle(readings) / MIDDLE).square())


def touch(readings: Readings) -> Tensor:
    """0.05 per finger that touches the disc."""
    return 0.05 * readings.touching().sum(1)


def success(readings: Readings) -> Tensor:
    """2 in success."""
    return 2.0 * turned(readings)


def lost(readings: Readings) -> Tensor:
    """-2 when the disc leaves the fingers' reach."""
    return -2.0 * JUDGE.dropped(readings)


def cost(readings: Readings) -> Tensor:
    """For the planner: the angle that is left [rad], fingertips away from the disc, and a disc off the middle."""
    place = torch.stack([readings.joint(name) for name in JOINTS[:2]], dim=1)
    tips = torch.stack([readings.sensor(f"{finger}_tip")[:, :2] for finger in LINKS])
    apart = (torch.linalg.vector_norm(tips - place, dim=2) - RADIUS).clamp(min=0.0).sum(0)
    left: Tensor = (readings.joint("disc_turn") - GOAL - 0.18).abs()
    total: Tensor = 3.0 * left + 15.0 * apart + 300.0 * off_middle(readings).square()
    return total


def draw_starts(objects: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.float64]:
    """(n, 14): the disc near the middle with its mark within ±0.4 rad, the fingers open, all at rest."""
    scene, count = make_scene(), len(objects)
    states = np.zeros((count, scene.state_size))
    spread = (("disc_x", START["offset"]), ("disc_y", START["offset"]), ("disc_turn", START["turn"]))
    for name, width in spread:
        states[:, scene.joint_column(name)] = generator.uniform(-width, width, count)
    for finger in LINKS:
        for joint, angle in REST.items():
            noise = generator.uniform(-START["finger"], START["finger"], count)
            states[:, scene.joint_column(f"{finger}_{joint}")] = np.clip(angle + noise, *RANGES[joint])
    return states


def _placed(**joints: float) -> NDArray[np.float64]:
    """(14,) the open fingers, and the disc's joints as given."""
    scene = make_scene()
    state: NDArray[np.float64] = np.zeros(scene.state_size)
    opened = {f"{finger}_{joint}": angle for finger in LINKS for joint, angle in REST.items()}
    for name, value in {**opened, **joints}.items():
        state[scene.joint_column(name)] = value
    return state


def turned_state() -> NDArray[np.float64]:
    """(14,) the disc stands 20° beyond the goal."""
    return _placed(disc_turn=float(np.deg2rad(110.0)))


def lost_state() -> NDArray[np.float64]:
    """(14,) the disc lies behind the fingers."""
    return _placed(disc_y=0.08)


DISTURBANCES: Mapping[str, Range] = {
    "push": Range(
        0.04,
        0.09,
        "a knock on the disc: about its weight (0.6 to 1.5 N) for 80 ms",
        envelope=(0.0, 0.12),
        delay=(2, 20),
        duration=2,
        planar=True,
    ),
    "drop": Range(0.2, 0.6, "fingers that let go for as long as a supply drops out", delay=(2, 20)),
    "slip": Range(0.1, 0.4, "wet or greasy fingertips", delay=(2, 20), duration=50),
    "pose_error": Range(
        0.004, 0.012, "a camera that was knocked: 4 to 12 mm on the table", delay=(2, 20), duration=10, planar=True
    ),
    "friction": Range(1.5, 2.5, "rubber feet under the disc in place of plastic ones"),
    "mass": Range(0.5, 2.0, "another material of the same size and the same feet"),
    "actuator": Range(0.4, 0.7, "warm motors or a low supply"),
    "latency": Range(1, 2, "40 to 80 ms of camera and bus"),
    "sensor_noise": Range(0.02, 0.06, "1 to 3 degrees, hobby encoders and a tag-based pose"),
}

TASK = Task(
    name="planar-turn",
    description="Turn a disc past 90 degrees on a table with two planar fingers.",
    make_scene=make_scene,
    interface=make_interface(),
    observations={
        "policy": Observation(POLICY_FIELDS, observe),
        "privileged": Observation(PRIVILEGED_FIELDS, observe_privileged),
    },
    rewards={"turning": turning, "centre": centre, "touch": touch, "success": success, "lost": lost},
    judge=JUDGE,
    # 5 s: more than one stroke, and time to come back from a knock.
    horizon=125,
    draw_starts=draw_starts,
    disturbances=DISTURBANCES,
    camera=Camera(lookat=(0.0, 0.0, 0.0), distance=0.4, azimuth=90.0, elevation=-75.0),
    rest=rest_action(),
    held_out=tuple(shape.name for shape in SHAPES if shape.split == "held_out"),
    misjudged=("disc_position",),
    goal=turned_state,
    dropped=lost_state,
    cost=cost,
)
