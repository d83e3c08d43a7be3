"""Minari's datasets in Arrow or Parquet: a folder `data/<i>` per episode with `part-0.arrow` and `metadata.json`.

T + 1 rows, of which the last has only an observation and infos; actions, rewards and flags are padded there. Arrays are
flat lists, whose shape the spaces and, for `infos`, the fields say.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

from regrasp.demonstrations.formats.columns import array_of, arrow_of, read_group
from regrasp.demonstrations.formats.json_text import read_object
from regrasp.demonstrations.formats.minari import ARROW, METADATA, SPACES, data_folder, described, named, open_minari
from regrasp.demonstrations.formats.recording import Fact, Recording, Source, check_recording, object_in
from regrasp.demonstrations.formats.rows import Rows
from regrasp.demonstrations.formats.spaces import boxes
from regrasp.errors import InputError

_KINDS = ("observations", "actions", "rewards", "terminations", "truncations", "infos")


@contextmanager
def open_any_minari(path: Path) -> Iterator[Source]:
    """A dataset of Minari's in any form."""
    folder = data_folder(path)
    metadata = read_object(folder / METADATA) if folder else {}
    if folder is None or metadata.get("data_format") not in ARROW:
        with open_minari(path) as source:
            yield source
        return
    with arrow_of(path):
        yield _source(path, folder, metadata)


def _source(path: Path, folder: Path, metadata: Mapping[str, Any]) -> Source:
    count = metadata.get("total_episodes")
    if type(count) is not int or count < 1 or not (folder / str(count - 1)).is_dir():
        expected = "as many as there are folders of episodes"
        raise InputError(folder / METADATA, "total_episodes", f"{count!r}"[:40], expected)
    kind = str(metadata["data_format"])
    spaces = {part: boxes(object_in(metadata, name)) for part, name in SPACES.items()}

    def recording(index: int) -> Recording:
        return _recording(folder / str(index), index, kind, spaces)

    return Source("minari", path, count, recording, *described(metadata))


def _recording(folder: Path, index: int, kind: str, spaces: Mapping[str, Mapping[str, tuple[int, ...]]]) -> Recording:
    place, losses = f"episode {index}", list[str]()
    table = _table(folder / f"part-0.{kind}", kind)
    known = read_object(folder / METADATA)
    steps = len(table) - 1
    if known.get("total_steps", steps) != steps:
        raise InputError(folder / METADATA, "total_steps", f"{known['total_steps']!r}"[:40], f"{steps}, rows less one")
    arrays: dict[str, Rows] = {}
    for part in _KINDS:
        if part not in table.column_names:
            if part != "infos":
                raise InputError(folder, part, "no such column", "a column", table.column_names[:20])
            continue
        for key, column, row in _leaves(table[part].combine_chunks(), table.schema.field(part), "", spaces.get(part)):
            if row is None:
                losses.append(f"{part}/{key}: no array of numbers".replace("/:", ":"))
                continue
            rows = Rows.of(array_of(folder, f"{part}/{key}", column, row))
            arrays[named(part, key)] = rows if part in ("observations", "infos") else rows.cut(0, steps)
    recording = Recording(place, steps, arrays, _facts(known), tuple(losses))
    check_recording(folder, recording)
    return recording


def _table(path: Path, kind: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise InputError(path, "", "no such file", f"the rows of an episode in {kind}")
    if kind == "parquet":
        with pq.ParquetFile(path) as file:
            return pa.concat_tables([read_group(path, file, group) for group in range(file.num_row_groups)])
    with pa.OSFile(str(path)) as stream, pa.ipc.open_file(stream) as file:
        table = file.read_all()
        table.validate(full=True)
        return table


def _leaves(
    column: Any, field: Any, name: str, shapes: Mapping[str, tuple[int, ...]] | None
) -> Iterator[tuple[str, Any, tuple[int, ...] | None]]:
    """Path, column and shape of a row of every column below; no shape where there are no numbers."""
    import pyarrow as pa

    if pa.types.is_struct(field.type):
        # Parts of a Tuple are named by their number, those of a Dict may be, too.
        numbered = shapes is not None and f"{name}/_index_0".lstrip("/") in {_begin(leaf, name) for leaf in shapes}
        for at in range(field.type.num_fields):
            part = field.type.field(at)
            key = f"_index_{part.name}" if numbered else part.name
            yield from _leaves(column.field(at), part, f"{name}/{key}".lstrip("/"), shapes)
        return
    size = field.type.list_size if pa.types.is_fixed_size_list(field.type) else None
    value = field.type.value_type if size is not None else field.type
    if not (pa.types.is_integer(value) or pa.types.is_floating(value) or pa.types.is_boolean(value)):
        yield name, column, None
        return
    told = (shapes or {}).get(name) or _shape(field)
    flat = () if size is None else (size,)
    yield name, column, told if told is not None and prod(told) == prod(flat) and size is not None else flat


def _begin(leaf: str, name: str) -> str:
    """The path of the part of `name` that a leaf lies in."""
    inner = leaf[len(name) :].lstrip("/") if name else leaf
    return f"{name}/{inner.partition('/')[0]}".lstrip("/")


def _shape(field: Any) -> tuple[int, ...] | None:
    told = (field.metadata or {}).get(b"shape", b"x").split(b",")
    if told == [b""]:
        return ()
    return tuple(int(n) for n in told) if all(n.isdigit() and len(n) < 9 for n in told) else None


def _facts(known: Mapping[str, Any]) -> dict[str, Fact]:
    """Plain values by their path, as the HDF5 form has them."""
    found: dict[str, Fact] = {}
    for name, value in known.items():
        if name in ("id", "total_steps"):
            continue
        if isinstance(value, dict):
            found |= {f"{name}/{inner}": fact for inner, fact in _facts(value).items()}
        elif isinstance(value, bool | int | float | str):
            found[name] = value
        else:
            found[name] = json.dumps(value)
    return found
