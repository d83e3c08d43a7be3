"""Pick up a tool from the table and hold it upright: the Adroit hand on an arm of six joints, 30 actuators at 25 Hz.

The tool lies flat, its handle across the palm and its head on the thumb's side. One way that works: lower the palm onto
the handle, close all fingers and the thumb while rising by 10 cm, so that they reach around it, lift, and turn the
forearm by 1.5 rad while levelling it. `tool_sketch` has this motion, which succeeds from five of six starts.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.fields import Field, Fields
from regrasp.judges.tool_pickup import JUDGE, RESTING_HEIGHT, gripped, height, off_the_table, tilt, touched
from regrasp.rotations import from_axis_angle, multiply, two_columns
from regrasp.simulation.readings import Readings
from regrasp.simulation.render import Camera
from regrasp.tasks.adroit import LINKS
from regrasp.tasks.task import Observation, Range, Task
from regrasp.tasks.tool_scene import (
    INTERFACE,
    JOINTS,
    POLICY_FIELDS,
    REST,
    TIPS,
    TOUCH_SENSORS,
    lying,
    make_scene,
    shapes,
)
from regrasp.tasks.tool_sketch import sketch

START_PLACE = (0.0, -0.1)
"""Where the handle's middle lies on average [m]."""
START_OFFSET, START_YAW, START_JOINTS = 0.05, 0.5, 0.02
"""A start is at most so far from the average in x and y [m] and about the vertical [rad]; joints scatter with this
standard deviation [m, rad]."""
PRIVILEGED_FIELDS = Fields(
    [
        Field("object_pose", 7, "m, 1"),
        Field("object_twist", 6, "m/s, rad/s"),
        Field("touching", len(LINKS), "1"),
        Field("normal_force", len(LINKS), "100 N"),
    ]
)


def observe(readings: Readings) -> Tensor:
    """(B, 81): arm and hand, the tool in the world and seen from the palm; rotations as two columns of matrices."""
    position, quaternion = readings.pose("object")
    palm = readings.sensor("palm_position")
    joints = [readings.qpos[:, :JOINTS], readings.qvel[:, :JOINTS]]
    tool = [position, two_columns(quaternion), *readings.twist("object")]
    return torch.cat([*joints, *tool, palm, position - palm], dim=1)


def observe_privileged(readings: Readings) -> Tensor:
    """(B, 25): what only the simulator knows; the environment appends the physics and disturbance in force."""
    touching = readings.touching().to(torch.float64)
    force = readings.normal_force() / 100.0
    return torch.cat([*readings.pose("object"), *readings.twist("object"), touching, force], dim=1)


def observe_touch(readings: Readings) -> Tensor:
    """(B, 21): force on each touch sensor of fingers and palm [N]."""
    return torch.cat([readings.sensor(name) for name in TOUCH_SENSORS], dim=1)


def distance(readings: Readings) -> Tensor:
    """(B,) mean distance of palm and fingertips from the handle's middle [m]; 4 cm in a firm grip."""
    position, _ = readings.pose("object")
    names = ("palm_position", *(f"{finger}_tip" for finger in TIPS))
    points = torch.stack([readings.sensor(name) for name in names], dim=1)
    gaps: Tensor = torch.linalg.vector_norm(points - position[:, None], dim=2)
    return gaps.mean(1)


def nearness(readings: Readings) -> Tensor:
    """(B,) 1 with the hand around the handle's middle, falling by half with every 9 cm."""
    return torch.exp(-8.0 * (distance(readings) - 0.04).clamp(min=0.0))


def lifted(readings: Readings) -> Tensor:
    """(B,) from 0 on the table to 1 at 0.2 m above it, while the hand touches the tool."""
    return ((height(readings) - RESTING_HEIGHT) / 0.2).clamp(0.0, 1.0) * touched(readings)


def uprightness(readings: Readings) -> Tensor:
    """(B,) from 0 lying, or head down, to 1 upright; it counts in proportion to the first 10 cm of lifting."""
    upright = (1.0 - tilt(readings) / (np.pi / 2)).clamp(min=0.0)
    return upright * (2.0 * lifted(readings)).clamp(max=1.0)


def grip(readings: Readings) -> Tensor:
    """(B,) 1 with the thumb and three more regions on the tool, half of it for the thumb."""
    touching = readings.touching().to(torch.float64)
    thumb = touching[:, list(LINKS).index("thumb")]
    return 0.5 * thumb + ((touching.sum(1) - thumb) / 6.0).clamp(max=0.5)


def reach(readings: Readings) -> Tensor:
    """Up to 0.1: the hand is near the handle."""
    return 0.1 * nearness(readings)


def grasp(readings: Readings) -> Tensor:
    """0.1 while the thumb and another region touch the tool."""
    return 0.1 * gripped(readings)


def lift(readings: Readings) -> Tensor:
    """Up to 0.3 with the height."""
    return 0.3 * lifted(readings)


def upright(readings: Readings) -> Tensor:
    """Up to 0.3 with the handle's direction, once lifted."""
    return 0.3 * uprightness(readings)


def success(readings: Readings) -> Tensor:
    """1 while the tool is held up."""
    return 1.0 * JUDGE.success(readings)


def dropped(readings: Readings) -> Tensor:
    """-1 where the tool leaves the table, which ends the episode."""
    return -1.0 * off_the_table(readings)


def stillness(readings: Readings) -> Tensor:
    """-0.001 · mean squared joint velocity of arm and hand."""
    return -0.001 * readings.qvel[:, :JOINTS].square().mean(1)


def cost(readings: Readings) -> Tensor:
    """For the planner: 1 with the hand far away, less with every stage (reach, grip, lift, turn), 0 at the end."""
    position, _ = readings.pose("object")
    stages = 0.25 * (1.0 - nearness(readings)) + 0.15 * (1.0 - grip(readings))
    goal = 0.3 * (1.0 - lifted(readings)) + 0.3 * (1.0 - uprightness(readings))
    beyond = (position[:, :2].abs().amax(1) - 0.3).clamp(min=0.0)
    return stages + goal + 5.0 * beyond - stillness(readings)


def _joints(targets: dict[str, float]) -> NDArray[np.float64]:
    return np.array([targets.get(name, 0.0) for name in INTERFACE.fields.names])


def draw_starts(objects: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.float64]:
    """(n, 73): the hand at rest above the table, the tool lying below it, head on the thumb's side."""
    count, limits = len(objects), np.array([INTERFACE.low, INTERFACE.high])
    joints = _joints(REST) + generator.normal(0.0, START_JOINTS, (count, JOINTS))
    heights, flat = zip(*(lying(shapes()[place]) for place in objects.tolist()), strict=True)
    place = START_PLACE + generator.uniform(-START_OFFSET, START_OFFSET, (count, 2))
    yaw = np.pi + generator.uniform(-START_YAW, START_YAW, count)
    yaws = from_axis_angle(np.tile([0.0, 0.0, 1.0], (count, 1)), yaw)
    turned = multiply(torch.from_numpy(yaws), torch.from_numpy(np.array(flat))).numpy()
    still = np.zeros((count, make_scene().model.nv))
    return np.concatenate([joints.clip(*limits), place, np.array(heights)[:, None], turned, still], axis=1)


# fmt: off
_HELD_UP = (
    0.026, 0.2401, 0.016, 0.0279, 0.0, 1.5501, 0.1148, -0.3693, -0.0073, 0.9446, 1.1992, 1.2274, -0.0022, 1.0009,
    1.2043, 1.2332, -0.003, 1.007, 1.2061, 1.2352, 0.0087, -0.0047, 0.9823, 1.2064, 1.2355, 0.7897, 1.3018, 0.2097,
    0.0686, -0.3101, -0.0243, -0.0709, 0.4716, -0.7268, 0.0208, 0.0197, 0.6863,
)
"""Joints, position and quaternion where the motion described above ends with the first tool."""
# fmt: on


def goal_state() -> NDArray[np.float64]:
    """(73,) the first tool held up, 0.45 m above the table."""
    state = np.concatenate([_HELD_UP, np.zeros(make_scene().model.nv)])
    state[JOINTS + 3 : JOINTS + 7] /= np.linalg.norm(state[JOINTS + 3 : JOINTS + 7])
    return state


def dropped_state() -> NDArray[np.float64]:
    """(73,) the first tool lies on the floor beside the table."""
    state: NDArray[np.float64] = draw_starts(np.zeros(1, np.int64), np.random.default_rng(0))[0]
    state[JOINTS : JOINTS + 3] = (0.6, 0.0, -0.7)
    return state


def rest_action() -> tuple[float, ...]:
    """(30,) the action that holds the hand at rest."""
    low, high = np.array(INTERFACE.low), np.array(INTERFACE.high)
    return tuple(((2 * _joints(REST) - low - high) / (high - low)).tolist())


TACTILE_FIELDS = Fields(Field(name.removeprefix("ST_Tch_"), 1, "N") for name in TOUCH_SENSORS)
TASK = Task(
    name="tool-pickup",
    description="Lift a tool from a table by its handle and hold it upright, with a 24-joint hand on a 6-joint arm.",
    make_scene=make_scene,
    interface=INTERFACE,
    observations={
        "policy": Observation(POLICY_FIELDS, observe),
        "privileged": Observation(PRIVILEGED_FIELDS, observe_privileged),
        "tactile": Observation(TACTILE_FIELDS, observe_touch),
    },
    rewards={
        "reach": reach,
        "grasp": grasp,
        "lift": lift,
        "upright": upright,
        "success": success,
        "dropped": dropped,
        "stillness": stillness,
    },
    judge=JUDGE,
    # The scripted motion takes 3 s; a tool that was dropped late needs as long again.
    horizon=150,
    draw_starts=draw_starts,
    disturbances={
        "push": Range(
            0.2,
            0.6,
            "the tool's weight (2 N) for 0.1 to 0.3 s: it brushes against something",
            delay=(0, 40),
            duration=5,
        ),
        "drop": Range(0.12, 0.4, "fingers that let go for as long as a supply drops out", delay=(0, 40)),
        "slip": Range(0.1, 0.4, "a wet or greasy handle", delay=(0, 40), duration=25),
        "pose_error": Range(0.01, 0.03, "a camera that was knocked: 1 to 3 cm", delay=(0, 40), duration=5, planar=True),
        "friction": Range(0.5, 0.8, "a dusty handle, worn fingertips"),
        "mass": Range(0.6, 2.0, "wood in place of plastic, or metal"),
        "actuator": Range(0.6, 0.85, "warm motors or a low supply"),
        "latency": Range(1, 2, "40 to 80 ms of camera and bus"),
        "sensor_noise": Range(0.02, 0.06, "1 to 3 degrees and 2 to 6 mm: hobby encoders and a tag-based pose"),
    },
    camera=Camera(lookat=(0.0, -0.2, 0.24), distance=1.0, azimuth=150.0, elevation=-20.0),
    rest=rest_action(),
    held_out=tuple(shape.name for shape in shapes() if shape.split == "held_out"),
    misjudged=("object_position", "palm_to_object"),
    goal=goal_state,
    dropped=dropped_state,
    cost=cost,
    sketch=sketch,
)
