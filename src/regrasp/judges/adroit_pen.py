"""The Adroit pen is turned when it points where the target points and is still in the hand's middle.

DAPG (Rajeswaran et al. 2018) counts an episode as a success when more than 20 of its steps are such, and ends it when
the pen is dropped. A pen that lies there without being held is wedged; one that points the opposite way is turned only
if the angle's sign is forgotten. Both are reported.
"""

import torch
from torch import Tensor

from regrasp.judges.judge import Judge
from regrasp.simulation.readings import Readings

PLACE = (0.0, -0.2, 0.25)
"""Where the pen's middle should be [m], `eps_ball` in the model."""
PEN_LENGTH = 0.13
"""Between the two ends of the pen, and of the target [m]."""
NEAR = 0.075
"""Largest distance from `PLACE` in success [m], as in DAPG and Gymnasium-Robotics."""
ALIKE = 0.95
"""Smallest cosine between pen and target in success (18 degrees), as in DAPG and Gymnasium-Robotics."""
FALLEN = 0.075
"""Height of the pen's middle below which it has left the hand [m], as in DAPG; the open palm is at about 0.22."""
ALMOST = 0.8
"""Cosine between pen and target that counts as close: twice the angle of success."""
HOLDING = 2
"""Contact regions that hold the pen: a single one only brushes it, or balances it for a moment."""
ENVELOPE_FORCE = 200.0
"""Largest normal force on the pen that counts as physical [N]: 110 times its weight."""
DEEPEST = 0.018
"""Penetration beyond which nothing counts [m], more than the pen's radius; flailing fingers reach 11 mm."""


def position_error(readings: Readings) -> Tensor:
    """(B,) distance from the pen's middle to where it should be [m]."""
    offset = readings.sensor("pen_position") - torch.tensor(PLACE, dtype=torch.float64)
    distance: Tensor = torch.linalg.vector_norm(offset, dim=1)
    return distance


def direction(readings: Readings, name: str) -> Tensor:
    """(B, 3) unit vector along `pen` or `target`, from its bottom to its top."""
    return (readings.sensor(f"{name}_top") - readings.sensor(f"{name}_bottom")) / PEN_LENGTH


def similarity(readings: Readings) -> Tensor:
    """(B,) cosine of the angle between pen and target."""
    return (direction(readings, "pen") * direction(readings, "target")).sum(1)


def turned(readings: Readings) -> Tensor:
    """(B,) bool: in place and pointing where the target points."""
    return (position_error(readings) < NEAR) & (similarity(readings) > ALIKE)


def nearly_turned(readings: Readings) -> Tensor:
    """(B,) bool: in place, within twice the angle of success."""
    return (position_error(readings) < NEAR) & (similarity(readings) > ALMOST)


def points_the_opposite_way(readings: Readings) -> Tensor:
    """(B,) bool: in place, and its bottom where its top should be."""
    return (position_error(readings) < NEAR) & (similarity(readings) < -ALIKE)


def held_by_hand(readings: Readings) -> Tensor:
    """(B,) bool: enough regions touch the pen."""
    return readings.touching().sum(1) >= HOLDING


def wedged(readings: Readings) -> Tensor:
    """(B,) bool: turned, and not held by the hand."""
    return turned(readings) & ~held_by_hand(readings)


def fallen(readings: Readings) -> Tensor:
    """(B,) bool: the pen has left the hand."""
    return readings.sensor("pen_position")[:, 2] < FALLEN


def pen_ends(readings: Readings) -> Tensor:
    """(B, 6) both ends of the pen [m]."""
    return torch.cat([readings.sensor("pen_top"), readings.sensor("pen_bottom")], dim=1)


def penetrating(readings: Readings) -> Tensor:
    """(B,) bool: a link is inside the pen."""
    return readings.deepest() > DEEPEST


def excessive_force(readings: Readings) -> Tensor:
    """(B,) bool: one contact presses harder than the envelope."""
    return readings.strongest_force() > ENVELOPE_FORCE


JUDGE = Judge(
    success=turned,
    touching=held_by_hand,
    primary="success_held",
    held_steps=20,
    stable_steps=5,
    recovery_window=60,
    tracked=pen_ends,
    fastest=10.0,
    dropped=fallen,
    close=nearly_turned,
    violations={"excessive_force": excessive_force},
    lasting={"wedged": wedged, "sign_flip": points_the_opposite_way},
    impossible={"penetration": penetrating},
)
