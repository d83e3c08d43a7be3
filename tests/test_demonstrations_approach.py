"""From which directions contact is entered: by hand on states that were made for it, and in shipped demonstrations."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from regrasp.demonstrations import read_demonstrations
from regrasp.demonstrations.inspection.approach import approaches, spread_of
from regrasp.demonstrations.playing import Judged
from regrasp.demonstrations.replay import Replay, replay
from regrasp.simulation.kinematics import poses
from regrasp.tasks import TASKS
from regrasp.tasks.planar_fingers import BASE, LENGTHS

TASK = TASKS["planar-turn"]
FILE = Path(__file__).parent.parent / "src" / "regrasp" / "data" / "planar-turn.hdf5"
BOTH = 3


@pytest.fixture(scope="module")
def played() -> list[Replay]:
    return replay(TASK, read_demonstrations(FILE, TASK).episodes[:8], 1)


def moved(one: Replay, entry: int, mode: int, **joints: NDArray[np.float64]) -> Judged:
    """The first state of an episode over and over, but for these joints, in contact from `entry` + 1 on."""
    assert one.episode.states is not None
    rows = len(next(iter(joints.values())))
    states = np.tile(one.episode.states[0], (rows, 1))
    for name, values in joints.items():
        states[:, TASK.scene.joint_column(name)] = values
    modes = np.where(np.arange(rows) > entry, mode, 0).astype(np.uint8)
    return replace(one, contact_entry=entry, episode=replace(one.episode, states=states, contact_modes=modes))


def test_bodies_are_where_the_joints_put_them(played: list[Replay]) -> None:
    joints = {"left_base": np.array([0.3]), "disc_x": np.array([0.01]), "disc_turn": np.array([0.7])}
    state = moved(played[0], 0, 1, **joints).episode.states
    assert state is not None
    centres, origins, axes = poses(TASK.scene.model, state, ["left_proximal", "right_proximal"], "disc")
    base = TASK.scene.model.body("left_proximal").pos
    angle = np.arctan2(-base[1], -base[0]) + 0.3
    expected = base[:2] + LENGTHS[0] / 2 * np.array([np.cos(angle), np.sin(angle)])
    assert np.linalg.norm(base) == pytest.approx(BASE)
    np.testing.assert_allclose(centres[0, 0, :2], expected, atol=1e-9)
    assert origins[0, 0] == pytest.approx(0.01)
    np.testing.assert_allclose(axes[0, :, 0], [np.cos(0.7), np.sin(0.7), 0.0], atol=1e-9)


@pytest.mark.parametrize("turn", [0.0, 0.8])
def test_a_disc_that_comes_to_a_still_hand_is_approached_by_it(played: list[Replay], turn: float) -> None:
    steps = np.arange(8.0)
    one = moved(played[0], 5, BOTH, disc_x=0.003 * steps, disc_y=0.004 * steps, disc_turn=np.full(8, turn))
    found = approaches(TASK, [one])
    assert [each.region for each in found] == ["left", "right"]
    for each in found:
        assert each.step == 5
        np.testing.assert_allclose(each.world, [-0.6, -0.8, 0.0], atol=1e-9)
        angle = np.arctan2(-0.8, -0.6) - turn
        np.testing.assert_allclose(each.object, [np.cos(angle), np.sin(angle), 0.0], atol=1e-9)


def test_only_what_moves_before_the_touch_counts(played: list[Replay]) -> None:
    after = np.where(np.arange(8) > 4, 0.02, 0.0)
    assert not approaches(TASK, [moved(played[0], 4, BOTH, disc_x=after)]), "still until it is touched"
    assert not approaches(TASK, [moved(played[0], 0, BOTH, disc_x=0.01 * np.arange(8.0))]), "touching from the start"
    # 0.1 s are two and a half control steps: the window begins two before the last row without a touch.
    early = np.array([0.0, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02])
    assert not approaches(TASK, [moved(played[0], 4, BOTH, disc_x=early)])


def test_fingers_come_from_where_they_stand(played: list[Replay]) -> None:
    found = approaches(TASK, played)
    assert {one.episode for one in found} <= set(range(8))
    left = [one.world for one in found if one.region == "left"]
    right = [one.world for one in found if one.region == "right"]
    assert len(right) >= 6
    assert all(abs(each[2]) < 1e-9 for each in left + right), "in the plane"
    assert all(one.episode.contact_modes is not None for one in played)
    for each in found:
        assert np.linalg.norm(each.object) == pytest.approx(1.0)
        assert played[each.episode].episode.contact_modes[each.step] == 0  # type: ignore[index]


def test_how_directions_spread() -> None:
    same = spread_of([[0.0, 0.6, 0.8]] * 3)
    assert (same.resultant, same.widest) == pytest.approx((1.0, 0.0), abs=1e-7)
    right = spread_of([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert right.resultant == pytest.approx(np.sqrt(0.5))
    assert right.widest == pytest.approx(np.pi / 4)
    assert right.mean == pytest.approx((np.sqrt(0.5), np.sqrt(0.5), 0.0))
    assert spread_of([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]).resultant == 0.0
