"""`evaluate --until-decided`: stops where the pairs decide, counts nothing twice, and the rest can be played later."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from planar_run import TASK, make_planar_run, stored
from regrasp.cli import main
from regrasp.cli.deciding import LOOK
from regrasp.panel.cases import Panel
from regrasp.panel.evaluation import evaluate
from regrasp.panel.sequential import decide, order
from regrasp.policies.checkpoint import load_checkpoint
from regrasp.store.database import Database
from regrasp.store.run_folder import RunFolder
from regrasp.trial import Trial

CASES = 160


@pytest.fixture
def run(tmp_path: Path) -> tuple[Path, Panel, dict[str, str]]:
    """A run and its panel; nobody was judged."""
    return tmp_path / "run", *make_planar_run(tmp_path / "run", CASES)


def judge(run: Path, *options: str) -> int:
    return main(["evaluate", str(run / "checkpoints/rl"), "--panel", str(run / "panel.json"), "--json", *options])


def store_other(run: tuple[Path, Panel, dict[str, str]], succeeds: set[int]) -> list[Trial]:
    """Rows of `bc` that succeed in the named cases: what a better or as bad a policy would have left."""
    path, panel, digests = run
    policy, _ = load_checkpoint(path / "checkpoints/bc")
    rows = [row for chunk in evaluate(policy, TASK, panel.cases, 1) for row in chunk]
    rows = [dataclasses.replace(row, **{TASK.judge.primary: row.case in succeeds}) for row in rows]
    with Database(RunFolder(path).database) as store:
        store.record_trials(digests["bc"], panel.digest, panel.judge, rows)
    return rows


def ask(capsys: pytest.CaptureFixture[str], run: Path, *options: str) -> dict[str, Any]:
    capsys.readouterr()
    assert judge(run, *options) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def test_it_stops_early_and_the_rest_is_played_later(
    run: tuple[Path, Panel, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    path, panel, digests = run
    store_other(run, set(range(CASES)))
    flags = ("--until-decided", "--against", str(path / "checkpoints/bc"))
    found = ask(capsys, path, *flags, "--processes", "2")
    decision = found["until_decided"]
    assert (decision["verdict"], decision["only_b"], decision["cases"]) == ("regressed", 0, CASES)
    assert found["trials"] == LOOK
    assert decision["n"] < LOOK
    assert decision["high"] < 0.5
    played = stored(path, digests["rl"], panel)
    assert {row.case for row in played} == {case.number for case in order(panel)[:LOOK]}
    assert ask(capsys, path, *flags) == found, "looking again plays nothing and says the same"
    assert ask(capsys, path)["trials"] == CASES
    rows = stored(path, digests["rl"], panel)
    assert [row.case for row in rows] == list(range(CASES))
    assert [row for row in rows if row in played] == played
    later = ask(capsys, path, *flags)
    assert later["until_decided"] == decision, "more rows do not change what was decided"
    assert later["trials"] == CASES


def test_without_a_difference_it_plays_all_and_stays_undecided(
    run: tuple[Path, Panel, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    path, panel, digests = run
    beside = store_other(run, {3})
    found = ask(capsys, path, "--until-decided", "--against", str(path / "checkpoints/bc"))
    assert found["trials"] == found["until_decided"]["n"] == CASES
    assert found["until_decided"]["verdict"] == "undecided"
    own = {row.case: row for row in stored(path, digests["rl"], panel)}
    done = [
        (getattr(beside[c.number], found["primary"]), getattr(own[c.number], found["primary"])) for c in order(panel)
    ]
    assert found["until_decided"]["e"] == decide(*zip(*done, strict=True)).e


def test_what_it_refuses(run: tuple[Path, Panel, dict[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    path, _, _ = run
    other = str(path / "checkpoints/bc")
    for options, words in (
        (("--until-decided",), "--until-decided: found no other checkpoint"),
        (("--against", other), "alone, expected --until-decided beside it"),
        (("--until-decided", "--against", other), f"no row of {CASES} of the panel's {CASES} cases"),
    ):
        capsys.readouterr()
        assert judge(path, *options) == 2
        assert words in capsys.readouterr().err
