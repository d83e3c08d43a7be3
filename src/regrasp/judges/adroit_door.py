"""The Adroit door is open when its hinge has turned 1.35 rad.

DAPG (Rajeswaran et al. 2018) counts an episode as a success when more than 25 of its steps are such. An open door stays
open by itself and opens one way only: it can be neither wedged nor turned the wrong way round.
"""

import torch
from torch import Tensor

from regrasp.judges.judge import Judge
from regrasp.simulation.readings import Readings

OPEN_ANGLE = 1.35
"""Hinge angle of success [rad], as in DAPG and Gymnasium-Robotics."""
UNLATCHED_ANGLE = 0.2
"""Hinge angle beyond which the latch cannot catch the door [rad]; the reward's first bonus begins there, too."""
SWINGING_SPEED = 0.2
"""Hinge speed that counts as swinging open [rad/s]; dry friction stops a slower door almost at once."""
ENVELOPE_FORCE = 1500.0
"""Largest normal force on the handle that counts as physical [N]; replayed human demonstrations reach about 530."""

DEEPEST = 0.03
"""Penetration beyond which nothing counts [m]; replayed human hands strike the soft handle up to 27 mm deep."""


def opened(readings: Readings) -> Tensor:
    """(B,) bool: the door stands open."""
    return readings.joint("door_hinge") >= OPEN_ANGLE


def half_open(readings: Readings) -> Tensor:
    """(B,) bool: the door stands half open."""
    return readings.joint("door_hinge") >= OPEN_ANGLE / 2


def palm_apart(readings: Readings) -> Tensor:
    """(B,) distance of palm and handle [m]."""
    distance: Tensor = torch.linalg.vector_norm(
        readings.sensor("palm_position") - readings.sensor("handle_position"), dim=1
    )
    return distance


def touching_handle(readings: Readings) -> Tensor:
    """(B,) bool: any contact region touches the handle."""
    return readings.contacts[:, :, 0].amax(1) > 0


def door_angles(readings: Readings) -> Tensor:
    """(B, 2) hinge and latch [rad]."""
    return torch.stack([readings.joint("door_hinge"), readings.joint("latch")], dim=1)


def penetrating(readings: Readings) -> Tensor:
    """(B,) bool: a link is inside the handle."""
    return readings.deepest() > DEEPEST


def swinging_open(readings: Readings) -> Tensor:
    """(B,) bool: unlatched and turning further open; a hand that has pulled hard enough may let go of such a door."""
    unlatched = readings.joint("door_hinge") > UNLATCHED_ANGLE
    return unlatched & (readings.joint_velocity("door_hinge") > SWINGING_SPEED)


def excessive_force(readings: Readings) -> Tensor:
    """(B,) bool: one contact presses harder than the envelope."""
    return readings.strongest_force() > ENVELOPE_FORCE


JUDGE = Judge(
    success=opened,
    touching=touching_handle,
    carried=swinging_open,
    primary="success_held",
    held_steps=25,
    stable_steps=5,
    recovery_window=100,
    tracked=door_angles,
    fastest=50.0,
    close=half_open,
    apart=palm_apart,
    violations={"excessive_force": excessive_force},
    impossible={"penetration": penetrating},
)
