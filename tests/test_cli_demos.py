"""`regrasp demos` and `bench simulation` at work."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regrasp.cli import main
from regrasp.demonstrations import read_demonstrations
from regrasp.demonstrations.formats import write_robomimic
from regrasp.demonstrations.replay import replay
from robomimic_files import GROUPS, INTERFACE, foreign, make_episode
from small_store import TASK, make_checkpoint

HUMAN = Path(__file__).parents[2] / "shared" / "data" / "adroit-door-human.pickle"


def ask(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main([*map(str, arguments), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("policy") / "bc"
    make_checkpoint(folder, 0)
    return folder


def test_recorded_demonstrations_replay_exactly(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new" / "demos.hdf5"
    made = ask(capsys, "demos", "record", "--policy", checkpoint, "--out", file, "--episodes", 2, "--all", "--seed", 5)
    found = ask(capsys, "demos", "info", file)
    assert (found["episodes"], found["format"], found["fits"]) == (2, "robomimic", True)
    assert (found["digest"], found["steps"]) == (made["digest"], made["steps"])
    assert found["outside_share"] == 0
    differences = found["replay"]["difference"]
    assert {spread["max"] for spread in differences.values()} == {0.0}
    provenance = read_demonstrations(file, TASK).episodes[1].provenance
    assert provenance["policy"] == made["policy"]
    assert (provenance["seed"], provenance["attempt"]) == ("5", "1")
    assert "demos record" in provenance["command"] or provenance["command"]


def test_states_that_are_left_out_come_back_by_replay(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, lean = tmp_path / "whole.hdf5", tmp_path / "lean.hdf5"
    for file, more in ((whole, []), (lean, ["--without-states"])):
        ask(capsys, "demos", "record", "--policy", checkpoint, "--out", file, "--episodes", 2, "--all", *more)
    assert lean.stat().st_size < 0.7 * whole.stat().st_size
    found = ask(capsys, "demos", "info", lean)
    assert (found["with_start"], found["with_states"]) == (2, 0)
    kept = read_demonstrations(whole, TASK).episodes
    for again, episode in zip(replay(TASK, read_demonstrations(lean, TASK).episodes, 1), kept, strict=True):
        assert again.episode.states is not None
        # The file keeps states in float32.
        np.testing.assert_allclose(again.episode.states, episode.states, rtol=0, atol=2e-6)
        np.testing.assert_array_equal(again.episode.actions, episode.actions)


def test_disturbed_recordings_say_what_happened(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "demos.hdf5"
    arguments = ["--episodes", 4, "--all", "--disturbed", 1, "--kinds", "actuator", "mass", "--noise", 0.3]
    command = ["demos", "record", "--policy", checkpoint, "--out", file, *arguments]
    assert main(list(map(str, command))) == 0
    told = capsys.readouterr().out
    found = ask(capsys, "demos", "info", file)
    assert f"4 of them are disturbed, {found['marks']['recovered']} contain a judged recovery" in told
    assert found["task"] == TASK.name
    assert found["objects"] == {"door": 4}
    assert found["marks"]["disturbed"] == 4
    assert set(found["marks"]) == {"contact_entry", "disturbed", "lost", "recovered", "success", "dropped"}
    # Played again under the same disturbances.
    assert {spread["max"] for spread in found["replay"]["difference"].values()} == {0.0}
    for episode in read_demonstrations(file, TASK).episodes:
        assert json.loads(episode.provenance["disturbance"])["kind"] in ("actuator", "mass")


def test_files_that_name_no_task_or_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = foreign(tmp_path / "theirs.hdf5")
    assert main(["demos", "info", str(file)]) == 0
    sentence = capsys.readouterr().out
    assert "no name of a task, observations of 3 columns and actions of 2 columns" in sentence
    assert "adroit-door (39 and 28)" in sentence
    planted = tmp_path / "task.py"
    planted.write_text(f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()")
    write_robomimic(file, [make_episode()], str(planted), INTERFACE, GROUPS)
    assert main(["demos", "info", str(file)]) == 2
    assert f"{file}: data, attribute task" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()


def test_too_few_successes_end_in_a_sentence_and_no_file(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["demos", "record", "--policy", checkpoint, "--out", tmp_path / "demos.hdf5", "--episodes", 1]
    assert main(list(map(str, arguments))) == 2
    assert "0 such episodes (0 with a recovery) in 20 attempts" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "more",
    [
        ["--episodes", "0"],
        ["--noise", "-1"],
        ["--noise", "nan"],
        ["--tail", "-1"],
        ["--seed", "-1"],
        ["--disturbed", "1.1"],
        ["--disturbed", "nan"],
        ["--recovered", "1.1"],
        ["--recovered", "nan"],
        ["--kinds", "shove", "--disturbed", "0.5"],
        ["--kinds", "push"],
        ["--task", "adroit-dore"],
    ],
)
def test_recordings_that_make_no_sense(
    more: list[str], checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demos", "record", "--policy", str(checkpoint), "--out", str(tmp_path / "d"), *more]) == 2
    assert more[0] in capsys.readouterr().err


@pytest.mark.skipif(not HUMAN.exists(), reason="the human demonstrations are not part of the repository")
def test_what_is_known_of_the_human_demonstrations(capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(capsys, "demos", "info", HUMAN)
    assert (found["episodes"], found["length_min"], found["length_max"]) == (25, 223, 300)
    assert found["outside_share"] == pytest.approx(0.056, abs=0.001)
    assert found["replay"]["success"]["count"] == 8
    assert found["replay"]["contact_entry"]["count"] >= 24


def test_the_bench_prints_its_ratios(tmp_path: Path) -> None:
    # In a process of its own, because Gymnasium's workers are forked from it.
    code = (
        "import sys; from regrasp.cli import main; sys.exit(main(['bench', 'simulation', '--worlds', '4', "
        "'--gymnasium-worlds', '2', '--seconds', '0.2', '--json']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["rounds"] >= 3
    assert all(np.isfinite(found[name]) and found[name] > 0 for name in ("steps_per_s", "engine_ratio"))
    assert found["gymnasium_ratio"] > 0
    assert "reward functions" not in done.stderr
