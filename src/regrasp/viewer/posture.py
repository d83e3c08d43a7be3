"""A state of a scene as a viewer needs it: where every body is, and which forces the hand and the object exchange."""

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from regrasp.simulation.kinematics import put
from regrasp.simulation.scene import Scene


@dataclass(frozen=True)
class Posture:
    """One state.

    Attributes:
        positions: (bodies, 3) of every body [m].
        quaternions: (bodies, 4), wxyz.
        points: (C, 3) where hand and object touch [m].
        forces: (C, 3) of the hand on the object [N], in the world frame.
        regions: (C,) which contact region touches there.
    """

    positions: NDArray[np.float64]
    quaternions: NDArray[np.float64]
    points: NDArray[np.float64]
    forces: NDArray[np.float64]
    regions: NDArray[np.int64]

    def pressing(self, count: int) -> NDArray[np.float64]:
        """(R,) force of each of `count` contact regions on the object, contacts added up by their size [N]."""
        total = np.zeros(count)
        np.add.at(total, self.regions, np.linalg.norm(self.forces, axis=1))
        return total


class Poser:
    """Computes postures of one scene with one object; forces are those of nominal physics.

    Args:
        scene: the scene.
        name: of its object.
    """

    def __init__(self, scene: Scene, name: str) -> None:
        self.scene = scene
        self.model = scene.model_of(name)
        self._data = mujoco.MjData(self.model)
        self._region = {
            int(self.model.body(link).id): number for number, links in enumerate(scene.links.values()) for link in links
        }
        self._object = _below(self.model, int(self.model.body(scene.object_body).id))

    def pose(self, state: NDArray[np.float64], ctrl: NDArray[np.float64]) -> Posture:
        """The posture in a stored state (S,) under actuator targets (U,)."""
        model, data = self.model, self._data
        put(model, data, state)
        data.ctrl[:] = ctrl
        mujoco.mj_forward(model, data)
        return Posture(data.xpos.copy(), data.xquat.copy(), *self._touches())

    def _touches(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        points, forces, regions, force = [], [], [], np.zeros(6)
        for number in range(self._data.ncon):
            contact = self._data.contact[number]
            first, second = (int(self.model.geom_bodyid[geom]) for geom in contact.geom)
            link, held = (first, second) if second in self._object else (second, first)
            if link in self._region and held in self._object:
                mujoco.mj_contactForce(self.model, self._data, number, force)
                points.append(contact.pos.copy())
                # The contact's frame has its axes as rows; the force is that of the first geom on the second.
                sign = 1 if held == second else -1
                forces.append(sign * contact.frame.reshape(3, 3).T @ force[:3])
                regions.append(self._region[link])
        return np.reshape(points, (-1, 3)), np.reshape(forces, (-1, 3)), np.array(regions, np.int64)


def _below(model: mujoco.MjModel, body: int) -> set[int]:
    """A body and everything that hangs on it."""
    found = {body}
    for other in range(body + 1, model.nbody):
        if int(model.body_parentid[other]) in found:
            found.add(other)
    return found
