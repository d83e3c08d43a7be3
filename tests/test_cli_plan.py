"""`regrasp demos plan`: what it writes and says, that a kill changes nothing, and that bad arguments end early."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regrasp.cli.plan import plan
from regrasp.demonstrations import read_demonstrations
from regrasp.errors import InputError
from regrasp.tasks import find_task
from regrasp.tasks.planar_turn import TASK

SHORT = """
from dataclasses import replace
from regrasp.tasks.planar_turn import TASK as LONG
TASK = replace(LONG, name="short-turn", horizon=12)
"""
SMALL: dict[str, Any] = {"candidates": 4, "horizon": 4, "knots": 2, "every": 4, "threads": 1}


def short(folder: Path) -> str:
    """A task file whose attempts take a tenth of the time."""
    file = folder / "short.py"
    file.write_text(SHORT)
    return str(file)


def run(capsys: pytest.CaptureFixture[str], out: Path, **settings: Any) -> dict[str, Any]:
    plan(out=out, json=True, task=short(out.parent), **SMALL | settings)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_file_holds_what_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demos.hdf5"
    found = run(capsys, out, episodes=3, all=True, abreast=2, disturbed=0.5)
    data = read_demonstrations(out, find_task(short(tmp_path)))
    assert found["episodes"] == found["attempts"] == len(data.episodes) == 3
    assert found["digest"] == data.digest
    assert [episode.provenance["attempt"] for episode in data.episodes] == ["0", "1", "2"]
    settings = json.loads(data.episodes[0].provenance["settings"])
    assert settings["sampling"]["candidates"] == 4
    assert data.episodes[0].object in {TASK.objects[place] for place in TASK.split("train")}
    assert not out.with_name("demos.hdf5.part").exists()


def test_a_killed_command_goes_on_where_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = run(capsys, tmp_path / "whole.hdf5", episodes=6, all=True, abreast=3)
    out = tmp_path / "killed.hdf5"
    settings = SMALL | {"task": short(tmp_path), "episodes": 6, "all": True, "abreast": 1}
    code = f"from pathlib import Path; from regrasp.cli.plan import plan; plan(out=Path({str(out)!r}), **{settings!r})"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    part = out.with_name("killed.hdf5.part")
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL) as process:
        begun = time.monotonic()
        while not list(part.glob("*.npz")) and time.monotonic() - begun < 60:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    ended = {path: path.stat().st_mtime_ns for path in part.glob("*.npz")}
    assert 1 <= len(ended) < 6
    assert not out.exists()
    seen: list[dict[Path, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        # The folder is gone afterwards; this looks at it when the file is there.
        patch.setattr("regrasp.cli.planning.forget", lambda folder: seen.append(_times(folder)))
        again = run(capsys, out, episodes=6, all=True, abreast=2)
    assert again["digest"] == whole["digest"]
    assert {path: seen[0][path] for path in ended} == ended


def _times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.glob("*.npz")}


def test_attempts_of_other_settings_are_not_mixed_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demos.hdf5"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("regrasp.cli.planning.forget", lambda folder: None)
        run(capsys, out, episodes=1, all=True)
    with pytest.raises(InputError, match=r"settings\.json: seed: found 0, expected 1 as asked for"):
        run(capsys, out, episodes=1, all=True, seed=1)


def test_rounds_add_episodes_around_the_clone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "demos.hdf5"
    monkeypatch.setattr("regrasp.cli.planning.CASES", 4)
    found = run(capsys, out, episodes=1, all=True, refine=1, updates=5, lead=10)
    assert [row["episodes"] for row in found["rounds"]] == [1, 2]
    assert all(0 <= row["cloned_successes"] <= 4 for row in found["rounds"])
    first, second = read_demonstrations(out, find_task(short(tmp_path))).episodes
    assert (first.provenance["round"], second.provenance["round"]) == ("0", "1")
    assert "prior" in second.provenance
    assert "prior" not in first.provenance


def test_a_sketch_is_planned_around(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "sketched.py", tmp_path / "demos.hdf5"
    sketch = "lambda seen: torch.full((len(seen), LONG.interface.fields.size), 0.4)"
    file.write_text(SHORT.replace("horizon=12", f"horizon=12, sketch={sketch}") + "import torch\n")
    plan(out=out, json=True, task=str(file), episodes=1, all=True, prior_weight=1e6, noise=1e-6, **SMALL)
    capsys.readouterr()
    (episode,) = read_demonstrations(out, find_task(str(file))).episodes
    np.testing.assert_allclose(episode.actions, 0.4, atol=1e-5)
    assert episode.provenance["prior"].startswith("sketch ")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"episodes": 0}, "--episodes: found 0"),
        ({"refine": -1}, "--refine: found -1"),
        ({"candidates": 1}, "candidates: found 1"),
        ({"disturbed": 2.0}, "disturbed: found 2"),
        ({"kinds": ("flood",)}, "kinds: found 'flood'"),
        ({"task": "knitting"}, "'knitting'"),
        ({"refine": 1, "prior": Path("clone")}, "--prior"),
        ({"prior": Path("nowhere")}, "nowhere"),
    ],
)
def test_bad_arguments_leave_nothing_behind(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan(out=tmp_path / "demos.hdf5", **SMALL | {"task": "planar-turn"} | settings)
    assert not list(tmp_path.iterdir())
