"""The whole loop on the teaching toy, as a user runs it: demonstrations, cloning, gate, fine-tuning, panel, report."""

import json
from pathlib import Path
from typing import Any

import pytest

from regrasp.cli import main

CURRICULUM = Path(__file__).parent.parent / "curricula" / "planar-turn.toml"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("loop") / "run"
    assert main(["run", str(CURRICULUM), "--out", str(out), "--json"]) == 0
    return out


def _json(capsys: pytest.CaptureFixture[str], *command: str) -> dict[str, Any]:
    assert main([*command, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_cloning_opens_the_gate_by_itself(run: Path) -> None:
    last = json.loads((run / "gate.json").read_text())[-1]
    assert last["phase"] == "rl_finetune"
    assert not last["forced"]
    assert last["contact_entry_rate"] > 0.8


def test_fine_tuning_improves_on_the_panel(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, "compare", str(run / "checkpoints" / "bc"), str(run / "checkpoints" / "rl"))
    assert "mproved" in json.dumps(found)
    assert found["verdict"] == "improved"
    assert found["b"]["primary"]["count"] > found["a"]["primary"]["count"]


def test_the_report_asks_whether_the_demonstrations_pay(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run)]) == 0
    assert "--without-demos" in capsys.readouterr().out
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "held-out objects" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
