"""Files into other formats and back, to the bit, by our readers and by their owners' packages."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from foreign_files import FILES, STEPS, d4rl, isaac, maniskill, minari, minari_arrow
from regrasp.cli import main
from regrasp.demonstrations.converting import convert, merge, split
from regrasp.demonstrations.dataset import digest_episodes
from regrasp.demonstrations.formats import open_source, read_contents
from regrasp.errors import InputError
from robomimic_files import foreign, make_episode, write

WRITERS = ("robomimic", "minari", "maniskill")
"""Those that keep every row; LeRobot's has tests of its own."""
NAMES = {"robomimic": "out.hdf5", "minari": "out-v0", "maniskill": "out.h5"}
SOURCES = FILES | {
    "nested minari": lambda folder: minari(folder / "nested", nested=True),
    "nested maniskill": lambda folder: maniskill(folder / "nested", flat=False),
    "isaac groups": lambda folder: isaac(folder / "groups", joined=False),
    "robomimic": lambda folder: foreign(folder / "theirs"),
}


def arrays_of(path: Path) -> list[dict[str, np.ndarray]]:
    with open_source(path) as source:
        return [{name: rows.read() for name, rows in recording.arrays.items()} for recording in source.recordings()]


@pytest.mark.parametrize("to", WRITERS)
@pytest.mark.parametrize("kind", SOURCES)
def test_every_array_survives_to_the_bit(tmp_path: Path, kind: str, to: str) -> None:
    path, out = SOURCES[kind](tmp_path), tmp_path / NAMES[to]
    done = convert(path, out, to)
    assert (done.episodes, done.steps) == (3, sum(STEPS))
    for before, after in zip(arrays_of(path), arrays_of(out), strict=True):
        for name, array in before.items():
            kept = after.get(name, after.get(name.replace("actions/", "extra/action_dict/")))
            assert kept is not None, (name, sorted(after))
            repeated = name.startswith("observations") and len(kept) == len(array) + 1
            np.testing.assert_array_equal(kept[:-1] if repeated else kept, array, strict=True)
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")) == []


@pytest.mark.parametrize("by", WRITERS)
def test_our_own_file_comes_back_as_itself(tmp_path: Path, by: str) -> None:
    episodes = [make_episode(6 + i, i, with_states=i % 2 == 0) for i in range(3)]
    path, between, back = write(tmp_path / "ours", episodes), tmp_path / NAMES[by], tmp_path / "back"
    convert(path, between, by)
    convert(between, back, "robomimic")
    for file in (between, back):
        found = read_contents(file)
        assert digest_episodes(found.episodes) == digest_episodes(episodes)
        assert (found.task, found.observations) == ("toy", read_contents(path).observations)
        assert [e.marks for e in found.episodes] == [e.marks for e in episodes]
        assert [e.provenance for e in found.episodes] == [e.provenance for e in episodes]
    assert "regrasp_format" in h5py.File(back)["data"].attrs


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    path = maniskill(tmp_path / "x.h5")
    for name in ("one", "two"):
        convert(path, tmp_path / name, "robomimic")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_minari_itself_reads_what_we_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    for number, (kind, make) in enumerate(SOURCES.items()):
        folder = tmp_path / f"from{number}"
        folder.mkdir()
        path = make(folder)
        convert(path, tmp_path / f"toy{number}-v0", "minari")
        dataset = judge.load_dataset(f"toy{number}-v0")
        assert (dataset.total_episodes, dataset.total_steps) == (3, sum(STEPS))
        for before, episode in zip(arrays_of(path), dataset, strict=True):
            leaf = episode.actions[0] if isinstance(episode.actions, tuple) else episode.actions
            leaf = leaf["arm"] if isinstance(leaf, dict) else leaf
            first = next(name for name in sorted(before) if name.startswith("actions"))
            np.testing.assert_array_equal(leaf, before[first], strict=True, err_msg=kind)
            if "observations/policy" in before and not isinstance(episode.observations, dict):
                rows = before["observations/policy"]
                np.testing.assert_array_equal(episode.observations[: len(rows)], rows, strict=True)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("form", ["hdf5", "arrow", "parquet"])
def test_what_minari_itself_writes_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    judge = pytest.importorskip("minari")
    gymnasium = pytest.importorskip("gymnasium")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    draw = np.random.default_rng(0)
    parts = {"hand": (4,), "touch": (2, 3)}
    spaces = {name: gymnasium.spaces.Box(-np.inf, np.inf, shape) for name, shape in parts.items()}
    buffers = [
        judge.data_collector.EpisodeBuffer(
            id=None,
            observations={name: list(draw.normal(size=(steps + 1, *s)).astype("f4")) for name, s in parts.items()},
            actions=list(draw.normal(size=(steps, 2)).astype("f4")),
            rewards=list(draw.normal(size=steps)),
            terminations=[False] * steps,
            truncations=[False] * (steps - 1) + [True],
            infos={"force": draw.normal(size=(steps + 1, 2, 2))},
            seed=steps,
        )
        for steps in STEPS
    ]
    dataset = judge.create_dataset_from_buffers(
        "toy/real-v1",
        buffers,
        observation_space=gymnasium.spaces.Dict(spaces),
        action_space=gymnasium.spaces.Box(-1, 1, (2,)),
        algorithm_name="draws",
        data_format=form,
    )
    found = arrays_of(tmp_path / "toy" / "real-v1")
    for arrays, episode in zip(found, dataset, strict=True):
        for name in parts:
            np.testing.assert_array_equal(arrays[f"observations/{name}"], episode.observations[name], strict=True)
        np.testing.assert_array_equal(arrays["actions"], episode.actions, strict=True)
        np.testing.assert_array_equal(arrays["truncated"], episode.truncations, strict=True)
        np.testing.assert_array_equal(arrays["extra/force"], episode.infos["force"], strict=True)


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_minari_in_arrow_is_what_it_is_in_hdf5(tmp_path: Path, form: str) -> None:
    pytest.importorskip("pyarrow")
    for one, other in zip(
        arrays_of(minari(tmp_path / "a")), arrays_of(minari_arrow(tmp_path / "b", form)), strict=True
    ):
        assert one.keys() == other.keys()
        for name, array in one.items():
            np.testing.assert_array_equal(other[name], array, strict=True)


def test_keys_join_and_turn(tmp_path: Path) -> None:
    path, keys, out = isaac(tmp_path / "x", joined=False), tmp_path / "keys.toml", tmp_path / "out"
    keys.write_text(
        'quaternions = "xyzw"\nactions = "extra/processed_actions"\n[observations]\npolicy = ["joint_pos"]\n'
    )
    assert main(["demos", "convert", str(path), str(out), "--keys", str(keys), "--json"]) == 0
    before, after = arrays_of(path)[0], arrays_of(out)[0]
    pose = before["states/rigid_object/cube/root_pose"]
    np.testing.assert_array_equal(after["states/rigid_object/cube/root_pose"], pose[:, [0, 1, 2, 6, 3, 4, 5]])
    np.testing.assert_array_equal(after["actions"], before["extra/processed_actions"])
    np.testing.assert_array_equal(after["observations/policy"], before["observations/joint_pos"])
    assert "observations/cube_pose" not in after


def test_losses_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["demos", "convert", str(d4rl(tmp_path / "x")), str(tmp_path / "o-v0"), "--to", "minari", "--json"]) == 0
    )
    (written,) = json.loads(capsys.readouterr().out)["written"]
    assert written["losses"]["no observation after the last action"] == 3
    assert written["losses"]["the last 2 steps: an episode without an end"] == 0
    out = tmp_path / "o.hdf5"
    assert main(["demos", "convert", str(foreign(tmp_path / "y")), str(out)]) == 0
    shown = capsys.readouterr().out
    assert "one flag `dones` for success, end, or both" in shown


def test_merge_and_split_keep_every_episode(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{i}", [make_episode(5 + i, 10 * i + k) for k in range(4)]) for i in range(3)]
    assert merge(files, tmp_path / "all", "robomimic").episodes == 12
    whole = read_contents(tmp_path / "all").episodes
    assert digest_episodes(whole) == digest_episodes([e for file in files for e in read_contents(file).episodes])
    first, second = split(tmp_path / "all", (tmp_path / "a", tmp_path / "b"), 0.75, 1, "robomimic")
    assert (first.episodes, second.episodes) == (9, 3)
    parts = {digest_episodes([e]) for name in "ab" for e in read_contents(tmp_path / name).episodes}
    assert parts == {digest_episodes([e]) for e in whole}


def test_refusals_leave_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = d4rl(tmp_path / "x")
    (tmp_path / "bad.toml").write_text("[observation]\na = 1")
    (tmp_path / "absent.toml").write_text('[observations]\npolicy = ["nowhere"]')
    before = sorted(entry.name for entry in tmp_path.iterdir())
    refused = {
        "expected a new name": ["convert", "x", "x"],
        "expected a name in an existing folder": ["convert", "x", "none/out"],
        "expected a name that ends in a version": ["convert", "x", "out", "--to", "minari"],
        "expected a name that ends in .h5": ["convert", "x", "out", "--to", "maniskill"],
        "bad.toml: observation: found an unknown key": ["convert", "x", "out", "--keys", "bad.toml"],
        "absent.toml: nowhere: found no such array in episode 0": ["convert", "x", "out", "--keys", "absent.toml"],
        "--share: found 0.01 of 3 episodes": ["split", "x", "a", "b", "--share", "0.01"],
        "FILES: found 1 file": ["merge", "x", "--out", "out"],
        "found no readable file": ["convert", "absent", "out"],
    }
    for sentence, arguments in refused.items():
        local = [
            a
            if a.startswith("--") or a in ("minari", "maniskill", "0.01", "convert", "split", "merge")
            else str(tmp_path / a)
            for a in arguments
        ]
        assert main(["demos", *local]) == 2
        assert sentence in capsys.readouterr().err
        assert sorted(entry.name for entry in tmp_path.iterdir()) == before
    other = d4rl(tmp_path / "y", observed=4)
    with pytest.raises(InputError, match="observations/policy: found"):
        merge([path, other], tmp_path / "out", "robomimic")


@pytest.mark.parametrize("to", WRITERS)
def test_a_file_damaged_in_the_middle_leaves_nothing(tmp_path: Path, to: str) -> None:
    path = d4rl(tmp_path / "x")
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        at = file["actions"].id.get_chunk_info(0).byte_offset
    content[at : at + 40] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{path}: found a damaged or truncated HDF5 file"):
        convert(path, tmp_path / NAMES[to], to)
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]
