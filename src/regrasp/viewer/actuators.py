"""Which actuators move the wrist and the arm, which a finger, and what closes a finger: read off the compiled scene."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from regrasp.simulation.scene import Scene
from regrasp.tasks.task import Task

_MIDDLE = 0.6
"""An opened grip that is nearer to the middle than this share of half the range closes in neither direction."""


@dataclass(frozen=True)
class Actuators:
    """The columns of an action, sorted by what they move.

    Attributes:
        hand: the body that carries all fingers; 0, the world, where the fingers have nothing in common.
        wrist: columns that move that body.
        fingers: contact region → columns that move it alone.
        closing: finger → (columns, their actions when it is open, their actions when it is closed).
    """

    hand: int
    wrist: tuple[int, ...]
    fingers: Mapping[str, tuple[int, ...]]
    closing: Mapping[str, tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]]

    @property
    def posed(self) -> NDArray[np.int64]:
        """All columns that are not the wrist's."""
        return np.array([column for columns in self.fingers.values() for column in columns], np.int64)


def actuators_of(task: Task) -> Actuators:
    """Sort the actuators of a task's hand; one that moves no contact region at all counts as the wrist's."""
    scene, model = task.scene, task.scene.model
    regions = _regions_of_bodies(scene)
    hand = _carrier(model, regions, set(scene.links))
    wrist: list[int] = []
    fingers: dict[str, list[int]] = {}
    for column in range(model.nu):
        region = _finger(scene, _moved(model, column), hand, regions)
        (fingers.setdefault(region, []) if region else wrist).append(column)
    ordered = {region: tuple(fingers[region]) for region in scene.links if region in fingers}
    closing = {region: _closing(task, columns) for region, columns in ordered.items()}
    return Actuators(hand, tuple(wrist), ordered, {region: one for region, one in closing.items() if len(one[0])})


def _regions_of_bodies(scene: Scene) -> list[set[str]]:
    """Contact regions with a link at or below each body."""
    model = scene.model
    found: list[set[str]] = [set() for _ in range(model.nbody)]
    for region, links in scene.links.items():
        for link in links:
            body = int(model.body(link).id)
            while body:
                found[body].add(region)
                body = int(model.body_parentid[body])
    return found


def _carrier(model: mujoco.MjModel, regions: Sequence[set[str]], every: set[str]) -> int:
    """The last body on the way from the world that carries all regions."""
    carrying = [body for body in range(1, model.nbody) if regions[body] == every]
    return carrying[-1] if carrying else 0


def _moved(model: mujoco.MjModel, column: int) -> int:
    """The body that an actuator moves: that of its joint, or of the first joint of its tendon; else the world."""
    kind, target = int(model.actuator_trntype[column]), int(model.actuator_trnid[column, 0])
    if kind == int(mujoco.mjtTrn.mjTRN_TENDON):
        first, count = int(model.tendon_adr[target]), int(model.tendon_num[target])
        wraps = range(first, first + count)
        joints = [int(model.wrap_objid[i]) for i in wraps if model.wrap_type[i] == int(mujoco.mjtWrap.mjWRAP_JOINT)]
        return int(model.jnt_bodyid[joints[0]]) if joints else 0
    jointed = kind in (int(mujoco.mjtTrn.mjTRN_JOINT), int(mujoco.mjtTrn.mjTRN_JOINTINPARENT))
    return int(model.jnt_bodyid[target]) if jointed else 0


def _finger(scene: Scene, body: int, hand: int, regions: Sequence[set[str]]) -> str:
    """The region that a body moves alone; empty for whatever carries the hand, or nothing of it."""
    model = scene.model
    above = hand
    while above and above != body:
        above = int(model.body_parentid[above])
    if not regions[body] or (hand and above == body):
        return ""

    def outside(region: str) -> int:
        """Links of a region that do not move with the body: the metacarpal of the little finger is palm, too."""
        return sum(not _carried(model, int(model.body(link).id), body) for link in scene.links[region])

    return min((region for region in scene.links if region in regions[body]), key=outside)


def _carried(model: mujoco.MjModel, body: int, by: int) -> bool:
    while body and body != by:
        body = int(model.body_parentid[body])
    return body == by


def _closing(task: Task, columns: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """What closes a finger: away from where the `drop` disturbance opens it, to the far end of each range."""
    model, released = task.scene.model, task.scene.released
    offset, scale = (values.numpy() for values in task.control_map)
    found = []
    for column in columns:
        name = model.actuator(column).name
        if name in released and scale[column]:
            opened = float(np.clip((released[name] - offset[column]) / scale[column], -1.0, 1.0))
            if abs(opened) >= _MIDDLE:
                found.append((column, opened, -np.sign(opened)))
    rows = np.array(found, np.float64).reshape(-1, 3)
    return rows[:, 0].astype(np.int64), rows[:, 1], rows[:, 2]
