"""A tool is picked up when its handle's middle is 0.15 m above where it lay and upright to 0.3 rad, for half a second.

Only while the hand touches it: a thrown tool is not held. Stable contact means that the thumb and any other region
touch: the thumb is the only part of the hand that presses against the rest of it, so without it nothing is gripped and
the tool is merely pushed or leant on. A tool that falls back onto the table is a loss, from which a policy can recover;
one beyond the table's edge is gone. A tool that stays up without a grip hangs or leans on something: it is wedged. One
held with its head down is upright only if the angle's sign is forgotten. Both are reported.
"""

import math

import torch
from torch import Tensor

from regrasp.judges.judge import Judge
from regrasp.simulation.readings import Readings

RESTING_HEIGHT = 0.02
"""Height of a lying tool's handle middle above the table [m]; the objects' own range from 12 to 22 mm."""
LIFT = 0.15
"""How far above that the tool must be [m]."""
TILT = 0.3
"""Largest angle between handle and vertical, head up [rad]."""
TABLE = 0.45
"""Half extent of the square table, whose top is at height 0 [m]."""
SHORTEST_HANDLE = 0.06
"""Half length of the shortest handle [m]."""
SUNK = 0.01
"""Depth in the table that no bench shows [m]."""
DEEPEST = 0.01
"""Penetration by the hand that no bench shows [m]; a firm grip stays below 2 mm."""
ENVELOPE_FORCE = 150.0
"""Largest normal force of one contact that counts as physical [N]: the arm's slides give 80, a fingertip about 20."""
_LEVER = 0.1  # a point this far up the handle tells turning from falling [m]


def height(readings: Readings) -> Tensor:
    """(B,) height of the handle's middle above the table [m]."""
    return readings.pose("object")[0][:, 2]


def handle_axis(readings: Readings) -> Tensor:
    """(B, 3) unit vector along the handle, towards the head, in the world frame."""
    w, x, y, z = readings.pose("object")[1].unbind(1)
    return torch.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], dim=1)


def tilt(readings: Readings) -> Tensor:
    """(B,) angle between handle and vertical: 0 with the head up, π with the head down [rad]."""
    axis = handle_axis(readings)
    sideways = torch.linalg.vector_norm(axis[:, :2], dim=1)
    return torch.atan2(sideways, axis[:, 2])


def palm_apart(readings: Readings) -> Tensor:
    """(B,) distance of palm and the handle's middle [m]."""
    distance: Tensor = torch.linalg.vector_norm(readings.sensor("palm_position") - readings.pose("object")[0], dim=1)
    return distance


def touched(readings: Readings) -> Tensor:
    """(B,) bool: any contact region touches the tool."""
    return readings.touching().any(1)


def gripped(readings: Readings) -> Tensor:
    """(B,) bool: the thumb and any other region touch the tool."""
    touching = readings.touching()
    thumb = list(readings.regions).index("thumb")
    return touching[:, thumb] & (touching.sum(1) > 1)


def half_up(readings: Readings) -> Tensor:
    """(B,) bool: half as high as asked for, or higher, and touched."""
    return (height(readings) > RESTING_HEIGHT + LIFT / 2) & touched(readings)


def wedged(readings: Readings) -> Tensor:
    """(B,) bool: high enough and upright, touched, and not gripped."""
    return held_up(readings) & ~gripped(readings)


def head_down(readings: Readings) -> Tensor:
    """(B,) bool: held up the wrong way round."""
    high = height(readings) > RESTING_HEIGHT + LIFT
    return high & (tilt(readings) > math.pi - TILT) & touched(readings)


def held_up(readings: Readings) -> Tensor:
    """(B,) bool: high enough, upright, and in the hand."""
    high = height(readings) > RESTING_HEIGHT + LIFT
    return high & (tilt(readings) < TILT) & touched(readings)


def off_the_table(readings: Readings) -> Tensor:
    """(B,) bool: the tool is beyond the table's edge."""
    position, _ = readings.pose("object")
    return position[:, :2].abs().amax(1) > TABLE


def two_points(readings: Readings) -> Tensor:
    """(B, 6): the handle's middle, and a point up the handle [m]."""
    position, _ = readings.pose("object")
    return torch.cat([position, position + _LEVER * handle_axis(readings)], dim=1)


def penetrating(readings: Readings) -> Tensor:
    """(B,) bool: a link is inside the tool."""
    return readings.deepest() > DEEPEST


def in_table(readings: Readings) -> Tensor:
    """(B,) bool: the handle's middle or one of its ends is below the table's top."""
    lowest_end = height(readings) - SHORTEST_HANDLE * handle_axis(readings)[:, 2].abs()
    return lowest_end < -SUNK


def excessive_force(readings: Readings) -> Tensor:
    """(B,) bool: one contact presses harder than the envelope."""
    return readings.strongest_force() > ENVELOPE_FORCE


JUDGE = Judge(
    success=held_up,
    touching=gripped,
    primary="success_held",
    held_steps=12,
    stable_steps=3,
    recovery_window=75,
    tracked=two_points,
    fastest=6.0,
    unbroken=True,
    dropped=off_the_table,
    close=half_up,
    apart=palm_apart,
    violations={"excessive_force": excessive_force},
    lasting={"wedged": wedged, "sign_flip": head_down},
    impossible={"penetration": penetrating, "in_table": in_table},
)
