"""An object is reoriented when it keeps within 0.2 rad of its target orientation for half a second, never dropped.

Stable contact means that the hand touches the object and has it in its cup: within 65 mm of where it rests. On a palm
that faces up an object always rests on something, and fingers let go of it all the time to turn it; but outside the cup
they cannot reach around it. A knock or an opened grip takes it there. The palm carries whatever is held there: nothing
is wedged. The angle to the target has no sign, and either way round leads to the same orientation.
"""

import torch
from torch import Tensor

from regrasp.judges.judge import Judge
from regrasp.rotations import conjugate, multiply
from regrasp.simulation.readings import Readings

TOLERANCE = 0.2
"""Angle to the target that counts as success [rad]."""
CENTRE = (1.0, 0.885, 0.18)
"""Where an object rests in the hand, in the world frame [m]."""
CUP = 0.065
"""Distance from `CENTRE` up to which an object lies in the cup of the hand [m]: fingers work on it 2 to 6 cm away."""
LOWEST = 0.1
"""Height below which the object has left the hand [m]; the palm's underside is at 0.12."""
FARTHEST = 0.13
"""Horizontal distance from `CENTRE` at which it has left the hand [m]."""
DEEPEST = 0.01
"""Penetration that no bench shows [m]; the engine's soft contacts stay below 3 mm."""
ENVELOPE_FORCE = 50.0
"""Largest normal force of one contact that counts as physical [N]: the hand's motors give a fingertip about 20."""


def rotation_to_target(readings: Readings) -> Tensor:
    """(B, 4) unit quaternion, wxyz with w ≥ 0, that turns the object to its target, in the world frame."""
    _, object_quaternion = readings.pose("object")
    relative = multiply(readings.fixture_quaternion, conjugate(object_quaternion))
    relative = relative / torch.linalg.vector_norm(relative, dim=1, keepdim=True)
    return torch.where(relative[:, :1] < 0, -relative, relative)


def angle_to_target(readings: Readings) -> Tensor:
    """(B,) angle between the object's orientation and its target [rad]."""
    relative = rotation_to_target(readings)
    return 2.0 * torch.atan2(torch.linalg.vector_norm(relative[:, 1:], dim=1), relative[:, 0])


def reoriented(readings: Readings) -> Tensor:
    """(B,) bool: the object points where it should."""
    return angle_to_target(readings) < TOLERANCE


def nearly_reoriented(readings: Readings) -> Tensor:
    """(B,) bool: within twice the angle of success."""
    return angle_to_target(readings) < 2 * TOLERANCE


def in_the_cup(readings: Readings) -> Tensor:
    """(B,) bool: touched by the hand, and near where it rests."""
    position, _ = readings.pose("object")
    away: Tensor = torch.linalg.vector_norm(position - position.new_tensor(CENTRE), dim=1)
    return readings.touching().any(1) & (away < CUP)


def left_the_hand(readings: Readings) -> Tensor:
    """(B,) bool: the object is below the hand or beside it."""
    position, _ = readings.pose("object")
    sideways: Tensor = torch.linalg.vector_norm(position[:, :2] - position.new_tensor(CENTRE[:2]), dim=1)
    return (position[:, 2] < LOWEST) | (sideways > FARTHEST)


def place_and_turn(readings: Readings) -> Tensor:
    """(B, 7): position [m], and the quaternion times 2, whose change is the angle turned [rad]."""
    position, quaternion = readings.pose("object")
    return torch.cat([position, 2.0 * quaternion], dim=1)


def penetrating(readings: Readings) -> Tensor:
    """(B,) bool: a link is inside the object."""
    return readings.deepest() > DEEPEST


def excessive_force(readings: Readings) -> Tensor:
    """(B,) bool: one contact presses harder than the envelope."""
    return readings.strongest_force() > ENVELOPE_FORCE


JUDGE = Judge(
    success=reoriented,
    touching=in_the_cup,
    primary="success_held",
    held_steps=12,
    stable_steps=3,
    recovery_window=50,
    tracked=place_and_turn,
    fastest=40.0,
    unbroken=True,
    dropped=left_the_hand,
    close=nearly_reoriented,
    violations={"excessive_force": excessive_force},
    impossible={"penetration": penetrating},
)
