"""`evaluate`, `compare`, `gate --trials` and `report` on one small run."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from regrasp.cli import main
from regrasp.panel.cases import write_panel
from regrasp.panel.evaluation import evaluate
from regrasp.panel.statistics import OUTCOMES, summarise
from regrasp.policies.checkpoint import load_checkpoint
from small_store import TASK, make_checkpoint, make_run, small_panel

RATE = {"rate", "count", "n", "low", "high"}
RATES = {"success", "success_at_end", "success_held", "contact_entry", "loss", "recovery"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose checkpoint `bc` has been judged, through the command."""
    path = make_run(tmp_path_factory.mktemp("runs") / "small")
    assert main(["evaluate", str(path / "checkpoints/bc"), "--panel", str(path / "panel.json"), "--json"]) == 0
    return path


def ask(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    """The object that a command prints as its last line."""
    capsys.readouterr()
    assert main([*map(str, arguments), "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one sentence with which a command refuses, after which nothing is on standard output."""
    capsys.readouterr()
    assert main(list(map(str, arguments))) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    return shown.err


def test_evaluate_prints_what_the_rows_say(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(capsys, "evaluate", run / "checkpoints/bc", "--panel", run / "panel.json")
    policy, manifest = load_checkpoint(run / "checkpoints/bc")
    panel = small_panel()
    (rows,) = evaluate(policy, TASK, panel.cases, threads=1)
    assert (found["panel"], found["checkpoint"], found["trials"]) == (panel.digest, manifest.digest, 4)
    assert found["primary"] == TASK.judge.primary
    assert {name: found[name] for name in RATES} | {"by_disturbance": found["by_disturbance"]} == summarise(rows)
    assert list(found["by_disturbance"]) == ["none", "actuator"]
    for group in (found, *found["by_disturbance"].values()):
        assert all(set(group[name]) == RATE for name in RATES)


def test_what_was_judged_is_not_simulated_again(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regrasp.cli.sharding.evaluate", None)
    assert main(["evaluate", str(run / "checkpoints/bc"), "--panel", str(run / "panel.json")]) == 0
    shown = capsys.readouterr()
    assert "contact entry" in shown.out
    assert shown.err == ""


def test_a_killed_evaluation_goes_on_with_the_cases_that_are_missing(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("evaluate", run / "checkpoints/bc", "--panel", run / "panel.json")
    before = ask(capsys, *command)
    with sqlite3.connect(run / "store.sqlite") as store:
        store.execute('DELETE FROM trials WHERE "case" = 2')
    store.close()
    assert ask(capsys, *command) == before


def test_again_makes_the_same_rows(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("evaluate", run / "checkpoints/bc", "--panel", run / "panel.json")
    assert ask(capsys, *command, "--again", "--threads", "1") == ask(capsys, *command)


def test_a_stored_row_that_cannot_be_made_again_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def change(steps: int) -> None:
        with sqlite3.connect(run / "store.sqlite") as store:
            store.execute('UPDATE trials SET steps = ? WHERE "case" = 1', (steps,))
        store.close()

    change(7)
    arguments = ["evaluate", str(run / "checkpoints/bc"), "--panel", str(run / "panel.json"), "--again"]
    assert main(arguments) == 2
    sentence = capsys.readouterr().err
    assert "another result for a judged case" in sentence
    assert 'found "steps" = 300, expected 7 as stored before' in sentence
    change(300)


def test_a_checkpoint_outside_a_run_is_judged_and_nothing_kept(
    tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_checkpoint(tmp_path / "lone", 0)
    found = ask(capsys, "evaluate", tmp_path / "lone", "--panel", run / "panel.json")
    assert found == ask(capsys, "evaluate", run / "checkpoints/bc", "--panel", run / "panel.json")
    assert [path.name for path in tmp_path.iterdir()] == ["lone"]


def test_compare_names_the_command_that_is_missing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sentence = refusal(capsys, "compare", run / "checkpoints/bc", run / "checkpoints/rl")
    assert f"regrasp evaluate {run / 'checkpoints/rl'} --panel {run / 'panel.json'}" in sentence


def test_compare_and_report(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask(capsys, "evaluate", run / "checkpoints/rl", "--panel", run / "panel.json")
    found = ask(capsys, "compare", run / "checkpoints/bc", run / "checkpoints/rl")
    assert found["panel"] == small_panel().digest
    assert (found["verdict"], found["n"]) == ("undecided", 4)
    assert set(found["strata"]) == {"none", "actuator"}
    assert {"difference", "p", "broken", "gained"} <= set(found)
    assert main(["compare", str(run / "checkpoints/bc"), str(run / "checkpoints/rl")]) == 0
    assert "Undecided" in capsys.readouterr().out

    made = ask(capsys, "report", run)
    page = run / "report.html"
    assert made["report"] == str(page)
    assert made["bytes"] == page.stat().st_size
    assert small_panel().digest in page.read_text("utf-8")
    assert main(["report", str(run), "--out", str(run / "copy.html")]) == 0
    assert (run / "copy.html").read_bytes() == page.read_bytes()


def test_gate_decides_on_stored_undisturbed_trials(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy, _ = load_checkpoint(run / "checkpoints/bc")
    (rows,) = evaluate(policy, TASK, small_panel().cases[:2], threads=1)
    share = sum(map(OUTCOMES[TASK.judge.primary], rows)) / 2
    found = ask(capsys, "gate", "--trials", run / "checkpoints/bc")
    assert (found["bc_success"], found["decided_on"]) == (share, "lower_bound")
    assert found["success"]["n"] == 2
    assert found["phase"] == "continue_bc"
    assert ask(capsys, "gate", "--trials", run / "checkpoints/bc", "--decided-on", "rate")["decided_on"] == "rate"


def test_gate_on_trials_that_are_not_there(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.json"
    write_panel(small_panel(seed=1), other)
    sentence = refusal(capsys, "gate", "--trials", run / "checkpoints/bc", "--panel", other)
    assert f"regrasp evaluate {run / 'checkpoints/bc'} --panel {other}" in sentence


def test_report_of_a_folder_that_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "run.json" in refusal(capsys, "report", tmp_path)
    assert list(tmp_path.iterdir()) == []
