"""What comes with regrasp fits together: every curriculum with its panel, its demonstrations and the task of today."""

from pathlib import Path

import pytest

from regrasp.curriculum.schema import locate, read_curriculum
from regrasp.demonstrations import read_demonstrations
from regrasp.panel.cases import read_panel
from regrasp.tasks import find_task

ROOT = Path(__file__).resolve().parent.parent
CURRICULA = sorted((ROOT / "curricula").glob("*.toml"))
DATA = sorted((ROOT / "src" / "regrasp" / "data").glob("*.hdf5"))
LARGEST = 12 * 2**20
"""Bytes of all demonstrations together."""


@pytest.mark.parametrize("file", CURRICULA, ids=lambda file: file.stem)
def test_a_curriculum_has_what_it_names(file: Path) -> None:
    curriculum = read_curriculum(file, ())
    assert file.stem.startswith(curriculum.task)
    task = find_task(curriculum.task)
    panel = read_panel(locate(file, curriculum.panel))
    panel.require(task, str(file))
    assert set(curriculum.rl.disturbances) <= set(task.disturbances)
    if curriculum.demonstrations:
        assert locate(file, curriculum.demonstrations).resolve() in DATA


@pytest.mark.parametrize("file", DATA, ids=lambda file: file.stem)
def test_demonstrations_fit_their_task_and_show_no_held_out_object(file: Path) -> None:
    task = find_task(file.stem.removesuffix("-fast"))
    episodes = read_demonstrations(file, task).episodes
    assert len(episodes) >= 25
    assert not {episode.object for episode in episodes} & set(task.held_out)
    assert all(episode.provenance["command"].startswith("regrasp demos") for episode in episodes)
    assert all(episode.observations["policy"].dtype == "float32" for episode in episodes)


def test_every_recorded_file_is_cloned_by_a_curriculum() -> None:
    named = {read_curriculum(file, ()).demonstrations for file in CURRICULA}
    assert {f"../src/regrasp/data/{file.name}" for file in DATA} <= named


def test_they_are_small() -> None:
    assert sum(file.stat().st_size for file in DATA) <= LARGEST
