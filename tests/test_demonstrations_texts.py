"""Text of variable length in HDF5 attributes: carried over where it is sound, a loss where it is not, never a hang."""

import json
from pathlib import Path

import h5py
import numpy as np

from regrasp.demonstrations.converting import convert, merge
from regrasp.demonstrations.formats import open_source
from regrasp.demonstrations.formats.hdf5_text import Texts
from robomimic_files import ENVIRONMENT, MODEL, described, foreign, make_episode, write


def test_robomimics_texts_come_through_every_step(tmp_path: Path) -> None:
    path, once, twice = foreign(tmp_path / "theirs", described), tmp_path / "once", tmp_path / "twice"
    convert(path, once, "robomimic")
    merge([once, once], twice, "robomimic")
    for file, number in ((once, "demo_0"), (twice, "demo_3")):
        with h5py.File(file) as opened:
            data = opened["data"]
            assert json.loads(data.attrs["env_args"]) == ENVIRONMENT
            assert data[number].attrs["model_file"] == MODEL + "/data/demo_0"
            assert data[number].attrs.get_id("model_file").dtype == h5py.string_dtype()
    with open_source(once) as source:
        assert not [loss for r in source.recordings() for loss in r.losses if "text" in loss]


def test_they_come_back_from_another_format(tmp_path: Path) -> None:
    path, between, back = foreign(tmp_path / "theirs", described), tmp_path / "between.h5", tmp_path / "back"
    convert(path, between, "maniskill")
    assert json.loads(between.with_suffix(".json").read_text())["env_info"]["env_id"] == "Lift"
    convert(between, back, "robomimic")
    with h5py.File(back) as file:
        assert json.loads(file["data"].attrs["env_args"]) == ENVIRONMENT
        assert file["data/demo_0"].attrs["model_file"] == MODEL + "/data/demo_0"


def test_our_own_files_need_no_other_process(tmp_path: Path) -> None:
    path = write(tmp_path / "ours", [make_episode()])
    assert h5py.File(path)["data"].attrs.get_id("env_args").dtype == h5py.string_dtype()
    with open_source(path) as source:
        assert "env_args" not in source.facts
        assert source.losses == ()


def test_a_damaged_heap_is_a_loss(tmp_path: Path) -> None:
    """Whatever becomes of the process that reads it: the arrays are there, the text is read or listed as lost."""
    path = foreign(tmp_path / "theirs", lambda file: file["data"].attrs.update({"env_args": json.dumps(ENVIRONMENT)}))
    content = path.read_bytes()
    at = content.index(b"GCOL")
    draw, outcomes = np.random.default_rng(0), set()
    for begin, stop in ((at, at + 4), (at + 8, at + 16), (at + 16, at + 40), (at + 24, at + 32)):
        damaged = bytearray(content)
        damaged[begin:stop] = draw.bytes(stop - begin)
        path.write_bytes(damaged)
        with open_source(path) as source:
            lost = "attribute env_args: neither numbers nor text" in source.losses
            assert lost != ("env_args" in source.facts)
            assert len(source.recording(0).arrays["actions"].read()) == 5
            outcomes.add(lost)
    assert True in outcomes


def test_what_is_no_text_is_none(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x", "w") as file:
        file.attrs.create("latin", b"\xff", dtype=h5py.string_dtype())
        file.attrs["empty"] = ""
        file.attrs["list"] = ["a", "b"]
        file.attrs["fine"] = "a"
    with h5py.File(tmp_path / "x") as file:
        texts = Texts(tmp_path / "x")
        assert [texts.of(file, name) for name in ("latin", "empty", "list", "fine", "absent")] == [None] * 3 + [
            "a",
            None,
        ]


def test_attributes_further_down_are_a_loss(tmp_path: Path) -> None:
    """As MimicGen's, beside the arrays of `datagen_info`."""

    def generated(file: h5py.File) -> None:
        file["data/demo_2/datagen_info/eef_pose"] = np.zeros((4, 4, 4))
        file["data/demo_2/datagen_info"].attrs["env_interface_name"] = "Lift"
        file["data/demo_2/obs/policy"].attrs["unit"] = 1

    losses = convert(foreign(tmp_path / "theirs", generated), tmp_path / "out", "robomimic").losses
    assert losses["datagen_info: its attributes"] == losses["policy: its attributes"] == 1
    assert h5py.File(tmp_path / "out")["data/demo_1/datagen_info/eef_pose"].shape == (4, 4, 4)
