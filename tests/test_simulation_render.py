"""Pictures of states: what is seen where, what is hidden, and what is refused."""

import os
import subprocess
import sys

import mujoco
import numpy as np
import pytest

from regrasp.errors import InputError
from regrasp.simulation.render import BACKGROUND, Camera, render_states
from regrasp.tasks import TASKS

SCENE = """
<mujoco>
  <visual><global offwidth="320" offheight="240"/><headlight ambient="1 1 1" diffuse="0 0 0" specular="0 0 0"/></visual>
  <worldbody>
    <body><joint name="slide" type="slide" axis="1 0 0"/><geom type="box" size=".1 .1 .1" rgba="1 0 0 1"/></body>
    <body name="frame" mocap="true" pos="0 0 .5"><geom type="box" size=".1 .1 .1" rgba="0 0 1 1"/></body>
    <body pos="0 0 -.5">
      <geom type="box" size=".2 .2 .2" rgba="0 1 0 1" group="4"/>
      <site type="sphere" size=".3" rgba="0 1 0 1"/>
    </body>
  </worldbody>
</mujoco>
"""
FRONT = Camera(lookat=(0.0, 0.0, 0.0), distance=3.0, azimuth=90.0, elevation=0.0)


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(SCENE)


def center(picture: np.ndarray, channel: int) -> tuple[float, float]:
    """(column, row) of the middle of what is purely of one colour."""
    others = [c for c in range(3) if c != channel]
    rows, columns = np.nonzero((picture[..., channel] > 150) & (picture[..., others].max(-1) < 60))
    return float(columns.mean()), float(rows.mean())


def test_joint_and_mocap_rows_move_what_they_should(model: mujoco.MjModel) -> None:
    # [qpos, qvel, mocap_pos]; +x is right and +z up in this view.
    states = np.array([[0.5, 9.0, 0.0, 0.0, 0.5], [-0.5, 9.0, 0.3, 0.0, 0.7]])
    pictures = render_states(model, states, FRONT, 320, 240)
    assert pictures.shape == (2, 240, 320, 3)
    assert pictures.dtype == np.uint8
    # A pinhole of 45 degrees sees the front faces, 2.9 away, at x / (2.9 tan 22.5°) half-heights from the middle.
    scale = 120 / (2.9 * np.tan(np.pi / 8))
    for picture, x, frame in zip(pictures, (0.5, -0.5), ((0.0, 0.5), (0.3, 0.7)), strict=True):
        assert center(picture, 0) == pytest.approx((159.5 + x * scale, 119.5), abs=2.5)
        assert center(picture, 2) == pytest.approx((159.5 + frame[0] * scale, 119.5 - frame[1] * scale), abs=2.5)


def test_sites_and_collision_groups_are_hidden_and_the_rest_is_background(model: mujoco.MjModel) -> None:
    (picture,) = render_states(model, np.array([[0.0, 0.0, 0.0, 0.0, 0.5]]), FRONT)
    greens = (picture[..., 1] > 120) & (picture[..., 0] < 100)
    assert not greens.any()
    assert tuple(picture[0, 0]) == BACKGROUND
    assert tuple(picture[180, 160]) == BACKGROUND


def test_model_is_not_changed_and_pictures_repeat(model: mujoco.MjModel) -> None:
    states = np.array([[0.2, 0.0, 0.0, 0.0, 0.5]])
    before = model.geom_rgba.copy()
    first, second = (render_states(model, states, FRONT, 64, 48) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(model.geom_rgba, before)


def test_a_turned_fixture_is_drawn_turned(model: mujoco.MjModel) -> None:
    upright = np.array([[0.0, 0.0, 0.0, 0.0, 0.5]])
    half = np.sqrt(0.5)
    quaternions = [(1.0, 0.0, 0.0, 0.0), (half, half, 0.0, 0.0), (np.cos(0.4), 0.0, np.sin(0.4), 0.0)]
    straight, quarter, tilted = (
        render_states(model, np.concatenate([upright, [quaternion]], axis=1), FRONT)[0] for quaternion in quaternions
    )
    assert np.array_equal(straight, render_states(model, upright, FRONT)[0])
    assert center(quarter, 2) == center(straight, 2)  # a cube
    assert (tilted != straight).any()
    width = [np.ptp(np.nonzero((picture[..., 2] > 150) & (picture[..., 0] < 60))[1]) for picture in (straight, tilted)]
    assert width[1] > 1.2 * width[0]


def test_no_states_make_no_pictures(model: mujoco.MjModel) -> None:
    assert render_states(model, np.zeros((0, 5)), FRONT, 64, 48).shape == (0, 48, 64, 3)


def test_rows_of_another_scene_are_refused(model: mujoco.MjModel) -> None:
    with pytest.raises(InputError, match=r"states: found shape \(2, 4\), expected \(N, 5\): qpos, qvel, mocap_pos"):
        render_states(model, np.zeros((2, 4)), FRONT)


def test_picture_larger_than_the_buffer_is_refused(model: mujoco.MjModel) -> None:
    with pytest.raises(InputError, match="picture: size: found 321 x 240, expected at most 320 x 240"):
        render_states(model, np.zeros((1, 5)), FRONT, 321, 240)


def test_door_camera_looks_at_the_door_from_the_hands_side() -> None:
    camera = TASKS["adroit-door"].camera
    azimuth, elevation = np.radians((camera.azimuth, camera.elevation))
    assert camera.lookat[1] - camera.distance * np.sin(azimuth) * np.cos(elevation) < -0.7  # the forearm's mount
    assert elevation < 0


CHILD = """
import mujoco, numpy as np
from regrasp.simulation.render import Camera, render_states
model = mujoco.MjModel.from_xml_string('<mujoco><worldbody><geom size="1"/></worldbody></mujoco>')
try:
    print(render_states(model, np.zeros((1, 0)), Camera((0, 0, 0), 3, 90, 0), 32, 32).max())
except Exception as error:
    print(type(error).__name__, error)
"""


def run_child(**environment: str) -> str:
    kept = {key: value for key, value in os.environ.items() if key not in ("MUJOCO_GL", "PYOPENGL_PLATFORM", "DISPLAY")}
    done = subprocess.run(
        [sys.executable, "-c", CHILD], env=kept | environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="EGL is Linux's")
def test_without_setting_draws_off_screen_although_mujoco_was_imported_before() -> None:
    assert int(run_child()) > 200


@pytest.mark.skipif(sys.platform != "linux", reason="device numbers are EGL's")
def test_missing_device_is_one_clear_sentence() -> None:
    sentence = run_child(MUJOCO_GL="egl", MUJOCO_EGL_DEVICE_ID="99")
    assert sentence.startswith("InputError MUJOCO_GL: found egl, and no GL device for it (")
    assert "expected a GL driver that draws off screen" in sentence
    assert "(valid names: egl, osmesa, glfw)." in sentence


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has displays that can be missing")
def test_missing_display_is_the_same_sentence() -> None:
    assert run_child(MUJOCO_GL="glfw").startswith("InputError MUJOCO_GL: found glfw, and no GL device for it (")


def test_rendering_switched_off_is_the_same_sentence() -> None:
    assert run_child(MUJOCO_GL="off").startswith("InputError MUJOCO_GL: found off, and no GL device for it (")
