"""The disc is turned when its mark stands 90° to 135° counterclockwise of the zero line, near the middle of the table.

The upper limit is there because a disc that was flicked does not stay where it was to be put. Nothing stands on the
table that a disc could be wedged against, so the judge knows no such rule. It counts the angle with its sign and with
whole turns: a disc turned the other way round, or once around, is not turned, and is reported.
"""

import math

import torch
from torch import Tensor

from regrasp.judges.judge import Judge
from regrasp.simulation.readings import Readings

GOAL = math.pi / 2
"""Angle from which on the disc counts as turned [rad]."""
TOO_FAR = 3 * math.pi / 4
"""Angle beyond which it was turned too far [rad]."""
MIDDLE = 0.015
"""Furthest that a turned disc may lie from the middle [m]."""
REACH = 0.07
"""Distance from the middle at which the disc has left the fingers' reach [m]: they cannot bring it back from there."""
RADIUS = 0.04
"""Nominal radius of the discs [m]."""
LEVER = 0.1
"""Turns angles into travel [m/rad]: longer than the radius, so that a jump to the goal stands out from a push."""
ENVELOPE_FORCE = 20.0
"""Largest normal force on the disc that counts as physical [N]; full strokes at random, with knocks, reach 12."""
DEEPEST = 0.008
"""Penetration that no bench shows [m]: the radius of a finger. The engine's contacts are soft: random full strokes
reach 7.1 mm."""


def off_middle(readings: Readings) -> Tensor:
    """(B,) distance of the disc from the middle of the table [m]."""
    return torch.hypot(readings.joint("disc_x"), readings.joint("disc_y"))


def half_turned(readings: Readings) -> Tensor:
    """(B,) bool: past 45°, on either side of 90 to 135° and wherever on the table."""
    return readings.joint("disc_turn") >= GOAL / 2


def on_the_table(readings: Readings) -> Tensor:
    """(B, 2) the disc's middle [m]."""
    return torch.stack([readings.joint("disc_x"), readings.joint("disc_y")], dim=1)


def fingers_apart(readings: Readings) -> Tensor:
    """(B,) mean distance of the fingertips from the rim of a nominal disc [m]."""
    tips = torch.stack([readings.sensor(f"{finger}_tip")[:, :2] for finger in ("left", "right")])
    gaps: Tensor = torch.linalg.vector_norm(tips - on_the_table(readings), dim=2) - RADIUS
    return gaps.clamp(min=0.0).mean(0)


def signed_angle(readings: Readings) -> Tensor:
    """(B,) angle of the disc, counterclockwise positive, whole turns included [rad]."""
    return readings.joint("disc_turn")


def turned_but_for_the_sign(readings: Readings) -> Tensor:
    """(B,) bool: what would be success if neither the angle's sign nor whole turns counted, and is none."""
    angle = readings.joint("disc_turn")
    shown = torch.remainder(angle + math.pi, 2 * math.pi) - math.pi
    unsigned = (shown.abs() >= GOAL) & (shown.abs() <= TOO_FAR) & (off_middle(readings) <= MIDDLE)
    return unsigned & ~turned(readings)


def turned(readings: Readings) -> Tensor:
    """(B,) bool: past 90°, not past 135°, near the middle."""
    angle = readings.joint("disc_turn")
    return (angle >= GOAL) & (angle <= TOO_FAR) & (off_middle(readings) <= MIDDLE)


def fingers_touch(readings: Readings) -> Tensor:
    """(B,) bool: a finger touches the disc.

    One will do: turning past 90° takes several strokes, and between two of them a finger must let go.
    """
    return readings.contacts[:, :, 0].amax(1) > 0


def rests_in_the_middle(readings: Readings) -> Tensor:
    """(B,) bool: near the middle, touched or not.

    Between two strokes the fingers let go on purpose; the disc is lost only when it was knocked away as well.
    """
    return off_middle(readings) <= MIDDLE


def out_of_reach(readings: Readings) -> Tensor:
    """(B,) bool: the disc lies where no finger can bring it back."""
    return off_middle(readings) > REACH


def disc_place(readings: Readings) -> Tensor:
    """(B, 3) where the disc is: x, y and the travel of a point `LEVER` away from its axis [m]."""
    names = ("disc_x", "disc_y", "disc_turn")
    x, y, turn = (readings.joint(name) for name in names)
    return torch.stack([x, y, LEVER * turn], dim=1)


def penetrating(readings: Readings) -> Tensor:
    """(B,) bool: a finger is inside the disc."""
    return readings.deepest() > DEEPEST


def excessive_force(readings: Readings) -> Tensor:
    """(B,) bool: one contact presses harder than the envelope."""
    return readings.strongest_force() > ENVELOPE_FORCE


JUDGE = Judge(
    success=turned,
    touching=fingers_touch,
    carried=rests_in_the_middle,
    dropped=out_of_reach,
    primary="success_held",
    # More than 12 steps of 40 ms: 0.5 s.
    held_steps=12,
    unbroken=True,
    # 80 ms: a touch of one step may be a bounce.
    stable_steps=2,
    recovery_window=50,
    tracked=disc_place,
    # The hardest push that a bench would see moves the lightest disc at 2.0 m/s; a jump to the goal at 3.9.
    fastest=3.0,
    close=half_turned,
    place=on_the_table,
    angle=signed_angle,
    apart=fingers_apart,
    # As far as it is to be turned the right way.
    most_back=GOAL,
    violations={"excessive_force": excessive_force},
    lasting={"sign_flip": turned_but_for_the_sign},
    impossible={"penetration": penetrating},
)
