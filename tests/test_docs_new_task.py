"""docs/new-task.md: its blocks are the example, the example keeps the contract, and muscles can do it."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from regrasp.seeding import numpy_stream
from regrasp.tasks import find_task
from regrasp.tasks.contract import CHECKS, check_task
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Disturbance, Task

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLE = DOCS / "examples" / "myo_lever.py"
PAGE = (DOCS / "new-task.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.filterwarnings("ignore:Attaching a spec with an empty prefix")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    pytest.importorskip("myo_sim")
    with pytest.MonkeyPatch.context() as patch:
        # The engine leaves its log where it runs.
        patch.chdir(tmp_path_factory.mktemp("log"))
        return find_task(str(EXAMPLE))


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def test_the_blocks_of_the_page_are_the_example() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert lines("\n".join(blocks)) == lines(EXAMPLE.read_text(encoding="utf-8"))


def test_it_is_as_short_as_the_page_says() -> None:
    count = len(EXAMPLE.read_text(encoding="utf-8").splitlines())
    assert count < 120
    assert f"in {count} lines" in PAGE
    assert len(CHECKS) == 23
    assert "Twenty-three checks" in PAGE


def test_it_keeps_the_contract(task: Task) -> None:
    findings = check_task(task)
    assert [finding for finding in findings if not finding.passed] == []
    assert [finding.name for finding in findings if not finding.checked] == ["dropped"]


def test_some_excitations_turn_the_lever_and_rest_does_not(task: Task) -> None:
    count, generator = 13, numpy_stream(1, "excitations")
    excited = generator.uniform(0.0, 0.15, (count, 39)) * (generator.uniform(size=(count, 39)) < 0.3)
    excited[0] = 0.0
    worlds = Environment(task, count, threads=1)
    starts = task.draw_starts(np.zeros(count, np.int64), generator)
    worlds.reset(np.arange(count), starts, [Disturbance()] * count, [0] * count)
    action = torch.from_numpy((2.0 * excited - 1.0).astype(np.float32))
    for _ in range(task.horizon):
        worlds.step(action)
    held = worlds.judgement.success_held
    assert held.any()
    assert not held[0]
