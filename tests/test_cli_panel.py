"""`regrasp panel make`, `plan` and `check` at work."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from planar_run import make_planar_run
from regrasp.cli import main
from regrasp.panel.cases import draw_cases, make_panel, read_panel, write_panel
from regrasp.panel.checking import benign_floor, check_panel
from regrasp.tasks import TASKS

ROOT = Path(__file__).resolve().parent.parent
TASK = TASKS["planar-turn"]
SEEDS = {"adroit-hammer": 100, "adroit-relocate": 100}
"""Of the shipped panels' draws, where it is not 0."""


def ask(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict[str, Any]:
    """The object that a command prints."""
    capsys.readouterr()
    assert main([*map(str, arguments), "--json"]) == code
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def test_make_draws_what_it_says_and_the_same_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "panels" / "p.json"
    arguments = ["panel", "make", "--task", TASK.name, "--out", file, "--seed", 4]
    arguments += ["--counts", "push", 3, "none", 2, "latency", 0]
    found = ask(capsys, *arguments)
    first = file.read_bytes()
    assert ask(capsys, *arguments) == found
    assert file.read_bytes() == first
    assert found["by_disturbance"] == {"none": 2, "push": 3}, "in the task's order"
    panel = read_panel(file)
    splits = ("train", "held_out")
    assert panel == make_panel(TASK, draw_cases(TASK, {"none": 2, "push": 3}, 4, "panel", splits))
    assert panel.digest == found["panel"]


def test_make_spreads_cases_evenly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make = ("panel", "make", "--task", TASK.name, "--out", tmp_path / "p.json")
    found = ask(capsys, *make, "--cases", 11, "--disturbances", "slip", "none", "push")
    assert found["by_disturbance"] == {"none": 4, "push": 4, "slip": 3}
    assert found["objects"] == {"train": 6, "held_out": 5}
    every = ask(capsys, *make, "--cases", 20)["by_disturbance"]
    assert every == dict.fromkeys(("none", *TASK.disturbances), 2)


@pytest.mark.parametrize("split", ["train", "held_out"])
def test_make_takes_objects_of_one_split(tmp_path: Path, capsys: pytest.CaptureFixture[str], split: str) -> None:
    out = tmp_path / "p.json"
    found = ask(capsys, "panel", "make", "--task", TASK.name, "--out", out, "--cases", 6, "--objects", split)
    assert found["objects"] == {"train": 0, "held_out": 0} | {split: 6}


@pytest.mark.parametrize("file", sorted((ROOT / "panels").glob("*.json")), ids=lambda file: file.stem)
def test_a_shipped_panel_is_made_again(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To the byte on the kind of machine that drew it; another one rounds directions elsewhere in the last place."""
    kinds = ask(capsys, "panel", "info", file)["by_disturbance"]
    counts = [str(part) for kind in sorted(kinds) for part in (kind, kinds[kind])]
    again = tmp_path / "again.json"
    make = ("panel", "make", "--task", file.stem, "--seed", SEEDS.get(file.stem, 0), "--out", again)
    ask(capsys, *make, "--counts", *counts)
    shipped, made = json.loads(file.read_text()), json.loads(again.read_text())
    assert [rounded(case) for case in made.pop("cases")] == [rounded(case) for case in shipped.pop("cases")]
    assert (made["digest"] == shipped["digest"]) == (again.read_bytes() == file.read_bytes())
    del made["digest"], shipped["digest"]
    assert made == shipped


def rounded(case: Any) -> str:
    """A case as text; its numbers to 12 digits."""
    return json.dumps(json.loads(json.dumps(case), parse_float=lambda text: f"{float(text):.12g}"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--counts", "flood", "1"), "'flood', expected a disturbance of"),
        (("--counts", "push", "-1"), "push: found -1"),
        (("--counts", "push", "0"), "--counts: found no case at all"),
        (("--counts", "push", "1", "--cases", "5"), "--cases beside --counts"),
        (("--counts", "push", "1", "--disturbances", "push"), "--disturbances beside --counts"),
        (("--cases", "0"), "--cases: found 0"),
        (("--disturbances", "flood"), "'flood', expected a disturbance of"),
        (("--seed", "-1"), "--seed: found -1"),
        (("--task", "adroit-door", "--objects", "held_out"), "adroit-door has no held-out objects"),
    ],
)
def test_make_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str) -> None:
    assert main(["panel", "make", "--out", str(tmp_path / "p.json"), *options]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_plan_says_how_many_cases(capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(capsys, "panel", "plan", "--detect", 0.05, "--rate", 0.8)
    assert found["cases"] == 1133
    panel = ROOT / "panels" / "planar-turn.json"
    shown = ask(capsys, "panel", "plan", "--detect", 0.05, "--rate", 0.8, "--panel", panel)["panel"]
    assert shown["cases"] == 120
    assert 0.1 < shown["smallest_difference"] < 0.2
    assert shown["power_to_detect"] < 0.2
    assert main(["panel", "plan", "--panel", str(panel)]) == 0
    words = capsys.readouterr().out
    assert "1,133 cases show a change of 5 points from 80 %" in words
    assert "independent" in words


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--detect", "0"), "--detect: found 0.0"),
        (("--rate", "1"), "--rate: found 1.0"),
        (("--power", "1"), "--power: found 1.0"),
        (("--discordant", "0"), "--discordant: found 0.0"),
        (("--detect", "0.9"), "a change that a rate of 0.8 allows"),
        (("--detect", "0.05", "--discordant", "0.01"), "with 0.01 of the cases differing"),
        (("--detect", "1e-6"), "a difference that a million cases show"),
    ],
)
def test_plan_refuses(capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str) -> None:
    assert main(["panel", "plan", *options]) == 2
    assert words in capsys.readouterr().err


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained policy for `planar-turn`."""
    run = tmp_path_factory.mktemp("policy") / "run"
    make_planar_run(run, 2)
    return run / "checkpoints" / "bc"


def test_check_finds_a_shipped_panel_sound(capsys: pytest.CaptureFixture[str], policy: Path) -> None:
    file = ROOT / "panels" / "planar-turn.json"
    found = ask(capsys, "panel", "check", file, "--floor", policy, "--cases", 50)
    assert (found["passed"], found["failed"], len(found["checks"])) == (True, [], 11)
    assert (found["floor"]["cases"], found["floor"]["differing"]) == (50, [])
    assert found["balance"]["none"] == {"cases": 30, "held_out": 15, "fewest": 0, "most": 3, "unrealistic": 0}
    assert found["shows"]["smallest_difference"] == pytest.approx(0.17, abs=0.001)
    assert main(["panel", "check", str(file)]) == 0
    words = capsys.readouterr().out
    assert "It is sound." in words
    assert "120 cases show a change of 17.0 points or more from 80 %" in words


def planted(file: Path, **changes: Any) -> Path:
    """A panel file of three sound cases, with changed ones behind them, signed anew."""
    task = TASK
    cases = list(draw_cases(task, {"none": 3}, 0, "test"))
    spoilt = {
        "done": {"state": tuple(map(float, task.goal()))} if task.goal else {},
        "lost": {"state": tuple(map(float, task.dropped()))} if task.dropped else {},
    }
    for name, change in changes.items():
        cases.append(replace(cases[0], **(spoilt.get(name) or change)))
    write_panel(make_panel(task, cases), file)
    return file


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"again": {}}, {"duplicates"}),
        ({"other": {"object": "no such thing"}}, {"objects"}),
        ({"short": {"state": (0.0,)}}, {"states"}),
        ({"done": {}}, {"not done"}),
        ({"lost": {}}, {"not dropped"}),
        ({"wild": {"state": (0.0,) * 7 + (1e9,) * 7}}, {"simulated"}),
    ],
)
def test_check_finds_what_was_planted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], failed: set[str]
) -> None:
    found = ask(capsys, "panel", "check", planted(tmp_path / "p.json", **changes), code=1)
    assert failed <= set(found["failed"])
    assert not {"signed", "fits"} & set(found["failed"])
    assert [one["found"] for one in found["checks"] if one["name"] in failed and ": 1 (3)" in one["found"]]


def test_check_finds_cases_that_nobody_can_win() -> None:
    panel = make_panel(TASK, draw_cases(TASK, {"none": 5}, 0, "test"))
    heavy = replace(TASK, judge=replace(TASK.judge, impossible={"odd": lambda found: torch.arange(5) % 2 == 1}))
    (possible,) = [one for one in check_panel(panel, panel.digest, heavy) if one.name == "possible"]
    assert not possible.passed
    assert possible.found.endswith(": 2 (1, 3)")


def test_check_of_a_changed_file_and_of_another_judge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = planted(tmp_path / "p.json")
    text = file.read_text()
    file.write_text(text.replace(TASK.judge.digest, "0" * 64))
    assert ask(capsys, "panel", "check", file, code=1)["failed"] == ["signed", "fits"]
    file.write_text(text[:-9])
    assert main(["panel", "check", str(file)]) == 2


def test_check_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str], policy: Path) -> None:
    file = planted(tmp_path / "p.json")
    for options, words in ((("--rate", "0"), "--rate: found 0.0"), (("--cases", "4"), "from 1 to the panel's 3")):
        assert main(["panel", "check", str(file), *options]) == 2
        assert words in capsys.readouterr().err
    spoilt = planted(tmp_path / "q.json", other={"object": "no such thing"})
    assert main(["panel", "check", str(spoilt), "--floor", str(policy)]) == 2
    assert "cases to play, before --floor" in capsys.readouterr().err


def test_a_floor_that_is_not_zero_is_measured() -> None:
    """A policy that plays by the row of its batch: what no actor may do, and what an engine's own noise looks like."""

    class Moody:
        interface_digest = TASK.interface.digest

        def begin(self, count: int, worlds: Sequence[int] | None = None) -> None:
            pass

        def act(self, observation: torch.Tensor) -> torch.Tensor:
            rows = torch.arange(len(observation), dtype=torch.float32)[:, None]
            return torch.cos(rows).repeat(1, TASK.interface.fields.size)

    cases = draw_cases(TASK, {"none": 40}, 0, "test")
    *_, (played, differing) = benign_floor(Moody(), TASK, cases)
    assert played == 80
    assert len(differing) > 20
