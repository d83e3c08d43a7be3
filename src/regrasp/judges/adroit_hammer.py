"""The Adroit nail is driven in when it is 1 cm from its goal in the board.

DAPG (Rajeswaran et al. 2018) counts an episode as a success when more than 25 of its steps are such. The board holds a
driven nail, as it should: no goal is held that something could be wedged against, and no angle is counted.
"""

import torch
from torch import Tensor

from regrasp.judges.judge import Judge
from regrasp.simulation.readings import Readings

NEAR = 0.01
"""Largest distance from nail to goal in success [m], as in DAPG and Gymnasium-Robotics."""
OFF_TABLE = -0.05
"""Height of the hammer's handle below which it has fallen off the table, whose top is at 0 [m]. DAPG goes on there."""
CLOSE = 0.02
"""Largest distance from nail to goal that counts as close [m]; it begins at about 5 cm."""
HOLDING = 2
"""Contact regions that hold the hammer: a single one only pushes or brushes it."""
ENVELOPE_FORCE = 1500.0
"""Largest normal force of the hand on the hammer that counts as physical [N], as for the door's handle."""
DEEPEST = 0.03
"""Penetration of hammer and hand or table beyond which nothing counts [m]; a flailing arm reaches 20 mm."""


def nail_error(readings: Readings) -> Tensor:
    """(B,) distance from the nail to where it should be [m]."""
    distance: Tensor = torch.linalg.vector_norm(
        readings.sensor("nail_position") - readings.sensor("goal_position"), dim=1
    )
    return distance


def driven_in(readings: Readings) -> Tensor:
    """(B,) bool: the nail is in the board."""
    return nail_error(readings) < NEAR


def nearly_in(readings: Readings) -> Tensor:
    """(B,) bool: the nail is most of the way in the board."""
    return nail_error(readings) < CLOSE


def palm_apart(readings: Readings) -> Tensor:
    """(B,) distance of palm and hammer [m]."""
    distance: Tensor = torch.linalg.vector_norm(
        readings.sensor("palm_position") - readings.sensor("hammer_position"), dim=1
    )
    return distance


def held_by_hand(readings: Readings) -> Tensor:
    """(B,) bool: enough regions touch the hammer."""
    return readings.touching().sum(1) >= HOLDING


def off_table(readings: Readings) -> Tensor:
    """(B,) bool: the hammer has fallen off the table."""
    return readings.sensor("hammer_position")[:, 2] < OFF_TABLE


def places(readings: Readings) -> Tensor:
    """(B, 7) handle and head of the hammer, and the nail's depth [m]."""
    handle, head = readings.sensor("hammer_position"), readings.sensor("head_position")
    return torch.cat([handle, head, readings.joint("nail_dir")[:, None]], dim=1)


def penetrating(readings: Readings) -> Tensor:
    """(B,) bool: a link is inside the hammer."""
    return readings.deepest() > DEEPEST


def in_table(readings: Readings) -> Tensor:
    """(B,) bool: the hammer is inside the table; column 4 of a contact sensor is the distance."""
    return readings.sensor("table_contact")[:, 4] < -DEEPEST


def hand_on_nail(readings: Readings) -> Tensor:
    """(B,) bool: the hand itself presses the nail."""
    return readings.sensor("nail_contact")[:, 0] > 0


def excessive_force(readings: Readings) -> Tensor:
    """(B,) bool: one contact presses harder than the envelope."""
    return readings.strongest_force() > ENVELOPE_FORCE


JUDGE = Judge(
    success=driven_in,
    touching=held_by_hand,
    primary="success_held",
    held_steps=25,
    stable_steps=5,
    recovery_window=100,
    tracked=places,
    fastest=10.0,
    dropped=off_table,
    close=nearly_in,
    apart=palm_apart,
    violations={"excessive_force": excessive_force, "hand_on_nail": hand_on_nail},
    impossible={"penetration": penetrating, "in_table": in_table},
)
