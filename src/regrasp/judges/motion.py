"""How an object moved in B worlds: how far, how fast, which way round; the hand's nearness and its force."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from regrasp.simulation.readings import Readings

Reading = Callable[[Readings], Tensor]
NEAR = 0.05
"""Distance of hand and object at which a step counts as 1/e of a near one [m]."""


class Motion:
    """Sums and maxima over the control steps of each world.

    An angle's change between two steps is taken as less than half a turn either way, so that one that jumps from π to
    -π is counted as what it is. Signed and unsigned sums are kept apart: an angle whose sign is forgotten cannot tell
    turning from rocking.

    Args:
        tracked: readings → (B, k), where the object is, rotation included [m, rad].
        place: the same without rotation [m]; None lets `tracked` stand for it.
        angle: readings → (B,), the angle that counts towards the goal, its sense positive [rad]; None without one.
        apart: readings → (B,), how far the hand is from the object [m]; None lets contact stand for nearness.
        worlds: B.

    Attributes:
        moved: (B,) distance that the object moved in the latest control step, NaN in a world's first.
        peak_speed: (B,) the largest of these, per second.
        travel: (B,) length of the path of `place`.
        peak_force: (B,) the largest normal force of one contact on the object [N].
        near: (B,) control steps near the object, each counted by exp(-apart / `NEAR`), or 1 in contact.
        turned: (B,) signed sum of the angle's changes [rad].
        turning: (B,) sum of their sizes [rad].
    """

    def __init__(
        self,
        tracked: Reading,
        place: Reading | None,
        angle: Reading | None,
        apart: Reading | None,
        worlds: int,
    ) -> None:
        self._tracked_of, self._place_of, self._angle_of, self._apart_of = tracked, place, angle, apart
        self.moved, self.travel, self.peak_speed, self.peak_force, self.near, self.turned, self.turning = (
            torch.zeros(worlds, dtype=torch.float64) for _ in range(7)
        )
        # What is not asked for stays 0; the others are not known before a world's first step.
        self._tracked, self._place, self._angle = (
            torch.full(shape, 0.0 if reading is None else torch.nan, dtype=torch.float64)
            for shape, reading in (((worlds, 1), tracked), ((worlds, 1), place), ((worlds,), angle))
        )

    @property
    def turned_back(self) -> Tensor:
        """(B,) rotation against the goal's sense [rad]."""
        return (self.turning - self.turned) / 2

    def reset(self, worlds: Tensor) -> None:
        """Start the named worlds afresh."""
        sums = (self.travel, self.near, self.turned, self.turning)
        for values in (self.moved, self.peak_speed, self.peak_force, *sums):
            values[worlds] = 0.0
        self._tracked[worlds] = torch.nan
        for latest, reading in ((self._place, self._place_of), (self._angle, self._angle_of)):
            if reading is not None:
                latest[worlds] = torch.nan

    def observe(self, readings: Readings, live: Tensor) -> None:
        """Take in one control step; worlds that are not `live` (B,) add nothing."""
        tracked = self._tracked_of(readings)
        self.moved = torch.linalg.vector_norm(tracked - self._tracked, dim=1)
        self._tracked = tracked.clone()
        known = self.moved.nan_to_num(nan=0.0) * live
        self.peak_speed = torch.maximum(self.peak_speed, known / readings.period)
        self.travel = self.travel + (known if self._place_of is None else self._slid(self._place_of(readings), live))
        self.peak_force = torch.maximum(self.peak_force, readings.strongest_force() * live)
        self.near = self.near + self._nearness(readings) * live
        if self._angle_of is not None:
            self._turn(self._angle_of(readings), live)

    def _slid(self, place: Tensor, live: Tensor) -> Tensor:
        slid: Tensor = torch.linalg.vector_norm(place - self._place, dim=1)
        self._place = place.clone()
        return slid.nan_to_num(nan=0.0) * live

    def _nearness(self, readings: Readings) -> Tensor:
        if self._apart_of is None:
            return readings.contacts[:, :, 0].amax(1) > 0
        return torch.exp(-self._apart_of(readings) / NEAR)

    def _turn(self, angle: Tensor, live: Tensor) -> None:
        change = torch.remainder(angle - self._angle + math.pi, 2 * math.pi) - math.pi
        self._angle = angle.clone()
        change = change.nan_to_num(nan=0.0) * live
        self.turned = self.turned + change
        self.turning = self.turning + change.abs()
