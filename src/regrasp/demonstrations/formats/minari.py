"""Minari's datasets (Farama, dataset versions 0.4.0 to 0.5.4), stored as HDF5.

A folder with `data/metadata.json` and `data/main_data.hdf5`; in it a group `episode_<i>` of `observations` (T + 1,
…), a group of them for a Dict space or `_index_<i>` for a Tuple, `actions` (T, …), `rewards`, `terminations`,
`truncations` (T,) and `infos/…`. Images are JPEG where `jpeg_encoding` is not false; these are not decoded.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from regrasp.demonstrations.formats.hdf5 import child, facts, opened, tree, whole
from regrasp.demonstrations.formats.hdf5_text import Texts
from regrasp.demonstrations.formats.json_text import own_facts, read_object
from regrasp.demonstrations.formats.recording import Fact, Recording, Source, check_recording
from regrasp.demonstrations.formats.rows import Rows
from regrasp.errors import InputError

METADATA, MAIN = "metadata.json", "main_data.hdf5"
SPACES = {"observations": "observation_space", "actions": "action_space"}
ARROW = ("arrow", "parquet")
"""Forms of a dataset that `minari_arrow` reads."""
COUNTED = ("total_episodes", "total_steps", "dataset_size", "data_format", "minari_version", *SPACES.values())
"""Keys of the metadata that a writer sets anew."""
_EPISODE = re.compile(r"episode_([0-9]{1,18})")
_NAMES = {"terminations": "terminated", "truncations": "truncated", "rewards": "rewards"}
_KEPT = ("states", "success", "fail", "dones")
"""Children of `infos` with a name of their own in a recording."""
_SPACE_TEXT = 60_000
"""Longest description of a space that is carried over; an HDF5 attribute must be shorter than 64 kB."""


def data_folder(path: Path) -> Path | None:
    """The folder that holds the metadata: the path, its `data`, or the folder of the main file; None without one."""
    for folder in (path, path / "data", path.parent if path.name == MAIN else path):
        if (folder / METADATA).is_file():
            return folder
    return None


def is_minari(file: h5py.File) -> bool:
    """Whether an open HDF5 file has the layout of Minari's main file."""
    first = next(iter(file), "")
    return bool(_EPISODE.fullmatch(first)) and isinstance(file.get(first, getlink=True), h5py.HardLink)


@contextmanager
def open_minari(path: Path) -> Iterator[Source]:
    """A dataset: its folder, the folder `data` in it, or the main file beside its metadata."""
    folder = data_folder(path)
    metadata = read_object(folder / METADATA) if folder else {}
    if metadata.get("data_format", "hdf5") != "hdf5":
        raise InputError(path, "data_format", f"{metadata['data_format']!r}"[:40], "a known one", ("hdf5", *ARROW))
    file_path = folder / MAIN if folder else path
    if not file_path.is_file() or file_path.is_symlink():
        raise InputError(path, MAIN, "no such file", "Minari's main file beside its metadata")
    with opened(file_path) as file:
        names = _episode_names(file_path, file)
        _check_counts(folder, metadata, len(names))
        texts = Texts(file_path)
        jpeg = {kind: _pictures(metadata, space) for kind, space in SPACES.items()}

        def recording(index: int) -> Recording:
            return _recording(file_path, child(file_path, file, names[index], h5py.Group), jpeg, texts)

        yield Source("minari", path, len(names), recording, *described(metadata))


def described(metadata: Mapping[str, Any]) -> tuple[dict[str, Fact], tuple[str, ...]]:
    """Facts of a dataset from its metadata, and what is lost of them."""
    losses = [] if metadata else [f"no {METADATA} beside it: spaces and environment are unknown"]
    found: dict[str, Fact] = {}
    for name in SPACES.values():
        space = metadata.get(name)
        if isinstance(space, str) and len(space) < _SPACE_TEXT:
            found[name] = space
        elif space is not None:
            losses.append(f"{name}: a description of {len(str(space))} characters, bounds included")
    found |= own_facts(metadata)
    kept = {name: value for name, value in metadata.items() if name not in (*COUNTED, "regrasp")}
    if kept:
        found["minari"] = json.dumps(kept, sort_keys=True)
    return found, tuple(losses)


def _pictures(metadata: Mapping[str, Any], name: str) -> set[str]:
    """Names of the parts of a space that are stored as JPEG; the whole space is the empty name."""
    if metadata.get("jpeg_encoding", True) is False or not isinstance(metadata.get(name), str):
        return set()
    try:
        return set(_images(json.loads(metadata[name]), ""))
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        raise InputError(METADATA, name, f"{metadata[name][:60]!r}", "a space in JSON") from error


def _images(space: Mapping[str, Any], name: str) -> Iterator[str]:
    parts = space.get("subspaces")
    if isinstance(parts, dict):
        for key, part in parts.items():
            yield from _images(part, f"{name}/{key}".lstrip("/"))
    elif isinstance(parts, list):
        for index, part in enumerate(parts):
            yield from _images(part, f"{name}/_index_{index}".lstrip("/"))
    elif space.get("type") == "Box" and space.get("dtype") == "uint8":
        shape = space["shape"]
        if len(shape) in (2, 3) and min(shape[:2]) >= 32:
            yield name


def _episode_names(path: Path, file: h5py.File) -> list[str]:
    for name in file:
        if not _EPISODE.fullmatch(name):
            raise InputError(path, name[:60], "another name", "groups episode_<number>")
    if not len(file):
        raise InputError(path, "", "no episode", "at least one group episode_<number>")
    return sorted(file, key=lambda name: (int(name[8:]), name))


def _check_counts(folder: Path | None, metadata: Mapping[str, Any], count: int) -> None:
    stated = metadata.get("total_episodes", count)
    if folder and stated != count:
        raise InputError(folder / METADATA, "total_episodes", f"{stated}", f"{count}, the episodes in {MAIN}")


def _recording(path: Path, group: h5py.Group, jpeg: Mapping[str, set[str]], texts: Texts) -> Recording:
    place, losses = group.name.lstrip("/"), list[str]()
    arrays: dict[str, Rows] = {}
    for name, stored in tree(path, group, losses).items():
        kind, _, key = name.partition("/")
        if key in jpeg.get(kind, ()):
            losses.append(f"{name}: images as JPEG")
        else:
            arrays[named(kind, key)] = stored
    known = facts(group, losses, texts)
    actions = next((rows for name, rows in arrays.items() if name.partition("/")[0] == "actions"), None)
    steps = len(actions) if actions is not None else 0
    if "total_steps" in known and whole(path, group, "total_steps") != steps:
        raise InputError(path, f"{place}, attribute total_steps", f"{known['total_steps']}", f"{steps} rows of actions")
    for name in ("id", "total_steps"):
        known.pop(name, None)
    recording = Recording(place, steps, arrays, known, tuple(losses))
    check_recording(path, recording)
    return recording


def named(kind: str, key: str) -> str:
    """The name in a recording of Minari's `kind/key`."""
    if kind == "infos":
        return key if key.partition("/")[0] in _KEPT else f"extra/{key}"
    if kind == "observations":
        return f"observations/{key or 'policy'}"
    if kind == "actions":
        return f"actions/{key}" if key else "actions"
    return _NAMES.get(kind, f"extra/{kind}/{key}".rstrip("/"))
