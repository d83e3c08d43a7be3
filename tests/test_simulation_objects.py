"""Several objects in one batch: each moves as in a model of its own, alone or beside others; plain MuJoCo is right."""

import mujoco
import numpy as np
import pytest

from regrasp.errors import InputError
from regrasp.simulation.batch import Worlds
from regrasp.simulation.objects import ObjectPool, pool_objects
from regrasp.simulation.scene import add_contact_sensors
from small_scene import MIXED, NAMES, SCENE, TARGETS, advance, make_scene, model_with, play, play_serially, starts


@pytest.fixture(scope="module")
def together() -> np.ndarray:
    return play(MIXED, starts(6))


class TestMixing:
    def test_each_is_touched_and_moves_its_own_way(self, together: np.ndarray) -> None:
        contacts = together[:, :, SCENE.state_size]
        assert (contacts.max(0) > 0).all()
        ends = [play(np.array([i]), starts(1))[-1, 0, :15] for i in range(3)]
        assert min(np.abs(ends[i] - ends[i - 1]).max() for i in range(3)) > 1e-3

    @pytest.mark.parametrize("world", range(6))
    def test_a_world_moves_as_mujoco_moves_its_object(self, together: np.ndarray, world: int) -> None:
        """In the pool's own model of it, and in one that was compiled for it alone."""
        name = NAMES[MIXED[world]]
        for model in (SCENE.model_of(name), model_with(name)[0]):
            np.testing.assert_array_equal(together[:, world], play_serially(model, starts(6)[world]))

    @pytest.mark.parametrize("world", range(6))
    def test_a_world_is_the_same_alone(self, together: np.ndarray, world: int) -> None:
        alone = play(MIXED[[world]], starts(6)[[world]])
        np.testing.assert_array_equal(together[:, world], alone[:, 0])

    def test_order_and_threads_do_not_matter(self, together: np.ndarray) -> None:
        order = np.array([3, 5, 0, 2, 4, 1])
        np.testing.assert_array_equal(play(MIXED[order], starts(6)[order], threads=3), together[:, order])


class TestPlacing:
    def test_another_object_and_back_leaves_no_trace(self, together: np.ndarray) -> None:
        worlds = Worlds(SCENE, 6, 1)
        every = np.arange(6)
        for objects in (MIXED, (MIXED + 1) % 3, (MIXED + 2) % 3):
            worlds.place(every, starts(6)[::-1], objects)
            worlds.variation.set(every, np.full((6, 4), 0.6))
            advance(worlds, TARGETS[:9])
        worlds.place(every, starts(6), MIXED)
        np.testing.assert_array_equal(advance(worlds), together)

    def test_only_the_named_worlds_change(self, together: np.ndarray) -> None:
        worlds = Worlds(SCENE, 6, 1)
        worlds.place(np.arange(6), starts(6), MIXED)
        first = advance(worlds, TARGETS[:20])
        worlds.place(np.array([1, 4]), starts(6)[[1, 4]], np.array([1, 0]))
        assert worlds.variation.objects.tolist() == [2, 1, 1, 1, 0, 0]
        rest = advance(worlds, TARGETS[20:])
        kept = [0, 2, 3, 5]
        np.testing.assert_array_equal(np.concatenate([first, rest])[:, kept], together[:, kept])
        fresh = play_serially(SCENE.model_of("ball"), starts(6)[1], TARGETS[20:])
        np.testing.assert_array_equal(rest[:, 1], fresh)

    def test_without_a_word_it_is_the_first_object(self) -> None:
        worlds = Worlds(SCENE, 2, 1)
        worlds.place(np.arange(2), starts(2), np.array([1, 2]))
        worlds.place(np.arange(2), starts(2))
        assert worlds.variation.objects.tolist() == [0, 0]
        np.testing.assert_array_equal(advance(worlds)[:, 1], play_serially(SCENE.model_of("box"), starts(2)[1]))

    def test_a_turned_fixture_is_part_of_the_state(self) -> None:
        worlds = Worlds(SCENE, 3, 1)
        worlds.place(np.array([0, 2]), starts(2), np.array([0, 1]))
        np.testing.assert_array_equal(worlds.states()[[0, 2]], starts(2))
        np.testing.assert_array_equal(worlds.readings.fixture_quaternion[[0, 2]], starts(2)[:, 18:])
        np.testing.assert_array_equal(worlds.readings.fixture_position[[0, 2]], starts(2)[:, 15:18])
        advance(worlds, TARGETS[:3])
        np.testing.assert_array_equal(worlds.readings.fixture_quaternion[[0, 2]], starts(2)[:, 18:])

    def test_pose_and_twist_are_the_free_joints(self) -> None:
        worlds = Worlds(SCENE, 2, 1)
        states = starts(2)
        states[:, 9:15] = np.arange(12).reshape(2, 6)
        worlds.place(np.arange(2), states, np.array([1, 2]))
        parts = (*worlds.readings.pose("object"), *worlds.readings.twist("object"))
        for found, wanted in zip(parts, np.split(states[:, [*range(1, 8), *range(9, 15)]], [3, 7, 10], 1), strict=True):
            np.testing.assert_array_equal(found, wanted)

    def test_saved_worlds_keep_their_objects(self, together: np.ndarray) -> None:
        factors = np.random.default_rng(0).uniform(0.7, 1.3, (6, 4))
        truth = play(MIXED, starts(6), factors)
        assert (truth != together).any(axis=(0, 2)).all()
        worlds = Worlds(SCENE, 6, 1)
        worlds.place(np.arange(6), starts(6), MIXED)
        worlds.variation.set(np.arange(6), factors)
        advance(worlds, TARGETS[:25])
        saved = worlds.save()
        used = Worlds(SCENE, 6, 2)
        used.place(np.arange(6), starts(6), (MIXED + 1) % 3)
        for other in (used, Worlds(SCENE, 6, 1)):
            other.restore(saved)
            np.testing.assert_array_equal(advance(other, TARGETS[25:]), truth[25:])
            assert other.variation.objects.tolist() == MIXED.tolist()


class TestPool:
    def test_names_and_tables(self) -> None:
        pool = SCENE.objects
        assert pool.names == NAMES
        assert {"body_mass", "geom_size", "geom_type", "geom_dataid", "geom_friction"} <= set(pool.tables)
        assert all(len(table) == 3 for table in pool.tables.values())
        assert [pool.index(name) for name in NAMES] == [0, 1, 2]
        with pytest.raises(InputError, match=r"object: found 'cone', .*valid names: box, ball, wedge"):
            pool.index("cone")

    def test_model_of_is_a_copy_and_all_of_the_object(self) -> None:
        before = SCENE.model.body_mass.copy()
        for name in NAMES:
            own, compiled = SCENE.model_of(name), model_with(name)[0]
            for field in SCENE.objects.tables:
                np.testing.assert_array_equal(getattr(own, field), getattr(compiled, field), err_msg=field)
            own.body_mass[:] = 7.0
        np.testing.assert_array_equal(SCENE.model.body_mass, before)

    def test_the_digest_covers_every_object(self) -> None:
        digests = {make_scene(names).digest for names in (NAMES, NAMES[:2], ("box", "wedge", "ball"), ("box",))}
        assert len(digests) == 4
        assert make_scene().digest == SCENE.digest
        heavier = {name: table.copy() for name, table in SCENE.objects.tables.items()}
        heavier["body_mass"][2] = np.nextafter(heavier["body_mass"][2], 1)
        assert ObjectPool(NAMES, heavier).digest != SCENE.objects.digest

    def test_one_object_needs_no_tables(self) -> None:
        assert pool_objects({"box": model_with("box", midphase="enable")[0]}).tables == {}

    def test_the_midphase_must_be_off(self) -> None:
        models = {name: model_with(name, midphase="enable")[0] for name in NAMES}
        with pytest.raises(ValueError, match="midphase switched off"):
            pool_objects(models)

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"joint": 'joint type="ball"'}, "different shapes of "),
            ({"joint": 'joint type="slide"'}, "different shapes of "),
            ({"integrator": "Euler"}, "different opt.integrator, which is one for all worlds"),
        ],
    )
    def test_another_layout_is_refused(self, changes: dict[str, str], sentence: str) -> None:
        with pytest.raises(ValueError, match=sentence):
            pool_objects({"box": model_with("box")[0], "ball": model_with("ball", **changes)[0]})

    def test_other_meshes_are_refused(self) -> None:
        """A mesh belongs to the scene; each world only chooses among them."""
        model, text = model_with("wedge")
        spec = mujoco.MjSpec.from_string(text.replace("0 .02 .02", "0 .02 .025"))
        add_contact_sensors(spec, ["finger"], "object")
        with pytest.raises(ValueError, match=r"different mesh_\w+, which is one for all worlds"):
            pool_objects({"wedge": model, "taller": spec.compile()})
