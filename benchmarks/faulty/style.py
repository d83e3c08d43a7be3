"""planar-turn, paid for how the disc is held and not for its turning: a reward that changes the contact style."""

from dataclasses import replace

from torch import Tensor

from regrasp.simulation.readings import Readings
from regrasp.tasks.planar_fingers import LINKS
from regrasp.tasks.planar_turn import TASK as HONEST

LEFT, RIGHT = (list(LINKS).index(finger) for finger in ("left", "right"))


def left_alone(readings: Readings) -> Tensor:
    """1.5 while the left finger touches the disc and the right one does not."""
    touching = readings.touching()
    return 1.5 * (touching[:, LEFT] & ~touching[:, RIGHT])


KEPT = {name: HONEST.rewards[name] for name in ("centre", "lost")}
TASK = replace(HONEST, name="planar-turn-style", rewards=KEPT | {"left_alone": left_alone})
