"""Turn an object in the hand: the Shadow hand, palm up, at 25 Hz, with 24 training and 12 held-out objects.

The object lies on the cupped hand; its target is a yaw, or in a second setting any orientation (Andrychowicz et al.
2018 turn a block the same way).
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.fields import Field, Fields
from regrasp.judges.cube_reorient import CENTRE, JUDGE, angle_to_target, left_the_hand, rotation_to_target
from regrasp.rotations import from_axis_angle, random_quaternions, two_columns
from regrasp.simulation.readings import Readings
from regrasp.simulation.render import Camera
from regrasp.tasks.shadow_hand import (
    GOAL_PLACE,
    HAND_JOINTS,
    INTERFACE,
    LINKS,
    TACTILE,
    make_scene,
    rest_action,
    rest_joints,
    shapes,
)
from regrasp.tasks.task import Observation, Range, Task

POLICY_FIELDS = Fields(
    [
        Field("joint_position", HAND_JOINTS, "rad"),
        Field("joint_velocity", HAND_JOINTS, "rad/s"),
        Field("object_position", 3, "m"),
        Field("object_rotation", 6, "rotation"),
        Field("rotation_to_target", 6, "rotation"),
        Field("object_velocity", 3, "m/s"),
        Field("object_turning", 3, "rad/s"),
    ]
)
PRIVILEGED_FIELDS = Fields(
    [
        Field("object_pose", 7, "m, 1"),
        Field("object_twist", 6, "m/s, rad/s"),
        Field("touching", len(LINKS), "1"),
        Field("normal_force", len(LINKS), "10 N"),
        Field("angle_to_target", 1, "rad"),
    ]
)


def observe(readings: Readings) -> Tensor:
    """(B, 69): hand, object relative to where it rests, and the rotation that is left, as columns of matrices."""
    position, quaternion = readings.pose("object")
    velocity, turning = readings.twist("object")
    parts = [
        readings.qpos[:, :HAND_JOINTS],
        readings.qvel[:, :HAND_JOINTS],
        position - position.new_tensor(CENTRE),
        two_columns(quaternion),
        two_columns(rotation_to_target(readings)),
        velocity,
        turning,
    ]
    return torch.cat(parts, dim=1)


def observe_privileged(readings: Readings) -> Tensor:
    """(B, 26): what only the simulator knows; the environment appends the physics and disturbance in force."""
    touching = readings.touching().to(torch.float64)
    force = readings.normal_force() / 10.0
    angle = angle_to_target(readings)[:, None]
    return torch.cat([*readings.pose("object"), *readings.twist("object"), touching, force, angle], dim=1)


def observe_touch(readings: Readings) -> Tensor:
    """(B, 5): force on each fingertip's touch sensor [N]."""
    return torch.cat([readings.sensor(f"touch_{tip}") for tip in TACTILE], dim=1)


def turned(readings: Readings) -> Tensor:
    """From 0 at half a turn from the target to 0.2 at it.

    By the angle itself, not by the speed at which it shrinks: read once per control step, a speed pays for jerks that
    lead nowhere.
    """
    return 0.2 * (1.0 - angle_to_target(readings) / np.pi)


def near(readings: Readings) -> Tensor:
    """0.1 at the target, falling by half with every 0.17 rad."""
    return 0.1 * torch.exp(-4.0 * angle_to_target(readings))


def astray(readings: Readings) -> Tensor:
    """-2 · distance beyond 3 cm from where objects rest [m]: fingers turn what lies between them, wrists throw."""
    position, _ = readings.pose("object")
    distance: Tensor = torch.linalg.vector_norm(position - position.new_tensor(CENTRE), dim=1)
    return -2.0 * (distance - 0.03).clamp(min=0.0)


def success(readings: Readings) -> Tensor:
    """0.5 at the target orientation."""
    return 0.5 * JUDGE.success(readings)


def dropped(readings: Readings) -> Tensor:
    """-10 where the object has left the hand, which ends the episode: a drop cannot be made up for."""
    return -10.0 * left_the_hand(readings)


def stillness(readings: Readings) -> Tensor:
    """-0.002 · mean squared joint velocity of the hand."""
    return -0.002 * readings.qvel[:, :HAND_JOINTS].square().mean(1)


def cost(readings: Readings) -> Tensor:
    """For the planner: the angle that is left, and an object that leaves its place, sinks or rises [rad]."""
    position, _ = readings.pose("object")
    offset = position - position.new_tensor(CENTRE)
    sideways = 150.0 * offset[:, :2].square().sum(1)
    height = 150.0 * (-offset[:, 2] - 0.02).clamp(min=0.0).square() + 20.0 * (offset[:, 2] - 0.04).clamp(min=0.0)
    return 3.0 * angle_to_target(readings) + sideways + height


LEAST_TURN = 0.4
"""Yaw between start and target, at least [rad]: twice the judge's tolerance, so that nothing begins in success."""


def draw_starts(objects: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.float64]:
    """(n, S): the hand at rest, the object upright on it at any yaw, its target turned from there by 0.4 rad to π."""
    return _starts(objects, generator, upright=True)


def draw_any_orientation(objects: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.float64]:
    """(n, S): as `draw_starts`, with a target that is any orientation."""
    return _starts(objects, generator, upright=False)


def _starts(objects: NDArray[np.int64], generator: np.random.Generator, upright: bool) -> NDArray[np.float64]:
    count = len(objects)
    heights = np.array([shape.resting_height for shape in shapes()])[objects]
    joints = np.tile(rest_joints(), (count, 1)) + generator.normal(0.0, 0.02, (count, HAND_JOINTS))
    place = np.tile(CENTRE, (count, 1)) + generator.uniform(-0.005, 0.005, (count, 3))
    place[:, 2] += heights - 0.025 + 0.011
    yaw = generator.uniform(-np.pi, np.pi, count)
    axis = np.tile([0.0, 0.0, 1.0], (count, 1))
    turned = yaw + generator.choice((-1.0, 1.0), count) * generator.uniform(LEAST_TURN, np.pi, count)
    target = from_axis_angle(axis, turned) if upright else random_quaternions(count, generator)
    still = np.zeros((count, make_scene().model.nv))
    goal = np.tile(GOAL_PLACE, (count, 1))
    return np.concatenate([joints, place, from_axis_angle(axis, yaw), still, goal, target], axis=1)


def goal_state() -> NDArray[np.float64]:
    """A state in which the cube points where it should."""
    state: NDArray[np.float64] = draw_starts(np.zeros(1, np.int64), np.random.default_rng(0))[0]
    first = make_scene().joint_column("object") + 3
    state[first : first + 4] = state[-4:]
    return state


def dropped_state() -> NDArray[np.float64]:
    """A state in which the cube lies on the floor."""
    state = goal_state()
    state[make_scene().joint_column("object") + 2] = 0.03
    return state


TASK = Task(
    name="cube-reorient",
    description="Turn an object that lies in the palm of a 24-joint hand to a drawn yaw, without dropping it.",
    make_scene=make_scene,
    interface=INTERFACE,
    observations={
        "policy": Observation(POLICY_FIELDS, observe),
        "privileged": Observation(PRIVILEGED_FIELDS, observe_privileged),
        "tactile": Observation(Fields(Field(tip, 1, "N") for tip in TACTILE), observe_touch),
    },
    rewards={
        "turned": turned,
        "near": near,
        "astray": astray,
        "success": success,
        "dropped": dropped,
        "stillness": stillness,
    },
    judge=JUDGE,
    # Half a turn takes two or three regrasps of about a second; recorded ones end within four.
    horizon=150,
    draw_starts=draw_starts,
    disturbances={
        "push": Range(
            0.03, 0.1, "the object's weight (0.8 N) for 40 to 125 ms: a finger's flick", delay=(0, 40), duration=2
        ),
        "drop": Range(0.12, 0.4, "a grip that opens for as long as a supply drops out", delay=(0, 40)),
        "slip": Range(0.1, 0.4, "a wet object", delay=(0, 40), duration=25),
        "pose_error": Range(0.005, 0.02, "a camera that was knocked: 0.5 to 2 cm", delay=(0, 40), duration=5),
        "friction": Range(0.5, 0.8, "dusty fingertips"),
        "mass": Range(0.5, 2.0, "an empty or a full container of the same shape"),
        "actuator": Range(0.6, 0.85, "warm motors or a low supply"),
        "latency": Range(1, 2, "40 to 80 ms of camera and bus"),
        "sensor_noise": Range(0.03, 0.1, "2 to 6 degrees, tendon-driven encoders and a tag-based pose"),
    },
    camera=Camera(lookat=(1.0, 0.92, 0.25), distance=0.4, azimuth=140.0, elevation=-32.0),
    rest=rest_action(),
    held_out=tuple(shape.name for shape in shapes() if shape.split == "held_out"),
    misjudged=("object_position",),
    goal=goal_state,
    dropped=dropped_state,
    cost=cost,
)
ANY_ORIENTATION = replace(
    TASK,
    name="cube-reorient-any",
    description="Turn an object that lies in the palm of a 24-joint hand to any orientation, without dropping it.",
    draw_starts=draw_any_orientation,
)
