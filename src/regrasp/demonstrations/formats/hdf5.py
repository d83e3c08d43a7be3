"""HDF5 files that need not be trusted: what is read from them, and what is refused.

Only what is in the file itself is read: no link to another file, no dataset kept elsewhere, no mere claim of a size.
Text of variable length is not read here: on a damaged file the HDF5 library can search its heap for ever (`hdf5_text`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from regrasp.demonstrations.formats.hdf5_text import Texts
from regrasp.demonstrations.formats.recording import Fact
from regrasp.demonstrations.formats.rows import Rows, Unreadable
from regrasp.errors import InputError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_INFLATION = 1100
"""DEFLATE cannot shrink data more than 1032 times: a dataset that declares more holds nothing but its claim."""
_CHUNK = 1 << 28
"""Bytes of the largest chunk that is read, which the library must hold as a whole."""
_DEPTH, _NODES = 12, 10_000
"""Groups inside each other, and arrays of one episode: more is a file that holds itself."""
_FACT = 512
"""Numbers in the largest array among an object's attributes."""


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """The file, with every error of the HDF5 library turned into one sentence."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise
    except (Unreadable, OSError, KeyError, RuntimeError, ValueError, TypeError, MemoryError, OverflowError) as error:
        why = " ".join(str(error).split())[:200]
        raise InputError(path, "", f"a damaged or truncated HDF5 file ({why})", "a complete HDF5 file") from error


def child(path: Path, parent: h5py.Group, name: str, kind: type) -> Any:
    """A group or dataset that must be there, in this file."""
    place = f"{parent.name}/{name}".lstrip("/")
    node = parent.get(name) if isinstance(parent.get(name, getlink=True), h5py.HardLink) else None
    if not isinstance(node, kind):
        found = "nothing in this file" if node is None else type(node).__name__.lower()
        raise InputError(path, place, found, f"a {kind.__name__.lower()}", list(parent)[:20])
    return node


def check_numbers(path: Path, dataset: h5py.Dataset) -> None:
    """Refuses anything but an array of numbers that is really in the file."""
    if dataset.dtype.kind not in "fiub":
        place = dataset.name.lstrip("/")
        raise InputError(path, place, f"type {dataset.dtype}, shape {dataset.shape}", "an array of numbers")
    check_array(path, dataset)


def check_array(path: Path, dataset: h5py.Dataset) -> None:
    """Refuses anything but an array that is really in the file."""
    place = dataset.name.lstrip("/")
    if dataset.shape is None or dataset.ndim == 0:
        raise InputError(path, place, f"type {dataset.dtype}, shape {dataset.shape}", "an array of numbers")
    if dataset.external or dataset.is_virtual:
        raise InputError(path, place, "data kept in another file", "data in this file")
    kept = min(dataset.id.get_storage_size(), path.stat().st_size)
    # Sizes are multiplied as Python's integers: those of the library wrap around.
    declared = prod(dataset.shape) * dataset.dtype.itemsize
    if declared > (_INFLATION * kept if dataset.chunks else kept):
        raise InputError(path, place, f"shape {dataset.shape} with hardly any data", "data for every row")
    if dataset.chunks and prod(dataset.chunks) * dataset.dtype.itemsize > _CHUNK:
        raise InputError(path, place, f"chunks of {dataset.chunks}", f"chunks below {_CHUNK >> 20} MB")


def numbers(path: Path, parent: h5py.Group, name: str) -> NDArray[Any]:
    """A whole array of numbers."""
    dataset = child(path, parent, name, h5py.Dataset)
    check_numbers(path, dataset)
    return np.asarray(dataset[()])


def rows(path: Path, parent: h5py.Group, name: str) -> Rows:
    """An array of numbers, left in the file."""
    dataset = child(path, parent, name, h5py.Dataset)
    check_numbers(path, dataset)
    return Rows.of(dataset)


def tree(path: Path, group: h5py.Group, losses: list[str], skip: frozenset[str] = frozenset()) -> dict[str, Rows]:
    """All arrays of numbers below a group, by their path in it; all else is named among the losses.

    `skip` names children that are left out without a word.
    """
    found: dict[str, Rows] = {}
    for name, node in _walk(path, group, "", _DEPTH, skip):
        if len(node.attrs):
            losses.append(f"{name}: its attributes")
        if isinstance(node, h5py.Group):
            continue
        if node.dtype.kind in "fiub" and node.shape:
            check_numbers(path, node)
            found[name] = Rows.of(node)
        else:
            losses.append(f"{name}: no array of numbers")
        if len(found) > _NODES:
            raise InputError(path, group.name.lstrip("/"), f"more than {_NODES} arrays", "a group without cycles")
    return found


def _walk(
    path: Path, group: h5py.Group, prefix: str, depth: int, skip: frozenset[str] = frozenset()
) -> Iterator[tuple[str, h5py.HLObject]]:
    """Groups and arrays below a group."""
    if not depth:
        raise InputError(path, prefix, f"groups {_DEPTH} deep", "a group that does not contain itself")
    for name in group:
        if name in skip:
            continue
        node = child(path, group, name, h5py.HLObject)
        if isinstance(node, h5py.Group | h5py.Dataset):
            yield f"{prefix}{name}", node
        if isinstance(node, h5py.Group):
            yield from _walk(path, node, f"{prefix}{name}/", depth - 1)


def facts(node: h5py.HLObject, losses: list[str], texts: Texts, skip: tuple[str, ...] = ()) -> dict[str, Fact]:
    """The attributes of an object as plain values; those that are not read are named among the losses."""
    found: dict[str, Fact] = {}
    for name in [name for name in node.attrs if name not in skip]:
        stored = node.attrs.get_id(name)
        numeric = stored.dtype.kind in "iufb" and len(stored.shape) < 2 and prod(stored.shape) <= _FACT
        if numeric:
            found[name] = np.asarray(node.attrs[name]).tolist()
        elif stored.dtype.kind == "S" and stored.shape == ():
            found[name] = bytes(node.attrs[name]).decode()
        elif stored.dtype.kind == "O" and (text := texts.of(node, name)):
            found[name] = text
        else:
            losses.append(f"attribute {name}: neither numbers nor text")
    return found


def attribute(path: Path, node: h5py.HLObject, name: str, kinds: str, expected: str) -> Any:
    """A single value of one of numpy's `kinds`."""
    place = f"{node.name.lstrip('/')}, attribute {name}"
    if name not in node.attrs:
        raise InputError(path, place, "nothing", expected)
    stored = node.attrs.get_id(name)
    if stored.shape != () or stored.dtype.kind not in kinds:
        raise InputError(path, place, f"type {stored.dtype}, shape {stored.shape}", expected)
    return node.attrs[name]


def whole(path: Path, node: h5py.HLObject, name: str) -> int:
    """An attribute that is a whole number."""
    return int(attribute(path, node, name, "iub", "a whole number"))


def text(path: Path, node: h5py.HLObject, name: str) -> str:
    """An attribute that is text of fixed length."""
    return bytes(attribute(path, node, name, "S", "text of fixed length")).decode()
