"""Columns of Arrow tables as arrays, and back; files that need not be trusted."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regrasp.demonstrations.formats.rows import Unreadable
from regrasp.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

_LARGEST = 1 << 29
"""Bytes that a group of rows may unfold into."""


@contextmanager
def arrow_of(path: Path) -> Iterator[Any]:
    """The `pyarrow` package, with every error of it turned into one sentence."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(path, "", "no package pyarrow to read it", "pip install 'regrasp[formats]'") from error
    try:
        yield pyarrow
    except InputError:
        raise
    except (Unreadable, OSError, KeyError, ValueError, TypeError, RuntimeError, MemoryError, OverflowError) as error:
        why = " ".join(str(error).split())[:200]
        raise InputError(path, "", f"a damaged or truncated file ({why})", "complete Parquet files") from error


def read_group(path: Path, file: Any, group: int) -> "pa.Table":
    """One group of rows of an open Parquet file."""
    size = file.metadata.row_group(group).total_byte_size
    if size > _LARGEST:
        raise InputError(path, f"row group {group}", f"{size} bytes", f"at most {_LARGEST}")
    return file.read_row_group(group, use_threads=False)


def array_of(path: Path, name: str, column: Any, row: tuple[int, ...], dtype: str | None = None) -> NDArray[Any]:
    """A column of numbers, or of lists of numbers as long as `row` says, as an array (rows, *row), of `dtype` if told.

    Raises:
        InputError: something is missing in it, or it holds another type or another number of values.
    """
    import pyarrow as pa

    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    count = len(flat)
    while pa.types.is_list(flat.type) or pa.types.is_large_list(flat.type) or pa.types.is_fixed_size_list(flat.type):
        if flat.null_count:
            raise InputError(path, name, "missing values", "a value per step")
        flat = flat.flatten()
    if flat.null_count or len(flat) != count * prod(row):
        found = f"{len(flat)} values, {flat.null_count} of them missing"
        raise InputError(path, name, found, f"{count} rows of shape {row}")
    array = flat.to_numpy(zero_copy_only=False)
    if dtype is not None and array.dtype != np.dtype(dtype):
        raise InputError(path, name, f"type {array.dtype}", f"{dtype}, as its feature says")
    return np.ascontiguousarray(array).reshape(count, *row)


def column_of(array: NDArray[Any]) -> Any:
    """An array (rows, …) as a column: numbers, lists of fixed length, or nested lists for more axes."""
    import pyarrow as pa

    column = pa.array(np.ascontiguousarray(array).reshape(-1))
    if array.ndim == 2 and array.shape[1]:
        return pa.FixedSizeListArray.from_arrays(column, array.shape[1])
    for axis in range(array.ndim - 1, 0, -1):
        lists = prod(array.shape[:axis])
        offsets = np.arange(lists + 1, dtype=np.int32) * array.shape[axis]
        column = pa.ListArray.from_arrays(pa.array(offsets), column)
    return column
