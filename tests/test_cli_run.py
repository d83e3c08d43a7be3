"""`regrasp run` as a user meets it: bad curricula, and the same end after kill -9 at several moments."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from regrasp.demonstrations import write_demonstrations
from regrasp.panel.cases import draw_cases, make_panel, write_panel
from regrasp.store.curves import read_curves
from regrasp.tasks import TASKS
from small_run import make_curriculum, make_episodes

TASK = TASKS["adroit-door"]
COMMAND = str(Path(sys.executable).with_name("regrasp"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("curriculum")
    write_demonstrations(folder / "demos.hdf5", make_episodes(TASK), TASK)
    write_panel(make_panel(TASK, draw_cases(TASK, {"none": 2, "push": 1}, 0, "panel")), folder / "panel.json")
    text = make_curriculum(12).to_toml().replace("unused.json", "panel.json")
    (folder / "small.toml").write_text(text, encoding="utf-8")
    return folder


def _start(place: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    arguments = [str(place / "small.toml"), "--demos", str(place / "demos.hdf5"), "--out", str(out), "--json", *more]
    return subprocess.Popen(
        [COMMAND, "run", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )


def _finish(process: subprocess.Popen[str]) -> dict[str, object]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    found: dict[str, object] = json.loads(out.splitlines()[-1])
    return found


def _digests(out: Path) -> dict[str, str]:
    manifests = {path.parent.name: path for path in out.glob("checkpoints/*/manifest.json")}
    return {name: json.loads(path.read_text())["digest"] for name, path in manifests.items()}


@pytest.fixture(scope="module")
def whole(place: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    out = tmp_path_factory.mktemp("runs") / "whole"
    return out, _finish(_start(place, out))


def test_the_last_line_is_the_summary(whole: tuple[Path, dict[str, object]]) -> None:
    out, found = whole
    assert set(found) == {"run", "phase", "gate", "wall_s", "checkpoints", "results"}
    assert found["phase"] == "done"
    assert set(found["wall_s"]) == {"simulation", "learning", "evaluation", "other"}  # type: ignore[call-overload]
    assert set(_digests(out)) == {"bc", "rl-0004", "rl-0008", "rl"}
    results = found["results"]
    assert isinstance(results, dict)
    assert results["rl"]["checkpoint"] == _digests(out)["rl"]
    assert results["bc"]["trials"] == 3


def _cloning(out: Path) -> bool:
    return any(point.phase == "bc" for point in read_curves(out / "progress.jsonl"))


def _fine_tuning(out: Path) -> bool:
    return any(point.phase == "rl" and point.step >= 7 for point in read_curves(out / "progress.jsonl"))


def _judging(out: Path) -> bool:
    return (out / "checkpoints" / "rl" / "manifest.json").exists()


@pytest.mark.parametrize("moment", [_cloning, _fine_tuning, _judging])
def test_killed_and_continued_ends_where_it_would_have(
    place: Path, whole: tuple[Path, dict[str, object]], tmp_path: Path, moment: Callable[[Path], bool]
) -> None:
    out = tmp_path / "run"
    process = _start(place, out)
    deadline = time.monotonic() + 60
    while not moment(out) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it was over before it could be killed"
    found = _finish(_start(place, out, "--threads", "1"))
    assert _digests(out) == _digests(whole[0])
    assert found["results"] == whole[1]["results"]
    steps = [(point.phase, point.step) for point in read_curves(out / "progress.jsonl")]
    assert steps == [(point.phase, point.step) for point in read_curves(whole[0] / "progress.jsonl")]


def test_a_finished_run_is_not_repeated(place: Path, whole: tuple[Path, dict[str, object]]) -> None:
    out, first = whole
    before = (out / "progress.jsonl").read_bytes()
    again = _finish(_start(place, out))
    assert (out / "progress.jsonl").read_bytes() == before
    assert again["results"] == first["results"]


def test_another_seed_in_the_same_folder_is_refused(place: Path, whole: tuple[Path, dict[str, object]]) -> None:
    process = _start(place, whole[0], "--seed", "4")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "seed: found a run of 3, expected 4" in " ".join(err.split())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("iterations = 12", "iteration = 12"), "[rl] iteration"),
        (('task = "adroit-door"', 'task = "adroit-dor"'), "task: found 'adroit-dor', expected the name of a task"),
        (('"panel.json"', '"none.json"'), "none.json: found no such file, expected a panel file"),
        (
            ("teaches = []", 'teaches = ["thumb+paw"]'),
            "teaches: found 'thumb+paw', expected regions as thumb+index",
        ),
        (("discovers = []", 'discovers = ["palm -> -> palm"]'), "(valid names: thumb, index,"),
        (('"push"', '"shove"'), "found 'shove', expected names that adroit-door has (valid names: push"),
    ],
)
def test_a_bad_curriculum_gets_one_sentence_and_writes_nothing(
    place: Path, tmp_path: Path, change: tuple[str, str], sentence: str
) -> None:
    text = (place / "small.toml").read_text(encoding="utf-8")
    assert change[0] in text
    bad = place / "bad.toml"
    bad.write_text(text.replace(*change), encoding="utf-8")
    out = tmp_path / "run"
    command = [COMMAND, "run", str(bad), "--demos", str(place / "demos.hdf5"), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert not out.exists()


def test_a_closed_gate_leaves_a_judged_clone_and_a_reason(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    found = _finish(_start(place, out, "--set", "gate.force=false"))
    assert "gate still says continue_bc" in str(found["phase"])
    assert set(found["checkpoints"]) == {"bc"}  # type: ignore[call-overload]
    assert json.loads((out / "stopped.json").read_text(encoding="utf-8"))["reason"] == found["phase"]
    page = subprocess.run([COMMAND, "report", str(out)], capture_output=True, text=True, check=False)
    assert page.returncode == 0, page.stderr
    assert "gate" in (out / "report.html").read_text(encoding="utf-8")
