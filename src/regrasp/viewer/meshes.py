"""The geoms of a compiled model as meshes, one per body and colour, in the body's own frame."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
import trimesh
from numpy.typing import NDArray

Colour = tuple[float, float, float, float]
"""Red, green, blue and opacity, each from 0 to 1."""
SHOWN_GROUPS = (0, 1, 2)
"""Geom groups that a viewer shows; the others are for collision only."""
_UNPAINTED = (0.5, 0.5, 0.5, 1.0)
_HORIZON = 1.5
"""Half the side of a plane that has no end [m]."""
_ROUND = 20
"""Faces around a cylinder or a capsule."""


@dataclass(frozen=True)
class Part:
    """What a body shows in one colour.

    Attributes:
        body: id of the body.
        vertices: (V, 3) in the body's frame [m].
        faces: (F, 3) rows of `vertices`.
        colour: of all faces.
    """

    body: int
    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    colour: Colour


def parts_of(model: mujoco.MjModel) -> list[Part]:
    """Everything that a viewer shows of a model: geoms that are not transparent, of the groups 0 to 2."""
    found: dict[tuple[int, Colour], list[trimesh.Trimesh]] = {}
    for geom in range(model.ngeom):
        colour = _colour(model, geom)
        mesh = _mesh(model, geom) if int(model.geom_group[geom]) in SHOWN_GROUPS and colour[3] > 0 else None
        if mesh is not None:
            found.setdefault((int(model.geom_bodyid[geom]), colour), []).append(mesh)
    return [_joined(body, colour, meshes) for (body, colour), meshes in found.items()]


def _joined(body: int, colour: Colour, meshes: Sequence[trimesh.Trimesh]) -> Part:
    firsts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    vertices = np.concatenate([np.asarray(mesh.vertices, np.float64) for mesh in meshes])
    faces = np.concatenate(
        [np.asarray(mesh.faces, np.int64) + first for mesh, first in zip(meshes, firsts, strict=True)]
    )
    return Part(body, vertices, faces, colour)


def _colour(model: mujoco.MjModel, geom: int) -> Colour:
    """A material counts unless the geom was painted itself, as in MuJoCo's own viewer."""
    own, material = model.geom_rgba[geom], int(model.geom_matid[geom])
    rgba = model.mat_rgba[material] if material >= 0 and np.allclose(own, _UNPAINTED) else own
    red, green, blue, opacity = (float(value) for value in rgba)
    return red, green, blue, opacity


def _mesh(model: mujoco.MjModel, geom: int) -> trimesh.Trimesh | None:
    """A geom in the frame of its body; None for a kind that has no surface of its own."""
    mesh = _solid(model, geom)
    if mesh is not None:
        placed = np.eye(4)
        turned = np.empty(9)
        mujoco.mju_quat2Mat(turned, model.geom_quat[geom])
        placed[:3, :3], placed[:3, 3] = turned.reshape(3, 3), model.geom_pos[geom]
        mesh.apply_transform(placed)
    return mesh


def _solid(model: mujoco.MjModel, geom: int) -> trimesh.Trimesh | None:
    """A geom in its own frame."""
    kind, size = int(model.geom_type[geom]), model.geom_size[geom]
    if kind == int(mujoco.mjtGeom.mjGEOM_MESH):
        return _stored(model, int(model.geom_dataid[geom]))
    shape = _SHAPES.get(kind)
    return shape(size) if shape else None


def _plane(size: NDArray[np.float64]) -> trimesh.Trimesh:
    sides = [2 * (side if side > 0 else _HORIZON) for side in size[:2].tolist()]
    plate: trimesh.Trimesh = trimesh.creation.box((*sides, 1e-4))
    return plate


def _ellipsoid(radii: NDArray[np.float64]) -> trimesh.Trimesh:
    ball: trimesh.Trimesh = trimesh.creation.icosphere(subdivisions=3)
    ball.apply_scale(radii)
    return ball


_SHAPES: dict[int, Callable[[NDArray[np.float64]], trimesh.Trimesh]] = {
    int(mujoco.mjtGeom.mjGEOM_PLANE): _plane,
    int(mujoco.mjtGeom.mjGEOM_BOX): lambda size: trimesh.creation.box(2 * size),
    int(mujoco.mjtGeom.mjGEOM_SPHERE): lambda size: _ellipsoid(np.repeat(size[:1], 3)),
    int(mujoco.mjtGeom.mjGEOM_ELLIPSOID): _ellipsoid,
    int(mujoco.mjtGeom.mjGEOM_CYLINDER): lambda size: trimesh.creation.cylinder(size[0], 2 * size[1], sections=_ROUND),
    int(mujoco.mjtGeom.mjGEOM_CAPSULE): lambda size: trimesh.creation.capsule(2 * size[1], size[0], (_ROUND, _ROUND)),
}


def _stored(model: mujoco.MjModel, mesh: int) -> trimesh.Trimesh:
    first, count = int(model.mesh_vertadr[mesh]), int(model.mesh_vertnum[mesh])
    begin, faces = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
    return trimesh.Trimesh(
        vertices=model.mesh_vert[first : first + count].copy(),
        faces=model.mesh_face[begin : begin + faces].copy(),
        process=False,
    )
