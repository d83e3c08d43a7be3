"""The native file: robomimic's layout to the letter, our keys back bit for bit."""

import json
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from regrasp.cli import main
from regrasp.demonstrations.dataset import digest_episodes
from regrasp.demonstrations.formats import Storage, read_contents, write_robomimic
from regrasp.episode import Episode
from robomimic_files import GROUPS, INTERFACE, foreign, make_episode, write


def assert_equal(read: Episode, written: Episode) -> None:
    for field in dataclass_fields(Episode):
        one, other = getattr(read, field.name), getattr(written, field.name)
        if isinstance(other, np.ndarray):
            np.testing.assert_array_equal(one, other, strict=True)
            assert one.tobytes() == other.tobytes()
        elif field.name == "observations":
            assert set(one) == set(other)
            for group in other:
                np.testing.assert_array_equal(one[group], other[group], strict=True)
        else:
            assert one == other, field.name
            assert type(one) is type(other), field.name


@pytest.mark.parametrize("storage", [None, Storage(gzip=True), Storage(next_obs=False)])
def test_every_field_comes_back_bit_for_bit(tmp_path: Path, storage: Storage | None) -> None:
    written = [make_episode(6 + i, i, with_states=i % 2 == 0) for i in range(12)]
    contents = read_contents(write(tmp_path / "demos.hdf5", written, storage))
    assert (contents.format, contents.task, contents.interface_digest) == ("robomimic", "toy", INTERFACE.digest)
    assert contents.observations == GROUPS
    assert contents.places == tuple(f"data/demo_{i}" for i in range(12))
    for read, episode in zip(contents.episodes, written, strict=True):
        assert_equal(read, episode)
    assert [path.name for path in tmp_path.iterdir()] == ["demos.hdf5"]


def test_states_in_float32_lose_digits_and_nothing_else(tmp_path: Path) -> None:
    episode = make_episode()
    assert episode.states is not None
    read = read_contents(write(tmp_path / "demos.hdf5", [episode], Storage(states_dtype="float32"))).episodes[0]
    assert_equal(read, replace(episode, states=episode.states.astype(np.float32).astype(np.float64)))


def test_objects_and_marks_are_attributes_that_may_be_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "demos.hdf5", [make_episode(9)])
    with h5py.File(path, "r+") as file:
        demo = file["data/demo_0"]
        assert (demo.attrs["object"], demo.attrs["marks"]) == (b"mug", b'{"contact_entry": 0, "lost": 8}')
        del demo.attrs["object"], demo.attrs["marks"]
    (read,) = read_contents(path).episodes
    assert_equal(read, replace(make_episode(9), object="", marks={}))


def test_the_parts_of_a_state_are_named(tmp_path: Path) -> None:
    for arguments, layout in (((), "qpos, qvel, mocap_pos"), ((None, "qpos, qvel"), "qpos, qvel")):
        write_robomimic(tmp_path / "demos.hdf5", [make_episode()], "toy", INTERFACE, GROUPS, *arguments)
        with h5py.File(tmp_path / "demos.hdf5", "r") as file:
            assert file["data"].attrs["states_layout"] == layout.encode()


def test_the_start_of_an_episode_with_states_is_their_first_row() -> None:
    episode = make_episode()
    assert episode.states is not None
    np.testing.assert_array_equal(episode.start, episode.states[0])


def test_layout_is_robomimics(tmp_path: Path) -> None:
    episodes = [make_episode(4 + i, i) for i in range(20)]
    with h5py.File(write(tmp_path / "demos.hdf5", episodes), "r") as file:
        data, demo = file["data"], file["data/demo_3"]
        assert data.attrs["total"] == sum(episode.steps for episode in episodes)
        assert json.loads(data.attrs["env_args"]) == {"env_name": "toy", "type": 2, "env_kwargs": {}}
        assert data.attrs["done_mode"] == 1
        assert json.loads(data.attrs["interface"]) == INTERFACE.to_json()
        assert demo.attrs["num_samples"] == 7
        shapes = {"actions": (7, 2), "states": (7, 5), "rewards": (7,), "dones": (7,), "contact_modes": (8,)}
        assert {name: demo[name].shape for name in shapes} == shapes
        assert demo["dones"][()].tolist() == [0] * 6 + [1]
        for group in GROUPS:
            rows = episodes[3].observations[group]
            np.testing.assert_array_equal(demo[f"obs/{group}"][()], rows[:-1], strict=True)
            np.testing.assert_array_equal(demo[f"next_obs/{group}"][()], rows[1:], strict=True)
        train, valid = file["mask/train"][()], file["mask/valid"][()]
        assert train.dtype.kind == valid.dtype.kind == "S"
        assert (len(train), len(valid)) == (18, 2)
        assert {name.decode() for name in [*train, *valid]} == set(data)


def test_the_same_episodes_give_the_same_bytes(tmp_path: Path) -> None:
    for storage in (Storage(), Storage(gzip=True, states_dtype="float32")):
        one = write(tmp_path / "one.hdf5", [make_episode()], storage).read_bytes()
        other = write(tmp_path / "other.hdf5", [make_episode()], storage).read_bytes()
        assert one == other


def test_every_storage_option_makes_the_file_smaller(tmp_path: Path) -> None:
    still = [np.repeat(make_episode(1, i).observations["policy"][:1], 301, axis=0) for i in range(4)]
    episodes = [replace(make_episode(300, i), observations={"policy": rows}) for i, rows in enumerate(still)]
    options = [Storage(), Storage("float32"), Storage("float32", gzip=True)]
    options.append(Storage("float32", gzip=True, next_obs=False))
    sizes = [write(tmp_path / "demos.hdf5", episodes, option).stat().st_size for option in options]
    assert sizes == sorted(set(sizes), reverse=True)


def test_a_group_that_no_episode_has_is_left_out(tmp_path: Path) -> None:
    episode = make_episode()
    slim = replace(episode, observations={"policy": episode.observations["policy"]})
    contents = read_contents(write(tmp_path / "demos.hdf5", [slim]))
    assert contents.observations == {"policy": GROUPS["policy"]}
    assert_equal(contents.episodes[0], slim)


def test_files_by_others_are_read_in_numeric_order(tmp_path: Path) -> None:
    contents = read_contents(foreign(tmp_path / "theirs.hdf5"))
    assert contents.places == ("data/demo_0", "data/demo_2", "data/demo_10")
    assert (contents.task, contents.interface_digest, contents.observations) == (None, None, {})
    without_next, with_next, _ = contents.episodes
    assert with_next.terminal_observed
    assert not without_next.terminal_observed
    np.testing.assert_array_equal(
        with_next.observations["policy"], np.arange(15, dtype="f4").reshape(5, 3), strict=True
    )
    np.testing.assert_array_equal(without_next.observations["gripper"][:, 0], [0, 1, 2, 3, 4, 4])
    np.testing.assert_array_equal(with_next.actions, np.full((4, 2), 0.2, np.float32), strict=True)
    np.testing.assert_array_equal(with_next.rewards, np.arange(4.0), strict=True)
    assert set(with_next.observations) == {"policy", "gripper"}
    assert (with_next.states, with_next.start) == (None, None)
    assert with_next.provenance == {"format": "robomimic", "file": "theirs.hdf5", "episode": "demo_2"}


def test_next_obs_is_written_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    episodes = [make_episode(6, 1), make_episode(4, 2, with_states=False)]
    path = write(tmp_path / "plain", episodes, Storage(next_obs=False))
    out = tmp_path / "out"
    assert main(["demos", "convert", str(path), str(out), "--next-obs", "--json"]) == 0
    with h5py.File(out) as file, h5py.File(write(tmp_path / "with", episodes)) as wanted:
        for demo in wanted["data"]:
            for group in ("policy", "privileged"):
                place = f"data/{demo}/next_obs/{group}"
                np.testing.assert_array_equal(file[place][()], wanted[place][()], strict=True)
    assert digest_episodes(read_contents(out).episodes) == digest_episodes(episodes)
    capsys.readouterr()
    assert main(["demos", "convert", str(path), str(tmp_path / "o.h5"), "--to", "maniskill", "--next-obs"]) == 2
    assert "--next-obs: found --to maniskill, expected --to robomimic" in capsys.readouterr().err
    assert not (tmp_path / "o.h5").exists()
