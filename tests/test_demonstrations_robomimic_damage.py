"""Damage in native and foreign files: one sentence each, and nothing written."""

import contextlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from regrasp.demonstrations.formats import Contents, read_contents
from regrasp.errors import InputError
from robomimic_files import GROUPS, foreign, make_episode, write


def replace_dataset(name: str, array: object) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = array

    return change


def claim(file: h5py.File) -> None:
    del file["data/demo_2/actions"]
    file["data/demo_2"].create_dataset("actions", shape=(1 << 40, 2), chunks=(1024, 2), dtype="f4")
    file["data/demo_2"].attrs["num_samples"] = 1 << 40


def link_elsewhere(file: h5py.File) -> None:
    del file["data/demo_2/actions"]
    file["data/demo_2/actions"] = h5py.ExternalLink("other.hdf5", "/data/demo_0/actions")


def keep_elsewhere(file: h5py.File) -> None:
    del file["data/demo_2/actions"]
    file["data/demo_2"].create_dataset("actions", (4, 2), "u1", external=[("/etc/hostname", 0, 8)])


def make_group(file: h5py.File) -> None:
    del file["data/demo_2/actions"]
    file.create_group("data/demo_2/actions")


NAN = np.full((4, 2), 0.5)
NAN[2, 1] = np.nan
DAMAGE: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "no data": (lambda f: f.pop("data"), "data: found nothing in this file, expected a group."),
    "no episode": (lambda f: [f["data"].pop(n) for n in list(f["data"])], "data: found no episode, expected at least"),
    "other name": (lambda f: f.create_group("data/episode"), "found an episode named 'episode', expected demo_ and"),
    "no actions": (
        lambda f: f["data/demo_2"].pop("actions"),
        "data/demo_2/actions: found nothing in this file, expected a dataset (valid names: dones, next_obs, obs, ",
    ),
    "no rewards": (lambda f: f["data/demo_2"].pop("rewards"), "data/demo_2/rewards: found nothing in this file"),
    "no observations": (lambda f: f["data/demo_2"].pop("obs"), "data/demo_2/obs: found nothing in this file"),
    "next_obs lacks one": (
        lambda f: f["data/demo_2/next_obs"].pop("policy"),
        "data/demo_2/next_obs/policy: found nothing in this file, expected a dataset (valid names: gripper)",
    ),
    "lying num_samples": (
        lambda f: f["data/demo_2"].attrs.modify("num_samples", 300),
        "data/demo_2, attribute num_samples: found 300, expected 4, the rows of actions.",
    ),
    "text num_samples": (
        lambda f: f["data/demo_2"].attrs.create("num_samples", "four"),
        "data/demo_2, attribute num_samples: found type object, shape (), expected a whole number.",
    ),
    "lying total": (lambda f: f["data"].attrs.create("total", 13), "attribute total: found 13, expected 12, the sum"),
    "NaN": (
        replace_dataset("data/demo_2/actions", NAN),
        "data/demo_2, actions: found nan at step 2, column 1, expected finite numbers.",
    ),
    "text": (replace_dataset("data/demo_2/actions", "left"), "data/demo_2/actions: found type object, shape ()"),
    "a group": (make_group, "data/demo_2/actions: found group, expected a dataset"),
    "flat actions": (
        replace_dataset("data/demo_2/actions", np.zeros(4)),
        "data/demo_2, actions: found shape (4,), expected (T, A) with T >= 1 steps.",
    ),
    "short rewards": (
        replace_dataset("data/demo_2/rewards", np.zeros(3)),
        "data/demo_2, rewards: found shape (3,), expected (T,) with T = 4.",
    ),
    "short observations": (
        replace_dataset("data/demo_2/obs/policy", np.zeros((3, 3))),
        "data/demo_2/obs/policy: found 3 rows, expected 4, as many as actions.",
    ),
    "only a claim": (claim, "data/demo_2/actions: found shape (1099511627776, 2) with hardly any data"),
    "link elsewhere": (link_elsewhere, "data/demo_2/actions: found nothing in this file"),
    "data elsewhere": (keep_elsewhere, "data/demo_2/actions: found data kept in another file"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_in_a_file_by_others(tmp_path: Path, name: str) -> None:
    change, sentence = DAMAGE[name]
    path = foreign(tmp_path / "theirs.hdf5", lambda file: change(file) and None)
    with pytest.raises(InputError, match=re.escape(sentence)) as refused:
        read_contents(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


OWN_DAMAGE: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "newer": (
        lambda f: f["data"].attrs.modify("regrasp_format", 2),
        "data, attribute regrasp_format: found version 2, expected version 1.",
    ),
    "no task": (lambda f: f["data"].attrs.pop("task"), "data, attribute task: found nothing, expected text of"),
    "no flag": (
        lambda f: f["data/demo_0"].attrs.pop("terminated"),
        "data/demo_0, attribute terminated: found nothing, expected a whole number.",
    ),
    "provenance": (
        lambda f: f["data/demo_0"].attrs.create("provenance", np.bytes_("{")),
        "data/demo_0, attribute provenance: found '{', expected JSON.",
    ),
    "object": (
        lambda f: f["data/demo_0"].attrs.create("object", 3),
        "data/demo_0, attribute object: found type int64, shape (), expected text of fixed length.",
    ),
    "marks": (
        lambda f: f["data/demo_0"].attrs.create("marks", np.bytes_("[4]")),
        "data/demo_0, attribute marks: found '[4]', expected a JSON object.",
    ),
    "a mark beyond the end": (
        lambda f: f["data/demo_0"].attrs.create("marks", np.bytes_('{"lost": 6}')),
        "data/demo_0, mark 'lost': found 6, expected a control step from 0 to 5.",
    ),
    "a mark that is no step": (
        lambda f: f["data/demo_0"].attrs.create("marks", np.bytes_('{"lost": "soon"}')),
        "data/demo_0, mark 'lost': found 'soon', expected a control step from 0 to 5.",
    ),
    "fields": (
        lambda f: f["data"].attrs.create("observation_fields", np.bytes_('{"policy": [{"name": "x"}]}')),
        "data, attribute observation_fields: found KeyError('size'), expected name, size, unit per field.",
    ),
    "no last state": (lambda f: f["data/demo_0/final"].pop("states"), "data/demo_0/final/states: found nothing in"),
    "last row of another size": (
        replace_dataset("data/demo_0/final/obs/policy", np.zeros(4, np.float32)),
        "data/demo_0/final/obs/policy: found shape (4,), expected (3,), one row of data/demo_0/obs.",
    ),
    "modes": (
        replace_dataset("data/demo_0/contact_modes", np.zeros(6, np.uint8)),
        "data/demo_0, contact modes: found shape (6,), expected (T + 1,) with T = 6.",
    ),
}


@pytest.mark.parametrize("name", OWN_DAMAGE)
def test_damage_in_our_own_file(tmp_path: Path, name: str) -> None:
    change, sentence = OWN_DAMAGE[name]
    path = write(tmp_path / "ours.hdf5", [make_episode()])
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(InputError, match=re.escape(f"{path}: {sentence}")):
        read_contents(path)


def test_truncated_and_changed_files_raise_nothing_else(tmp_path: Path) -> None:
    content = write(tmp_path / "demos.hdf5", [make_episode()]).read_bytes()
    path = tmp_path / "damaged.hdf5"
    for length in (9, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"found a damaged or truncated HDF5 file \(.*, expected a complete HDF5"):
            read_contents(path)
    draw = np.random.default_rng(3)
    for _ in range(60):
        changed = bytearray(content)
        for at in draw.integers(8, len(content), size=20):
            changed[at] = draw.integers(256)
        path.write_bytes(changed)
        with contextlib.suppress(InputError):
            assert isinstance(read_contents(path), Contents)


def test_the_writer_refuses_what_the_reader_would_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = write(tmp_path / "demos.hdf5", [make_episode()])
    before = path.read_bytes()
    good = make_episode()
    nan = good.actions.copy()
    nan[1, 0] = np.nan
    bad = {
        "found no episode to write": [],
        "episode 1, actions: found nan at step 1, column 0": [good, replace(good, actions=nan)],
        "episode 0, actions: found 3 columns, expected 2": [replace(good, actions=np.zeros((6, 3), np.float32))],
        "episode 1: found observation groups ['policy'], expected the same known groups in every episode": [
            good,
            replace(good, observations={"policy": good.observations["policy"]}),
        ],
        "episode 0: found observation groups ['touch']": [replace(good, observations={"touch": np.zeros((7, 1))})],
        "episode 0, observations policy: found 4 columns, expected 3": [
            replace(good, observations={g: good.observations["privileged"] for g in GROUPS})
        ],
        "episode 0, rewards: found shape (5,)": [replace(good, rewards=np.zeros(5))],
        "episode 0, mark 'success': found -1, expected a control step": [replace(good, marks={"success": -1})],
    }
    for sentence, episodes in bad.items():
        with pytest.raises(InputError, match=re.escape(sentence)):
            write(path, episodes)
    with pytest.raises(InputError, match=r"found a place that cannot be written"):
        write(tmp_path / "absent" / "demos.hdf5", [good])
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["demos.hdf5"]
