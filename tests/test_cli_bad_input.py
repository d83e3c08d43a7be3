"""Each bad input gets its one sentence and exit code 2, and leaves nothing behind."""

import json
import pickle
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regrasp.cli import main
from regrasp.panel.cases import write_panel
from small_store import TASK, make_checkpoint, make_spec, small_panel


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Exit code 2, one line on standard error and nothing on standard output, also with --json."""
    sentences = []
    for more in ([], ["--json"]):
        assert main([*map(str, arguments), *more]) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.count("\n") == 1
        sentences.append(shown.err)
    assert sentences[0] == sentences[1]
    return sentences[0]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def episode(**changes: Any) -> dict[str, Any]:
    """One episode as DAPG stores it."""
    state = {"qpos": np.zeros(30), "qvel": np.zeros(30), "door_body_pos": np.zeros(3)}
    whole = {"observations": np.zeros((5, 39)), "actions": np.zeros((5, 28)), "rewards": np.zeros(5)}
    return {**whole, "init_state_dict": state, **changes}


def with_nan() -> np.ndarray:
    actions = np.zeros((5, 28))
    actions[3, 4] = np.nan
    return actions


DEMONSTRATIONS: dict[str, tuple[Callable[[], bytes] | None, list[str]]] = {
    "missing": (None, ["no readable file"]),
    "empty": (lambda: b"", ["empty file"]),
    "truncated": (lambda: pickle.dumps([episode()])[:-40], ["truncated"]),
    "foreign": (lambda: b"hello", ["known format"]),
    "hostile": (lambda: b"cos\nsystem\n(S'touch hostile'\ntR.", ["os.system"]),
    "narrow": (lambda: pickle.dumps([episode(actions=np.zeros((5, 24)))]), ["24 columns", "28"]),
    "not finite": (lambda: pickle.dumps([episode(actions=with_nan())]), ["nan at step 3, column 4"]),
    "unequal": (lambda: pickle.dumps([episode(rewards=np.zeros(4))]), ["episode 0, rewards", "4 rows", "expected 5"]),
}


@pytest.mark.parametrize("kind", DEMONSTRATIONS)
def test_demonstrations(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make, words = DEMONSTRATIONS[kind]
    file = tmp_path / "demos.pickle"
    if make:
        file.write_bytes(make())
    before = contents(tmp_path)
    sentence = refused(capsys, "demos", "info", file, "--task", "adroit-door")
    assert all(word in sentence for word in [str(file), *words])
    assert contents(tmp_path) == before


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint and a panel that fit each other."""
    folder = tmp_path_factory.mktemp("made")
    make_checkpoint(folder / "checkpoint", 0)
    write_panel(small_panel(), folder / "panel.json")
    return folder


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


CHECKPOINTS: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "no folder": (shutil.rmtree, ["no such folder"]),
    "no weights": (lambda c: (c / "model.safetensors").unlink(), ["model.safetensors", "no such file"]),
    "no manifest": (lambda c: (c / "manifest.json").unlink(), ["manifest.json", "no such file"]),
    "changed weights": (lambda c: flip(c / "model.safetensors", -5), ["model.safetensors", "changed"]),
    "changed manifest": (lambda c: flip(c / "manifest.json", 40), ["manifest.json"]),
}


@pytest.mark.parametrize("kind", CHECKPOINTS)
@pytest.mark.parametrize("command", ["evaluate", "compare", "gate", "demos record"])
def test_damaged_checkpoints(
    kind: str, command: str, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, words = CHECKPOINTS[kind]
    checkpoint = tmp_path / "checkpoint"
    shutil.copytree(made / "checkpoint", checkpoint)
    change(checkpoint)
    before = contents(tmp_path)
    arguments = {
        "evaluate": ["evaluate", checkpoint, "--panel", made / "panel.json"],
        "compare": ["compare", checkpoint, made / "checkpoint"],
        "gate": ["gate", "--trials", checkpoint],
        "demos record": ["demos", "record", "--policy", checkpoint, "--out", tmp_path / "demos.hdf5"],
    }
    sentence = refused(capsys, *arguments[command])
    assert all(word in sentence for word in [str(checkpoint), *words])
    assert contents(tmp_path) == before


def test_checkpoints_of_another_task_or_interface(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, interface = make_spec(), replace(TASK.interface, rate=50.0)
    make_checkpoint(tmp_path / "harp", 0, replace(spec, task="adroit-harp"))
    make_checkpoint(tmp_path / "slow", 0, replace(spec, interface=interface))
    other = refused(capsys, "evaluate", tmp_path / "harp", "--panel", made / "panel.json")
    assert "'adroit-harp'" in other
    assert re.search("valid names: .*adroit-door", other)
    slow = refused(capsys, "evaluate", tmp_path / "slow", "--panel", made / "panel.json")
    assert interface.digest in slow
    assert TASK.interface.digest in slow


PANELS: dict[str, tuple[Callable[[dict[str, Any]], object], list[str]]] = {
    "changed case": (lambda p: p["cases"][0].update(seed=1), ["digest", "changed"]),
    "another digest": (lambda p: p.update(digest="0" * 64), ["digest", "000000000000"]),
    "unknown key": (lambda p: p.update(extra=1), ["extra", "valid names"]),
    "no cases": (lambda p: p.update(cases=[]), ["cases"]),
    "another format": (lambda p: p.update(format="other"), ["format", "other"]),
}


@pytest.mark.parametrize("kind", PANELS)
def test_panels(kind: str, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change, words = PANELS[kind]
    data = json.loads((made / "panel.json").read_text())
    change(data)
    panel = tmp_path / "panel.json"
    panel.write_text(json.dumps(data))
    for arguments in (["evaluate", made / "checkpoint", "--panel", panel], ["panel", "info", panel]):
        sentence = refused(capsys, *arguments)
        assert all(word in sentence for word in [str(panel), *words])


def test_a_panel_of_another_judge(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    panel = tmp_path / "panel.json"
    write_panel(replace(small_panel(), judge="0" * 64), panel)
    sentence = refused(capsys, "evaluate", made / "checkpoint", "--panel", panel)
    assert f"{panel}: judge" in sentence
    assert main(["panel", "info", str(panel), "--json"]) == 0  # to look at one is no mistake
    found = json.loads(capsys.readouterr().out)
    assert (found["fits"], "judge" in found["misfit"]) == (False, True)


def test_an_unknown_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["panel", "make", "--out", tmp_path / "p"], ["demos", "info", "x"], ["bench", "simulation"]):
        sentence = refused(capsys, *arguments, "--task", "adroit-dore")
        assert "'adroit-dore'" in sentence
        assert re.search("valid names: .*adroit-door", sentence)
    assert list(tmp_path.iterdir()) == []
