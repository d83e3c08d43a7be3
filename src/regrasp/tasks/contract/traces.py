"""Scripted traces: an object carried from a start to the goal as if by an ideal hand, or by various frauds.

A trace is a list of states that are placed one after the other, never simulated; contact readings are written over by
what the script says. The judge sees them as it sees a trial.
"""

from dataclasses import dataclass

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray

from regrasp.simulation.batch import Worlds
from regrasp.simulation.readings import Readings
from regrasp.simulation.scene import CONTACT_COLUMNS, Scene
from regrasp.tasks.task import Task

States = NDArray[np.float64]
TRAVEL = 1.0
"""Time in which the object goes from one place to another [s]."""


@dataclass(frozen=True)
class Trace:
    """T control steps.

    Attributes:
        states: (T, S).
        touching: (T,) bool, every link touches.
        distance: of every touching contact [m], negative inside.
    """

    states: States
    touching: NDArray[np.bool_]
    distance: float = 0.0


def between(task: Task, first: States, last: States) -> States:
    """(N, S) from one state to another in `TRAVEL`: positions in a straight line, quaternions normalised."""
    count = max(2, round(TRAVEL * task.interface.rate))
    share = np.linspace(0.0, 1.0, count)[:, None]
    path: States = (1.0 - share) * first + share * last
    for column in quaternions(task.scene):
        part = slice(column, column + 4)
        near = -1.0 if first[part] @ last[part] < 0.0 else 1.0
        mixed = (1.0 - share) * first[part] + near * share * last[part]
        path[:, part] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True).clip(min=1e-9)
    return path


def quaternions(scene: Scene) -> list[int]:
    """First columns of the quaternions in a stored state."""
    model, columns = scene.model, []
    for joint in range(model.njnt):
        kind, first = int(model.jnt_type[joint]), int(model.jnt_qposadr[joint])
        if kind == int(mujoco.mjtJoint.mjJNT_FREE):
            columns.append(first + 3)
        elif kind == int(mujoco.mjtJoint.mjJNT_BALL):
            columns.append(first)
    if scene.fixture_turns:
        end = int(model.nq + model.nv + 3 * model.nmocap)
        columns += [end + 4 * body for body in range(model.nmocap)]
    return columns


def placed(scene: Scene, states: States, touching: NDArray[np.bool_]) -> Readings:
    """Readings of (B, S) states, with contacts as the script says."""
    worlds = Worlds(scene, len(states), threads=1)
    worlds.place(np.arange(len(states)), states)
    return scripted(worlds.readings, torch.from_numpy(touching), 0.0)


def scripted(live: Readings, touching: torch.Tensor, distance: float) -> Readings:
    """A copy of live readings in which every link touches, or none does, in the worlds that `touching` (B,) says."""
    sensors = torch.cat([live.sensor(field.name) for field in live.scene.sensors], dim=1)
    qpos, qvel = live.qpos.clone(), live.qvel.clone()
    readings = Readings(live.scene, qpos, qvel, live.fixture_position.clone(), live.fixture_quaternion.clone(), sensors)
    contact = torch.zeros(CONTACT_COLUMNS.size, dtype=sensors.dtype)
    contact[CONTACT_COLUMNS["found"]] = 1.0
    contact[CONTACT_COLUMNS["force"].start] = 1.0
    contact[CONTACT_COLUMNS["distance"]] = distance
    readings.contacts[:] = contact * touching[:, None, None]
    return readings


def touched(*parts: States, distance: float = 0.0) -> Trace:
    """One part after the other, touched all the way."""
    states = np.concatenate(parts)
    return Trace(states, np.ones(len(states), bool), distance)
