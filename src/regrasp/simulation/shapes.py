"""Objects as data: rigid parts, a density, a friction and a shifted centre of mass, put onto a body of any scene.

Whatever the object, the body gets the same number of geoms and the scene the same meshes, so that models with different
objects have one layout and one batch can mix them.
"""

import functools
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

SIZES = {"box": 3, "cylinder": 2, "capsule": 2, "ellipsoid": 3, "sphere": 1, "mesh": 0}
"""Part type → how many sizes it has: half extents; radius and half length along z; semi-axes; radius."""
SPLITS = ("train", "held_out")

Vector = tuple[float, float, float]

_GEOMS = {
    "box": mujoco.mjtGeom.mjGEOM_BOX,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
    "capsule": mujoco.mjtGeom.mjGEOM_CAPSULE,
    "ellipsoid": mujoco.mjtGeom.mjGEOM_ELLIPSOID,
    "sphere": mujoco.mjtGeom.mjGEOM_SPHERE,
    "mesh": mujoco.mjtGeom.mjGEOM_MESH,
}
_CONDIM = 4  # sliding in two directions and spinning: a fingertip's patch resists both
_SPINNING_ROLLING = (0.005, 0.0001)  # the engine's own coefficients [m]; rolling is unused at condim 4
_EMPTY_SLOT = 0.001  # radius of the sphere that fills an unused slot [m]


@dataclass(frozen=True)
class Part:
    """One convex solid of an object.

    Attributes:
        type: a key of `SIZES`.
        size: the type's sizes [m].
        position: of the part's frame in the object's [m].
        quaternion: of the part's frame in the object's, wxyz, unit to 1e-4.
        vertices: of a mesh, in the part's frame [m]; their convex hull is the solid.
    """

    type: str
    size: tuple[float, ...]
    position: Vector = (0.0, 0.0, 0.0)
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    vertices: tuple[Vector, ...] = ()

    def reach(self, direction: NDArray[np.float64]) -> float:
        """How far the part extends from the object's origin along a unit vector (3,) [m]."""
        local = _rotation(self.quaternion).T @ direction
        return float(np.dot(self.position, direction)) + self._own_reach(local)

    def _own_reach(self, direction: NDArray[np.float64]) -> float:
        if self.type == "mesh":
            return float((np.array(self.vertices) @ direction).max())
        size = np.array(self.size)
        if self.type == "box":
            return float(size @ np.abs(direction))
        if self.type == "cylinder":
            return float(size[0] * np.hypot(direction[0], direction[1]) + size[1] * abs(direction[2]))
        if self.type == "capsule":
            return float(size[0] + size[1] * abs(direction[2]))
        return float(np.linalg.norm(size * direction))


@dataclass(frozen=True)
class Shape:
    """One object.

    Attributes:
        name: unique within a task.
        family: what it is one of.
        split: one of `SPLITS`.
        parts: its solids; where two overlap, both weigh.
        density: of every part [kg/m³].
        friction: sliding coefficient.
        centre_of_mass: offset from that of the parts [m].
    """

    name: str
    family: str
    split: str
    parts: tuple[Part, ...]
    density: float
    friction: float
    centre_of_mass: Vector = (0.0, 0.0, 0.0)

    def to_json(self) -> dict[str, Any]:
        """As plain lists and dicts; only a mesh has the key `vertices`."""
        parts = [{key: value for key, value in asdict(part).items() if value != ()} for part in self.parts]
        return asdict(self) | {"parts": parts}

    def reach(self, direction: Iterable[float]) -> float:
        """Distance [m] from the body's origin to the plane that touches the object from a direction (3,)."""
        vector = np.array(tuple(direction))
        return max(part.reach(vector / np.linalg.norm(vector)) for part in self.parts)

    def bounds(self) -> NDArray[np.float64]:
        """(2, 3) lower and upper corner of the bounding box in the body's frame [m]."""
        axes = np.eye(3)
        return np.array([[-self.reach(-axis) for axis in axes], [self.reach(axis) for axis in axes]])

    def extents(self) -> NDArray[np.float64]:
        """(3,) half extents of the bounding box [m]."""
        lower, upper = self.bounds()
        return np.asarray((upper - lower) / 2)

    @property
    def resting_height(self) -> float:
        """Distance from the body's origin down to the bottom when its z axis is up [m]."""
        return self.reach((0.0, 0.0, -1.0))


@dataclass(frozen=True)
class Solid:
    """Mass [kg], centre of mass (3,) [m] and inertia about it (3, 3) [kg m²], in the body's frame."""

    mass: float
    centre: NDArray[np.float64]
    inertia: NDArray[np.float64]


@functools.cache
def solid_of(shape: Shape) -> Solid:
    """The mass distribution: the parts', moved as a whole by the offset of the centre of mass."""
    spec = mujoco.MjSpec()
    add_meshes(spec, [shape])
    body = spec.worldbody.add_body()
    for number, part in enumerate(shape.parts):
        _add_part(body, shape, number, part).density = shape.density
    model = spec.compile()
    axes = _rotation(model.body_iquat[1])
    inertia = axes @ np.diag(model.body_inertia[1]) @ axes.T
    return Solid(float(model.body_mass[1]), model.body_ipos[1] + np.array(shape.centre_of_mass), inertia)


def add_meshes(spec: mujoco.MjSpec, shapes: Iterable[Shape]) -> None:
    """The meshes of all objects that a scene may ever hold; models with different objects need the same ones."""
    for shape in shapes:
        for number, part in enumerate(shape.parts):
            if part.type == "mesh":
                mesh = spec.add_mesh(name=_mesh_name(shape, number))
                mesh.uservert = np.array(part.vertices).ravel().tolist()
                mesh.scale = [1.0, 1.0, 1.0]  # a host file's default may be another: Adroit's is in millimetres
                mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_CONVEX


def add_shape(spec: mujoco.MjSpec, body: mujoco.MjsBody, shape: Shape, slots: int) -> None:
    """Make a body the object: geoms `object_0` … of its parts, empty ones up to `slots`, and its mass.

    Raises:
        ValueError: the object has more parts than slots, or the scene would not take its meshes or its mass.
    """
    _require_room(spec, shape, slots)
    for number, part in enumerate(shape.parts):
        geom = _add_part(body, shape, number, part)
        geom.name, geom.condim = f"object_{number}", _CONDIM
        geom.friction = [shape.friction, *_SPINNING_ROLLING]
    for number in range(len(shape.parts), slots):
        empty = body.add_geom(name=f"object_{number}", type=_GEOMS["sphere"], size=[_EMPTY_SLOT] * 3, mass=0)
        empty.contype = empty.conaffinity = 0
        empty.condim, empty.rgba = _CONDIM, [0.0, 0.0, 0.0, 0.0]
    solid = solid_of(shape)
    body.explicitinertial, body.mass, body.ipos = True, solid.mass, solid.centre
    xx, yy, zz = np.diag(solid.inertia)
    body.fullinertia = [xx, yy, zz, solid.inertia[0, 1], solid.inertia[0, 2], solid.inertia[1, 2]]
    # Otherwise an object with a centred mass would get another, sparser layout than the rest.
    body.simple = 0


def add_ghost(body: mujoco.MjsBody, of: mujoco.MjsBody, colour: tuple[float, float, float, float]) -> None:
    """Make a body a picture of another one: its geoms again, which nothing can touch and which weigh nothing."""
    for geom in of.geoms:
        rgba = colour if geom.rgba[3] > 0 else (0.0, 0.0, 0.0, 0.0)
        ghost = body.add_geom(type=geom.type, size=geom.size, pos=geom.pos, quat=geom.quat, rgba=rgba, mass=0)
        ghost.meshname = geom.meshname
        ghost.contype = ghost.conaffinity = 0


def _require_room(spec: mujoco.MjSpec, shape: Shape, slots: int) -> None:
    if len(shape.parts) > slots:
        raise ValueError(f"{shape.name} has {len(shape.parts)} parts, more than {slots} slots")
    needed = {_mesh_name(shape, number) for number, part in enumerate(shape.parts) if part.type == "mesh"}
    if missing := needed - {mesh.name for mesh in spec.meshes}:
        raise ValueError(f"the scene has no mesh {min(missing)}; call add_meshes first")
    if int(spec.compiler.inertiafromgeom) == int(mujoco.mjtInertiaFromGeom.mjINERTIAFROMGEOM_TRUE):
        raise ValueError("the scene takes every mass from geoms and would lose the object's centre of mass")


def _add_part(body: mujoco.MjsBody, shape: Shape, number: int, part: Part) -> mujoco.MjsGeom:
    geom = body.add_geom(type=_GEOMS[part.type], pos=part.position, quat=part.quaternion)
    if part.type == "mesh":
        geom.meshname = _mesh_name(shape, number)
    else:
        geom.size = [*part.size, 0.0, 0.0][:3]
    return geom


def _mesh_name(shape: Shape, number: int) -> str:
    return f"object_mesh_{shape.name}_{number}"


def _rotation(quaternion: Iterable[float]) -> NDArray[np.float64]:
    w, x, y, z = np.array(tuple(quaternion)) / np.linalg.norm(tuple(quaternion))
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
