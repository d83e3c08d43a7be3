"""Gymnasium's spaces in Minari's JSON: Box, MultiBinary, Dict and Tuple of what a recording holds."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from regrasp.demonstrations.formats.rows import Rows

PART = "_index_"
"""Begins the name of a part of a Tuple."""


def space_of(arrays: Mapping[str, Rows]) -> dict[str, Any]:
    """The space of arrays by their path; an empty path is the whole. Bounds are those of the type."""
    if "" in arrays:
        return _box(arrays[""])
    parts: dict[str, dict[str, Rows]] = {}
    for name, rows in sorted(arrays.items()):
        first, _, rest = name.partition("/")
        parts.setdefault(first, {})[rest] = rows
    if parts.keys() == {f"{PART}{i}" for i in range(len(parts))}:
        return {"type": "Tuple", "subspaces": [space_of(parts[f"{PART}{i}"]) for i in range(len(parts))]}
    return {"type": "Dict", "subspaces": {name: space_of(part) for name, part in parts.items()}}


def leaves(space: Any, name: str = "") -> set[str]:
    """Paths of the arrays that a space describes."""
    parts = space.get("subspaces") if isinstance(space, dict) else None
    if isinstance(parts, list):
        parts = {f"{PART}{index}": part for index, part in enumerate(parts)}
    if not isinstance(parts, dict):
        return {name}
    return {leaf for key, part in parts.items() for leaf in leaves(part, f"{name}/{key}".lstrip("/"))}


def _box(rows: Rows) -> dict[str, Any]:
    if rows.dtype.kind == "b":
        return {"type": "MultiBinary", "n": list(rows.row) or 1}
    low: Any = -np.inf
    high: Any = np.inf
    if rows.dtype.kind in "iu":
        low, high = int(np.iinfo(rows.dtype).min), int(np.iinfo(rows.dtype).max)
    bounds = {"low": np.full(rows.row, low).tolist(), "high": np.full(rows.row, high).tolist()}
    return {"type": "Box", "dtype": rows.dtype.name, "shape": list(rows.row), **bounds}


def boxes(space: Any, name: str = "") -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays that a space describes, by their path, as far as it says them."""
    if not isinstance(space, dict):
        return {}
    parts = space.get("subspaces")
    if isinstance(parts, list):
        parts = {f"{PART}{index}": part for index, part in enumerate(parts)}
    if isinstance(parts, dict):
        return {
            leaf: row for key, part in parts.items() for leaf, row in boxes(part, f"{name}/{key}".lstrip("/")).items()
        }
    shape = space.get("shape")
    known = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    return {name: tuple(shape)} if known and shape is not None else {}
