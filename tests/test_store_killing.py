"""Killed at any moment, the store holds all of the old content or all of the new, and the next command goes on."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WHAT = ("state", "claim", "trials", "curves")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """mode → what was written → one record per kill: content before, content after."""
    script = Path(__file__).with_name("store_killing.py")
    command = [sys.executable, str(script), str(tmp_path_factory.mktemp("killed"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("what", WHAT)
def test_killed_at_any_line(seen: Any, what: str) -> None:
    kills = seen["lines"][what]
    assert len(kills) > 10
    assert all(kill["after"] in {kill["before"], 2} for kill in kills)
    assert {kill["after"] for kill in kills} == {None, 1, 2}, "the kills missed the moments that matter"


@pytest.mark.parametrize("what", WHAT)
def test_killed_at_any_moment(seen: Any, what: str) -> None:
    kills = seen["moments"][what]
    assert len(kills) == 8
    assert all(kill["before"] <= kill["after"] <= kill["before"] + 1 for kill in kills), "a finished write was lost"
