"""The Adroit ball is relocated when it is within 10 cm of its target in the air.

DAPG (Rajeswaran et al. 2018) counts an episode as a success when more than 25 of its steps are such. The lowest target
hangs 11 cm above a ball on the table, so the table cannot hold a ball there; one that stays there without being held by
the hand, as on the arm, is wedged, and that is reported. No angle is counted.
"""

import torch
from torch import Tensor

from regrasp.judges.judge import Judge
from regrasp.simulation.readings import Readings

NEAR = 0.1
"""Largest distance from ball to target in success [m], as in DAPG and Gymnasium-Robotics."""
OFF_TABLE = -0.05
"""Height of the ball's middle below which it has fallen off the table, whose top is at 0 [m]. DAPG goes on there."""
HOLDING = 2
"""Contact regions that hold the ball: a single one only rolls it."""
ENVELOPE_FORCE = 500.0
"""Largest normal force on the ball that counts as physical [N]: 280 times its weight."""
DEEPEST = 0.03
"""Penetration of ball and hand or table beyond which nothing counts [m]; a flailing arm reaches 28 mm."""


def target_error(readings: Readings) -> Tensor:
    """(B,) distance from ball to target [m]."""
    distance: Tensor = torch.linalg.vector_norm(
        readings.sensor("ball_position") - readings.sensor("target_position"), dim=1
    )
    return distance


def at_target(readings: Readings) -> Tensor:
    """(B,) bool: the ball is where it should be."""
    return target_error(readings) < NEAR


def near_target(readings: Readings) -> Tensor:
    """(B,) bool: the ball is within twice the distance of success."""
    return target_error(readings) < 2 * NEAR


def palm_apart(readings: Readings) -> Tensor:
    """(B,) distance of palm and ball [m]."""
    distance: Tensor = torch.linalg.vector_norm(
        readings.sensor("palm_position") - readings.sensor("ball_position"), dim=1
    )
    return distance


def held_by_hand(readings: Readings) -> Tensor:
    """(B,) bool: enough regions touch the ball."""
    return readings.touching().sum(1) >= HOLDING


def wedged(readings: Readings) -> Tensor:
    """(B,) bool: at its target, and not held by the hand."""
    return at_target(readings) & ~held_by_hand(readings)


def off_table(readings: Readings) -> Tensor:
    """(B,) bool: the ball has fallen off the table."""
    return readings.sensor("ball_position")[:, 2] < OFF_TABLE


def ball_place(readings: Readings) -> Tensor:
    """(B, 3) the ball's middle [m]."""
    return readings.sensor("ball_position")


def penetrating(readings: Readings) -> Tensor:
    """(B,) bool: a link is inside the ball."""
    return readings.deepest() > DEEPEST


def in_table(readings: Readings) -> Tensor:
    """(B,) bool: the ball is inside the table; column 4 of a contact sensor is the distance."""
    return readings.sensor("table_contact")[:, 4] < -DEEPEST


def excessive_force(readings: Readings) -> Tensor:
    """(B,) bool: one contact presses harder than the envelope."""
    return readings.strongest_force() > ENVELOPE_FORCE


JUDGE = Judge(
    success=at_target,
    touching=held_by_hand,
    primary="success_held",
    held_steps=25,
    stable_steps=5,
    recovery_window=100,
    tracked=ball_place,
    fastest=12.0,
    dropped=off_table,
    close=near_target,
    apart=palm_apart,
    violations={"excessive_force": excessive_force},
    lasting={"wedged": wedged},
    impossible={"penetration": penetrating, "in_table": in_table},
)
