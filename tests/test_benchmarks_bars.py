"""The benchmark against the clock, on a bar that takes seconds."""

import json
import sys
from pathlib import Path

import bars
import pytest

TINY = ("bc.updates=20", "gate.force=true", "bc.rounds_limit=1", "gate.cases=4", "rl.iterations=2", "rl.worlds=4",
        "rl.segment=8", "rl.critic_warmup=1", "rl.check_cases=4")  # fmt: skip


def test_a_bar_is_measured_once_and_says_whether_it_is_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(bars.BARS, "tiny", bars.Bar("planar-turn.toml", 1.0, 600, TINY))
    monkeypatch.setattr(sys, "argv", ["bars.py", "tiny", "--seeds", "3", "--threads", "1", "--out", str(tmp_path)])
    bars.main()
    assert " no " in capsys.readouterr().out
    kept = tmp_path / "tiny" / "seed-3.json"
    row = json.loads(kept.read_text(encoding="utf-8"))
    assert row["seed"] == 3
    assert row["control_steps"] == 2 * 4 * 8
    assert 0 < row["gate_s"] < row["wall_s"]
    assert row["success"] <= row["entered"] <= row["n"]
    assert row["physics_s"] == pytest.approx(64 / row["engine_steps_per_s"])
    row["success"] = row["n"]
    kept.write_text(json.dumps(row), encoding="utf-8")
    bars.main()
    assert f"{row['n']}/{row['n']}" in capsys.readouterr().out, "read, not measured again"
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--set", "bc.updates=21"])
    with pytest.raises(SystemExit, match="2"):
        bars.main()
    assert "another --out" in capsys.readouterr().err
