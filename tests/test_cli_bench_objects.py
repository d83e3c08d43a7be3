"""`regrasp bench objects` and the mixes that it steps."""

import json

import numpy as np
import pytest

from regrasp.cli import main
from regrasp.cli.mixing import BUILDERS, Mixes, prepare
from regrasp.tasks import TASKS
from regrasp.tasks.planar_fingers import SHAPES


def test_it_weighs_and_steps_every_number_of_objects(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--worlds", "4", "--models", "1", "4", "--seconds", "0.1", "--threads", "1"]
    assert main(["bench", "objects", "--task", "planar-turn", *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    one, four = found["mixes"]
    assert (one["objects"], four["objects"]) == (1, 4)
    assert one["bytes_per_object"] == one["bytes_per_world"] == 0
    assert 0 < four["bytes_per_object"] == four["bytes_per_world"] < four["model_bytes"]
    assert one["ratio"] == 1.0
    assert found["rounds"] >= 3
    for mix in (one, four):
        assert mix["steps_per_s"] > 0
        assert mix["preparation_s_per_object"] > 0


def test_more_objects_than_a_task_has_are_drawn_like_its_own() -> None:
    task = TASKS["planar-turn"]
    mix = prepare(task, 40)
    assert mix.scene.objects.names == tuple(shape.name for shape in mix.shapes)
    assert len(set(mix.shapes)) == 40
    assert mix.shapes[0].name == task.objects[0]
    again = {shape.name for shape in mix.shapes} - set(task.objects)
    assert again
    for place, shape in zip(mix.origin, mix.shapes, strict=True):
        assert shape.name.startswith(task.objects[place])
    mixes = Mixes(task, {"40": mix}, 40, 1)
    assert np.isfinite(mixes.turn("40"))


def test_the_builders_make_the_tasks_own_scenes() -> None:
    assert BUILDERS["planar-turn"](SHAPES).digest == TASKS["planar-turn"].scene.digest


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--task", "adroit-door"], "--task: found 'adroit-door', expected the name of a task with many objects"),
        (["--models", "65"], "--models: found 65, expected whole numbers from 1 to 64"),
        (["--models", "0", "2"], "--models: found 0 2, expected whole numbers from 1 to 64"),
        (["--seconds", "0"], "--seconds: found 0.0, expected a number above 0"),
    ],
)
def test_bad_input_is_refused(options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "objects", *options]) == 2
    assert sentence in capsys.readouterr().err
