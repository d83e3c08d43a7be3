"""The native file: robomimic's layout to the letter, our keys back bit for bit, and damage in one sentence."""

import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from regrasp.actor import ActionInterface
from regrasp.demonstrations.formats import Contents, Storage, read_contents, write_robomimic
from regrasp.episode import Episode
from regrasp.errors import InputError
from regrasp.fields import Field, Fields

INTERFACE = ActionInterface(Fields([Field("thumb", 1, "rad"), Field("arm", 1, "m")]), (-1.0, 0.0), (1.0, 0.5), 100.0)
GROUPS = {
    "policy": Fields([Field("angle", 2, "rad"), Field("handle", 1, "m")]),
    "privileged": Fields([Field("force", 4, "N")]),
}


def make_episode(steps: int = 6, seed: int = 0, with_states: bool = True) -> Episode:
    draw = np.random.default_rng(seed)
    return Episode(
        actions=2 * draw.standard_normal((steps, 2), dtype=np.float32),
        observations={g: draw.standard_normal((steps + 1, f.size), dtype=np.float32) for g, f in GROUPS.items()},
        rewards=draw.normal(size=steps),
        states=draw.normal(size=(steps + 1, 5)) if with_states else None,
        start=None if with_states else draw.normal(size=5),
        contact_modes=draw.integers(64, size=steps + 1).astype(np.uint8) if with_states else None,
        terminated=with_states,
        truncated=not with_states,
        terminal_observed=with_states,
        provenance={"policy": "abc", "seed": str(seed), "note": "größer\n"},
    )


def write(path: Path, episodes: list[Episode], storage: Storage | None = None) -> Path:
    write_robomimic(path, episodes, "toy", INTERFACE, GROUPS, storage)
    return path


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


def foreign(path: Path, change: Callable[[h5py.File], None] | None = None) -> Path:
    """A file as others write it: no env_args, gaps in the numbers, float64, no key of ours."""
    with h5py.File(path, "w") as file:
        for number, steps in ((10, 3), (2, 4), (0, 5)):
            demo = file.create_group(f"data/demo_{number}")
            demo.attrs["num_samples"] = steps
            demo["actions"] = np.full((steps, 2), number / 10)
            demo["rewards"] = np.arange(steps)
            demo["dones"] = np.zeros(steps, dtype=int)
            demo["states"] = np.zeros((steps, 9))
            demo["obs/policy"] = np.arange(3.0 * steps).reshape(steps, 3)
            demo["obs/gripper"] = np.arange(steps)
            demo["obs/camera"] = np.zeros((steps, 4, 4, 3), np.uint8)
            if number == 2:
                demo["next_obs/policy"] = demo["obs/policy"][()] + 3
                demo["next_obs/gripper"] = np.arange(steps) + 1
        if change:
            change(file)
    return path


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
    }
    for sentence, episodes in bad.items():
        with pytest.raises(InputError, match=re.escape(sentence)):
            write(path, episodes)
    with pytest.raises(InputError, match=r"found a place that cannot be written"):
        write(tmp_path / "absent" / "demos.hdf5", [good])
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["demos.hdf5"]
