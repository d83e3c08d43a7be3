"""Factors on the physics of each object, and disturbances of an object that nothing holds; plain MuJoCo is right."""

from typing import Any

import mujoco
import numpy as np
import pytest

from regrasp.fields import Field, Fields
from regrasp.simulation.batch import Worlds
from regrasp.simulation.disturbance import NONE, Disturbance, Disturbances
from regrasp.simulation.variation import FACTORS
from small_scene import MIXED, NAMES, SCENE, STEPS, advance, model_with, play, play_serially, starts

# Factor → fields that it multiplies or, for the last two, divides.
SCALED: dict[str, dict[str, int]] = {
    "contact_friction": {"geom_friction": 1},
    "actuator_strength": {"actuator_gainprm": 1, "actuator_biasprm": 1, "actuator_forcerange": 1},
    "mass": {"body_mass": 1, "body_inertia": 1, "body_subtreemass": 1, "body_invweight0": -1, "dof_invweight0": -1},
}


def rows_of(model: mujoco.MjModel, field: str) -> Any:
    if field == "geom_friction":
        return [*SCENE.hand_geoms, *SCENE.object_geoms]
    if field.startswith("body"):
        return [int(model.body("object").id)]
    return list(range(1, 7)) if field.startswith("dof") else slice(None)


class TestFactors:
    @pytest.mark.parametrize("factor", SCALED)
    def test_each_scales_what_it_says_of_the_object_that_is_there(self, factor: str) -> None:
        factors = np.ones((6, 4))
        factors[:, FACTORS.index(factor)] = [0.5, 0.8, 1.0, 1.3, 1.7, 2.0]
        found = play(MIXED, starts(6), factors)
        for world, value in enumerate(factors.max(1) * factors.min(1)):
            model, _ = model_with(NAMES[MIXED[world]])
            for field, power in SCALED[factor].items():
                rows = rows_of(model, field)
                getattr(model, field)[rows] = getattr(model, field)[rows] * value**power
            np.testing.assert_array_equal(found[:, world], play_serially(model, starts(6)[world]))

    def test_a_scaled_mass_is_what_the_engine_would_derive(self) -> None:
        model, _ = model_with("wedge")
        body = model.body("object").id
        model.body_mass[body] *= 1.6
        model.body_inertia[body] *= 1.6
        mujoco.mj_setConst(model, mujoco.MjData(model))
        factors = np.array([[1.0, 1.0, 1.0, 1.6]])
        found = play(np.array([2]), starts(1), factors)[:, 0]
        np.testing.assert_allclose(found, play_serially(model, starts(1)[0]), atol=1e-7, rtol=1e-6)

    def test_placing_makes_physics_nominal(self) -> None:
        worlds = Worlds(SCENE, 6, 1)
        worlds.place(np.arange(6), starts(6), MIXED)
        worlds.variation.set(np.arange(6), np.full((6, 4), 1.5))
        worlds.place(np.arange(6), starts(6), MIXED)
        assert (worlds.variation.factors == 1).all()
        np.testing.assert_array_equal(advance(worlds), play(MIXED, starts(6)))


def begin(schedules: list[Disturbance], misjudged: tuple[str, ...] = ()) -> tuple[Worlds, Disturbances]:
    worlds = Worlds(SCENE, len(schedules), 1)
    every = np.arange(len(schedules))
    worlds.place(every, np.repeat(starts(1), len(schedules), 0), every % 3)
    observed = Fields([Field("finger", 1, "m"), Field("seen", 3, "m"), Field("turned", 9, "rotation")])
    disturbances = Disturbances(worlds, STEPS, observed, 1, misjudged)
    disturbances.schedule(every, schedules, list(range(len(schedules))))
    return worlds, disturbances


class TestDisturbances:
    def test_friction_of_a_free_object_is_that_of_its_contacts(self) -> None:
        worlds, _ = begin([Disturbance("friction", 0.5), Disturbance("mass", 1.4), Disturbance("actuator", 0.8), NONE])
        np.testing.assert_array_equal(
            worlds.variation.factors, [[0.5, 1, 1, 1], [1, 1, 1, 1.4], [1, 1, 0.8, 1], [1, 1, 1, 1]]
        )

    def test_a_drop_holds_the_grip_open_and_gives_it_back(self) -> None:
        worlds, disturbances = begin([NONE, Disturbance("drop", 0.04, delay=3, duration=4), NONE])
        elapsed, seen = np.zeros(3, np.int64), []
        for t in range(15):
            worlds.ctrl[:] = 0.1 + 0.01 * t
            disturbances.trigger(np.full(3, t == 2), elapsed)
            disturbances.apply(elapsed)
            seen.append(worlds.ctrl[:, 0].copy())
            elapsed += 1
        meant = 0.1 + 0.01 * np.arange(15)
        opened = np.where((np.arange(15) >= 5) & (np.arange(15) < 9), SCENE.released["push"], meant)
        np.testing.assert_array_equal(seen, np.stack([meant, opened, meant], axis=1))
        assert disturbances.began.tolist() == [-1, 5, -1]

    def test_a_misjudged_position_shifts_for_its_world_alone(self) -> None:
        pose = Disturbance("pose_error", 0.02, (0.0, 0.6, 0.8), delay=0, duration=4)
        worlds, disturbances = begin([NONE, pose], ("seen",))
        fixture, elapsed = worlds.fixture.copy(), np.zeros(2, np.int64)
        for t in range(8):
            disturbances.trigger(np.full(2, t == 0), elapsed)
            disturbances.apply(elapsed)
            elapsed += 1
            seen = np.zeros((2, 13), np.float32)
            disturbances.noisy(seen, elapsed)
            wanted = np.zeros((2, 13))
            wanted[1, 1:4] = min(t + 1, 4) / 4 * 0.02 * np.array(pose.direction)
            np.testing.assert_allclose(seen, wanted, atol=1e-8)
        np.testing.assert_array_equal(worlds.fixture, fixture)

    def test_the_shift_is_saved(self) -> None:
        pose = Disturbance("pose_error", 0.02, (0.0, 0.6, 0.8), delay=0, duration=4)
        _, disturbances = begin([NONE, pose], ("seen",))
        elapsed = np.zeros(2, np.int64)
        disturbances.trigger(np.full(2, True), elapsed)
        disturbances.apply(elapsed)
        _, other = begin([NONE, NONE], ("seen",))
        other.restore(disturbances.save())
        for each in (disturbances, other):
            each.apply(elapsed + 1)
        first, second = (np.zeros((2, 13), np.float32) for _ in range(2))
        disturbances.noisy(first, elapsed)
        other.noisy(second, elapsed)
        np.testing.assert_array_equal(first, second)
        assert first[1, 1:4].any()

    def test_rotations_are_noisy_as_angles_are(self) -> None:
        _, disturbances = begin([Disturbance("sensor_noise", 0.05), NONE])
        seen = np.array([_noise(disturbances, t) for t in range(STEPS)])
        assert not seen[:, 1].any()
        assert seen[:, 0, 4:].std() == pytest.approx(0.05, rel=0.15)
        assert seen[:, 0, :4].std() == pytest.approx(0.005, rel=0.2)


def _noise(disturbances: Disturbances, t: int) -> np.ndarray:
    seen = np.zeros((2, 13), np.float32)
    disturbances.noisy(seen, np.full(2, t))
    return seen
