"""Files by others: recognised by content, read field by field, used for learning, refused in one sentence."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from foreign_files import FILES, STEPS, d4rl, isaac, maniskill, minari
from regrasp.cli import main
from regrasp.demonstrations import read_demonstrations
from regrasp.demonstrations.formats import detect_format, open_source, read_contents
from regrasp.errors import InputError
from regrasp.tasks import TASKS


@pytest.mark.parametrize("name", FILES)
def test_content_tells_the_format_and_learning_can_use_it(tmp_path: Path, name: str) -> None:
    path = FILES[name](tmp_path)
    assert detect_format(path) == {"isaac": "robomimic"}.get(name, name)
    found = read_demonstrations(path, TASKS["adroit-door"])
    assert [episode.steps for episode in found.episodes] == list(STEPS)
    assert found.episodes[0].terminal_observed == (name in ("minari", "maniskill"))
    assert found.episodes[1].terminated == (name in ("d4rl", "minari"))
    assert found.episodes[0].truncated


def test_d4rl_is_cut_at_either_flag_and_keeps_the_start(tmp_path: Path) -> None:
    path = d4rl(tmp_path / "x", column=True)
    with h5py.File(path) as file, open_source(path) as source:
        second = source.recording(1)
        np.testing.assert_array_equal(second.arrays["actions"].read(), file["actions"][5:8], strict=True)
        np.testing.assert_array_equal(second.arrays["rewards"].read(), file["rewards"][5:8, 0], strict=True)
        assert second.arrays["terminated"].read().tolist() == [False, False, True]
        assert "the last 2 steps: an episode without an end" in source.losses
        start = np.concatenate([file[f"infos/{key}"][5] for key in ("qpos", "qvel", "door_body_pos")])
    np.testing.assert_array_equal(read_contents(path).episodes[1].start, start.astype(float))


def test_d4rl_with_next_observations_knows_the_last_one(tmp_path: Path) -> None:
    path = d4rl(tmp_path / "x")
    with h5py.File(path, "r+") as file:
        file["next_observations"] = file["observations"][()] + 1
        last = file["next_observations"][4]
    episode = read_contents(path).episodes[0]
    assert episode.terminal_observed
    np.testing.assert_array_equal(episode.observations["policy"][-1], last)


def test_d4rl_without_timeouts_says_so(tmp_path: Path) -> None:
    path = d4rl(tmp_path / "x")
    with h5py.File(path, "r+") as file:
        del file["timeouts"]
    with open_source(path) as source:
        assert source.count == 1
        assert "no timeouts" in source.recording(0).losses[0]
    with h5py.File(path, "r+") as file:
        file["terminals"][...] = False
    with pytest.raises(InputError, match="no end of an episode"):
        read_contents(path)


def test_nested_minari_and_maniskill_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = minari(tmp_path / "toy", nested=True)
    assert main(["demos", "info", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["fits"], found["episodes"], found["steps"]) == ("minari", False, 3, sum(STEPS))
    assert found["arrays"]["actions/_index_1"] == {"row": [3], "dtype": "float64", "episodes": 3}
    assert found["losses"]["observations/camera: no array of numbers"] == 3
    assert "actions in parts (actions/_index_0, actions/_index_1)" in found["reason"]
    path = maniskill(tmp_path / "m", flat=False)
    assert main(["demos", "info", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "observations/sensor_data/cam/rgb" in shown
    assert "T × 8 × 8 × 3" in shown


def test_maniskill_joins_by_number_not_by_place(tmp_path: Path) -> None:
    path = maniskill(tmp_path / "x.h5")
    with open_source(path) as source:
        assert [json.loads(str(r.facts["maniskill"]))["episode_seed"] for r in source.recordings()] == [0, 2, 10]
    path.with_suffix(".json").unlink()
    with open_source(path) as source:
        assert source.losses == ("no x.json beside it: environment, seeds and control mode are unknown",)


def test_isaac_states_stay_as_they_are(tmp_path: Path) -> None:
    with open_source(isaac(tmp_path / "x", joined=False)) as source:
        found = source.recording(0)
        assert len(found.arrays["states/rigid_object/cube/root_pose"]) == STEPS[0]
        assert found.facts["success"] is True
        assert any("wxyz or xyzw" in loss for loss in found.losses)
        assert set(found.observations) == {"observations/joint_pos", "observations/cube_pose"}


def change_json(path: Path, **change: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


DAMAGE: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "short": ("d4rl", lambda p: rewrite(p, "rewards", np.zeros(3)), "rewards: found 3 rows, expected 14, as many"),
    "wide": ("d4rl", lambda p: rewrite(p, "terminals", np.zeros((14, 2))), "terminals: found shape (14, 2), expected"),
    "text": ("d4rl", lambda p: rewrite(p, "actions", np.bytes_("x")), "actions: found type |S1, shape (), expected"),
    "count": ("minari", lambda p: change_json(p / "data/metadata.json", total_episodes=4), "found 4, expected 3"),
    "space": ("minari", lambda p: change_json(p / "data/metadata.json", action_space="{"), "action_space: found '{'"),
    "no JSON": ("minari", lambda p: (p / "data/metadata.json").write_text("{"), "metadata.json: found b'{', expected"),
    "no main": ("minari", lambda p: (p / "data/main_data.hdf5").unlink(), "main_data.hdf5: found no such file"),
    "listed": (
        "maniskill",
        lambda p: rewrite(p, "traj_2", None),
        "traj_2: found nothing, expected the trajectory that b.json lists",
    ),
    "length": (
        "maniskill",
        lambda p: rewrite(p, "traj_2/actions", np.zeros((9, 28))),
        "traj_2, actions: found 9 rows, expected elapsed_steps 3",
    ),
    "other": ("isaac", lambda p: rewrite(p, "data", None), "found no episode"),
}


def rewrite(path: Path, name: str, array: object) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        if array is not None:
            file[name] = array
        elif name == "data":
            file.create_group("data")


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_one_sentence(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    kind, change, sentence = DAMAGE[name]
    path = FILES[kind](tmp_path)
    change(path)
    assert main(["demos", "info", str(path)]) == 2
    told = capsys.readouterr().err
    assert re.search(re.escape(sentence), told), told
    assert told.count("\n") == 1


def test_links_to_elsewhere_are_not_followed(tmp_path: Path) -> None:
    path, other = d4rl(tmp_path / "x"), d4rl(tmp_path / "y")
    for link in (h5py.ExternalLink(str(other), "/rewards"), h5py.SoftLink("/infos/outside")):
        with h5py.File(path, "r+") as file:
            del file["rewards"]
            file["infos"].pop("outside", None)
            file["rewards"] = link
            file["infos/outside"] = h5py.ExternalLink(str(other), "/rewards")
        with pytest.raises(InputError):
            read_contents(path)


def test_a_group_that_holds_itself_is_refused(tmp_path: Path) -> None:
    path = maniskill(tmp_path / "x")
    with h5py.File(path, "r+") as file:
        file["traj_0/obs_again"] = file["traj_0"]
    with pytest.raises(InputError, match="a group that does not contain itself"):
        read_contents(path)


def test_d4rl_without_timeouts_is_cut_where_observations_jump(tmp_path: Path) -> None:
    path = d4rl(tmp_path / "x")
    with h5py.File(path, "r+") as file:
        observed, ends = file["observations"][()], np.cumsum(STEPS)
        following = np.roll(observed, -1, axis=0)
        following[ends[[0, 2]] - 1] += 1
        following[-1] += 1
        file["next_observations"] = following
        del file["timeouts"]
    with open_source(path) as source:
        assert [recording.steps for recording in source.recordings()] == list(STEPS)
        assert "cut where observations jump" in source.recording(0).losses[0]
        assert "the last 2 steps: an episode without an end" in source.losses
    assert [episode.terminated for episode in read_contents(path).episodes] == [False, True, False]


def test_maniskills_json_may_be_compressed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = maniskill(tmp_path / "x.h5")
    packed = gzip.compress(path.with_suffix(".json").read_bytes())
    path.with_suffix(".json").unlink()
    beside = path.with_suffix(".json.gz")
    beside.write_bytes(packed)
    with open_source(path) as source:
        assert [json.loads(str(r.facts["maniskill"]))["episode_seed"] for r in source.recordings()] == [0, 2, 10]
    for damaged in (packed[:-9], packed[:20] + b"\xff\xff" + packed[22:], gzip.compress(bytes(1 << 27)), b"no gzip"):
        beside.write_bytes(damaged)
        assert main(["demos", "info", str(path)]) == 2
        told = capsys.readouterr().err
        assert "x.json.gz: found" in told
        assert told.count("\n") == 1
