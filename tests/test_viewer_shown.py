"""What the pages show: meshes, contact forces, the time line; and what the commands refuse."""

import re
import socket
import sys
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch

pytest.importorskip("viser", reason="viser (extra viewer) is not installed")

from planar_run import TASK, make_planar_run
from regrasp.cli import main
from regrasp.cli.opening import shipped_demonstrations
from regrasp.demonstrations import read_demonstrations
from regrasp.demonstrations.replay import replay
from regrasp.errors import InputError
from regrasp.simulation.disturbance import NONE
from regrasp.tasks import TASKS
from regrasp.tasks.environment import Environment
from regrasp.viewer.meshes import parts_of
from regrasp.viewer.posture import Poser
from regrasp.viewer.server import address, serving
from regrasp.viewer.timeline import draw

SOLIDS = """
<mujoco><worldbody>
  <body name="a" pos="1 2 3"><freejoint/>
    <geom type="{kind}" size="{size}" pos="0.1 0.2 0.3" euler="20 30 40" rgba="1 0 0 1"/>
  </body>
</worldbody></mujoco>
"""
VOLUMES = {
    "sphere": ("0.1", 4 / 3 * np.pi * 0.1**3),
    "box": ("0.1 0.2 0.3", 8 * 0.1 * 0.2 * 0.3),
    "ellipsoid": ("0.1 0.2 0.3", 4 / 3 * np.pi * 0.1 * 0.2 * 0.3),
    "cylinder": ("0.1 0.2", np.pi * 0.1**2 * 0.4),
    "capsule": ("0.1 0.2", np.pi * 0.1**2 * 0.4 + 4 / 3 * np.pi * 0.1**3),
}


@pytest.mark.parametrize("kind", VOLUMES)
def test_a_mesh_is_where_its_geom_is_and_as_large(kind: str) -> None:
    """Its inertia, that of the engine's own body, tells place, size and orientation at once."""
    size, volume = VOLUMES[kind]
    model = mujoco.MjModel.from_xml_string(SOLIDS.format(kind=kind, size=size))
    (part,) = parts_of(model)
    corners = part.vertices[part.faces]
    pieces = np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    assert pieces.sum() == pytest.approx(volume, rel=0.04)
    centre = (corners.sum(1) / 4 * pieces[:, None]).sum(0) / pieces.sum()
    assert centre == pytest.approx([0.1, 0.2, 0.3], abs=1e-3)
    axes = np.empty(9)
    mujoco.mju_quat2Mat(axes, model.geom_quat[0])
    turned = (part.vertices - centre) @ axes.reshape(3, 3)
    half = {"sphere": (0.1, 0.1, 0.1), "cylinder": (0.1, 0.1, 0.2), "capsule": (0.1, 0.1, 0.3)}.get(
        kind, (0.1, 0.2, 0.3)
    )
    assert np.abs(turned).max(0) == pytest.approx(half, rel=0.03)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_body_that_a_picture_shows_has_a_mesh(task: object) -> None:
    model = task.scene.model_of(task.objects[-1])  # type: ignore[attr-defined]
    shown = {
        int(model.geom_bodyid[geom])
        for geom in range(model.ngeom)
        if model.geom_group[geom] <= 2 and (model.geom_matid[geom] >= 0 or model.geom_rgba[geom, 3] > 0)
    }
    assert {part.body for part in parts_of(model)} == shown
    assert all(np.isfinite(part.vertices).all() and part.faces.max() < len(part.vertices) for part in parts_of(model))


def test_forces_are_those_of_the_engine() -> None:
    """Where the disc stands still, what the fingers press it with must be what the contact sensors read."""
    environment = Environment(TASK, 1, 1)
    start = TASK.draw_starts(np.array([0]), np.random.default_rng(0))
    environment.reset(np.array([0]), start, [NONE], [0], np.array([0]))
    action = torch.tensor([[0.3, -1.0, 0.3, -1.0]])
    for _ in range(60):
        environment.step(action)
    offset, scale = (values.numpy() for values in TASK.control_map)
    poser = Poser(TASK.scene, TASK.objects[0])
    posture = poser.pose(environment.worlds.states()[0], offset + scale * action[0].numpy().astype(np.float64))
    assert len(posture.points) > 0
    pressing = posture.pressing(2)
    assert pressing == pytest.approx(environment.readings.normal_force()[0].numpy(), rel=0.25, abs=0.05)
    # It rests: the fingers' forces on it add up to next to nothing beside what each of them presses.
    assert np.linalg.norm(posture.forces.sum(0)[:2]) < 0.3 * pressing.max()


def test_forces_point_into_the_object() -> None:
    """They are those of the hand on the object, whichever of the two the engine names first."""
    (episode,) = [
        one.episode for one in replay(TASK, read_demonstrations(shipped_demonstrations(TASK), TASK).episodes[:1])
    ]
    poser = Poser(TASK.scene, episode.object)
    assert episode.states is not None
    offset, scale = (values.numpy() for values in TASK.control_map)
    body = int(poser.model.body(TASK.scene.object_body).id)
    inward = []
    for state, action in zip(episode.states, episode.actions, strict=False):
        posture = poser.pose(state, offset + scale * action.astype(np.float64))
        middle = posture.positions[body]
        inward += [float((middle - p) @ f) for p, f in zip(posture.points, posture.forces, strict=True) if f @ f > 0.01]
    assert len(inward) > 20
    assert np.mean(np.array(inward) > 0) > 0.95


def drawn(**changes: object) -> str:
    touching = np.zeros((101, 2), bool)
    touching[20:41, 0] = True
    forces = touching * 2.5
    given = {"marks": {"contact_entry": 20, "disturbed": 22, "lost": 60}, "period": 0.04, "row": 50} | changes
    return draw(["left", "a <b> & c"], touching, forces, **given)  # type: ignore[arg-type]


def test_a_time_line_shows_who_touched_when() -> None:
    picture = drawn()
    (band,) = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', picture)
    assert [float(value) for value in band] == pytest.approx([52 + 300 * 0.2, 300 * 0.21], abs=0.2)
    lines = [float(x) for x in re.findall(r'<line x1="([\d.]+)"', picture)]
    assert lines == pytest.approx([52 + 300 * share for share in (0.2, 0.22, 0.6, 0.5)], abs=0.1)
    assert "highest 2.5 N" in picture
    assert "4.0 s" in picture
    assert "a &lt;b&gt; &amp; c" in picture


def test_labels_of_a_time_line_do_not_meet() -> None:
    heights = [float(y) for y, name in re.findall(r'y="([\d.]+)"[^>]*>(contact entry|disturbed)<', drawn())]
    assert abs(heights[0] - heights[1]) >= 10


def test_a_time_line_of_one_state_can_be_drawn() -> None:
    assert draw(["left"], np.zeros((1, 1), bool), np.zeros((1, 1)), {}, 0.04, 0).startswith("<svg")


def test_a_page_has_the_port_that_was_asked_for_or_any() -> None:
    with serving("127.0.0.1", 0, "a test") as server:
        assert address(server) == f"http://127.0.0.1:{server.get_port()}"
        with pytest.raises(InputError, match="cannot be had"), serving("127.0.0.1", server.get_port(), "another"):
            pass


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


BAD = {
    "--port 70000": (["--port", "70000"], "0 to 65535"),
    "a host of nobody": (["--host", "192.0.2.1", "--port", "0"], "cannot be had"),
    "a name of nobody": (["--host", "nobody.invalid", "--port", "0"], "cannot be had (n"),
    "--seed -1": (["--seed", "-1"], "at least 0"),
    "--longest 0": (["--longest", "0"], "above 0"),
    "--longest nan": (["--longest", "nan"], "above 0"),
    "--speed 2": (["--speed", "2"], "from 0.05 to 1"),
    "another task": (["--task", "juggling"], "planar-turn"),
    "no synergies": (["--synergies", "nowhere.hdf5"], "no readable file"),
    "a folder": (["--out", "."], "the name of a file"),
}


@pytest.mark.parametrize("case", BAD)
def test_record_refuses(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more, told = BAD[case]
    out = tmp_path / "mine.hdf5"
    assert told in refused(capsys, "record", "--task", TASK.name, "--out", str(out), *more)
    assert list(tmp_path.iterdir()) == []


def test_record_adds_to_no_other_tasks_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mine.hdf5"
    out.write_bytes(shipped_demonstrations(TASKS["adroit-pen"]).read_bytes())
    before = out.read_bytes()
    assert "demonstrations of 'adroit-pen'" in refused(capsys, "record", "--task", TASK.name, "--out", str(out))
    assert out.read_bytes() == before


def test_watch_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, run = str(shipped_demonstrations(TASK)), tmp_path / "run"
    make_planar_run(run, 2)
    assert "no readable file" in refused(capsys, "watch", str(tmp_path / "nothing.hdf5"))
    assert "a number from 0 to" in refused(capsys, "watch", file, "--number", "100000")
    assert "a number from 0 to 1" in refused(capsys, "watch", str(run), "--number", "2")
    assert "which has its own" in refused(capsys, "watch", str(run), "--panel", "panel.json")
    assert "a checkpoint beside it" in refused(capsys, "watch", file, "--panel", "panel.json")
    alone = tmp_path / "alone"
    alone.mkdir()
    for part in (run / "checkpoints" / "bc").iterdir():
        (alone / part.name).write_bytes(part.read_bytes())
    assert "it lies in no run" in refused(capsys, "watch", str(alone))


def test_a_busy_port_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        told = refused(capsys, "watch", str(shipped_demonstrations(TASK)), "--port", port)
    assert f"127.0.0.1, port {port}, which cannot be had (address already in use)" in told


@pytest.mark.parametrize("command", [["record", "--task", "planar-turn", "--out", "mine.hdf5"], ["watch", "x.hdf5"]])
def test_without_the_extra_it_says_what_to_install(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "viser", None)
    told = refused(capsys, *command)
    assert "no package viser, expected pip install 'regrasp[viewer]'" in told
    assert list(tmp_path.iterdir()) == []
