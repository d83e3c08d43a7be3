"""planar-turn, paid for fingertips near the disc: what a reaching term becomes when nothing else is paid."""

from dataclasses import replace

import torch
from torch import Tensor

from regrasp.simulation.readings import Readings
from regrasp.tasks.planar_fingers import LINKS
from regrasp.tasks.planar_turn import RADIUS
from regrasp.tasks.planar_turn import TASK as HONEST

WIDTH = 0.02
"""Gap between fingertip and rim at which the pay has fallen to 1/e [m]."""


def near(readings: Readings) -> Tensor:
    """0.5 per fingertip at the rim, falling with the gap as a Gaussian does."""
    place = torch.stack([readings.joint("disc_x"), readings.joint("disc_y")], dim=1)
    tips = torch.stack([readings.sensor(f"{finger}_tip")[:, :2] for finger in LINKS])
    gap = (torch.linalg.vector_norm(tips - place, dim=2) - RADIUS).clamp(min=0.0)
    return 0.5 * torch.exp(-(gap / WIDTH).square()).sum(0)


TASK = replace(HONEST, name="planar-turn-nearness", rewards={"near": near})
