"""LeRobot's datasets: v3.0 written and read, v2.1 read, damage refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from foreign_files import STEPS
from regrasp.cli import main
from regrasp.demonstrations.converting import convert
from regrasp.demonstrations.formats import open_source, read_contents
from regrasp.demonstrations.formats.keys import Keys
from regrasp.errors import InputError
from robomimic_files import make_episode, write
from test_demonstrations_converting import SOURCES, arrays_of

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.mark.parametrize("kind", SOURCES)
def test_every_row_per_step_survives_to_the_bit(tmp_path: Path, kind: str) -> None:
    path, out = SOURCES[kind](tmp_path), tmp_path / "out"
    done = convert(path, out, "lerobot", Keys(tmp_path, rate=20))
    for before, after, steps in zip(
        arrays_of(path), arrays_of(out), STEPS if kind != "robomimic" else (5, 4, 3), strict=True
    ):
        for name, array in before.items():
            if name in after:
                np.testing.assert_array_equal(after[name], array[:steps], strict=True)
                lost = f"{name}: its row after the last action"
                assert len(array) == steps or lost in done.losses
            else:
                assert f"{name}: not a value per step" in done.losses
        assert "actions" in after or any(name.startswith("actions/") for name in after)


def test_our_own_episodes_keep_their_facts(tmp_path: Path) -> None:
    episodes = [make_episode(6 + i, i) for i in range(3)]
    path = write(tmp_path / "ours", episodes)
    convert(path, tmp_path / "out", "lerobot")
    convert(tmp_path / "out", tmp_path / "back", "robomimic")
    for file in ("out", "back"):
        found = read_contents(tmp_path / file)
        assert (found.task, found.observations) == ("toy", read_contents(path).observations)
        for one, other in zip(found.episodes, episodes, strict=True):
            np.testing.assert_array_equal(one.actions, other.actions)
            np.testing.assert_array_equal(one.observations["policy"][:-1], other.observations["policy"][:-1])
            assert (one.marks, one.provenance, one.terminated) == (other.marks, other.provenance, other.terminated)
            assert not one.terminal_observed


def test_the_layout_is_lerobots(tmp_path: Path) -> None:
    convert(write(tmp_path / "ours", [make_episode(6, 1), make_episode(4, 2)]), tmp_path / "out", "lerobot")
    info = json.loads((tmp_path / "out/meta/info.json").read_text())
    assert (info["codebase_version"], info["fps"], info["total_frames"]) == ("v3.0", 100, 10)
    assert info["features"]["action"] == {"dtype": "float32", "shape": [2], "names": None}
    table = pq.read_table(tmp_path / "out/data/chunk-000/file-000.parquet")
    assert table.schema.field("action").type == pa.list_(pa.float32(), 2)
    assert table["frame_index"].to_pylist() == [*range(6), *range(4)]
    assert table["index"].to_pylist() == list(range(10))
    assert table["timestamp"].type == pa.float32()
    episodes = pq.read_table(tmp_path / "out/meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [(e["dataset_from_index"], e["dataset_to_index"]) for e in episodes] == [(0, 6), (6, 10)]
    stats = json.loads((tmp_path / "out/meta/stats.json").read_text())["action"]
    rows = np.array(table["action"].to_pylist(), np.float64)
    np.testing.assert_allclose(stats["mean"], rows.mean(0), rtol=1e-12)
    np.testing.assert_allclose(stats["std"], rows.std(0), rtol=1e-12)
    assert stats["count"] == [10]
    tasks = pq.read_table(tmp_path / "out/meta/tasks.parquet")
    assert tasks.to_pydict() == {"task_index": [0], "task": ["toy"]}
    frame = pytest.importorskip("pandas").read_parquet(tmp_path / "out/meta/tasks.parquet")
    assert (frame.index.tolist(), frame.columns.tolist()) == (["toy"], ["task_index"])


def old_version(new: Path, folder: Path, chunk: int = 2) -> Path:
    """The same dataset as v2.1 has it."""
    info = json.loads((new / "meta/info.json").read_text())
    table = pq.read_table(new / "data/chunk-000/file-000.parquet")
    rows = pq.read_table(new / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    template = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
    (folder / "meta").mkdir(parents=True)
    lines = []
    for row in rows:
        number = row["episode_index"]
        file = folder / template.format(episode_chunk=number // chunk, episode_index=number)
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.slice(row["dataset_from_index"], row["length"]), file)
        lines.append(json.dumps({"episode_index": number, "tasks": ["turn"], "length": row["length"]}))
    (folder / "meta/episodes.jsonl").write_text("\n".join(lines) + "\n")
    info |= {"codebase_version": "v2.1", "data_path": template, "chunks_size": chunk, "total_chunks": 2}
    (folder / "meta/info.json").write_text(json.dumps(info))
    return folder


def test_version_2_1_and_several_files_are_read(tmp_path: Path) -> None:
    convert(SOURCES["maniskill"](tmp_path), tmp_path / "new", "lerobot", Keys(tmp_path, rate=20))
    old = old_version(tmp_path / "new", tmp_path / "old")
    one, other = read_contents(tmp_path / "new").episodes, read_contents(old).episodes
    for before, after in zip(one, other, strict=True):
        np.testing.assert_array_equal(before.observations["policy"], after.observations["policy"])
        np.testing.assert_array_equal(before.actions, after.actions)
    with open_source(old) as source:
        assert source.recording(2).facts["tasks"] == '["turn"]'


def edit(folder: Path, **change: object) -> None:
    path = folder / "meta/info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


DATA = "data/chunk-000/file-000.parquet"
DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (lambda p: cut(p / DATA), "found a damaged or truncated file"),
    "no data": (lambda p: shutil.rmtree(p / "data"), "no file file-000.parquet"),
    "version": (lambda p: edit(p, codebase_version="v1.6"), "codebase_version: found 'v1.6', expected a version"),
    "template": (lambda p: edit(p, data_path="../{chunk_index.__class__}"), "data_path: found '../{chunk_index"),
    "count": (lambda p: edit(p, total_episodes=7), "total_episodes: found 7, expected 3, as listed"),
    "fps": (lambda p: edit(p, fps=0), "fps: found 0, expected a number above 0"),
    "features": (lambda p: edit(p, features={"action": {"dtype": "float32", "shape": [3]}}), "84 values"),
    "type": (lambda p: edit(p, features={"action": {"dtype": "int8", "shape": [28]}}), "type float32, expected int8"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_one_sentence(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    change, sentence = DAMAGE[name]
    convert(SOURCES["d4rl"](tmp_path), tmp_path / "new", "lerobot", Keys(tmp_path, rate=20))
    change(tmp_path / "new")
    assert main(["demos", "convert", str(tmp_path / "new"), str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert sentence.replace("84 values", "values, 0 of them missing") in told
    assert told.count("regrasp:") == 1
    assert not (tmp_path / "out").exists()


def test_an_unknown_rate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no control rate in what is read"):
        convert(SOURCES["d4rl"](tmp_path), tmp_path / "new", "lerobot")
    assert not (tmp_path / "new").exists()
