"""D4RL's HDF5 (Fu et al. 2020): flat arrays of N steps, cut into episodes by `terminals` and `timeouts`.

`observations` (N, O), `actions` (N, A), `rewards` and `terminals` (N,) or (N, 1), `timeouts` (N,), missing in old
files, `next_observations` (N, O) in some, `infos/<key>` (N, …), and `metadata/…` about the
policy that collected them. An episode ends where either flag is set; rows after the last end are left out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from regrasp.demonstrations.formats.hdf5 import child, opened, rows, tree
from regrasp.demonstrations.formats.recording import Recording, Source, check_recording
from regrasp.demonstrations.formats.rows import Rows
from regrasp.errors import InputError

KEYS = ("observations", "actions", "rewards", "terminals")
"""What makes a file one of D4RL's: arrays of these names at its top."""
_NAMES = {"observations": "observations/policy", "terminals": "terminated", "timeouts": "truncated"}


def is_d4rl(file: h5py.File) -> bool:
    """Whether an open HDF5 file has D4RL's layout."""
    return all(isinstance(file.get(key, getlink=True), h5py.HardLink) for key in KEYS)


@contextmanager
def open_d4rl(path: Path) -> Iterator[Source]:
    """A D4RL file, its arrays left where they are."""
    with opened(path) as file:
        losses: list[str] = []
        columns = _columns(path, file, losses)
        ends = _ends(path, columns)
        starts = np.concatenate([[0], ends[:-1]])
        rest = len(columns["actions"]) - int(ends[-1])
        if rest:
            losses.append(f"the last {rest} steps: an episode without an end")
        following = rows(path, file, "next_observations") if "next_observations" in file else None

        def recording(index: int) -> Recording:
            return _recording(path, columns, following, index, int(starts[index]), int(ends[index]))

        yield Source("d4rl", path, len(ends), recording, losses=tuple(losses))


def _columns(path: Path, file: h5py.File, losses: list[str]) -> dict[str, Rows]:
    """Every array with a row per step, under the names of a recording."""
    for key in KEYS:
        child(path, file, key, h5py.Dataset)
    steps = len(rows(path, file, "actions"))
    found: dict[str, Rows] = {}
    for name, stored in tree(path, file, losses, frozenset({"next_observations"})).items():
        inner = name.removeprefix("infos/")
        if name.startswith("metadata/") or (name not in KEYS and len(stored) != steps):
            losses.append(f"{name}: not a value per step")
        elif len(stored) != steps:
            raise InputError(path, name, f"{len(stored)} rows", f"{steps}, as many as actions")
        elif name in ("rewards", "terminals", "timeouts"):
            if stored.row not in ((), (1,)):
                raise InputError(path, name, f"shape {stored.shape}", "one value per step")
            found[_NAMES.get(name, name)] = stored.as_rows_of((), None if name == "rewards" else bool)
        else:
            found[_NAMES.get(name, name if name == "actions" else f"extra/{inner}")] = stored
    return found


def _ends(path: Path, columns: dict[str, Rows]) -> NDArray[np.int64]:
    """The row after the last of each episode."""
    ended = columns["terminated"].read()
    if "truncated" in columns:
        ended = ended | columns["truncated"].read()
    ends = np.flatnonzero(ended) + 1
    if not len(ends):
        flags = "terminals and timeouts" if "truncated" in columns else "terminals, and no timeouts"
        raise InputError(path, flags, "no end of an episode", "a flag at the last step of each episode")
    return ends


def _recording(
    path: Path, columns: dict[str, Rows], following: Rows | None, index: int, start: int, stop: int
) -> Recording:
    arrays = {name: column.cut(start, stop) for name, column in columns.items()}
    losses = [] if "truncated" in columns else ["no timeouts: episodes cut by a time limit are joined to the next"]
    if following is not None:
        if following.shape != columns["observations/policy"].shape:
            expected = f"{columns['observations/policy'].shape}, as observations"
            raise InputError(path, "next_observations", f"shape {following.shape}", expected)
        arrays["observations/policy"] = arrays["observations/policy"].then(following.cut(stop - 1, stop))
    recording = Recording(f"episode {index}", stop - start, arrays, losses=tuple(losses))
    check_recording(path, recording)
    return recording
