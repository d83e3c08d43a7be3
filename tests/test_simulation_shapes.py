"""Objects against the engine's own geometry, analytic inertia, and one batch that mixes them."""

import json
from collections.abc import Sequence
from pathlib import Path

import mujoco
import mujoco.batch
import numpy as np
import pytest

from regrasp.errors import InputError
from regrasp.seeding import numpy_stream
from regrasp.simulation.families import KINDS, draw_shapes, shapes_of
from regrasp.simulation.shape_files import digest_of_shapes, read_shapes, shipped_objects, write_shapes
from regrasp.simulation.shapes import Part, Shape, add_meshes, add_shape, solid_of

SHAPES = {kind: shapes_of(kind) for kind in KINDS}
# The midphase is off in every scene that mixes objects, so its trees may differ.
MIDPHASE = {"bvh_aabb", "bvh_child", "bvh_depth", "bvh_nodeid", "body_bvhnum", "body_bvhadr", "mesh_bvhadr"}
SIZES_OF_MIDPHASE = {"nbvh", "nbvhstatic", "nbvhdynamic", "nbuffer"}


def compiled(shape: Shape, shapes: Sequence[Shape], joint: str = "free", height: float = 0.0) -> mujoco.MjModel:
    """An object over a plane at 0, and a box whose top is 1 m below it."""
    spec = mujoco.MjSpec()
    spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_MIDPHASE)
    add_meshes(spec, shapes)
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[1, 1, 0.1])
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=[1, 1, 0.5], pos=[0, 0, -1.5])
    body = spec.worldbody.add_body(name="object", pos=[0, 0, height])
    if joint == "free":
        body.add_freejoint()
    else:
        body.add_joint(type=mujoco.mjtJoint.mjJNT_HINGE, axis=[0, 0, 1])
    add_shape(spec, body, shape, max(len(each.parts) for each in shapes))
    return spec.compile()


def one_of_each_family(kind: str) -> list[Shape]:
    return list({shape.family: shape for shape in SHAPES[kind]}.values())


def tilt(model: mujoco.MjModel, data: mujoco.MjData) -> float:
    return float(np.degrees(np.arccos(np.clip(data.body("object").xmat[8], -1, 1))))


class TestGeometry:
    @pytest.mark.parametrize("kind", KINDS)
    def test_reach_is_the_engines_distance_to_a_wall(self, kind: str) -> None:
        generator = np.random.default_rng(0)
        for shape in one_of_each_family(kind):
            model = compiled(shape, [shape])
            data = mujoco.MjData(model)
            for _ in range(5):
                data.qpos[3:7] = generator.normal(size=4)
                mujoco.mj_forward(model, data)
                down = data.body("object").xmat.reshape(3, 3).T @ (0, 0, -1)
                gaps = [mujoco.mj_geomDistance(model, data, 1, geom, 2.0, None) for geom in range(2, model.ngeom)]
                assert 1.0 - shape.reach(down) == pytest.approx(min(gaps), abs=2e-6)

    def test_bounds_of_a_turned_part_far_from_the_origin(self) -> None:
        turned = Part("capsule", (0.01, 0.03), (0.1, 0.2, 0.3), (0.70711, 0.0, 0.70711, 0.0))
        shape = Shape("bar", "bar", "train", (turned, Part("sphere", (0.05,))), 1000.0, 1.0)
        np.testing.assert_allclose(shape.bounds(), [[-0.05] * 3, [0.14, 0.21, 0.31]], atol=1e-9)
        np.testing.assert_allclose(shape.extents(), [0.095, 0.13, 0.18], atol=1e-9)
        assert shape.resting_height == pytest.approx(0.05)


class TestMass:
    def test_two_boxes_and_an_offset(self) -> None:
        parts = (Part("box", (0.02, 0.01, 0.03), (0.01, 0.0, 0.0)), Part("box", (0.01, 0.01, 0.03), (-0.02, 0.03, 0.0)))
        shape = Shape("two", "l_shape", "train", parts, 500.0, 1.0, (0.001, -0.002, 0.003))
        masses = [500 * 8 * np.prod(part.size) for part in parts]
        middle = sum(m * np.array(part.position) for m, part in zip(masses, parts, strict=True)) / sum(masses)
        inertia = np.zeros((3, 3))
        for mass, part in zip(masses, parts, strict=True):
            square, arm = np.square(part.size), np.array(part.position) - middle
            inertia += mass * (np.diag(square.sum() - square) / 3 + arm @ arm * np.eye(3) - np.outer(arm, arm))
        model = compiled(shape, [*SHAPES["tool-pickup"], shape])
        np.testing.assert_allclose(model.body_mass[1], sum(masses))
        np.testing.assert_allclose(model.body_ipos[1], middle + shape.centre_of_mass)
        axes = np.empty(9)
        mujoco.mju_quat2Mat(axes, model.body_iquat[1])
        axes = axes.reshape(3, 3)
        np.testing.assert_allclose(axes @ np.diag(model.body_inertia[1]) @ axes.T, inertia, rtol=1e-9, atol=1e-12)

    def test_a_hull_weighs_its_volume(self) -> None:
        tetrahedron = Part("mesh", (), vertices=((0.0, 0.0, 0.0), (0.03, 0.0, 0.0), (0.0, 0.03, 0.0), (0.0, 0.0, 0.03)))
        solid = solid_of(Shape("corner", "hull", "train", (tetrahedron,), 1000.0, 1.0))
        assert solid.mass == pytest.approx(1000 * 0.03**3 / 6, rel=1e-6)
        np.testing.assert_allclose(solid.centre, [0.0075] * 3, rtol=1e-5)

    def test_too_many_parts_missing_meshes_and_masses_from_geoms(self) -> None:
        fork, spec = SHAPES["tool-pickup"][-1], mujoco.MjSpec()
        with pytest.raises(ValueError, match="4 parts, more than 3 slots"):
            add_shape(spec, spec.worldbody.add_body(), fork, 3)
        hull = next(shape for shape in SHAPES["cube-reorient"] if shape.family == "hull")
        with pytest.raises(ValueError, match="no mesh object_mesh_hull_1_0"):
            add_shape(spec, spec.worldbody.add_body(), hull, 3)
        spec.compiler.inertiafromgeom = mujoco.mjtInertiaFromGeom.mjINERTIAFROMGEOM_TRUE
        with pytest.raises(ValueError, match="takes every mass from geoms"):
            add_shape(spec, spec.worldbody.add_body(), fork, 4)


class TestOneBatch:
    def test_an_unused_slot_touches_nothing_and_is_not_seen(self) -> None:
        model = compiled(SHAPES["tool-pickup"][0], SHAPES["tool-pickup"])
        slots = [model.geom(f"object_{number}") for number in range(4)]
        assert [int(slot.contype[0]) for slot in slots] == [int(slot.conaffinity[0]) for slot in slots] == [1, 1, 0, 0]
        assert [float(slot.rgba[3]) for slot in slots] == [1, 1, 0, 0]
        assert [float(slot.size[0]) for slot in slots[2:]] == [0.001, 0.001]
        assert {int(slot.condim[0]) for slot in slots} == {4}
        assert [float(slot.friction[0]) for slot in slots[:2]] == [SHAPES["tool-pickup"][0].friction] * 2

    @pytest.mark.parametrize(("kind", "joint"), [(kind, "free") for kind in KINDS] + [("planar-turn", "hinge")])
    def test_models_differ_only_in_what_a_batch_holds_per_world(self, kind: str, joint: str) -> None:
        models = [compiled(shape, SHAPES[kind], joint) for shape in SHAPES[kind]]
        allowed = mujoco.batch.MODEL_FIELDS | MIDPHASE
        for name in (name for name in dir(models[0]) if not name.startswith("_")):
            first = getattr(models[0], name)
            if isinstance(first, int) and name not in SIZES_OF_MIDPHASE:
                assert all(getattr(model, name) == first for model in models), name
            elif isinstance(first, np.ndarray) and name not in MIDPHASE:
                assert all(getattr(model, name).shape == first.shape for model in models), name
                if name not in allowed:
                    assert all(np.array_equal(getattr(model, name), first) for model in models), name

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_mixed_batch_moves_as_each_object_alone(self, kind: str) -> None:
        shapes = one_of_each_family(kind)
        models = [compiled(shape, SHAPES[kind], height=0.15) for shape in shapes]
        batch = mujoco.batch.Batch(models[0], len(models), 1)
        for name in sorted(name for name in mujoco.batch.MODEL_FIELDS - MIDPHASE if "." not in name):
            values = [np.asarray(getattr(model, name)) for model in models if hasattr(model, name)]
            if any(not np.array_equal(value, values[0]) for value in values):
                batch.expand(name)[:] = np.stack(values)
        batch.reset()
        batch.bind("qvel")[:, 3:] = [1.0, 2.0, 3.0]
        batch.step(nstep=300)
        for world, model in enumerate(models):
            data = mujoco.MjData(model)
            data.qvel[3:] = [1.0, 2.0, 3.0]
            mujoco.mj_step(model, data, 300)
            assert data.ncon > 0
            np.testing.assert_array_equal(batch.bind("qpos")[world], data.qpos, err_msg=shapes[world].name)
            np.testing.assert_array_equal(batch.bind("qvel")[world], data.qvel, err_msg=shapes[world].name)


class TestRest:
    @pytest.mark.parametrize("kind", ["cube-reorient", "planar-turn"])
    def test_objects_rest_upright_where_they_are_placed(self, kind: str) -> None:
        for shape in SHAPES[kind]:
            model = compiled(shape, [shape], height=shape.resting_height + 0.001)
            data = mujoco.MjData(model)
            mujoco.mj_step(model, data, 1000)
            assert tilt(model, data) < (8 if shape.family == "ellipsoid" else 1), shape.name
            assert data.qpos[2] == pytest.approx(shape.resting_height, abs=1e-3), shape.name

    def test_tools_lie_on_their_side(self) -> None:
        for shape in SHAPES["tool-pickup"]:
            height = shape.reach((-1.0, 0.0, 0.0))
            model = compiled(shape, [shape], height=height + 0.001)
            data = mujoco.MjData(model)
            data.qpos[3:7] = [0.70711, 0.0, 0.70711, 0.0]
            mujoco.mj_step(model, data, 1000)
            assert tilt(model, data) == pytest.approx(90, abs=20), shape.name
            assert 0.01 < data.qpos[2] < height + 1e-3, shape.name


class TestFamilies:
    @pytest.mark.parametrize("kind", KINDS)
    def test_the_shipped_file_is_what_the_families_draw(self, kind: str, tmp_path: Path) -> None:
        assert read_shapes(shipped_objects(kind)) == SHAPES[kind]
        write_shapes(tmp_path / "again.json", SHAPES[kind])
        assert (tmp_path / "again.json").read_bytes() == shipped_objects(kind).read_bytes()

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_splits_share_no_family_and_no_two_objects_are_equal(self, kind: str) -> None:
        families = {split: [s.family for s in SHAPES[kind] if s.split == split] for split in ("train", "held_out")}
        assert (len(families["train"]), len(families["held_out"])) == (24, 12)
        assert not set(families["train"]) & set(families["held_out"])
        assert len({shape.parts for shape in SHAPES[kind]}) == len({shape.name for shape in SHAPES[kind]}) == 36

    def test_another_generator_draws_other_objects_after_the_same_first(self) -> None:
        other = draw_shapes("cube-reorient", numpy_stream(0, "other"))
        assert other[0] == SHAPES["cube-reorient"][0]
        assert not set(other[1:]) & set(SHAPES["cube-reorient"])

    @pytest.mark.parametrize(
        ("kind", "lower", "upper", "mass", "offset"),
        [
            ("cube-reorient", (0.02, 0.02, 0.02), (0.03, 0.03, 0.0275), (0.05, 0.12), 0.004),
            ("tool-pickup", (0.012, 0.012, 0.07), (0.03, 0.03, 0.12), (0.1, 0.3), 0.005),
            ("planar-turn", (0.03, 0.03, 0.01), (0.05, 0.05, 0.01), (0.06, 0.15), 0.003),
        ],
    )
    def test_sizes_and_masses(
        self, kind: str, lower: Sequence[float], upper: Sequence[float], mass: tuple[float, float], offset: float
    ) -> None:
        for shape in SHAPES[kind]:
            assert (shape.extents() >= np.array(lower) - 1e-6).all(), shape.name
            assert (shape.extents() <= np.array(upper) + 1e-6).all(), shape.name
            assert mass[0] * 0.9999 < solid_of(shape).mass < mass[1] * 1.0001, shape.name
            assert np.linalg.norm(shape.centre_of_mass) <= offset
            assert 0.8 <= shape.friction <= 1.2

    def test_the_first_objects(self) -> None:
        cube, mallet, disc = (SHAPES[kind][0] for kind in ("cube-reorient", "tool-pickup", "planar-turn"))
        assert (cube.name, cube.parts[0].type, cube.parts[0].size) == ("cube", "box", (0.025, 0.025, 0.025))
        assert solid_of(cube).mass == pytest.approx(0.08)
        assert (mallet.name, [part.type for part in mallet.parts]) == ("mallet", ["cylinder", "box"])
        assert (disc.name, disc.parts[0].size) == ("disc", (0.04, 0.01))


CHANGES = {
    "digest: found content": ("density", 641.0),
    "object 1: name: found 'cube'": ("name", "cube"),
    "object 1: family": ("family", "a/b"),
    "object 1: split: found 'test'": ("split", "test"),
    "object 1: density: found -1": ("density", -1),
    "object 1: friction: found 'slick'": ("friction", "slick"),
    "object 1: centre_of_mass: found \\[0.0\\]": ("centre_of_mass", [0.0]),
    "object 1: parts: found \\[\\]": ("parts", []),
    "object 1: part 0: type: found 'cone'": ("parts", [{"type": "cone"}]),
    "object 1: part 0: position: found no such key": ("parts", [{"type": "box", "size": [1, 1, 1]}]),
    "object 1: colour: found an unknown key": ("colour", "red"),
}
PLACED = {"position": [0, 0, 0], "quaternion": [1, 0, 0, 0]}
PARTS = {
    "size: found \\[0.1\\]": PLACED | {"type": "box", "size": [0.1]},
    "size: found 0": PLACED | {"type": "sphere", "size": [0]},
    "quaternion: found \\[1, 1, 0, 0\\]": PLACED | {"type": "sphere", "size": [0.1], "quaternion": [1, 1, 0, 0]},
    "vertices, point 3": PLACED | {"type": "mesh", "vertices": [[0, 0, 0]] * 3 + [[0, 0]]},
    "vertices: found points in one plane": PLACED | {"type": "mesh", "vertices": [[0, 0, 0], [0, 1, 0], [1, 0, 0]] * 2},
    "position: found nan": PLACED | {"type": "sphere", "size": [0.1], "position": [float("nan"), 0, 0]},
}


class TestFiles:
    def damaged(self, folder: Path, key: str, value: object) -> Path:
        data = json.loads(shipped_objects("cube-reorient").read_text())
        data["objects"][1][key] = value
        path = folder / "objects.json"
        path.write_text(json.dumps(data))
        return path

    @pytest.mark.parametrize("message", CHANGES)
    def test_a_changed_object_is_refused(self, tmp_path: Path, message: str) -> None:
        with pytest.raises(InputError, match=message):
            read_shapes(self.damaged(tmp_path, *CHANGES[message]))

    @pytest.mark.parametrize("message", PARTS)
    def test_a_changed_part_is_refused(self, tmp_path: Path, message: str) -> None:
        with pytest.raises(InputError, match=f"object 1: part 0: {message}"):
            read_shapes(self.damaged(tmp_path, "parts", [PARTS[message]]))

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "regrasp-objects/1"}', "\udcff"])
    def test_what_is_no_object_file(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "objects.json"
        path.write_bytes(text.encode(errors="surrogateescape"))
        with pytest.raises(InputError, match=r"objects\.json"):
            read_shapes(path)
        with pytest.raises(InputError, match="no such file"):
            read_shapes(tmp_path / "none.json")

    def test_the_digest_does_not_depend_on_how_numbers_are_written(self, tmp_path: Path) -> None:
        text = shipped_objects("cube-reorient").read_text()
        assert '"density":640.0' in text
        (tmp_path / "whole.json").write_text(text.replace('"density":640.0', '"density": 640'))
        assert read_shapes(tmp_path / "whole.json") == SHAPES["cube-reorient"]
        assert digest_of_shapes(SHAPES["cube-reorient"]) in text
