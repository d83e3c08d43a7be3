"""What a task says of itself: which sizes of disturbance a bench would see, and which objects learning may see."""

from dataclasses import replace

import numpy as np
import pytest

from regrasp.panel.cases import draw_cases
from regrasp.seeding import numpy_stream
from regrasp.simulation.disturbance import NONE, Disturbance
from regrasp.simulation.objects import ObjectPool
from regrasp.tasks import TASKS
from regrasp.tasks.task import Range, Task

DOOR = TASKS["adroit-door"]
NAMES = ("door", "gate", "hatch", "lid", "flap")


def with_objects(*held_out: str) -> Task:
    """The door under five names, some of them held out."""
    scene = replace(DOOR.scene, objects=ObjectPool(NAMES, {}))
    return replace(DOOR, make_scene=lambda: scene, held_out=held_out)


class TestRealistic:
    @pytest.mark.parametrize(("magnitude", "wanted"), [(0.9, False), (1.0, True), (2.0, True), (2.1, False)])
    def test_what_is_drawn_is_unless_said_otherwise(self, magnitude: float, wanted: bool) -> None:
        assert Range(1.0, 2.0).realistic(magnitude) == wanted

    @pytest.mark.parametrize(("magnitude", "wanted"), [(0.4, False), (0.5, True), (1.5, True), (1.6, False)])
    def test_an_envelope_says_otherwise(self, magnitude: float, wanted: bool) -> None:
        assert Range(1.0, 2.0, envelope=(0.5, 1.5)).realistic(magnitude) == wanted

    def test_a_task_asks_the_range_of_the_kind(self) -> None:
        task = replace(DOOR, disturbances={"push": Range(1.0, 8.0, "an elbow", envelope=(0.0, 6.0))})
        assert task.realistic(NONE)
        assert task.realistic(Disturbance("push", 0.5, (1.0, 0.0, 0.0)))
        assert not task.realistic(Disturbance("push", 7.0, (1.0, 0.0, 0.0)))
        assert not task.realistic(Disturbance("slip", 0.1)), "a kind that this task never sees"

    def test_every_draw_of_the_door_is(self) -> None:
        generator = numpy_stream(0)
        for kind in DOOR.disturbances:
            assert all(DOOR.realistic(DOOR.draw_disturbance(kind, generator)) for _ in range(20))
            assert DOOR.disturbances[kind].reason


class TestObjects:
    def test_splits_follow_the_names(self) -> None:
        task = with_objects("gate", "flap")
        assert task.objects == NAMES
        assert task.split("train").tolist() == [0, 2, 3]
        assert task.split("held_out").tolist() == [1, 4]
        assert with_objects().split("held_out").tolist() == []

    def test_every_object_of_a_split_is_as_likely(self) -> None:
        task = with_objects("gate", "flap")
        for split, places in (("train", [0, 2, 3]), ("held_out", [1, 4])):
            drawn = task.draw_objects(3000, numpy_stream(0), split)
            found, counts = np.unique(drawn, return_counts=True)
            assert found.tolist() == places
            np.testing.assert_allclose(counts / 3000, 1 / len(places), atol=0.04)
        np.testing.assert_array_equal(task.draw_objects(9, numpy_stream(1)), task.draw_objects(9, numpy_stream(1)))


class TestCases:
    def test_objects_come_from_the_splits_in_turn(self) -> None:
        task = with_objects("gate", "flap")
        cases = draw_cases(task, {"none": 7, "push": 6}, 0, "panel", ("train", "held_out"))
        held_out = [case.object in task.held_out for case in cases]
        assert held_out == [False, True] * 3 + [False] + [False, True] * 3
        assert {case.object for case in cases} > set(task.held_out)

    def test_learning_never_sees_what_is_held_out(self) -> None:
        cases = draw_cases(with_objects("gate", "flap"), {"none": 40}, 0, "gate")
        assert {case.object for case in cases} == {"door", "hatch", "lid"}

    def test_a_split_without_objects_is_passed_over(self) -> None:
        both = draw_cases(DOOR, {"none": 4}, 0, "panel", ("train", "held_out"))
        assert [case.object for case in both] == ["door"] * 4
        assert both == draw_cases(DOOR, {"none": 4}, 0, "panel")

    def test_starts_fit_the_objects_drawn(self) -> None:
        """The task is told which object each start is for, and the case keeps that object."""
        plain = with_objects("gate", "flap")

        def draw(objects: np.ndarray, generator: np.random.Generator) -> np.ndarray:
            starts = DOOR.draw_starts(objects, generator)
            starts[:, 0] = objects
            return starts

        cases = draw_cases(replace(plain, draw_starts=draw), {"none": 9}, 0, "panel", ("train", "held_out"))
        assert [NAMES[int(case.state[0])] for case in cases] == [case.object for case in cases]


def test_a_drop_lasts_as_long_as_its_magnitude_says() -> None:
    task = replace(DOOR, disturbances={"drop": Range(0.001, 0.3)})
    generator = numpy_stream(0)
    drawn = [task.draw_disturbance("drop", generator) for _ in range(50)]
    assert all(one.duration == max(1, round(one.magnitude * 100)) for one in drawn)
    assert min(one.duration for one in drawn) >= 1


def test_a_sketch_is_named_by_the_file_it_is_written_in() -> None:
    sketches = [TASKS[name].sketched for name in ("adroit-hammer", "adroit-relocate", "tool-pickup")]
    digests = {sketch.digest for sketch in sketches if sketch}
    assert len(digests) == 3
    assert TASKS["planar-turn"].sketched is None
