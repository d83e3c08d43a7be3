"""The benchmark of curation, from command to table, and that what it makes worse is worse in that way."""

import json
import sys
from pathlib import Path

import curated
import numpy as np
import pytest
from polluted import FEW, WAYS, failed, repeated, waiting

from regrasp.demonstrations import read_demonstrations, write_demonstrations
from regrasp.demonstrations.inspection.curating import Rules, judge_fates
from regrasp.demonstrations.replay import replay
from regrasp.episode import Episode
from regrasp.tasks import TASKS

TASK = TASKS["planar-turn"]
FILE = Path(__file__).parent.parent / "src" / "regrasp" / "data" / "planar-turn.hdf5"
TINY = ["--seeds", "0", "--cases", "4", "--threads", "1", "--set", "bc.updates=10"]


@pytest.fixture(scope="module")
def sound() -> list[Episode]:
    return list(read_demonstrations(FILE, TASK).episodes[:6])


def test_curation_finds_what_was_repeated(sound: list[Episode]) -> None:
    worse = repeated(TASK, sound, 1)
    assert len(worse) == 6 + FEW * (2 * 6 // FEW)
    fates = judge_fates(TASK, worse, Rules(duplicates=True), 1)
    assert [fate.kept for fate in fates] == [True] * 6 + [False] * (len(worse) - 6)


def test_a_waiting_hand_is_cut_off(sound: list[Episode]) -> None:
    worse = waiting(TASK, sound, 1)
    for before, after in zip(sound, worse, strict=True):
        wait = (after.steps - before.steps) // 2
        np.testing.assert_array_equal(after.actions[wait:-wait], before.actions)
        assert after.observations["policy"][0] == pytest.approx(after.observations["policy"][wait], abs=2e-2)
    fates = judge_fates(TASK, worse, Rules(idle=True), 1)
    assert all(fate.kept and fate.first > 0 for fate in fates)


def test_what_is_mixed_in_fails(sound: list[Episode]) -> None:
    worse = failed(TASK, sound, 1)
    assert len(worse) > len(sound)
    assert [one.success for one in replay(TASK, worse, 1)] == [True] * len(sound) + [False] * (len(worse) - len(sound))
    fates = judge_fates(TASK, worse, Rules(success=True), 1)
    assert sum(fate.kept for fate in fates) == len(sound)


def test_every_clone_is_measured_once(
    sound: list[Episode], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_demonstrations(tmp_path / "six.hdf5", sound, TASK)
    monkeypatch.setattr(
        curated, "SUBJECTS", {"toy": curated.Subject("planar-turn.toml", tmp_path / "six.hdf5", ("--duplicates",))}
    )
    out = tmp_path / "out"
    command = ["curated.py", "--variants", "as it is", "three repeated", "--out", str(out), *TINY]
    monkeypatch.setattr(sys, "argv", command)
    curated.main()
    shown = capsys.readouterr().out
    assert "18 → 6" in shown
    kept = json.loads((out / "table.json").read_text(encoding="utf-8"))
    rows = kept["toy"]["rows"]
    assert [(row["variant"], row["curated"], row["episodes"]) for row in rows] == [
        ("as it is", False, 6), ("as it is", True, 6), ("three repeated", False, 18), ("three repeated", True, 6)
    ]  # fmt: skip
    assert len({rows[place]["digest"] for place in (0, 1, 3)}) == 1, "curation brings back what was there"
    assert all(len(row["success"]) == 4 for row in rows)
    fates = json.loads((out / "toy" / "three-repeated-curated.hdf5.fates.json").read_text(encoding="utf-8"))
    assert fates["episodes"][6]["why"] == "repeats episode 0"
    for row in rows:
        row["success"] = [row["curated"]] * 4
    (out / "table.json").write_text(json.dumps(kept), encoding="utf-8")
    curated.main()
    assert "0, 4" in capsys.readouterr().out, "read, not measured again"
    monkeypatch.setattr(sys, "argv", [*command, "--set", "bc.updates=11"])
    with pytest.raises(SystemExit, match="2"):
        curated.main()
    assert "another --out" in capsys.readouterr().err


def test_the_door_needs_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["curated.py", "--sets", "door", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match="2"):
        curated.main()
    assert "door without --door" in capsys.readouterr().err
    assert set(WAYS) == {"as it is", "three repeated", "waiting", "failures mixed in"}
