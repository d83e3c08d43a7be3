"""From which directions the hand comes into contact: how it moves, relative to the object, just before contact entry.

Every region that touches at contact entry has a direction of its own, since the fingers of a grasp come from opposite
sides: how the centres of mass of its links move in the object's frame, on average over the links, in the last tenth of
a second before the first touch. So an object that moves or turns meanwhile, or a hand that waits for it, is seen as it
is. A region that touches from the start, or hardly moves, has no direction.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regrasp.contact import regions_of
from regrasp.demonstrations.inspection.coverage import mode_at_entry
from regrasp.demonstrations.replay import Replay
from regrasp.simulation.kinematics import poses
from regrasp.tasks.task import Task

Floats = NDArray[np.float64]
BEFORE = 0.1
"""How long before the first touch the motion is looked at [s]."""
LEAST = 1e-3
"""What moves less than this meanwhile [m] comes from nowhere."""


@dataclass(frozen=True)
class Approach:
    """How one region comes into contact in one episode.

    Attributes:
        episode: its place among the episodes that were played again.
        step: control step of contact entry.
        region: one of those that touch then.
        object, world: unit vectors (3,) along which it moves, in the object's frame and in the world's; the
            world's is the object's, turned as the object is at the last state before it is touched.
    """

    episode: int
    step: int
    region: str
    object: tuple[float, float, float]
    world: tuple[float, float, float]


@dataclass(frozen=True)
class Spread:
    """How directions (n, 3) spread over the sphere.

    Attributes:
        mean: (3,) their mean direction, a unit vector.
        resultant: mean resultant length (Mardia and Jupp 2000, section 9.2): 1 if all are the same, near 0 if they
            point everywhere or half of them against the others.
        widest: largest angle between a direction and the mean one [rad].
    """

    mean: tuple[float, float, float]
    resultant: float
    widest: float


def approaches(task: Task, played: Sequence[Replay]) -> list[Approach]:
    """One per replay and region that comes into contact from somewhere."""
    return [
        Approach(place, one.contact_entry, region, _tuple(seen), _tuple(turned))
        for place, one in enumerate(played)
        if one.contact_entry > 0
        for region, seen, turned in _motions(task, one)
    ]


def _motions(task: Task, one: Replay) -> Iterator[tuple[str, Floats, Floats]]:
    """Region, unit vectors in the object's frame and the world's; row `contact_entry` is the last without a touch."""
    assert one.episode.states is not None, "a replay keeps its states"
    first = max(0, one.contact_entry - max(1, round(BEFORE * task.interface.rate)))
    model = task.scene.model_of(one.episode.object or task.objects[0])
    touching = regions_of(np.array(mode_at_entry(one), np.uint8), len(task.regions))
    for region in (name for name, on in zip(task.regions, touching, strict=True) if on):
        rows = one.episode.states[[first, one.contact_entry]]
        centres, origins, axes = poses(model, rows, task.scene.links[region], task.scene.object_body)
        # Multiplied from the left, rows are taken into the frame whose axes the columns are.
        seen = (centres - origins[:, None]) @ axes
        moved = (seen[1] - seen[0]).mean(0)
        length = float(np.linalg.norm(moved))
        if length >= LEAST:
            yield region, moved / length, axes[1] @ moved / length


def _tuple(vector: Floats) -> tuple[float, float, float]:
    return float(vector[0]), float(vector[1]), float(vector[2])


def spread_of(directions: Sequence[Sequence[float]]) -> Spread:
    """Of unit vectors (n, 3), at least one; if they cancel out, the mean direction is the first one's."""
    units = np.asarray(directions, np.float64)
    total = units.mean(0)
    resultant = float(np.linalg.norm(total))
    mean = total / resultant if resultant > 1e-12 else units[0]
    widest = float(np.arccos(np.clip(units @ mean, -1.0, 1.0)).max())
    return Spread(_tuple(mean), min(resultant, 1.0), widest)
