"""Recordings as a LeRobot dataset v3.0: Parquet files of about 100 MB, a group of rows per episode.

LeRobot has one row per action: row T of observations and states is lost, and so is what is no value per step. Images
are stored as numbers. `meta/regrasp.json`, which LeRobot ignores, has the names that columns came from and all facts.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrasp.demonstrations.formats.columns import arrow_of, column_of
from regrasp.demonstrations.formats.lerobot import INFO, NAMES, OWN
from regrasp.demonstrations.formats.lerobot_episodes import DATA
from regrasp.demonstrations.formats.lerobot_statistics import Statistics
from regrasp.demonstrations.formats.placing import placing
from regrasp.demonstrations.formats.recording import Fact, Losses, Recording, count_losses, environment, object_in, root
from regrasp.errors import InputError

_FILE, _CHUNK = 100, 1000
"""Megabytes of a data file before the next begins, and files of one folder."""
_COLUMNS = {name: column for column, name in NAMES.items()}
_TASKS = {
    "index_columns": ["task"],
    "column_indexes": [],
    "columns": [
        {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": stored, "metadata": None}
        for name, kind, stored in (("task_index", "int64", "int64"), ("task", "unicode", "object"))
    ],
    "pandas_version": "2.2.0",
}
"""How pandas finds the index of the table of tasks, by which LeRobot looks up a task; every column must be there."""


@dataclass
class _Dataset:
    """What has been written so far."""

    folder: Path
    fps: float
    columns: dict[str, dict[str, Any]] = field(default_factory=dict)
    features: dict[str, dict[str, Any]] = field(default_factory=dict)
    statistics: Statistics = field(default_factory=Statistics)
    episodes: list[dict[str, Any]] = field(default_factory=list)
    facts: list[dict[str, Fact]] = field(default_factory=list)
    tasks: dict[str, int] = field(default_factory=dict)
    frames: int = 0
    files: int = 0
    bytes: int = 0
    writer: Any = None


def write_lerobot(path: Path, facts: Mapping[str, Fact], recordings: Iterable[Recording]) -> Losses:
    """Writes the folder of a dataset; it is complete or absent.

    Raises:
        InputError: the control rate is unknown, or episodes have different arrays.
    """
    losses: Losses = {}
    with placing(path) as partial, arrow_of(path):
        dataset = _Dataset(partial, _rate(path, facts))
        try:
            for recording in recordings:
                count_losses(losses, _write(path, dataset, recording, environment(facts)))
        finally:
            if dataset.writer is not None:
                dataset.writer.close()
        _write_meta(dataset, facts)
    return losses


def _rate(path: Path, facts: Mapping[str, Fact]) -> float:
    rate = facts.get("fps", object_in(facts, "interface").get("rate"))
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < 1e6:
        raise InputError(path, "", "no control rate in what is read", "`rate = 20` (in Hz) in a --keys file")
    return int(rate) if rate == int(rate) else rate


def _write(path: Path, dataset: _Dataset, recording: Recording, environment_name: str) -> list[str]:
    arrays, losses = _per_step(recording)
    columns = {_column(name, arrays): (name, array) for name, array in arrays.items()}
    told = {column: {"name": name, "row": list(array.shape[1:])} for column, (name, array) in columns.items()}
    if dataset.episodes and told != dataset.columns:
        raise InputError(path, recording.place, f"arrays {sorted(told)}"[:200], "those of the first episode, alike")
    dataset.columns = told
    number, steps = len(dataset.episodes), recording.steps
    listed = object_in({"list": f'{{"tasks": {recording.facts.get("tasks", "[]")}}}'}, "list").get("tasks")
    texts = [str(text) for text in listed] if isinstance(listed, list) and listed else [environment_name]
    task = dataset.tasks.setdefault(texts[0], len(dataset.tasks))
    frame = np.arange(steps)
    values = {column: array for column, (_, array) in columns.items()} | {
        "timestamp": (frame / dataset.fps).astype(np.float32),
        "frame_index": frame,
        "episode_index": np.full(steps, number),
        "index": dataset.frames + frame,
        "task_index": np.full(steps, task),
    }
    dataset.features = {name: _feature(array) for name, array in values.items()}
    _append(dataset, values)
    dataset.episodes.append(_row(dataset, number, steps, texts[:1], values))
    dataset.facts.append({name: fact for name, fact in recording.facts.items() if name != "tasks"})
    dataset.frames += steps
    return losses + ([f"tasks beyond the first: {len(texts) - 1}"] if len(texts) > 1 else [])


def _per_step(recording: Recording) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Arrays with a row per action, and what of the others is lost."""
    arrays, losses = {}, []
    for name, rows in recording.arrays.items():
        if len(rows) == recording.steps + 1 and root(name) in ("observations", "states", "extra"):
            losses.append(f"{name}: its row after the last action")
        elif len(rows) != recording.steps:
            losses.append(f"{name}: not a value per step")
            continue
        if len(rows.row) > 4 or 0 in rows.row:
            losses.append(f"{name}: rows of shape {rows.row}")
            continue
        arrays[name] = rows.cut(0, recording.steps).read()
    return arrays, losses


def _column(name: str, arrays: Mapping[str, Any]) -> str:
    kind, _, key = name.partition("/")
    key = key.replace("/", ".")
    if kind == "observations":
        alone = key == "policy" and "observations/state" not in arrays
        return "observation.state" if alone else f"observation.{key}"
    if kind == "actions" and key:
        return f"action.{key}"
    return _COLUMNS.get(name) or (key if kind == "extra" else f"sim.{name.replace('/', '.')}")


def _feature(array: NDArray[Any]) -> dict[str, Any]:
    return {"dtype": array.dtype.name, "shape": list(array.shape[1:]) or [1], "names": None}


def _append(dataset: _Dataset, values: Mapping[str, NDArray[Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # A row of one number is a plain column.
    flat = {name: array.reshape(-1) if array.shape[1:] == (1,) else array for name, array in values.items()}
    table = pa.table({name: column_of(array) for name, array in flat.items()})
    if dataset.writer is None or dataset.bytes + table.nbytes > _FILE * 1e6:
        if dataset.writer is not None:
            dataset.writer.close()
        file = dataset.folder / DATA.format(**_place(dataset.files))
        file.parent.mkdir(parents=True, exist_ok=True)
        dataset.writer, dataset.bytes = pq.ParquetWriter(file, table.schema, compression="snappy"), 0
        dataset.files += 1
    dataset.writer.write_table(table, row_group_size=max(1, len(table)))
    dataset.bytes += table.nbytes


def _place(file: int) -> dict[str, int]:
    return {"chunk_index": file // _CHUNK, "file_index": file % _CHUNK}


def _row(
    dataset: _Dataset, number: int, steps: int, tasks: list[str], values: Mapping[str, NDArray[Any]]
) -> dict[str, Any]:
    """One row of the table of episodes."""
    place = _place(dataset.files - 1)
    return {
        "episode_index": number,
        "tasks": tasks,
        "length": steps,
        "dataset_from_index": dataset.frames,
        "dataset_to_index": dataset.frames + steps,
        "data/chunk_index": place["chunk_index"],
        "data/file_index": place["file_index"],
        "meta/episodes/chunk_index": 0,
        "meta/episodes/file_index": 0,
        **{
            f"stats/{name}/{statistic}": value
            for name, found in dataset.statistics.add(values).items()
            for statistic, value in found.items()
        },
    }


def _write_meta(dataset: _Dataset, facts: Mapping[str, Fact]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = dataset.folder / "meta" / "episodes" / "chunk-000" / "file-000.parquet"
    table.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(dataset.episodes), table)
    tasks = pa.table({"task_index": list(dataset.tasks.values()), "task": list(dataset.tasks)})
    described = tasks.replace_schema_metadata({"pandas": json.dumps(_TASKS)})
    pq.write_table(described, dataset.folder / "meta" / "tasks.parquet")
    info = {
        "codebase_version": "v3.0",
        "robot_type": facts.get("robot_type"),
        "total_episodes": len(dataset.episodes),
        "total_frames": dataset.frames,
        "total_tasks": len(dataset.tasks),
        "chunks_size": _CHUNK,
        "data_files_size_in_mb": _FILE,
        "video_files_size_in_mb": 200,
        "fps": dataset.fps,
        "splits": {"train": f"0:{len(dataset.episodes)}"},
        "data_path": DATA,
        "video_path": None,
        "features": dataset.features,
    }
    # Without the rows after the last action an episode is no longer what regrasp's own files hold.
    kept = {name: fact for name, fact in facts.items() if name != "regrasp_format"}
    own = {"columns": dataset.columns, "facts": kept, "episodes": dataset.facts}
    (dataset.folder / OWN).write_text(json.dumps(own))
    (dataset.folder / "meta" / "stats.json").write_text(json.dumps(dataset.statistics.total(), indent=4))
    (dataset.folder / INFO).write_text(json.dumps(info, indent=4))
