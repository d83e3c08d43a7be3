"""Recordings into HDF5, a block at a time; equal input gives equal bytes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from regrasp.demonstrations.formats.recording import Fact, Recording
from regrasp.demonstrations.formats.rows import Rows

_LIBRARY = ("v110", "v110")
"""HDF5's file version, fixed so that the bytes do not depend on the library."""
_LONGEST = 60_000
"""Bytes of text that an attribute can hold."""


@contextmanager
def created(path: Path) -> Iterator[h5py.File]:
    """A new file."""
    with h5py.File(path, "w", libver=_LIBRARY) as file:
        yield file


def put(group: h5py.Group, name: str, rows: Rows) -> None:
    """Copies rows into a new dataset, without ever holding more than a block of them."""
    dataset = group.create_dataset(name, shape=rows.shape, dtype=rows.dtype, track_times=False)
    begin = 0
    for block in rows.blocks():
        dataset[begin : begin + len(block)] = block
        begin += len(block)


def put_facts(node: h5py.HLObject, facts: Mapping[str, Fact]) -> list[str]:
    """Writes facts as attributes; returns those that do not fit one, in words."""
    losses = []
    for name, fact in facts.items():
        if isinstance(fact, str) and len(fact.encode()) > _LONGEST:
            losses.append(f"{name}: a text of {len(fact)} characters")
        elif fact != "" and fact != []:  # HDF5 has no text of length zero
            node.attrs[name] = np.bytes_(fact.encode()) if isinstance(fact, str) else fact
    return losses


def observed(recording: Recording) -> dict[str, Rows]:
    """Every observation with T + 1 rows: where the last was not recorded, the one before stands in for it."""
    steps = recording.steps
    return {
        name: rows if len(rows) == steps + 1 else rows.then(rows.cut(steps - 1, steps))
        for name, rows in recording.observations.items()
    }


def ends(recording: Recording) -> dict[str, Rows]:
    """Both end flags, a bool per step; what is unknown counts as the end of the recording."""
    last = np.arange(recording.steps) == recording.steps - 1
    guessed = {"terminated": np.zeros(recording.steps, bool), "truncated": last}
    if "terminated" in recording.arrays:
        guessed["truncated"] = last & ~recording.arrays["terminated"].read().astype(bool)
    return {flag: recording.arrays.get(flag, Rows.of(guess)) for flag, guess in guessed.items()}


def rewards(recording: Recording) -> Rows:
    """Rewards, or zeros."""
    return recording.arrays.get("rewards", Rows.of(np.zeros(recording.steps)))
