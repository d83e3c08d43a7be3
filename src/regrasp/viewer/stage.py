"""A scene on the page: bodies where they are, touching contact regions in colour, contact forces as arrows."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import viser
from numpy.typing import NDArray

from regrasp.simulation.render import Camera
from regrasp.simulation.scene import Scene
from regrasp.viewer.meshes import Part, parts_of
from regrasp.viewer.posture import Poser, Posture

TOUCHING = (226, 88, 34)
"""RGB of a contact region that touches the object."""
FORCE = (34, 139, 84)
"""RGB of a force of the object on the hand."""
_METRES_PER_NEWTON = 0.02
_LONGEST = 0.15
"""Of an arrow [m], however strong its force."""
_THIN = 0.0015
"""Radius of an arrow's shaft [m]."""
_VIEW = np.deg2rad(45.0)
"""MuJoCo's own field of view, so that a task's camera shows what its pictures show."""


class Stage:
    """Shows one scene at a time, to everybody who has the page open.

    Args:
        server: the page.
    """

    def __init__(self, server: viser.ViserServer) -> None:
        self._server = server
        self._shown: dict[int, viser.FrameHandle] = {}
        self._painted: dict[str, list[tuple[viser.MeshHandle, tuple[int, int, int]]]] = {}
        self._touching: dict[str, bool] = {}
        self._places: dict[int, NDArray[np.float64]] = {}
        # Shadows cost a second rendering of everything, which a machine without a GPU does not have the time for.
        server.scene.configure_default_lights(cast_shadow=False)
        self._arrows: viser.ArrowsHandle | None = None
        self._ends: NDArray[np.float32] = np.zeros((0, 2, 3), np.float32)

    def look(self, camera: Camera) -> None:
        """Where whoever opens the page looks from."""
        azimuth, elevation = np.deg2rad(camera.azimuth), np.deg2rad(camera.elevation)
        along = np.cos(elevation)
        view = np.array([along * np.cos(azimuth), along * np.sin(azimuth), np.sin(elevation)])
        initial = self._server.initial_camera
        initial.position = np.asarray(camera.lookat) - camera.distance * view
        initial.look_at = np.asarray(camera.lookat)
        initial.fov = float(_VIEW)

    def build(self, poser: Poser) -> None:
        """Put up what a poser places, in place of what was there."""
        for handle in self._shown.values():
            with suppress(KeyError):
                handle.remove()
        self._shown, self._painted, self._touching, self._places = {}, {}, {}, {}
        regions = _region_of_body(poser.scene, poser)
        with self._server.atomic():
            for number, part in enumerate(parts_of(poser.model)):
                name = f"/scene/{part.body}"
                if part.body not in self._shown:
                    self._shown[part.body] = self._server.scene.add_frame(name, show_axes=False)
                mesh = self._add(f"{name}/{number}", part)
                if part.body in regions:
                    own = _bytes(part.colour)
                    self._painted.setdefault(regions[part.body], []).append((mesh, own))

    def _add(self, name: str, part: Part) -> viser.MeshHandle:
        opacity = part.colour[3]
        return self._server.scene.add_mesh_simple(
            name,
            part.vertices,
            part.faces,
            color=_bytes(part.colour),
            opacity=opacity if opacity < 1 else None,
            flat_shading=True,
            side="double",
            cast_shadow=False,
            receive_shadow=False,
        )

    def show(self, posture: Posture, regions: Sequence[str], touching: NDArray[np.bool_], forces: bool = True) -> None:
        """Move everything to a posture and colour the regions that touch (R,); arrows only if forces are asked for."""
        with self._server.atomic():
            for body, frame in self._shown.items():
                place = np.concatenate([posture.positions[body], posture.quaternions[body]])
                if body not in self._places or not np.array_equal(place, self._places[body]):
                    frame.position, frame.wxyz = place[:3], place[3:]
                    self._places[body] = place
            for region, touches in zip(regions, touching.tolist(), strict=True):
                self._paint(region, touches)
            self._point(posture, forces)

    def _paint(self, region: str, touches: bool) -> None:
        if self._touching.get(region, False) != touches:
            for mesh, own in self._painted.get(region, []):
                mesh.color = TOUCHING if touches else own
            self._touching[region] = touches

    def _point(self, posture: Posture, wanted: bool) -> None:
        strength = np.linalg.norm(posture.forces, axis=1, keepdims=True)
        length = np.minimum(strength * _METRES_PER_NEWTON, _LONGEST)
        reach = posture.forces / np.maximum(strength, 1e-9) * length
        # What the object does to the hand: it points out of the object, where it can be seen.
        ends = np.stack([posture.points, posture.points - reach], axis=1).astype(np.float32)
        ends = ends if wanted else ends[:0]
        if np.array_equal(ends, self._ends):
            return
        self._ends = ends
        if self._arrows is None:
            self._arrows = self._server.scene.add_arrows(
                "/forces", ends, FORCE, shaft_radius=_THIN, head_radius=2.5 * _THIN, head_length=5 * _THIN
            )
        self._arrows.visible = len(ends) > 0
        if len(ends):
            self._arrows.points = ends


def _region_of_body(scene: Scene, poser: Poser) -> dict[int, str]:
    return {int(poser.model.body(link).id): region for region, links in scene.links.items() for link in links}


def _bytes(colour: Sequence[float]) -> tuple[int, int, int]:
    red, green, blue = (round(255 * value) for value in colour[:3])
    return red, green, blue
