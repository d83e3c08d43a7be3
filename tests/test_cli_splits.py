"""Held-out objects, drops and unrealistic magnitudes as commands show them, on rows that were made by hand."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regrasp.cli import main
from regrasp.panel.cases import Case, Panel, draw_cases, make_panel, write_panel
from regrasp.policies.policy import PolicySpec
from regrasp.store.database import Database
from regrasp.store.rows import CheckpointRow
from regrasp.store.run_folder import WITHOUT_DEMOS, RunFolder
from regrasp.tasks import TASKS
from regrasp.tasks.task import SPLITS
from regrasp.trial import Trial
from small_store import make_checkpoint

TASK = TASKS["cube-reorient"]
COUNTS = {"none": 8, "push": 24}


def make_cases() -> Panel:
    """Every other case with a held-out object; the last push is harder than any that a bench would see."""
    *cases, last = draw_cases(TASK, COUNTS, 0, "test", SPLITS)
    hard = replace(last.disturbance, magnitude=99.0)
    return make_panel(TASK, [*cases, replace(last, disturbance=hard)])


def row(case: Case, better: bool) -> Trial:
    """Every push is lost; only the better policy recovers, and only with held-out objects. Case 0 is dropped."""
    held_out, pushed = case.object in TASK.held_out, case.disturbance.kind == "push"
    done = better and held_out
    steps = 30 if case.number == 0 else TASK.horizon
    return Trial(
        case=case.number, object=case.object, disturbance=case.disturbance.kind,
        magnitude=case.disturbance.magnitude, seed=case.seed, source="simulation",
        success=done, success_at_end=done, success_held=done, contact_entry=10, disturbed_at=20 if pushed else -1,
        lost_at=25 if pushed else -1, recovered_at=35 if pushed and done else -1, first_success=40 if done else -1,
        slip=0.0, total_reward=0.0, steps=steps, violations=(), failure="", modes=bytes(steps),
    )  # fmt: skip


def make_run(path: Path, demonstrations: dict[str, Any] | None) -> Path:
    """A judged run: `bc` recovers nothing, `rl` does with held-out objects."""
    folder, panel = RunFolder(path), make_cases()
    curriculum = {"task": TASK.name, "rl": {"check_cases": 64}}
    asked = {"curriculum": curriculum, "seed": 0, "demonstrations": demonstrations, "panel": panel.digest}
    folder.claim(asked, {"regrasp": "0"})
    write_panel(panel, path / "panel.json")
    spec = PolicySpec(
        TASK.observations["policy"].fields, TASK.interface.fields, (8,), "relu", TASK.interface, TASK.name
    )
    with Database(folder.database, create=True) as store:
        for seed, name in enumerate(("bc", "rl") if demonstrations else ("rl",)):
            digest = make_checkpoint(folder.checkpoint(name), seed, spec)
            store.record_checkpoint(CheckpointRow(digest, name, None, name, 0, f"checkpoints/{name}"))
            trials = [row(case, name == "rl" and demonstrations is not None) for case in panel.cases]
            store.record_trials(digest, panel.digest, panel.judge, trials)
    share = {True: (0.9, 1.0), False: (0.2, 0.5)}[demonstrations is not None]
    lines = [
        {"phase": "rl", "step": i, "steps": 2, "control_steps": 1000 * i, "values": {"success_held": s}, "time": 0.0}
        for i, s in enumerate(share, 1)
    ]
    folder.progress.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(
        tmp_path_factory.mktemp("runs") / "cube", {"digest": "d" * 64, "source": "test", "episodes": 1, "steps": 1}
    )


def ask(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    """The object that a command prints as its last line."""
    capsys.readouterr()
    assert main([*map(str, arguments), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def show(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a command shows to a person, on one line."""
    capsys.readouterr()
    assert main(list(map(str, arguments))) == 0
    return " ".join(capsys.readouterr().out.split())


def test_evaluate_by_split(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("evaluate", run / "checkpoints/rl", "--panel", run / "panel.json")
    found = ask(capsys, *command)
    recovery = {name: own["recovery"] for name, own in found["by_split"].items()}
    assert {name: (own["count"], own["n"]) for name, own in recovery.items()} == {
        "train": (0, 12),
        "held_out": (12, 12),
    }
    assert (found["dropped"]["count"], found["dropped"]["n"]) == (1, 32)
    assert {kind: own["unrealistic"] for kind, own in found["by_disturbance"].items()} == {"none": 0, "push": 1}
    text = show(capsys, *command)
    assert "By objects" in text
    assert "dropped" in text


def test_compare_by_split_and_on_one(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("compare", run / "checkpoints/bc", run / "checkpoints/rl")
    whole = ask(capsys, *command)
    assert (whole["objects"], whole["n"], list(whole["by_split"])) == ("all", 32, ["train", "held_out"])
    assert whole["strata"]["push"]["unrealistic"] == 1
    held_out = ask(capsys, *command, "--objects", "held_out")
    assert (held_out["n"], held_out["verdict"], held_out["recovery"]["verdict"]) == (16, "improved", "improved")
    assert held_out["recovery"] == whole["by_split"]["held_out"]["recovery"]
    assert ask(capsys, *command, "--objects", "train")["recovery"]["verdict"] == "undecided"
    text = show(capsys, *command)
    assert "After losses under disturbances B recovers more often than A: 50\u202f% (12/24) against 0" in show_thin(
        text
    )
    assert "16 cases with held-out objects of panel" in show(capsys, *command, "--objects", "held_out")


def show_thin(text: str) -> str:
    """`split()` eats the narrow spaces before percent signs; put them back."""
    return text.replace(" %", "\u202f%")


def test_a_split_that_the_task_has_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed, name in enumerate(("bc", "rl")):
        make_checkpoint(tmp_path / name, seed)
    assert main(["compare", str(tmp_path / "bc"), str(tmp_path / "rl"), "--objects", "held_out"]) == 2
    assert "--objects: found held_out, expected all or train (adroit-door has no held-out objects)" in " ".join(
        capsys.readouterr().err.split()
    )


def test_panel_info_has_envelopes_with_their_reasons(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(capsys, "panel", "info", run / "panel.json")
    push, span = found["magnitudes"]["push"], TASK.disturbances["push"]
    assert push["unrealistic"] == 1
    assert push["envelope"] == list(span.envelope or (span.low, span.high))
    assert push["reason"] == span.reason
    assert found["objects"] == {"train": 16, "held_out": 16}
    text = show(capsys, "panel", "info", run / "panel.json")
    assert "(1 of 24" in text
    assert span.reason in text


def test_report_says_whether_the_demonstrations_pay(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regrasp.cli.pictures.draw_strips", lambda *_: ())  # rows by hand cannot be played again
    own = tmp_path / "run"
    shutil.copytree(run, own)
    first = show(capsys, "report", own)
    assert "Whether the demonstrations pay is not known yet; this would tell: regrasp run" in first
    assert ask(capsys, "report", own)["demonstrations_pay"] is None
    make_run(own / WITHOUT_DEMOS, None)
    found = ask(capsys, "report", own)["demonstrations_pay"]
    assert (found["answer"], found["steps_without"], found["steps_with"], found["ratio"]) == ("pay", 2000, 1000, 0.5)
    assert (found["panel"]["with"]["count"], found["panel"]["without"]["count"]) == (16, 0)
    page = (own / "report.html").read_text(encoding="utf-8")
    assert "The demonstrations pay: the best without them is" in page
    assert "By objects" in page
    assert "push (1 of 24 unrealistic)" in page
    assert show(capsys, "report", own / WITHOUT_DEMOS).startswith(
        "Fine-tuning without any demonstration, from the rest"
    )
