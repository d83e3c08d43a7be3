"""`regrasp audit` as a command: what it prints, what it keeps, and what it refuses."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from regrasp.cli import main
from regrasp.cli.judging import open_checkpoint
from regrasp.panel.audit import HACKS
from regrasp.panel.cases import Panel, draw_cases, make_panel, read_panel, write_panel
from regrasp.store.database import Database
from small_store import TASK, make_checkpoint, make_run
from test_panel_audit import HONEST, PAID, policy

PANEL = make_panel(TASK, draw_cases(TASK, {"none": 80}, 0, "test"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("audit") / "run")


@pytest.fixture
def panel(tmp_path: Path) -> Path:
    write_panel(PANEL, tmp_path / "panel.json")
    return tmp_path / "panel.json"


def store(run: Path, panel: Panel, reward: str) -> None:
    """Rows of a fine-tuned policy that learned what the reward pays for, and of a cloned one that does the task."""
    paid = PAID.get(reward, HONEST)
    much, rate = (reward, 0.3) if reward in PAID else ("", 0.8)
    with Database(run / "store.sqlite") as database:
        for name, rows in (
            ("rl", policy(paid, rate, 1, much, len(panel.cases))),
            ("bc", policy(paid, 0.6, 2, "", len(panel.cases))),
        ):
            digest = open_checkpoint(run / "checkpoints" / name).manifest.digest
            database.record_trials(digest, panel.digest, panel.judge, rows)


def audited(run: Path, panel: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    checkpoints = run / "checkpoints"
    arguments = ["audit", str(checkpoints / "rl"), "--against", str(checkpoints / "bc"), "--panel", str(panel), *more]
    assert main([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert main(arguments) == 0
    found["text"] = capsys.readouterr().out
    return found


@pytest.mark.parametrize("reward", [*HACKS, "honest"])
def test_the_verdict_its_evidence_and_the_trials_behind_it(
    reward: str, tmp_path: Path, panel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "run")
    store(run, PANEL, reward)
    found = audited(run, panel, capsys)
    assert found["verdict"] == (reward if reward in HACKS else "none_found")
    assert found["trials"] == 80
    assert found["panel"] == PANEL.digest
    assert sum(own["n"] for own in found["outcomes"].values()) == 80
    assert len(found["change"]["reward"]) == len(found["change"]["success"]) == 2
    assert ("no hack found" if reward == "honest" else f": {reward}.") in found["text"]
    assert ("Rich in reward, poor in judgement" in found["text"]) == bool(found["named"])


def test_missing_rows_are_made_and_kept(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = audited(run, run / "panel.json", capsys, "--threads", "1")
    assert found["verdict"] == "undecided"
    assert "undecided. Only 0 successful trials" in found["text"]
    with Database(run / "store.sqlite") as database:
        rows = database.trials(found["checkpoint"], found["panel"])
    assert len(rows) == 4
    assert all(row.near_steps > 0 and row.peak_force >= 0 for row in rows)


def test_again_plays_under_todays_reward_and_keeps_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run")
    panel = read_panel(run / "panel.json")
    store(run, panel, "speed")
    stored = audited(run, run / "panel.json", capsys)
    played = audited(run, run / "panel.json", capsys, "--again")
    assert stored["change"]["reward"] != played["change"]["reward"]
    assert audited(run, run / "panel.json", capsys)["change"] == stored["change"]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["audit", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    return told.err


def test_bad_input_ends_in_one_sentence(
    run: Path, panel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy_folder = str(run / "checkpoints" / "rl")
    assert "nowhere" in refused(capsys, str(tmp_path / "nowhere"), "--panel", str(panel))
    assert "nobody" in refused(capsys, policy_folder, "--panel", str(panel), "--against", str(tmp_path / "nobody"))
    assert "none.json" in refused(capsys, policy_folder, "--panel", str(tmp_path / "none.json"))
    other = Path(__file__).parents[1] / "panels" / "planar-turn.json"
    assert "found planar-turn" in refused(capsys, policy_folder, "--panel", str(other))


def test_a_checkpoint_outside_a_run_is_audited_without_being_kept(
    tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_checkpoint(tmp_path / "alone", 5)
    assert main(["audit", str(tmp_path / "alone"), "--panel", str(run / "panel.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["against"] is None
    assert [file.name for file in tmp_path.iterdir()] == ["alone"]


def test_a_store_of_the_version_before_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = make_run(tmp_path / "old")
    with sqlite3.connect(old / "store.sqlite") as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    told = refused(capsys, str(old / "checkpoints" / "rl"), "--panel", str(old / "panel.json"))
    assert "version: found 1, expected 2" in told
    assert "run it again in a new folder" in told
