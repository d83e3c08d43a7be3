"""The motions written down by hand for the Adroit tasks, and what was recorded from them."""

from importlib.resources import as_file, files

import numpy as np
import pytest
import torch

from regrasp.demonstrations import read_demonstrations
from regrasp.demonstrations.replay import replay
from regrasp.seeding import numpy_stream
from regrasp.simulation.disturbance import NONE
from regrasp.tasks import TASKS
from regrasp.tasks.environment import Environment

SKETCHED = ("adroit-hammer", "adroit-relocate")
STARTS = 16


@pytest.mark.parametrize("name", SKETCHED)
def test_sketch_succeeds_from_most_starts(name: str) -> None:
    """It always enters contact, and succeeds in at least 12 of 16 trials."""
    task = TASKS[name]
    assert task.sketched is not None
    environment = Environment(task, STARTS, 1)
    starts = task.draw_starts(np.zeros(STARTS, np.int64), numpy_stream(0, "sketch"))
    environment.reset(np.arange(STARTS), starts, [NONE] * STARTS, [0] * STARTS)
    seen = environment.observe()["policy"]
    for _ in range(task.horizon):
        seen = environment.step(task.sketched.act(seen)).observations["policy"]
    assert bool(environment.entry.entered.all())
    assert int(environment.judgement.success_held.sum()) >= 12


@pytest.mark.parametrize("name", SKETCHED)
def test_sketch_depends_on_the_observation_alone(name: str) -> None:
    """Row by row, whatever stands beside it, and within the range of actions."""
    task = TASKS[name]
    assert task.sketched is not None
    generator = torch.Generator().manual_seed(0)
    rows = 0.3 * torch.randn(8, task.observations["policy"].fields.size, generator=generator)
    whole = task.sketched.act(rows)
    alone = torch.cat([task.sketched.act(row[None]) for row in rows])
    assert torch.equal(whole, alone)
    assert whole.shape == (8, task.interface.fields.size)
    assert bool((whole.abs() <= 1.0).all())


@pytest.mark.parametrize("name", SKETCHED)
def test_shipped_demonstrations_succeed_again(name: str) -> None:
    """25 episodes that fit the task; played again, nearly all still succeed, and some recover."""
    task = TASKS[name]
    with as_file(files("regrasp") / "data" / f"{name}.hdf5") as path:
        data = read_demonstrations(path, task)
    assert len(data.episodes) == 25
    found = replay(task, data.episodes, 1)
    assert sum(one.success_held for one in found) >= 23
    assert any("recovered" in one.episode.marks for one in found)
