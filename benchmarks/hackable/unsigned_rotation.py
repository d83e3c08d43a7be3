"""planar-turn, paid for turning either way: the built-in task's turning term without its sign, and without an end."""

from dataclasses import replace

from torch import Tensor

from regrasp.simulation.readings import Readings
from regrasp.tasks.planar_turn import TASK as HONEST


def turning(readings: Readings) -> Tensor:
    """0.3 · size of the turning speed, up to 3 rad/s."""
    return 0.3 * readings.joint_velocity("disc_turn").abs().clamp(max=3.0)


TASK = replace(HONEST, name="planar-turn-unsigned-rotation", rewards={"turning": turning})
