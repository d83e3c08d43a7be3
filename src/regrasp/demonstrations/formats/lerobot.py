"""LeRobot's datasets, v3.0 (many episodes per Parquet file) and v2.1 (one per file): a folder with `meta/info.json`.

One row per control step, observation and action of the same time, so there is no observation after the last action.
`next.*` is the outcome of the row's action. Images and videos are not decoded.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from regrasp.demonstrations.formats.columns import array_of, arrow_of
from regrasp.demonstrations.formats.json_text import own_facts, read_object
from regrasp.demonstrations.formats.lerobot_episodes import Episodes, episodes_of
from regrasp.demonstrations.formats.recording import FLAGS, Fact, Recording, Source, check_recording, root
from regrasp.demonstrations.formats.rows import Rows
from regrasp.errors import InputError

INFO, OWN = Path("meta/info.json"), Path("meta/regrasp.json")
NAMES = {
    "action": "actions",
    "next.reward": "rewards",
    "next.done": "dones",
    "next.success": "success",
    "next.truncated": "truncated",
    "next.terminated": "terminated",
}
AUTOMATIC = ("timestamp", "frame_index", "episode_index", "index", "task_index")
"""Columns that every dataset has and a writer makes."""
_ROOTS = ("actions", "observations", "rewards", "dones", "states", "extra", *FLAGS)


@dataclass(frozen=True)
class _Feature:
    """One column: name in a recording, shape of a row, type."""

    name: str
    row: tuple[int, ...]
    dtype: str


def is_lerobot(path: Path) -> bool:
    """Whether a folder holds a LeRobot dataset."""
    return (path / INFO).is_file()


@contextmanager
def open_lerobot(path: Path) -> Iterator[Source]:
    """A dataset's folder."""
    info = read_object(path / INFO)
    own = read_object(path / OWN) if (path / OWN).is_file() else {}
    losses: list[str] = []
    features = _features(path / INFO, info, own, losses)
    fps = info.get("fps")
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps < 1e6:
        raise InputError(path / INFO, "fps", f"{fps!r}"[:60], "a number above 0")
    with arrow_of(path):
        episodes = episodes_of(path, info)
        kept = own.get("episodes", [])

        def recording(index: int) -> Recording:
            facts = own_facts({"regrasp": kept[index]}) if isinstance(kept, list) and index < len(kept) else {}
            return _recording(path, episodes, index, features, facts)

        found: dict[str, Fact] = own_facts({"regrasp": own.get("facts", {})}) | {"fps": fps}
        if isinstance(info.get("robot_type"), str):
            found["robot_type"] = info["robot_type"]
        yield Source("lerobot", path, len(episodes), recording, found, tuple(losses))


def _features(path: Path, info: Mapping[str, Any], own: Mapping[str, Any], losses: list[str]) -> dict[str, _Feature]:
    told = info.get("features")
    if not isinstance(told, dict):
        raise InputError(path, "features", f"{told!r}"[:60], "an object with one entry per column")
    names = own.get("columns", {})
    found = {}
    for column, feature in told.items():
        shape, dtype = (feature.get("shape"), feature.get("dtype")) if isinstance(feature, dict) else (None, None)
        if column in AUTOMATIC:
            continue
        if dtype in ("image", "video", "string", "language"):
            losses.append(f"{column}: {dtype}")
            continue
        if not isinstance(shape, list) or not all(type(n) is int and 0 <= n < 1 << 24 for n in shape):
            raise InputError(path, f"features, {column[:60]}, shape", f"{shape!r}"[:60], "a list of sizes")
        if dtype not in np.sctypeDict or np.dtype(dtype).kind not in "fiub":
            raise InputError(path, f"features, {column[:60]}, dtype", f"{dtype!r}"[:60], "a type of numbers")
        row = () if shape == [1] else tuple(shape)
        found[column] = _own_feature(names, column, _Feature(_named(column), row, str(np.dtype(dtype))))
    return found


def _own_feature(names: Any, column: str, feature: _Feature) -> _Feature:
    """The name and shape that a column had before regrasp wrote it."""
    told = names.get(column) if isinstance(names, dict) else None
    if not isinstance(told, dict) or not isinstance(told.get("row"), list):
        return feature
    name, row = str(told.get("name")), told["row"]
    fits = root(name) in _ROOTS and all(type(n) is int and n >= 0 for n in row) and prod(row) == prod(feature.row)
    return _Feature(name, tuple(row), feature.dtype) if fits else feature


def _named(column: str) -> str:
    if column.startswith("observation."):
        return f"observations/{column.removeprefix('observation.')}"
    if column.startswith("action."):
        return f"actions/{column.removeprefix('action.')}"
    return NAMES.get(column, f"extra/{column}")


def _recording(
    path: Path, episodes: Episodes, index: int, features: Mapping[str, _Feature], facts: Mapping[str, Fact]
) -> Recording:
    episode = episodes.listed[index]
    table = episodes.table(index)
    place = f"episode {episode.number}"
    arrays = {}
    for column, feature in features.items():
        if column not in table.column_names:
            raise InputError(path, f"{place}, {column}", "no such column", "one per feature", table.column_names[:20])
        array = array_of(path, f"{place}, {column}", table[column], feature.row, feature.dtype)
        arrays[feature.name] = Rows.of(array)
    if len(set(f.name for f in features.values())) < len(features):
        raise InputError(path, place, "two columns for one array", "a column for each")
    known = {"tasks": json.dumps(list(episode.tasks))} if episode.tasks else {}
    recording = Recording(place, len(table), arrays, known | dict(episode.who) | dict(facts))
    check_recording(path, recording)
    return recording
