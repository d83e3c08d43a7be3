"""What differs between worlds of one scene: the object, and four factors on the physics, in the engine's own fields."""

from collections.abc import Iterator

import mujoco
import mujoco.batch
import numpy as np
from numpy.typing import NDArray

from regrasp.simulation.scene import Scene

FACTORS = ("contact_friction", "joint_friction", "actuator_strength", "mass")
"""What each column of a world's factors scales."""


class Variation:
    """Per-world object and factors; 1 is the scene as compiled.

    Attributes:
        objects: (B,) int64, place of each world's object in the scene's pool.
        factors: (B, 4) float64, the factors now in force, columns as in `FACTORS`.
    """

    def __init__(self, scene: Scene, batch: mujoco.batch.Batch) -> None:
        self.objects: NDArray[np.int64] = np.zeros(batch.nsim, np.int64)
        self.factors: NDArray[np.float64] = np.ones((batch.nsim, len(FACTORS)))
        self._tables = dict(scene.objects.tables)
        self._scaled = list(_scaled(scene))
        fields = {name for name, *_ in self._scaled} | set(self._tables)
        self._live = {name: batch.expand(name) for name in sorted(fields)}
        self._bodies = [int(scene.model.body(name).id) for name in scene.object_bodies]
        self._geom = scene.object_geoms[0]
        self._nominal = {name: self._tables.get(name, getattr(scene.model, name)[None].copy()) for name in self._live}

    @property
    def objects_own(self) -> NDArray[np.float64]:
        """(B, 2) mass [kg] and contact friction of each world's object, as they are now."""
        mass, friction = self._live["body_mass"][:, self._bodies].sum(1), self._live["geom_friction"][:, self._geom, 0]
        return np.stack([mass, friction], axis=1)

    def place(self, worlds: NDArray[np.int64], objects: NDArray[np.int64]) -> None:
        """Put an object each into the named worlds, under nominal physics."""
        changed = self.objects[worlds] != objects
        self.objects[worlds] = objects
        for name, table in self._tables.items():
            self._live[name][worlds[changed]] = table[objects[changed]]
        self.set(worlds, np.ones((len(worlds), len(FACTORS))))

    def set(self, worlds: NDArray[np.int64], factors: NDArray[np.float64]) -> None:
        """Put `factors` (n, 4) in force in the named worlds."""
        self.factors[worlds] = factors
        for name, rows, column, power in self._scaled:
            nominal = self._nominal[name]
            objects = self.objects[worlds] if len(nominal) > 1 else np.zeros(len(worlds), np.int64)
            scale = factors[:, column] ** power
            values = nominal[np.ix_(objects, rows)]
            self._live[name][np.ix_(worlds, rows)] = values * scale.reshape(-1, *[1] * (values.ndim - 1))


def _scaled(scene: Scene) -> Iterator[tuple[str, NDArray[np.int64], int, int]]:
    """Every field that a factor changes: its name, its rows, the factor's column and its power."""
    model = scene.model
    bodies = np.array([int(model.body(name).id) for name in scene.object_bodies], np.int64)
    own = np.flatnonzero(np.isin(model.dof_bodyid, bodies))
    joints = np.array([scene.joint_dof(name) for name in scene.object_joints], np.int64)
    yield "geom_friction", np.array(scene.hand_geoms + scene.object_geoms), 0, 1
    if len(joints):
        yield "dof_frictionloss", joints, 1, 1
    for name in ("actuator_gainprm", "actuator_biasprm", "actuator_forcerange"):
        yield name, np.arange(model.nu), 2, 1
    for name in ("body_mass", "body_inertia", "body_subtreemass"):
        yield name, bodies, 3, 1
    # How soft the engine makes a contact goes by the inverse of the inertia behind it.
    yield "body_invweight0", bodies, 3, -1
    yield "dof_invweight0", own, 3, -1
