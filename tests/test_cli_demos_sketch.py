"""`regrasp demos record` without a policy: the task's own sketch acts."""

from pathlib import Path

import numpy as np
import pytest

from regrasp.cli.demos_record import _noise, _open, record
from regrasp.demonstrations import read_demonstrations
from regrasp.errors import InputError
from regrasp.tasks.tool_pickup import TASK


def test_a_sketch_acts_where_no_policy_is_given() -> None:
    task, actor, name, own = _open(None, "tool-pickup")
    assert task is TASK
    assert actor == TASK.sketched
    assert name == "the sketch of tool-pickup"
    assert not own.any()


@pytest.mark.parametrize(("task", "found"), [(None, "neither a policy nor a task"), ("planar-turn", "no sketch")])
def test_without_either_it_is_refused(task: str | None, found: str) -> None:
    with pytest.raises(InputError, match=found):
        _open(None, task)


def test_noise_is_the_policys_own_unless_asked_for() -> None:
    own = np.array([0.1, 0.2], np.float32)
    assert _noise(own, None, 0.5)[0].tolist() == pytest.approx([0.05, 0.1])
    assert _noise(own, 0.3, 0.5)[0].tolist() == pytest.approx([0.3, 0.3])
    assert _noise(own, 0.3, 0.5)[1] == "0.3 on every action"


def test_its_attempts_become_a_file(tmp_path: Path) -> None:
    out = tmp_path / "demos.hdf5"
    record(out, task="tool-pickup", episodes=2, noise=0.05, tail=0, threads=1)
    episodes = read_demonstrations(out, TASK).episodes
    assert len(episodes) == 2
    assert {episode.provenance["policy"] for episode in episodes} == {"the sketch of tool-pickup"}
