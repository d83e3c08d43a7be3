"""D4RL's HDF5 (Fu et al. 2020): flat arrays of N steps, cut into episodes by `terminals` and `timeouts`.

`observations` (N, O), `actions` (N, A), `rewards` and `terminals` (N,) or (N, 1), `timeouts` (N,), missing in old
files, `next_observations` (N, O) in some, `infos/<key>` (N, …), and `metadata/…` about the
policy that collected them. An episode ends where either flag is set; without `timeouts`, also where the next
observation is not the one that follows in the file. Rows after the last end are left out.
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
        following = _following(path, file, columns)
        ends = _ends(path, columns, following)
        starts = np.concatenate([[0], ends[:-1]])
        rest = len(columns["actions"]) - int(ends[-1])
        if rest:
            losses.append(f"the last {rest} steps: an episode without an end")

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


def _following(path: Path, file: h5py.File, columns: dict[str, Rows]) -> Rows | None:
    """The observations after each action, where the file has them."""
    if "next_observations" not in file:
        return None
    found, observed = rows(path, file, "next_observations"), columns["observations/policy"]
    if found.shape != observed.shape:
        raise InputError(path, "next_observations", f"shape {found.shape}", f"{observed.shape}, as observations")
    return found


def _ends(path: Path, columns: dict[str, Rows], following: Rows | None) -> NDArray[np.int64]:
    """The row after the last of each episode."""
    ended = columns["terminated"].read()
    if "truncated" in columns:
        ended = ended | columns["truncated"].read()
    elif following is not None:
        ended = ended | _jumps(columns["observations/policy"], following)
    ends = np.flatnonzero(ended) + 1
    if not len(ends):
        flags = "terminals and timeouts" if "truncated" in columns else "terminals, and no timeouts"
        raise InputError(path, flags, "no end of an episode", "a flag at the last step of each episode")
    return ends


def _jumps(observed: Rows, following: Rows) -> NDArray[np.bool_]:
    """Whether the observation after a step is another than the next row's; the last row has none to compare with."""
    jumps, begin, count = np.zeros(len(observed), dtype=bool), 0, len(observed)
    for block in following.cut(0, count - 1).blocks():
        end = begin + len(block)
        other = observed.cut(begin + 1, end + 1).read()
        same = (block == other) | (np.isnan(block) & np.isnan(other))
        jumps[begin:end], begin = ~same.reshape(len(block), -1).all(1), end
    return jumps


def _recording(
    path: Path, columns: dict[str, Rows], following: Rows | None, index: int, start: int, stop: int
) -> Recording:
    arrays = {name: column.cut(start, stop) for name, column in columns.items()}
    losses = []
    if "truncated" not in columns:
        cut = "are joined to the next" if following is None else "are cut where observations jump"
        losses = [f"no timeouts: episodes that a time limit ended {cut}"]
    if following is not None:
        arrays["observations/policy"] = arrays["observations/policy"].then(following.cut(stop - 1, stop))
    recording = Recording(f"episode {index}", stop - start, arrays, losses=tuple(losses))
    check_recording(path, recording)
    return recording
