"""planar-turn, paid for how fast the disc slides: what remains of a reward for vigour."""

from dataclasses import replace

import torch
from torch import Tensor

from regrasp.simulation.readings import Readings
from regrasp.tasks.planar_turn import TASK as HONEST


def sliding(readings: Readings) -> Tensor:
    """3 per m/s, up to 0.5 m/s."""
    return 3.0 * torch.hypot(readings.joint_velocity("disc_x"), readings.joint_velocity("disc_y")).clamp(max=0.5)


TASK = replace(HONEST, name="planar-turn-speed", rewards={"sliding": sliding})
