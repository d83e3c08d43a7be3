"""What a person moves becomes an action: actuators sorted, synergies, inverse kinematics, a gamepad."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("viser", reason="viser (extra viewer) is not installed")

from regrasp.cli.opening import shipped_demonstrations
from regrasp.demonstrations import read_demonstrations
from regrasp.tasks import TASKS
from regrasp.tasks.task import Task
from regrasp.viewer.actuators import actuators_of
from regrasp.viewer.driving import Driving
from regrasp.viewer.gamepad import AT_REST, PREFIX, parse
from regrasp.viewer.reaching import Reach
from regrasp.viewer.synergies import Synergies, synergies_of

ARMS = {name: task for name, task in TASKS.items() if actuators_of(task).wrist}


def names(task: Task, columns: tuple[int, ...]) -> list[str]:
    fields = list(task.interface.fields)
    return [fields[column].name for column in columns]


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_actuator_moves_the_wrist_or_one_finger(task: Task) -> None:
    actuators = actuators_of(task)
    columns = [*actuators.wrist, *(column for own in actuators.fingers.values() for column in own)]
    assert sorted(columns) == list(range(task.interface.fields.size))
    initials: Mapping[str, str] = {"thumb": "TH", "index": "FF", "middle": "MF", "ring": "RF", "little": "LF"}
    for region, own in actuators.fingers.items():
        assert all(name.startswith(initials.get(region, region)) for name in names(task, own))
    assert all(name.startswith(("AR", "WR")) for name in names(task, actuators.wrist))


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_closing_is_away_from_an_open_grip(task: Task) -> None:
    offset, scale = (values.numpy() for values in task.control_map)
    closing = actuators_of(task).closing
    assert closing
    for columns, opened, closed in closing.values():
        targets = [task.scene.released[task.scene.model.actuator(int(column)).name] for column in columns]
        assert np.allclose((offset + 0 * scale)[columns] + scale[columns] * opened, targets, atol=1e-6)
        assert (np.abs(closed) == 1).all()
        assert (np.sign(closed) == -np.sign(opened)).all()


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_what_nobody_has_moved_is_the_rest_posture(task: Task) -> None:
    driving = Driving(task, Synergies(np.ones((1, len(actuators_of(task).posed))), np.ones(1)))
    moved = driving.at_rest()
    assert np.allclose(driving.action(moved), np.clip(task.rest, -1, 1), atol=1e-6)
    moved.synergies[:] = 5.0
    moved.closing = dict.fromkeys(moved.closing, 1.0)
    moved.trims[:] = -3.0
    assert np.abs(driving.action(moved)).max() <= 1


def test_a_finger_that_is_closed_is_closed_whatever_the_synergies_say() -> None:
    task = TASKS["tool-pickup"]
    actuators = actuators_of(task)
    driving = Driving(task, Synergies(np.full((1, len(actuators.posed)), 0.3), np.ones(1)))
    moved = driving.at_rest()
    for amplitude in (-1.0, 1.0):
        moved.synergies[:] = amplitude
        moved.closing["index"] = 1.0
        columns, _, closed = actuators.closing["index"]
        assert np.allclose(driving.action(moved)[columns], closed)
        other, _, _ = actuators.closing["ring"]
        assert np.allclose(driving.action(moved)[other], np.clip(np.array(task.rest)[other] + 0.3 * amplitude, -1, 1))


def test_synergies_are_the_principal_components_of_the_actions() -> None:
    rng = np.random.default_rng(0)
    axes, _ = np.linalg.qr(rng.standard_normal((6, 2)))
    amplitudes = rng.standard_normal((500, 2)) * (0.2, 0.05)
    rest, columns = np.zeros(8), np.arange(2, 8)
    rows = np.zeros((500, 8), np.float32)
    rows[:, 2:] = amplitudes @ axes.T
    found = synergies_of([rows[:200], rows[200:]], columns, rest)
    assert len(found.shares) == 2
    # The same directions, whatever their sign; an amplitude of 1 is the largest that was demonstrated.
    for axis, direction, own in zip(axes.T, found.directions, amplitudes.T, strict=True):
        length = np.linalg.norm(direction)
        assert abs(axis @ direction) / length == pytest.approx(1, abs=5e-3)
        assert length == pytest.approx(np.abs(own).max(), rel=0.05)


def test_one_synergy_of_the_shipped_tool_demonstrations_closes_the_hand() -> None:
    task = TASKS["tool-pickup"]
    episodes = read_demonstrations(shipped_demonstrations(task), task).episodes
    actuators = actuators_of(task)
    found = synergies_of((one.actions for one in episodes), actuators.posed, np.array(task.rest))
    assert found.shares[0] > 0.9
    driving = Driving(task, found)
    moved = driving.at_rest()
    before = driving.action(moved)
    moved.synergies[:] = 1.0
    change = driving.action(moved) - before
    for finger in ("index", "middle", "ring", "little"):
        columns, _, closed = actuators.closing[finger]
        assert (change[columns] * closed > 0).all()


def test_a_finger_that_is_never_at_rest_is_part_of_the_first_synergy() -> None:
    """About the mean it would be in none, and no slider could bring it where demonstrations hold it."""
    rows = np.zeros((100, 3), np.float32)
    rows[:, 0], rows[:, 1] = 0.8, np.linspace(-0.1, 0.1, 100)
    found = synergies_of([rows], np.arange(3), np.zeros(3))
    amplitudes = rows @ np.linalg.pinv(found.directions)
    assert np.allclose(amplitudes @ found.directions, rows, atol=1e-6)
    assert found.directions[0] == pytest.approx([0.8, 0, 0], abs=1e-2)


def test_of_a_hand_that_stays_at_rest_there_are_no_synergies() -> None:
    still = np.full(4, 0.25)
    assert len(synergies_of([np.tile(still, (9, 1)).astype(np.float32)], np.arange(4), still).shares) == 0
    assert len(synergies_of([np.zeros((9, 4), np.float32)], np.arange(0), np.zeros(4)).shares) == 0


@pytest.mark.parametrize("task", ARMS.values(), ids=ARMS)
def test_the_wrist_reaches_every_pose_that_it_can_have(task: Task) -> None:
    reach = Reach(task, actuators_of(task))
    assert reach.able
    rng = np.random.default_rng(1)
    rest = np.array(task.rest)[list(actuators_of(task).wrist)]
    for _ in range(10):
        position, quaternion = reach.hand(rng.uniform(-0.8, 0.8, len(rest)))
        found = reach.solve(position, quaternion, rest)
        assert np.abs(found).max() <= 1 + 1e-9
        there, turned = reach.hand(found)
        assert np.linalg.norm(there - position) < 1e-3
        assert abs(turned @ quaternion) > math.cos(0.01)


@pytest.mark.parametrize("name", ["adroit-door", "adroit-pen", "tool-pickup"])
def test_out_of_reach_nothing_nearby_would_be_nearer(name: str) -> None:
    task = TASKS[name]
    reach = Reach(task, actuators_of(task))
    rng = np.random.default_rng(2)
    rest = np.array(task.rest)[list(actuators_of(task).wrist)]

    def miss(wrist: np.ndarray) -> float:
        """Way [m] and turn, 0.15 m for each radian."""
        there, turned = reach.hand(wrist)
        turn = 2 * math.acos(min(1.0, abs(turned @ quaternion)))
        return float(np.sum((there - position) ** 2) + (0.15 * turn) ** 2) ** 0.5

    for _ in range(3):
        position, quaternion = reach.hand(rng.uniform(-0.8, 0.8, len(rest)))
        position = position + rng.standard_normal(3) * 0.2
        found = reach.solve(position, quaternion, rest)
        assert np.abs(found).max() <= 1 + 1e-9
        assert miss(found) < miss(rest)
        nearby = np.clip(found + rng.standard_normal((300, len(rest))) * 0.02, -1, 1)
        assert miss(found) < min(map(miss, nearby)) + 1e-4


def test_planar_fingers_have_no_wrist_to_drag() -> None:
    task = TASKS["planar-turn"]
    assert not Reach(task, actuators_of(task)).able


GARBAGE = ("", "none: press a button on it", "[1, 2]", '[["x"], [], 0]', "[{}, [], 0]", "[" * 100_000, "[null, 3, 1]")


@pytest.mark.parametrize("text", GARBAGE)
def test_whatever_is_typed_into_the_gamepads_field_moves_nothing(text: str) -> None:
    assert parse(PREFIX + text) == AT_REST


def test_a_gamepad_is_read_within_its_bounds() -> None:
    pad = parse(PREFIX + "[[0.5, -7, 0.05, NaN, 1], [1, 0.25, -3], 1700000000000]")
    assert pad.axes == (0.5, -1.0, 0.0, 0.0)
    assert pad.buttons == (1.0, 0.25, *[0.0] * 15)


def test_the_shipped_demonstrations_are_where_they_are_looked_for() -> None:
    assert all(Path(shipped_demonstrations(TASKS[name])).is_file() for name in ("planar-turn", "tool-pickup"))
