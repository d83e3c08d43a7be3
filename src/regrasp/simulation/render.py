"""Pictures of recorded states, without a display."""

import importlib
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from regrasp.errors import InputError
from regrasp.simulation.kinematics import put


@dataclass(frozen=True)
class Camera:
    """A free camera that looks at a fixed point of the world frame.

    Attributes:
        lookat: the point in the middle of the picture [m].
        distance: from that point [m].
        azimuth: direction of view about the world's z axis [deg]; 90 looks along +y.
        elevation: direction of view above the horizon [deg]; negative looks down.
    """

    lookat: tuple[float, float, float]
    distance: float
    azimuth: float
    elevation: float


BACKGROUND = (232, 236, 241)
"""RGB where nothing is drawn. MuJoCo's own is black, out of which dark objects do not stand."""


def render_states(
    model: mujoco.MjModel, states: NDArray[np.float64], camera: Camera, width: int = 320, height: int = 240
) -> NDArray[np.uint8]:
    """One picture per state. Draws groups 0 to 2 (what a viewer shows), neither sites, shadows nor reflections.

    Args:
        model: the scene that the states belong to; it is not changed.
        states: (N, S), rows [qpos, qvel, mocap_pos], and mocap_quat if the fixture turns.
        camera: where to look from.
        width: of each picture [pixels].
        height: of each picture [pixels].

    Returns:
        (N, height, width, 3) RGB.

    Raises:
        InputError: no GL device can be had, the rows do not fit the model, or the picture exceeds its buffer.
    """
    _check(model, states, width, height)
    view = _free_view(camera)
    option = mujoco.MjvOption()
    option.sitegroup[:] = 0
    scene = mujoco.MjvScene(model, maxgeom=10_000)
    for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
        scene.flags[int(flag)] = 0
    rectangle = mujoco.MjrRect(0, 0, width, height)
    pictures = np.empty((len(states), height, width, 3), np.uint8)
    depth = np.empty((height, width), np.float32)
    data = mujoco.MjData(model)
    with _context(model, width, height) as context:
        for state, picture in zip(states, pictures, strict=True):
            put(model, data, state)
            mujoco.mj_camlight(model, data)
            mujoco.mjv_updateScene(model, data, option, None, view, int(mujoco.mjtCatBit.mjCAT_ALL), scene)
            mujoco.mjr_render(rectangle, scene, context)
            mujoco.mjr_readPixels(picture, depth, rectangle, context)
            picture[depth == 1.0] = BACKGROUND
    return np.ascontiguousarray(pictures[:, ::-1])  # OpenGL counts rows from the bottom


def _check(model: mujoco.MjModel, states: NDArray[np.float64], width: int, height: int) -> None:
    columns = [model.nq + model.nv + width * model.nmocap for width in (3, 7)]
    if states.ndim != 2 or states.shape[1] not in columns:
        expected = f"(N, {columns[0]}): qpos, qvel, mocap_pos of the scene, or (N, {columns[1]}) with mocap_quat"
        raise InputError("states", "", f"shape {states.shape}", expected)
    limit = model.vis.global_
    if not (0 < width <= limit.offwidth and 0 < height <= limit.offheight):
        expected = f"at most {limit.offwidth} x {limit.offheight}, the scene's off-screen buffer"
        raise InputError("picture", "size", f"{width} x {height}", expected)


def _free_view(camera: Camera) -> mujoco.MjvCamera:
    view = mujoco.MjvCamera()
    view.type = mujoco.mjtCamera.mjCAMERA_FREE
    view.lookat[:] = camera.lookat
    view.distance, view.azimuth, view.elevation = camera.distance, camera.azimuth, camera.elevation
    return view


@contextmanager
def _context(model: mujoco.MjModel, width: int, height: int) -> Iterator[mujoco.MjrContext]:
    """An off-screen drawing context, freed at the end."""
    window = None
    try:
        window = _gl_class()(width, height)
        window.make_current()
        context = mujoco.MjrContext(model, int(mujoco.mjtFontScale.mjFONTSCALE_100))
    # The backends have no error in common: a missing library alone shows as ImportError, OSError or AttributeError.
    except Exception as error:
        if window is not None:
            window.free()
        raise _no_device(error) from error
    mujoco.mjr_setBuffer(int(mujoco.mjtFramebuffer.mjFB_OFFSCREEN), context)
    try:
        yield context
    finally:
        context.free()
        window.free()


def _gl_class() -> Any:
    """The GL context class: EGL on Linux, which needs no display, unless MUJOCO_GL asks for another.

    `mujoco.Renderer` is of no use here: MuJoCo reads MUJOCO_GL when it is first imported, and if nothing is set takes
    GLFW, which needs a display. Whoever hands us a model has imported it long before.
    """
    if not os.environ.get("MUJOCO_GL") and platform.system() == "Linux":
        return importlib.import_module("mujoco.egl").GLContext
    return importlib.import_module("mujoco.rendering.classic.gl_context").GLContext


def _no_device(error: Exception) -> InputError:
    asked = os.environ.get("MUJOCO_GL") or "nothing, so EGL where there is no display"
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError(
        "MUJOCO_GL",
        "",
        f"{asked}, and no GL device for it ({reason.rstrip('.')})",
        "a GL driver that draws off screen; install libegl1 with Mesa, or set another",
        ("egl", "osmesa", "glfw"),
    )
