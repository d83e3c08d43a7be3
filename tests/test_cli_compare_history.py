"""`regrasp compare` with more than two checkpoints or with a run folder."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from planar_run import make_planar_run
from regrasp.cli import main
from regrasp.panel.cases import write_panel
from regrasp.store.database import Database
from regrasp.store.rows import CheckpointRow
from regrasp.store.run_folder import RunFolder
from small_store import make_checkpoint, make_run, make_spec, small_panel
from test_cli_bad_input import contents, refused
from test_panel_comparison import trial

RATE = {"rate", "count", "n", "low", "high"}
HISTORY = {"bc": "1" * 10 + "0" * 30, "rl": "1" * 40, "rl-2": "0" * 12 + "1" * 28, "rl-3": "1" * 40}
"""Checkpoint → what it could do of 40 cases."""


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two checkpoints and a third that was put into its folder, each judged through the command."""
    path = make_run(tmp_path_factory.mktemp("judged") / "small")
    make_checkpoint(path / "checkpoints/added", 2)
    for name in ("added", "rl", "bc"):
        evaluate = ["evaluate", str(path / "checkpoints" / name), "--panel", str(path / "panel.json")]
        assert main([*evaluate, "--threads", "1", "--json"]) == 0
    return path


def store_rows(run: Path, name: str, outcomes: str, panel: str = small_panel().digest) -> None:
    """Rows by hand of a checkpoint of the run; every case is pushed and lost, and recovered where it succeeds."""
    with Database(RunFolder(run).database) as store:
        digest = json.loads((run / "checkpoints" / name / "manifest.json").read_text())["digest"]
        done = [sign == "1" for sign in outcomes]
        rows = [trial(case, one, "push", lost_at=60, recovered_at=70 if one else -1) for case, one in enumerate(done)]
        store.record_trials(digest, panel, small_panel().judge, rows)


def make_history(path: Path, outcomes: dict[str, str]) -> Path:
    """A run whose fine-tuned checkpoints were recorded after its first two, with these outcomes."""
    run = make_run(path)
    for seed, (name, signs) in enumerate(outcomes.items()):
        if seed > 1:
            digest = make_checkpoint(run / "checkpoints" / name, seed)
            with Database(RunFolder(run).database) as store:
                row = CheckpointRow(digest, name, None, "rl", 1_000_000 * seed, f"checkpoints/{name}")
                store.record_checkpoint(row)
        store_rows(run, name, signs)
    return run


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that regressed in its middle."""
    return make_history(tmp_path_factory.mktemp("told") / "door", HISTORY)


def folders(run: Path, *names: str) -> list[str]:
    return [str(run / "checkpoints" / name) for name in names]


def ask(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["compare", *map(str, arguments), "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def show(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    assert main(["compare", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_a_run_is_all_its_judged_checkpoints_in_the_order_in_which_they_were_made(
    judged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ask(capsys, judged)
    assert [one["name"] for one in found["history"]] == ["bc", "rl", "added"]
    assert [one["phase"] for one in found["history"]] == ["bc", "rl", None]
    assert (found["panel"], found["n"], found["left_out"]) == (small_panel().digest, 4, [])
    assert all(set(one[rate]) == RATE for one in found["history"] for rate in ("primary", "loss", "recovery"))
    assert ask(capsys, *folders(judged, "bc", "rl", "added")) == found
    order = ask(capsys, *folders(judged, "added", "rl", "bc"), "--strict")  # nothing is decided on four cases
    assert [one["name"] for one in order["history"]] == ["added", "rl", "bc"]
    for one in order["history"]:
        main(["evaluate", one["checkpoint"], "--panel", str(judged / "panel.json"), "--json"])
        rates = json.loads(capsys.readouterr().out)
        assert [one["primary"], one["loss"], one["recovery"]] == [
            rates[name] for name in (rates["primary"], "loss", "recovery")
        ]


def test_the_table_and_its_sentences(
    told: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for width in ("80", "120"):
        monkeypatch.setenv("COLUMNS", width)
        text = show(capsys, told)
        assert text.startswith(f"History on the 40 cases of panel {small_panel().digest[:12]}")
        assert "…" not in text
        assert all(f"\n  {name} " in text for name in HISTORY)
        assert ("28/40" in text, "3 M" in text.replace("\u202f", " ")) == (True, True)
        before, after = folders(told, "rl", "rl-2")
        (sentence,) = [line for line in text.splitlines() if line.startswith("Regressed: ")]
        assert "with rl-2 in place of rl, the one before" in sentence
        assert sentence.endswith(f"regrasp compare {before} {after}")
    plain = show(capsys, *folders(told, "bc", "rl", "rl-3"))
    assert "Regressed" not in plain
    assert "nor the last against the best earlier one (rl)" in plain


def test_json_says_what_broke_and_since_when(told: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(capsys, told)
    assert [one["broken_since"] for one in found["history"]] == [[], [], list(range(12)), []]
    assert [one["control_steps"] for one in found["history"]] == [0, 0, 2_000_000, 3_000_000]
    verdicts = [one["since_previous"]["verdict"] for one in found["history"][1:]]
    assert verdicts == ["improved", "regressed", "improved"]
    assert found["history"][2]["since_previous"]["p_corrected"] == pytest.approx(2 * 2 / 2**12)
    (one,) = found["regressions"]
    assert (one["since"], one["place"]) == (1, 2)
    assert main(one["details"].split()[1:]) == 0  # the command named there works
    assert "Regressed" in capsys.readouterr().out


def test_strict_sees_the_middle_and_the_best(told: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(told)]) == 0
    assert main(["compare", str(told), "--strict"]) == 1
    assert main(["compare", str(told), "--strict", "--json"]) == 1
    assert main(["compare", *folders(told, "bc", "rl", "rl-3"), "--strict"]) == 0
    slow = {name: "0" * lost + "1" * (40 - lost) for name, lost in zip(HISTORY, (0, 4, 8, 12), strict=True)}
    run = make_history(tmp_path / "slow", slow)
    capsys.readouterr()
    assert main(["compare", str(run), "--strict"]) == 1
    assert "with rl-3 in place of bc, the best earlier one" in capsys.readouterr().out


def test_two_given_are_compared_in_detail_and_a_run_of_two_says_how(
    told: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = folders(told, "rl", "rl-2")
    assert {"strata", "broken", "broken_cases"} <= set(ask(capsys, *two))
    assert main(["compare", *two, "--strict"]) == 1
    run = make_history(tmp_path / "two", {name: HISTORY[name] for name in ("bc", "rl")})
    assert len(ask(capsys, run)["history"]) == 2
    bc, rl = folders(run, "bc", "rl")
    assert f"regrasp compare {bc} {rl}" in show(capsys, run)


def test_what_was_not_judged_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_history(tmp_path / "door", HISTORY)
    make_checkpoint(run / "checkpoints/later", 9)
    shutil.rmtree(run / "checkpoints/rl-3")
    unjudged, gone = folders(run, "later", "rl-3")
    text = show(capsys, run)
    assert f"Left out: {gone}, no such folder any more." in text
    assert f"Left out: {unjudged}, not judged on the panel (regrasp evaluate {unjudged} --panel {run}" in text
    assert [one["checkpoint"] for one in ask(capsys, run)["left_out"]] == [gone, unjudged]


def test_a_panel_that_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, other = make_history(tmp_path / "door", HISTORY), small_panel(seed=1)
    write_panel(other, tmp_path / "other.json")
    for name in ("rl", "rl-2"):
        store_rows(run, name, HISTORY[name], other.digest)
    found = ask(capsys, run, "--panel", tmp_path / "other.json")
    assert (found["panel"], [one["name"] for one in found["history"]]) == (other.digest, ["rl", "rl-2"])
    assert found["details"].endswith(f"--panel {tmp_path / 'other.json'}")
    # Without it, checkpoints of two runs have the first one's panel in common.
    second = make_history(tmp_path / "second", HISTORY)
    mixed = [*folders(run, "bc", "rl"), *folders(second, "rl-2")]
    found = ask(capsys, *mixed)
    assert [one["name"] for one in found["history"]] == [str(Path(one).relative_to(tmp_path)) for one in mixed]
    assert found["details"] == f"regrasp compare {mixed[1]} {mixed[2]} --panel {run / 'panel.json'}"


def test_bad_input(judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bc, rl, added = folders(judged, "bc", "rl", "added")
    make_checkpoint(tmp_path / "alone", 0)
    make_checkpoint(tmp_path / "turn", 0, replace(make_spec(), task="planar-turn"))
    before = contents(judged)
    assert "found no checkpoint, expected two checkpoints or more" in refused(capsys, "compare")
    assert f"{bc}: found one checkpoint, expected two" in refused(capsys, "compare", bc)
    assert "one run folder" in refused(capsys, "compare", bc)
    assert f"{tmp_path}: found no run.json" in refused(capsys, "compare", tmp_path)
    assert "missing: found no such folder" in refused(capsys, "compare", tmp_path / "missing")
    assert "missing: found no such folder" in refused(capsys, "compare", bc, rl, tmp_path / "missing")
    assert "turn/manifest.json: interface" in refused(capsys, "compare", bc, rl, tmp_path / "turn")
    assert "alone: found no judged trials" in refused(capsys, "compare", bc, rl, tmp_path / "alone")
    beside = refused(capsys, "compare", bc, added, judged)
    assert f"{judged}: found a run folder beside other folders, expected a checkpoint in it" in beside
    assert "no held-out objects" in refused(capsys, "compare", judged, "--objects", "held_out")
    assert contents(judged) == before


def test_a_checkpoint_of_another_task(judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_planar_run(tmp_path / "turn", 4)
    bc, rl, other = *folders(judged, "bc", "rl"), *folders(tmp_path / "turn", "rl")
    sentence = refused(capsys, "compare", bc, rl, other)
    assert f"{other}: task: found planar-turn, expected adroit-door, the task of {bc}" in sentence


def test_a_run_with_fewer_than_two_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "door")
    bc, rl = folders(run, "bc", "rl")
    sentence = refused(capsys, "compare", run)
    assert f"{run}: checkpoints: found no checkpoint judged on panel" in sentence
    store_rows(run, "bc", HISTORY["bc"])
    sentence = refused(capsys, "compare", run)
    assert f"found only {bc} judged on panel" in sentence
    assert f"regrasp evaluate {rl} --panel {run / 'panel.json'}" in sentence
    assert sentence.endswith("expected at least two.\n")
    store_rows(run, "rl", HISTORY["rl"][:30])  # some of its cases only: today's sentence
    assert f"{rl}: found 10 cases of panel" in refused(capsys, "compare", run)
