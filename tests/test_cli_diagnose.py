"""`regrasp diagnose` and `regrasp demos advise` on a run of the toy that takes seconds, and what they refuse."""

import json
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from regrasp.cli import main
from regrasp.cli.diagnose import SUSPECTS
from regrasp.demonstrations import read_demonstrations, write_demonstrations
from regrasp.panel.cases import draw_cases, make_panel, read_panel, write_panel
from regrasp.panel.suspects import suspect_reward
from regrasp.store.database import Database
from regrasp.store.run_folder import RunFolder
from regrasp.tasks import TASKS
from regrasp.trial import Trial
from test_cli_bad_input import contents, refused

TASK = TASKS["planar-turn"]
DATA = Path(str(resources.files("regrasp"))) / "data"
SHIPPED = DATA / "planar-turn.hdf5"
CURRICULUM = """
task = "planar-turn"
demonstrations = "demos.hdf5"
panel = "panel.json"
[bc]
updates = 60
hidden = [16]
rounds_limit = 1
[gate]
success = 0.9
cases = 4
force = true
[rl]
iterations = 2
worlds = 8
segment = 10
minibatch = 40
critic_hidden = [16]
critic_warmup = 1
check_every = 2
check_cases = 2
disturbances = ["push", "slip"]
"""
CASES = {"none": 10, "push": 10, "slip": 4}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a run: its demonstrations are a part of those that regrasp ships."""
    folder = tmp_path_factory.mktemp("toy")
    write_demonstrations(folder / "demos.hdf5", read_demonstrations(SHIPPED, TASK).episodes[:12], TASK)
    write_panel(make_panel(TASK, draw_cases(TASK, CASES, 0, "test")), folder / "panel.json")
    (folder / "toy.toml").write_text(CURRICULUM, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(place: Path) -> Path:
    assert main(["run", str(place / "toy.toml"), "--out", str(place / "run"), "--threads", "1"]) == 0
    return place / "run"


@pytest.fixture
def moved(run: Path, tmp_path: Path) -> Path:
    """The run, copied to where the demonstrations are not, and its own note of them out of date."""
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    RunFolder(folder).note_inputs({"demonstrations": str(tmp_path / "nowhere.hdf5")})
    return folder


def ask(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    """The one line of JSON that a command prints."""
    capsys.readouterr()
    assert main([*map(str, arguments), "--threads", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def read(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    assert main([*map(str, arguments), "--threads", "1"]) == 0
    return capsys.readouterr().out


def judged(run: Path) -> list[list[Trial]]:
    """The stored rows of the cloned and of the fine-tuned policy."""
    panel = read_panel(run / "panel.json")
    with Database(run / "store.sqlite") as store:
        digests = {row.name: row.digest for row in store.checkpoints()}
        return [store.trials(digests[name], panel.digest) for name in ("bc", "rl")]


def test_the_diagnosis_for_programs(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(run)
    found = ask(capsys, "diagnose", run)
    assert set(found) == {"run", "panel", "primary", "change", "holds", "suspects", "planner", "repertoire"}
    assert set(found["change"]) == {"verdict", "a", "b", "difference", "p", "recovery"}
    assert list(found["suspects"]) == list(SUSPECTS)
    assert found["holds"] == [name for name, one in found["suspects"].items() if one["holds"]]
    assert (found["primary"], found["planner"]) == (TASK.judge.primary, None)
    assert {"modes", "transitions", "corrections", "of"} <= set(found["repertoire"])
    assert found["repertoire"]["of"]["demonstrations"] == 12
    assert contents(run) == before


def test_its_numbers_are_those_of_the_rows(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suspects = ask(capsys, "diagnose", run)["suspects"]
    cloned, tuned = judged(run)
    expected = suspect_reward(cloned, tuned, TASK.judge.primary, TASK.regions).to_json()
    assert suspects["reward"] == json.loads(json.dumps(expected))
    disturbed = [one for one in tuned if one.disturbance != "none"]
    assert suspects["disturbances"]["losses"]["n"] == sum(one.lost for one in disturbed)
    assert suspects["disturbances"]["trained"] == {"push": 0.0, "slip": 0.0}
    neither = {one.case for one in disturbed if not one.success_held} - {o.case for o in cloned if o.success_held}
    assert suspects["disturbances"]["unsolved"] == sorted(neither)
    won, lost = suspects["demonstrations"]["succeeded"]["n"], suspects["demonstrations"]["failed"]["n"]
    assert won == sum(one.success_held for one in cloned)
    assert 0 < lost <= sum(any(one.modes) and not one.success_held for one in cloned)


def test_the_diagnosis_for_people(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, text = ask(capsys, "diagnose", run), read(capsys, "diagnose", run)
    words = {True: "holds", False: "does not hold", None: "cannot be told"}
    for place, (name, said) in enumerate(SUSPECTS.items(), 1):
        assert f"{place}. {said.capitalize()}: {words[found['suspects'][name]['holds']]}" in text.splitlines()
    assert text.startswith("Fine-tuning is not shown to have changed: held success went from ")
    assert all(f"\n{part}: " in text for part in ("Modes", "Transitions", "Corrections"))
    advice = f"What to record next: regrasp demos advise FILE --run {run}"
    assert (advice in text) == ("demonstrations" in found["holds"])


def test_the_planner_tries_a_case_that_neither_could_do(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(capsys, "diagnose", run, "--plan", 1)
    tried, unsolved = found["planner"]["solved"], found["planner"]["unsolved"]
    assert tried["n"] == 1
    assert len(unsolved) == 1 - tried["count"]
    assert set(unsolved) <= set(found["suspects"]["disturbances"]["unsolved"])


def test_demonstrations_elsewhere_are_named(
    place: Path, run: Path, moved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(moved)
    sentence = refused(capsys, "diagnose", moved)
    assert f"{moved}: demonstrations: found demos.hdf5, digest " in sentence
    assert sentence.endswith("not where the run read them, expected their file: --demos FILE.\n")
    assert f"{SHIPPED}: digest" in refused(capsys, "diagnose", moved, "--demos", SHIPPED)
    assert "nowhere.hdf5" in refused(capsys, "diagnose", moved, "--demos", moved.parent / "nowhere.hdf5")
    assert contents(moved) == before
    found = ask(capsys, "diagnose", moved, "--demos", place / "demos.hdf5")
    assert found == ask(capsys, "diagnose", run) | {"run": str(moved)}


def test_a_run_whose_gate_stayed_closed_has_nothing_to_diagnose(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    asked = ["run", str(place / "toy.toml"), "--out", str(out), "--threads", "1", "--set", "gate.force=false"]
    assert main(asked) == 0
    capsys.readouterr()
    before = contents(out)
    sentence = refused(capsys, "diagnose", out)
    assert f"{out}: checkpoints: found only bc, expected one named rl" in sentence
    assert contents(out) == before
    # What to record needs the cloned policy alone.
    assert "recordings" in ask(capsys, "demos", "advise", place / "demos.hdf5", "--run", out)


def test_what_it_refuses(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(run)
    for options, words in (
        (("--plan", "-1"), "--plan: found -1, expected a whole number, at least 0"),
        (("--task", "adroit-door"), f"{run}: task: found 'planar-turn', expected 'adroit-door'"),
        (("--task", "knitting"), "--task: found 'knitting', expected the name of a task"),
    ):
        assert words in refused(capsys, "diagnose", run, *options)
    assert "no run.json" in refused(capsys, "diagnose", tmp_path)
    assert contents(run) == before
    assert not list(tmp_path.iterdir())


def test_what_to_record_next(place: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(run)
    found = ask(capsys, "demos", "advise", place / "demos.hdf5", "--run", run, "--count", 2)
    assert set(found) == {"file", "run", "outside", "contacts", "objects", "recordings"}
    assert found["outside"] == ask(capsys, "diagnose", run)["suspects"]["demonstrations"]["failed"]
    outside = found["outside"]["count"]
    assert sum(one["failures"] for one in found["contacts"]) == outside
    assert sum(one["failures"] for one in found["objects"]) == outside
    first, second = found["recordings"]
    assert len(first["covers"]) >= len(second["covers"]) >= 1
    assert first["case"] in first["covers"]
    assert not set(first["covers"]) & set(second["covers"])
    cloned = {one.case: one for one in judged(run)[0]}
    for one in found["recordings"]:
        row = cloned[one["case"]]
        assert (one["object"], one["disturbance"], one["magnitude"]) == (row.object, row.disturbance, row.magnitude)
        assert not row.success_held
        assert [set(part) for part in one["start"]] == [{"name", "unit", "value", "low", "high"}] * 2
    text = read(capsys, "demos", "advise", place / "demos.hdf5", "--run", run, "--count", 2)
    assert "Record next" in text
    assert f"--case {first['case']}" in text
    assert contents(run) == before


def test_what_was_recorded_since_counts_as_shown(place: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ask(capsys, "demos", "advise", place / "demos.hdf5", "--run", run)
    more = ask(capsys, "demos", "advise", SHIPPED, "--run", run)
    assert few["outside"]["n"] == more["outside"]["n"]
    assert {one["object"]: one["demonstrations"] for one in few["objects"]} != {
        one["object"]: one["demonstrations"] for one in more["objects"]
    }


def test_what_advice_refuses(place: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, demos = contents(run), place / "demos.hdf5"
    other, one = DATA / "adroit-door.hdf5", tmp_path / "one.hdf5"
    write_demonstrations(one, read_demonstrations(demos, TASK).episodes[:1], TASK)
    for arguments, words in (
        ((demos, "--run", run, "--count", "0"), "--count: found 0, expected a whole number, at least 1"),
        ((other, "--run", run), str(other)),
        ((tmp_path / "none.hdf5", "--run", run), "none.hdf5"),
        ((one, "--run", run), "fewer than two episodes that show contact"),
        ((demos, "--run", place), "no run.json"),
        ((demos, "--run", run, "--task", "adroit-door"), "expected 'adroit-door', the task that was given"),
    ):
        assert words in refused(capsys, "demos", "advise", *arguments)
    assert contents(run) == before
    assert [file.name for file in tmp_path.iterdir()] == ["one.hdf5"]
