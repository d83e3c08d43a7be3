"""Arrays that stay in their file until they are needed, so that files larger than memory can be converted."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

BLOCK = 1 << 24
"""Bytes that are read at once, at least one row."""


class Unreadable(Exception):
    """A file that turned out to be damaged while its rows were read."""


class Stored(Protocol):
    """What rows come from: an array, an HDF5 dataset, or anything else that is sliced like them."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows first."""
        ...

    @property
    def dtype(self) -> "np.dtype[Any]":
        """Of every number."""
        ...

    def __getitem__(self, rows: slice) -> Any:
        """The rows as an array."""
        ...


@dataclass(frozen=True)
class Rows:
    """Rows of one or more stored arrays, one after another; nothing is read before `blocks` or `read`.

    Attributes:
        parts: stored array, first row, row after the last.
        row: shape of one row.
        dtype: of every number; what is stored is converted to it.
    """

    parts: tuple[tuple[Stored, int, int], ...]
    row: tuple[int, ...]
    dtype: "np.dtype[Any]"

    @classmethod
    def of(cls, stored: Stored) -> "Rows":
        """All rows of a stored array."""
        return cls(((stored, 0, stored.shape[0]),), tuple(stored.shape[1:]), np.dtype(stored.dtype))

    def __len__(self) -> int:
        return sum(stop - start for _, start, stop in self.parts)

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, *row)."""
        return (len(self), *self.row)

    def cut(self, start: int, stop: int) -> "Rows":
        """Rows from `start` to before `stop`; both are inside."""
        kept, begin = [], 0
        for stored, first, last in self.parts:
            low, high = max(start - begin, 0), min(stop - begin, last - first)
            if low < high:
                kept.append((stored, first + low, first + high))
            begin += last - first
        return replace(self, parts=tuple(kept))

    def then(self, other: "Rows") -> "Rows":
        """These rows and, after them, the others, which have the same shape and type."""
        return replace(self, parts=self.parts + other.parts)

    def as_rows_of(self, row: tuple[int, ...], dtype: DTypeLike | None = None) -> "Rows":
        """The same numbers with another shape of each row, and perhaps another type."""
        return replace(self, row=row, dtype=self.dtype if dtype is None else np.dtype(dtype))

    def blocks(self) -> Iterator[NDArray[Any]]:
        """All rows in order, a few megabytes at a time."""
        step = max(1, BLOCK // max(1, prod(self.row) * self.dtype.itemsize))
        for stored, first, last in self.parts:
            for low, high in pairwise([*range(first, last, step), last]):
                try:
                    block = np.asarray(stored[low:high]).reshape(high - low, *self.row)
                except (OSError, RuntimeError, ValueError, TypeError) as error:
                    raise Unreadable(str(error)) from error
                yield block.astype(self.dtype, copy=False)

    def read(self) -> NDArray[Any]:
        """Everything in memory."""
        blocks = list(self.blocks())
        return np.concatenate(blocks) if blocks else np.empty(self.shape, self.dtype)


@dataclass(frozen=True)
class Computed:
    """Rows computed from those of other arrays when they are read.

    Attributes:
        sources: of equal length.
        function: from arrays of some rows of every source to as many rows of the result.
        shape: of the whole result.
        dtype: of the result.
    """

    sources: Sequence[Rows]
    function: Callable[..., NDArray[Any]]
    shape: tuple[int, ...]
    dtype: "np.dtype[Any]"

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        """The result's rows."""
        return self.function(*(source.cut(rows.start, rows.stop).read() for source in self.sources))


def side_by_side(sources: Sequence[Rows]) -> Rows:
    """The columns of several arrays (rows, …) of equal length as one (rows, columns) of float32."""

    def join(*arrays: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.concatenate([a.reshape(len(a), -1).astype(np.float32) for a in arrays], axis=1)

    width = sum(prod(source.row) for source in sources)
    return Rows.of(Computed(sources, join, (len(sources[0]), width), np.dtype(np.float32)))
