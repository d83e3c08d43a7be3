"""Where the rows of each episode of a LeRobot dataset are, in either version, and the checks that they are there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from regrasp.demonstrations.formats.columns import array_of, read_group
from regrasp.demonstrations.formats.contents import WHO
from regrasp.demonstrations.formats.json_text import parse_object
from regrasp.errors import InputError

DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
OLD_DATA = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
TABLE = ("episode_index", "length", "dataset_from_index", "data/chunk_index", "data/file_index")
"""Columns of the episode table that are needed."""


@dataclass(frozen=True)
class Listed:
    """One episode of the table: its number, steps, file, first row there, tasks, and who recorded it if it says so."""

    number: int
    steps: int
    file: Path
    first: int
    tasks: tuple[str, ...]
    who: Mapping[str, str]


@dataclass
class Episodes:
    """All episodes; the group of rows that was read last is kept, since episodes follow each other."""

    path: Path
    listed: list[Listed]
    _last: dict[tuple[Path, int], Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.listed)

    def table(self, index: int) -> Any:
        """The rows of one episode, in order, all of it."""
        import pyarrow as pa

        episode = self.listed[index]
        parts = list(self._parts(episode))
        table = pa.concat_tables(parts) if parts else None
        place = f"episode {episode.number}"
        if table is None or len(table) != episode.steps:
            found = f"{0 if table is None else len(table)} rows in {episode.file.relative_to(self.path)}"
            raise InputError(self.path, place, found, f"{episode.steps}")
        for column, wanted in (("episode_index", episode.number), ("frame_index", np.arange(episode.steps))):
            if column not in table.column_names:
                raise InputError(self.path, f"{place}, {column}", "no such column", "the number of each row")
            found_rows = array_of(self.path, f"{place}, {column}", table[column], (), "int64")
            if not (found_rows == wanted).all():
                raise InputError(self.path, f"{place}, {column}", "rows of another place", "its own rows in order")
        return table

    def _parts(self, episode: Listed) -> Iterator[Any]:
        import pyarrow.parquet as pq

        if not episode.file.is_file():
            raise InputError(self.path, f"episode {episode.number}", f"no file {episode.file.name}", "its data file")
        with pq.ParquetFile(episode.file) as file:
            begin, stop = 0, episode.first + episode.steps
            for group in range(file.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                low, high = max(episode.first - begin, 0), min(stop - begin, count)
                if low < high:
                    yield self._group(episode.file, file, group).slice(low, high - low)
                begin += count

    def _group(self, path: Path, file: Any, group: int) -> Any:
        if (path, group) not in self._last:
            self._last = {(path, group): read_group(self.path, file, group)}
        return self._last[path, group]


def episodes_of(path: Path, info: Mapping[str, Any]) -> Episodes:
    """The table of episodes of either version.

    Raises:
        InputError: another version, other places of the data, or a table that does not agree with itself.
    """
    version = str(info.get("codebase_version"))
    if version not in ("v3.0", "v2.1", "v2.0"):
        raise InputError(
            path / "meta/info.json", "codebase_version", f"{version!r}"[:40], "a version", ("v3.0", "v2.1")
        )
    template = DATA if version == "v3.0" else OLD_DATA
    if info.get("data_path", template) != template:
        raise InputError(path / "meta/info.json", "data_path", f"{info['data_path']!r}"[:90], repr(template))
    listed = _new(path) if version == "v3.0" else _old(path, info)
    if not listed:
        raise InputError(path, "meta", "no episode", "at least one")
    total = info.get("total_episodes", len(listed))
    if total != len(listed):
        raise InputError(path / "meta/info.json", "total_episodes", f"{total!r}"[:40], f"{len(listed)}, as listed")
    return Episodes(path, listed)


def _new(path: Path) -> list[Listed]:
    """v3.0: Parquet files in `meta/episodes`; a file's first row is that of the first episode in it."""
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = []
    for file in sorted((path / "meta" / "episodes").glob("chunk-*/file-*.parquet")):
        with pq.ParquetFile(file) as opened:
            names = opened.schema_arrow.names
            for name in TABLE:
                if name not in names:
                    raise InputError(file, name, "no such column", "a table of episodes", names[:20])
            wanted = [*TABLE, *(name for name in ("tasks", *WHO) if name in names)]
            rows += opened.read(columns=wanted, use_threads=False).to_pylist()
    if any(type(row[name]) is not int or row[name] < 0 for row in rows for name in TABLE):
        raise InputError(path, "meta/episodes", "a value that is missing or below 0", "whole numbers")
    rows.sort(key=lambda row: int(row["episode_index"]))
    firsts: dict[Path, int] = {}
    listed = []
    for number, row in enumerate(rows):
        file = path / DATA.format(chunk_index=row["data/chunk_index"], file_index=row["data/file_index"])
        begin = int(row["dataset_from_index"])
        first = firsts.setdefault(file, begin)
        if row["episode_index"] != number or begin < first:
            raise InputError(path, f"meta/episodes, episode {number}", f"{row}"[:90], "episodes and rows in order")
        listed.append(Listed(number, int(row["length"]), file, begin - first, _tasks(row.get("tasks")), _who(row)))
    return listed


def _old(path: Path, info: Mapping[str, Any]) -> list[Listed]:
    """v2.1: lines of `meta/episodes.jsonl`, each episode in a file of its own."""
    size, table = info.get("chunks_size", 1000), path / "meta" / "episodes.jsonl"
    if type(size) is not int or size < 1:
        raise InputError(path / "meta/info.json", "chunks_size", f"{size!r}"[:40], "a whole number, at least 1")
    listed: list[Listed] = []
    for line in table.read_bytes().splitlines():
        if not line.strip():
            continue
        row = parse_object(table, f"line {len(listed) + 1}", line)
        number, steps = row.get("episode_index"), row.get("length")
        if type(number) is not int or type(steps) is not int or number != len(listed) or steps < 0:
            raise InputError(table, f"line {len(listed) + 1}", f"{row}"[:90], f"episode {len(listed)} and its length")
        file = path / OLD_DATA.format(episode_chunk=number // size, episode_index=number)
        listed.append(Listed(number, steps, file, 0, _tasks(row.get("tasks")), _who(row)))
    return listed


def _who(row: Mapping[str, Any]) -> dict[str, str]:
    """What an extra column of the table says; LeRobot itself has none for it."""
    return {key: str(row[key]) for key in WHO if isinstance(row.get(key), str | int)}


def _tasks(told: Any) -> tuple[str, ...]:
    return tuple(str(task) for task in told) if isinstance(told, list) else ()
