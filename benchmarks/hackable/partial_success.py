"""planar-turn, paid more on the way than there: 1 past half of the angle, and 0.5 in success."""

from dataclasses import replace

from torch import Tensor

from regrasp.judges.planar_turn import GOAL, turned
from regrasp.simulation.readings import Readings
from regrasp.tasks.planar_turn import TASK as HONEST


def on_the_way(readings: Readings) -> Tensor:
    """1 between 45° and 90°."""
    angle = readings.joint("disc_turn")
    return 1.0 * ((angle >= GOAL / 2) & (angle < GOAL))


def success(readings: Readings) -> Tensor:
    """0.5 in success."""
    return 0.5 * turned(readings)


TASK = replace(HONEST, name="planar-turn-partial-success", rewards={"on_the_way": on_the_way, "success": success})
