"""A task of one's own is a Python file: loaded once, refused in one sentence, never run because a file names it."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from regrasp.cli.judging import open_checkpoint
from regrasp.cli.panel import info, make
from regrasp.cli.running import run_curriculum
from regrasp.cli.tasks import check, list_tasks
from regrasp.demonstrations import write_demonstrations
from regrasp.errors import InputError
from regrasp.panel.cases import draw_cases, make_panel, read_panel, write_panel
from regrasp.tasks import TASKS, find_task, stored_task
from small_run import make_curriculum, make_episodes

GOOD = '''
"""Counts how often it was loaded."""

from dataclasses import replace
from pathlib import Path

from regrasp.judges.planar_turn import turned as built_in
from regrasp.tasks.planar_turn import TASK as BUILT_IN

log = Path(__file__).with_suffix(".log")
log.write_text(log.read_text() + "x" if log.exists() else "x")


def turned(readings):
    """(B,) bool: the disc is turned."""
    return built_in(readings)


TASK = replace(BUILT_IN, name="my-turn", horizon=40, judge=replace(BUILT_IN.judge, success=turned))
'''


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "my_task.py"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_a_file_is_loaded_once_and_its_judge_has_a_digest(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = find_task(str(own))
    monkeypatch.chdir(own.parent)
    assert find_task("my_task.py") is task
    assert own.with_suffix(".log").read_text() == "x"
    assert task.name == "my-turn"
    assert len(task.judge.digest) == 64
    assert task.judge.digest != TASKS["planar-turn"].judge.digest


def test_two_files_of_one_name_are_two_tasks(own: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "my_task.py"
    other.parent.mkdir()
    other.write_text(GOOD.replace("horizon=40", "horizon=50"), encoding="utf-8")
    assert (find_task(str(own)).horizon, find_task(str(other)).horizon) == (40, 50)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("TASK = (", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError (division by zero)"),
        ("import a_package_that_is_not_there", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "SystemExit"),
        ("x = 1", "no TASK"),
        ("TASK = 'turn'", "TASK of type str"),
        ("from regrasp.tasks.planar_turn import TASK", "'planar-turn', which is built in"),
    ],
)
def test_files_without_a_usable_task(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(text, encoding="utf-8")
    known = set(sys.modules)
    with pytest.raises(InputError) as raised:
        find_task(str(path))
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert words == "no TASK" or "TASK of" in words or "built in" in words or set(sys.modules) == known


def test_no_file_and_no_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file .*window\.py"):
        find_task(str(tmp_path / "window.py"))
    with pytest.raises(InputError, match="planar-turn"):
        find_task("window")


def test_a_stored_name_makes_no_file_run(own: Path) -> None:
    for name in (str(own), "my-turn"):
        with pytest.raises(InputError, match=r"--task path/to/my_task\.py"):
            stored_task(name, None, "a checkpoint: task")
    assert not own.with_suffix(".log").exists()
    assert stored_task("my-turn", str(own), "").name == "my-turn"
    assert stored_task("planar-turn", None, "") is TASKS["planar-turn"]
    with pytest.raises(InputError, match="'my-turn', the task that was given"):
        stored_task("planar-turn", str(own), "a checkpoint: task")


def test_a_panel_of_an_own_task(own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    panel = tmp_path / "panel.json"
    make(panel, str(own), cases=11, json=True)
    assert read_panel(panel).task == "my-turn"
    for task, fits in ((str(own), True), (None, False)):
        capsys.readouterr()
        info(panel, task, json=True)
        found = json.loads(capsys.readouterr().out)
        assert found["fits"] == fits
        assert fits or "--task path/to/my_task.py" in found["misfit"]


def test_a_curriculum_of_an_own_task_runs_to_its_end(own: Path, tmp_path: Path) -> None:
    task = find_task(str(own))
    write_demonstrations(tmp_path / "demos.hdf5", make_episodes(task, steps=30), task)
    write_panel(make_panel(task, draw_cases(task, {"none": 2, "push": 1}, 0, "panel")), tmp_path / "panel.json")
    text = make_curriculum(2).to_toml().replace("unused.json", "panel.json").replace("adroit-door", "my_task.py")
    kinds = ", ".join(f'"{kind}"' for kind in task.disturbances)
    lines = [f"disturbances = [{kinds}]" if line.startswith("disturbances") else line for line in text.splitlines()]
    (tmp_path / "small.toml").write_text("\n".join(lines), encoding="utf-8")
    out = tmp_path / "run"
    found = run_curriculum(tmp_path / "small.toml", out, tmp_path / "demos.hdf5", None, 1, (), Console(quiet=True))
    assert found["phase"] == "done"
    assert set(found["results"]) == {"bc", "rl"}
    assert open_checkpoint(out / "checkpoints" / "rl", str(own)).task is task
    with pytest.raises(InputError, match=r"'my-turn'.*--task path/to/my_task\.py"):
        open_checkpoint(out / "checkpoints" / "rl")


def test_check_says_what_is_wrong_and_ends_with_1(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(str(own), json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["passed"]
    assert all(one["passed"] for one in found["checks"])
    bad = tmp_path / "bad.py"
    bad.write_text(GOOD.replace("horizon=40", "horizon=3"), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        check(str(bad))
    assert ended.value.code == 1
    text = capsys.readouterr().out
    assert "a horizon of 3" in text
    assert "1 of 23 checks failed" in text


def test_the_list_shows_every_task(capsys: pytest.CaptureFixture[str]) -> None:
    list_tasks()
    text = capsys.readouterr().out
    assert all(name in text for name in TASKS)
    list_tasks(json=True)
    facts = {fact["task"]: fact for fact in json.loads(capsys.readouterr().out)["tasks"]}
    door = facts["adroit-door"]
    assert (door["actions"], door["train"], door["held_out"], door["horizon"], door["rate"]) == (28, 1, 0, 300, 100.0)
    assert np.all([fact["train"] >= 1 for fact in facts.values()])
