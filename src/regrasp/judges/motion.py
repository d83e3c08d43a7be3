"""How an object moved in B worlds: how far, how fast, which way round, and how hard it was pressed."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from regrasp.simulation.readings import Readings


class Motion:
    """Sums and maxima over the control steps of each world.

    An angle's change between two steps is taken as less than half a turn either way, so that one that jumps from π to
    -π is counted as what it is. Signed and unsigned sums are kept apart: an angle whose sign is forgotten cannot tell
    turning from rocking.

    Args:
        place: readings → (B, k), where the object is [m, rad].
        angle: readings → (B,), the angle that counts towards the goal, its sense positive [rad]; None without one.
        worlds: B.

    Attributes:
        moved: (B,) distance that the object moved in the latest control step, NaN in a world's first.
        travel: (B,) the sum of these.
        peak_speed: (B,) the largest of these, per second.
        peak_force: (B,) the largest normal force of one contact on the object [N].
        turned: (B,) signed sum of the angle's changes [rad].
        turning: (B,) sum of their sizes [rad].
    """

    def __init__(
        self, place: Callable[[Readings], Tensor], angle: Callable[[Readings], Tensor] | None, worlds: int
    ) -> None:
        self._place_of, self._angle_of = place, angle
        self.moved, self.travel, self.peak_speed, self.peak_force, self.turned, self.turning = (
            torch.zeros(worlds, dtype=torch.float64) for _ in range(6)
        )
        self._place = torch.full((worlds, 1), torch.nan, dtype=torch.float64)
        self._angle = torch.full((worlds,), torch.nan, dtype=torch.float64)

    @property
    def turned_back(self) -> Tensor:
        """(B,) rotation against the goal's sense [rad]."""
        return (self.turning - self.turned) / 2

    def reset(self, worlds: Tensor) -> None:
        """Start the named worlds afresh."""
        for values in (self.moved, self.travel, self.peak_speed, self.peak_force, self.turned, self.turning):
            values[worlds] = 0.0
        self._place[worlds] = torch.nan
        self._angle[worlds] = torch.nan

    def observe(self, readings: Readings, live: Tensor) -> None:
        """Take in one control step; worlds that are not `live` (B,) add nothing."""
        place = self._place_of(readings)
        self.moved = torch.linalg.vector_norm(place - self._place, dim=1)
        self._place = place.clone()
        known = self.moved.nan_to_num(nan=0.0) * live
        self.travel = self.travel + known
        self.peak_speed = torch.maximum(self.peak_speed, known / readings.period)
        self.peak_force = torch.maximum(self.peak_force, readings.strongest_force() * live)
        if self._angle_of is not None:
            self._turn(self._angle_of(readings), live)

    def _turn(self, angle: Tensor, live: Tensor) -> None:
        change = torch.remainder(angle - self._angle + math.pi, 2 * math.pi) - math.pi
        self._angle = angle.clone()
        change = change.nan_to_num(nan=0.0) * live
        self.turned = self.turned + change
        self.turning = self.turning + change.abs()
