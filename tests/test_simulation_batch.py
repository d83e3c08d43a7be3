"""Batched worlds against MuJoCo stepped one by one; independence of batch, order and threads; resuming; divergence."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from door_states import GRASP_STATE, PULL_STATE
from regrasp.simulation.batch import Worlds
from regrasp.simulation.scene import Scene
from regrasp.tasks import TASKS

SCENE = TASKS["adroit-door"].scene
LIMITS = SCENE.model.actuator_ctrlrange
STEPS = 40


def starts(count: int) -> np.ndarray:
    drawn = TASKS["adroit-door"].draw_starts(np.zeros(count, np.int64), np.random.default_rng(5))
    drawn[::3], drawn[1::3] = GRASP_STATE, PULL_STATE
    return drawn


def controls(count: int, steps: int = STEPS) -> np.ndarray:
    """(steps, count, U) actuator targets; world i has its own stream."""
    rows = [np.random.default_rng(i).uniform(LIMITS[:, 0], LIMITS[:, 1], (steps, len(LIMITS))) for i in range(count)]
    return np.stack(rows, axis=1)


def play(states: np.ndarray, targets: np.ndarray, threads: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(T, B, S) states and (T, B, L, 8) contacts."""
    worlds = Worlds(SCENE, len(states), threads)
    worlds.place(np.arange(len(states)), states)
    seen = []
    for target in targets:
        worlds.ctrl[:] = target
        worlds.step()
        seen.append((worlds.states(), worlds.readings.contacts.numpy().copy()))
    return np.array([state for state, _ in seen]), np.array([contacts for _, contacts in seen])


def play_serially(scene: Scene, state: np.ndarray, targets: np.ndarray) -> np.ndarray:
    model, nq, nv = scene.model, scene.model.nq, scene.model.nv
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:], data.mocap_pos[:] = state[:nq], state[nq : nq + nv], state[nq + nv :].reshape(-1, 3)
    mujoco.mj_forward(model, data)
    rows = []
    for target in targets:
        data.ctrl[:] = target
        mujoco.mj_step(model, data, scene.substeps)
        rows.append(np.concatenate([data.qpos, data.qvel, data.mocap_pos.ravel()]))
    return np.array(rows)


@pytest.fixture(scope="module")
def together() -> tuple[np.ndarray, np.ndarray]:
    return play(starts(6), controls(6))


def test_the_batch_moves_as_mujoco_does(together: tuple[np.ndarray, np.ndarray]) -> None:
    for world in range(3):
        serial = play_serially(SCENE, starts(6)[world], controls(6)[:, world])
        np.testing.assert_array_equal(together[0][:, world], serial)


def test_a_world_is_the_same_alone(together: tuple[np.ndarray, np.ndarray]) -> None:
    for world in (0, 1, 5):
        alone = play(starts(6)[[world]], controls(6)[:, [world]])
        for batch, single in zip(together, alone, strict=True):
            np.testing.assert_array_equal(batch[:, world], single[:, 0])


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_matter(together: tuple[np.ndarray, np.ndarray], threads: int) -> None:
    for batch, other in zip(together, play(starts(6), controls(6), threads), strict=True):
        np.testing.assert_array_equal(batch, other)


def test_order_does_not_matter(together: tuple[np.ndarray, np.ndarray]) -> None:
    order = np.array([4, 2, 0, 5, 3, 1])
    for batch, other in zip(together, play(starts(6)[order], controls(6)[:, order], 2), strict=True):
        np.testing.assert_array_equal(batch[:, order], other)


def test_placing_again_leaves_no_trace(together: tuple[np.ndarray, np.ndarray]) -> None:
    worlds = Worlds(SCENE, 2, 1)
    worlds.place(np.arange(2), starts(2))
    worlds.variation.set(np.arange(2), np.full((2, 4), 0.3))
    for target in controls(2):
        worlds.ctrl[:] = target
        worlds.push[:] = 50.0
        worlds.fixture[:] += 0.001
        worlds.step()
    moving = worlds.states()[1]
    worlds.place(np.array([0]), starts(6)[[0]])
    np.testing.assert_array_equal(worlds.states()[1], moving)
    np.testing.assert_array_equal(worlds.variation.factors, [[1] * 4, [0.3] * 4])
    for t, target in enumerate(controls(6)):
        worlds.ctrl[0] = target[0]
        worlds.step()
        np.testing.assert_array_equal(worlds.states()[0], together[0][t, 0])


def test_states_are_what_was_placed() -> None:
    worlds = Worlds(SCENE, 3, 1)
    worlds.place(np.array([0, 2]), starts(2))
    np.testing.assert_array_equal(worlds.states()[[0, 2]], starts(2))
    copy = worlds.states()
    worlds.step()
    np.testing.assert_array_equal(copy[[0, 2]], starts(2))


def test_restoring_continues_to_the_bit() -> None:
    worlds, targets = Worlds(SCENE, 3, 1), controls(3)
    worlds.place(np.arange(3), starts(3))
    worlds.variation.set(np.array([0, 2]), np.array([[0.2, 1.5, 0.7, 1.3], [1.0, 2.0, 1.0, 1.0]]))
    worlds.push[0] = (5.0, -3.0, 1.0)
    for target in targets[:20]:
        worlds.ctrl[:] = target
        worlds.step()
    saved = worlds.save()
    other = Worlds(SCENE, 3, 2)
    other.restore(saved)
    for target in targets[20:]:
        for each in (worlds, other):
            each.ctrl[:] = target
            each.step()
        np.testing.assert_array_equal(worlds.states(), other.states())
        np.testing.assert_array_equal(worlds.readings.contacts, other.readings.contacts)
    assert not other.diverged.any()


def test_views_are_live() -> None:
    worlds = Worlds(SCENE, 2, 1)
    qpos, fixture = worlds.readings.qpos, worlds.readings.fixture_position
    worlds.place(np.arange(2), starts(2))
    np.testing.assert_array_equal(qpos, starts(2)[:, : SCENE.model.nq])
    np.testing.assert_array_equal(fixture, starts(2)[:, -3:])


class TestDivergence:
    """The engine puts a broken world back to its defaults and goes on; nothing but its clock shows it."""

    @pytest.fixture(autouse=True)
    def elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)  # the engine appends its warnings to a file in the current folder

    def step(self, worlds: Worlds, steps: int = 1) -> None:
        for _ in range(steps):
            worlds.step()

    def test_a_quiet_world_does_not_diverge(self) -> None:
        worlds = Worlds(SCENE, 2, 1)
        worlds.place(np.arange(2), starts(2))
        self.step(worlds, 300)
        assert not worlds.diverged.any()

    @pytest.mark.parametrize("column", [0, 40])
    def test_an_absurd_start_is_found_at_the_first_step(self, column: int) -> None:
        states = starts(3)
        states[1, column] = 1e12
        worlds = Worlds(SCENE, 3, 1)
        worlds.place(np.arange(3), states)
        self.step(worlds)
        np.testing.assert_array_equal(worlds.diverged, [False, True, False])

    @pytest.mark.parametrize("before", [0, 1, 30])
    def test_an_absurd_push_is_found_whenever_it_comes(self, before: int) -> None:
        worlds = Worlds(SCENE, 3, 1)
        worlds.place(np.arange(3), starts(3))
        self.step(worlds, before)
        worlds.push[2] = 1e13
        self.step(worlds)
        np.testing.assert_array_equal(worlds.diverged, [False, False, True])
        assert np.isfinite(worlds.states()).all()
        self.step(worlds, 20)
        np.testing.assert_array_equal(worlds.diverged, [False, False, True])
        worlds.place(np.array([2]), starts(3)[[2]])
        assert not worlds.diverged.any()
        self.step(worlds)
        assert not worlds.diverged.any()

    def test_divergence_is_saved(self) -> None:
        worlds = Worlds(SCENE, 2, 1)
        worlds.place(np.arange(2), starts(2))
        worlds.push[0] = 1e13
        self.step(worlds)
        other = Worlds(SCENE, 2, 1)
        other.restore(worlds.save())
        np.testing.assert_array_equal(other.diverged, [True, False])
        self.step(other)
        np.testing.assert_array_equal(other.diverged, [True, False])
