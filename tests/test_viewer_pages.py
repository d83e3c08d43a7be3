"""`regrasp record` and `regrasp watch` in headless Chromium: a scripted person records an episode that then trains."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
pytest.importorskip("viser", reason="viser (extra viewer) is not installed")
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium (extra dev) is not installed")
Service = pytest.importorskip("selenium.webdriver.chrome.service").Service
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no Chromium with chromedriver on this machine")

from browsing import FLAGS, Page, ended, killed, served, wait
from planar_run import TASK, make_planar_run
from regrasp.cli import main
from regrasp.demonstrations import read_demonstrations, transitions
from regrasp.demonstrations.disturbed import disturbance_of
from regrasp.demonstrations.replay import replay
from regrasp.imitation.cloning import CloningConfig, clone
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.seeding import torch_stream
from regrasp.simulation.render import Camera
from regrasp.tasks import TASKS
from regrasp.viewer.driving import Driving
from regrasp.viewer.posture import Poser
from regrasp.viewer.reaching import Reach
from regrasp.viewer.session import Session

# A gamepad that a test holds, in place of one at the machine.
PAD = """
window.pad = null;
Navigator.prototype.getGamepads = () => [window.pad, null, null, null];
window.hold = (axes, buttons) => { window.pad = { connected: true, mapping: "standard", axes,
  buttons: Array.from({length: 17}, (_, i) => ({ value: buttons[i] || 0, pressed: !!buttons[i] })) }; };
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chromium = webdriver.Chrome(options, Service(DRIVER))
    chromium.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": PAD})
    yield chromium
    chromium.quit()


def hold(driver: Any, axes: list[float], **buttons: float) -> None:
    named = {"a": 0, "y": 3, "right_trigger": 7}
    pressed = {str(named[name]): value for name, value in buttons.items()}
    driver.execute_script("hold(arguments[0], arguments[1])", axes, pressed)


def broke(driver: Any) -> list[str]:
    """What the browser complains of; that a library of the page is on its way out is none of ours."""
    return [line["message"] for line in driver.get_log("browser") if line["level"] == "SEVERE"]


def record_by_hand(page: Page, address: str) -> None:
    """Closes both fingers on the disc, pushes it, marks a moment and keeps the episode."""
    page.open(address)
    page.press("Start")
    page.sees("Recording")
    page.type("left", "1")
    page.key("c", 10)
    page.sees("contact entry")
    page.press("push")
    page.sees("push at")
    page.press("mark")
    page.sees("mark at")
    page.press("keep")
    page.sees("Kept as episode 0")


def record_with_a_gamepad(page: Page, address: str) -> None:
    page.open(address)
    page.sees("Ready")
    hold(page.driver, [0, 0, 0, 0], a=1)
    page.sees("Recording")
    hold(page.driver, [0, 0, 0, 0], right_trigger=1)
    page.sees("contact entry")
    hold(page.driver, [0, 0, 0, 0], y=1)
    page.sees("Kept as episode 1")


@pytest.fixture(scope="module")
def recorded(driver: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two episodes: one by mouse and keyboard, then killed in the middle of an attempt; one by gamepad, then Ctrl-C."""
    folder = tmp_path_factory.mktemp("recorded")
    out, page = folder / "mine.hdf5", Page(driver)
    arguments = ("record", "--task", TASK.name, "--out", str(out), "--json")
    with served(*arguments, errors=folder / "errors") as (process, address):
        record_by_hand(page, address)
        page.press("Start")
        page.sees("Recording")
        killed(process)
    assert len(read_demonstrations(out, TASK).episodes) == 1
    with served(*arguments, errors=folder / "errors") as (process, address):
        record_with_a_gamepad(page, address)
        assert broke(driver) == []
        code, printed = ended(process)
    assert code == 0
    assert json.loads(printed) == {"file": str(out), "task": TASK.name, "recorded": 1, "episodes": 2}
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []
    return out


def test_a_scripted_person_records_episodes(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    by_hand, by_pad = read_demonstrations(recorded, TASK).episodes
    assert {"contact_entry", "disturbed", "mark"} <= by_hand.marks.keys()
    assert disturbance_of(by_hand)[0].kind == "push"
    # What was typed and pressed arrived: both fingers closed, from the rest posture.
    assert by_hand.actions[0] == pytest.approx(TASK.rest, abs=1e-3)
    assert by_hand.actions[-1] == pytest.approx([1.0, -1.0, 1.0, -1.0], abs=1e-6)
    # The killed attempt between them is lost, and its start is not drawn again.
    assert [one.provenance["attempt"] for one in (by_hand, by_pad)] == ["0", "1"]
    assert by_pad.actions[0] == pytest.approx(TASK.rest, abs=1e-3)
    assert (by_pad.actions[-1] * [1, -1, 1, -1] > by_pad.actions[0] * [1, -1, 1, -1]).all()
    for one, again in zip((by_hand, by_pad), replay(TASK, [by_hand, by_pad]), strict=True):
        assert one.states is not None
        assert again.episode.states is not None
        assert (one.states == again.episode.states.astype("float32")).all()
    assert main(["demos", "info", str(recorded), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["episodes"] == 2


def test_what_was_recorded_trains(recorded: Path) -> None:
    observations, actions = transitions(read_demonstrations(recorded, TASK))
    spec = PolicySpec(
        TASK.observations["policy"].fields, TASK.interface.fields, (32,), "relu", TASK.interface, TASK.name
    )
    policy = Policy.build(spec, torch_stream(0, "test"))
    config = CloningConfig(updates=300, batch_size=64, report_every=100, observation_noise=0.0)
    losses = [one.values["loss"] for one in clone(policy, observations, actions, config, 0)]
    assert losses[-1] < 0.2 * losses[0]
    error = (policy.act(observations) - actions).abs().mean()
    assert float(error) < float((actions - actions.mean(0)).abs().mean())


def on_screen(camera: Camera, point: np.ndarray, size: tuple[int, int]) -> tuple[float, float]:
    """Where a point of the world is in the window [pixels], by a pinhole of 45 degrees."""
    azimuth, elevation = np.deg2rad(camera.azimuth), np.deg2rad(camera.elevation)
    along = np.cos(elevation)
    view = np.array([along * np.cos(azimuth), along * np.sin(azimuth), np.sin(elevation)])
    right = np.cross(view, [0, 0, 1]) / along
    way = point - (np.array(camera.lookat) - camera.distance * view)
    seen = np.array([way @ right, -way @ np.cross(right, view)]) / (way @ view) / np.tan(np.deg2rad(22.5))
    return size[0] / 2 + seen[0] * size[1] / 2, size[1] / 2 + seen[1] * size[1] / 2


def test_the_gizmo_takes_the_hand_along(driver: Any, tmp_path: Path) -> None:
    task, page = TASKS["tool-pickup"], Page(driver)
    first = Session(task, 0, 0, 1, {})
    poser = Poser(task.scene, first.object)
    posture = poser.pose(first.state, np.zeros(task.scene.model.nu))
    driving = Driving(task)
    hand, turned = driving.actuators.hand, np.empty(9)
    mujoco.mju_quat2Mat(turned, posture.quaternions[hand])
    # Of its three arrows the one that points up: the others lead to where the panel is.
    axis = max(turned.reshape(3, 3).T, key=lambda one: one[2])
    driver.set_window_size(1280, 800)
    out = str(tmp_path / "mine.hdf5")
    with served("record", "--task", task.name, "--out", out, errors=tmp_path / "errors") as (_, address):
        page.open(address)
        page.sees("Ready")
        size = driver.execute_script("return [innerWidth, innerHeight]")
        fields = list(task.interface.fields)
        labels = [f"{fields[column].name} [{fields[column].unit}]" for column in driving.actuators.wrist]
        before = page.values(labels)
        begin, end = (on_screen(task.camera, posture.positions[hand] + way * axis, size) for way in (0.07, 0.15))
        # The first pictures take their time: until the gizmo is drawn, a press finds nothing.
        wait(lambda: page.drag(begin, end) or page.values(labels) != before, "a move of the arm")
        low, high = (
            np.array(limit)[list(driving.actuators.wrist)] for limit in (task.interface.low, task.interface.high)
        )
        reach = Reach(task, driving.actuators)
        places = [reach.hand((2 * np.array(v) - low - high) / (high - low))[0] for v in (before, page.values(labels))]
    moved = places[1] - places[0]
    assert moved @ axis > 0.03
    assert moved @ axis > 0.9 * np.linalg.norm(moved)


def test_episodes_are_watched(driver: Any, recorded: Path, tmp_path: Path) -> None:
    page = Page(driver)
    with served("watch", str(recorded), "--json", errors=tmp_path / "errors") as (process, address):
        page.open(address)
        page.sees("episode 0 · planar-turn")
        for text in ("left", "right", "contact entry", "disturbed", "mark"):
            page.sees(text)
        page.sees("Play")  # it has come to its end
        page.type("seconds", "0.4")
        now = "return [...document.querySelectorAll('svg[role=img] line')].pop().getAttribute('x1')"
        share = 0.4 / (TASK.scene.control_period * read_demonstrations(recorded, TASK).episodes[0].steps)
        wait(lambda: abs(float(driver.execute_script(now)) - (52 + 300 * share)) < 8, "the line at 0.4 s")
        page.key("n")
        page.sees("episode 1 · planar-turn")
        assert broke(driver) == []
        code, printed = ended(process)
    assert code == 0
    assert json.loads(printed) == {"source": str(recorded), "task": TASK.name, "shown": {recorded.name: 2}}


def test_trials_of_a_run_are_watched(driver: Any, tmp_path: Path) -> None:
    panel, _ = make_planar_run(tmp_path / "run", 4)
    page = Page(driver)
    with served("watch", str(tmp_path / "run"), "--number", "3", errors=tmp_path / "errors") as (_, address):
        page.open(address)
        page.sees("case 3 · push")
        page.key("n")
        page.sees("case 0 · undisturbed")
        assert panel.cases[3].disturbance.kind == "push"
        assert broke(driver) == []
