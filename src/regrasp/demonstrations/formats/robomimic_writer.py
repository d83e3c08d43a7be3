"""Writes regrasp's native demonstration file: robomimic's HDF5 layout, on which robomimic trains unchanged.

Our own keys, which robomimic ignores: `data` attributes `regrasp_format`, `task`, `interface` (JSON),
`interface_digest`, `observation_fields` (JSON), `states_layout`, `done_mode` (1: `dones` marks the last step); per
episode the attributes `terminated`, `truncated`, `terminal_observed`, `provenance` (JSON), and where there are any
`object` and `marks` (JSON), the datasets `contact_modes` (T + 1,) and `start` (S,), and the group `final` with row T of
`obs/<group>` and `states`.
The same episodes give the same bytes.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from regrasp.actor import ActionInterface
from regrasp.demonstrations.formats.contents import check_episode
from regrasp.demonstrations.formats.robomimic import FORMAT
from regrasp.episode import Episode
from regrasp.errors import InputError
from regrasp.fields import Fields
from regrasp.seeding import numpy_stream

GYM = 2
"""robomimic's number for environments of Gymnasium's kind, in `env_args`."""
_LIBRARY = ("v110", "v110")
"""HDF5's file version, fixed so that the bytes do not depend on the library; a tenth smaller than the oldest one."""


@dataclass(frozen=True)
class Storage:
    """How the file is stored; only `states_dtype` loses anything.

    Attributes:
        states_dtype: `float32` halves states and starts, at the price of their last digits.
        gzip: compress every array.
        next_obs: write robomimic's `next_obs` too; cloning does not need it, and it doubles the observations.
    """

    states_dtype: Literal["float64", "float32"] = "float64"
    gzip: bool = False
    next_obs: bool = True


def write_robomimic(
    path: Path,
    episodes: Sequence[Episode],
    task: str,
    interface: ActionInterface,
    observations: Mapping[str, Fields],
    storage: Storage | None = None,
    states_layout: str = "qpos, qvel, mocap_pos",
) -> None:
    """Writes all episodes as `demo_0`, `demo_1`, …; the file is complete or absent.

    `observations` has the groups that may be recorded; an episode need not have all, but all episodes have the same.
    `states_layout` names the parts of a state, for readers.
    """
    _check(path, episodes, interface, observations)
    present = {group: fields for group, fields in observations.items() if group in episodes[0].observations}
    part = path.with_name(f".{path.name}.partial")
    try:
        with h5py.File(part, "w", libver=_LIBRARY) as file:
            data = file.create_group("data")
            data.attrs["states_layout"] = _text(states_layout)
            _write_data(data, episodes, task, interface, present, storage or Storage())
            write_masks(file.create_group("mask"), len(episodes))
        with part.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(part, path)
    except (OSError, RuntimeError) as error:
        raise InputError(path, "", f"a place that cannot be written ({error})", "a writable folder") from error
    finally:
        part.unlink(missing_ok=True)


def append_robomimic(
    path: Path, episode: Episode, interface: ActionInterface, observations: Mapping[str, Fields], storage: Storage
) -> None:
    """Adds one episode to a file of regrasp's own; all that was in it stays as it is, to the byte of every array.

    A copy gets the episode and takes the file's place once it is on disk, so at any moment the file is the old one or
    the new one. The copy's name is fixed, so the next attempt clears what a killed one left: one writer at a time.
    """
    _check(path, [episode], interface, observations)
    part = path.with_name(f".{path.name}.partial")
    try:
        shutil.copyfile(path, part)
        with h5py.File(part, "r+", libver=_LIBRARY) as file:
            data = file["data"]
            number = 1 + max(int(name.removeprefix("demo_")) for name in data)
            _write_episode(data.create_group(f"demo_{number}"), episode, storage)
            data.attrs["total"] = int(data.attrs["total"]) + episode.steps
            _extend_masks(file["mask"], number)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(part, path)
    except (OSError, RuntimeError, KeyError) as error:
        raise InputError(path, "", f"a place that cannot be written ({error})", "a writable folder") from error
    finally:
        part.unlink(missing_ok=True)


def _extend_masks(mask: h5py.Group, number: int) -> None:
    """The second of every ten episodes is for validation, the others are for training."""
    key = "valid" if number % 10 == 1 else "train"
    names = [*(mask[key][:].tolist() if key in mask else []), f"demo_{number}".encode()]
    if key in mask:
        del mask[key]
    mask.create_dataset(key, data=np.array(names, dtype=np.bytes_), track_times=False)


def _check(
    path: Path, episodes: Sequence[Episode], interface: ActionInterface, observations: Mapping[str, Fields]
) -> None:
    if not episodes:
        raise InputError(path, "", "no episode to write", "at least one")
    for i, episode in enumerate(episodes):
        check_episode(path, f"episode {i}", episode)
        _check_width(path, f"episode {i}, actions", episode.actions, interface.fields)
        groups = set(episode.observations)
        if groups != set(episodes[0].observations) or not groups <= set(observations):
            found = f"observation groups {sorted(groups)}"
            raise InputError(
                path, f"episode {i}", found, "the same known groups in every episode", sorted(observations)
            )
        for group in groups:
            place = f"episode {i}, observations {group}"
            _check_width(path, place, episode.observations[group], observations[group])


def _check_width(path: Path, place: str, array: NDArray[Any], fields: Fields) -> None:
    if array.shape[1] != fields.size:
        raise InputError(path, place, f"{array.shape[1]} columns", f"{fields.size}")


def _write_data(
    data: h5py.Group,
    episodes: Sequence[Episode],
    task: str,
    interface: ActionInterface,
    observations: Mapping[str, Fields],
    storage: Storage,
) -> None:
    data.attrs["total"] = sum(episode.steps for episode in episodes)
    data.attrs["env_args"] = json.dumps({"env_name": task, "type": GYM, "env_kwargs": {}})
    data.attrs["regrasp_format"] = FORMAT
    data.attrs["task"] = _text(task)
    data.attrs["interface"] = _text(json.dumps(interface.to_json()))
    data.attrs["interface_digest"] = _text(interface.digest)
    layout = {group: fields.to_json() for group, fields in observations.items()}
    data.attrs["observation_fields"] = _text(json.dumps(layout))
    data.attrs["done_mode"] = 1
    for i, episode in enumerate(episodes):
        _write_episode(data.create_group(f"demo_{i}"), episode, storage)


def _write_episode(demo: h5py.Group, episode: Episode, storage: Storage) -> None:
    demo.attrs["num_samples"] = episode.steps
    for flag in ("terminated", "truncated", "terminal_observed"):
        demo.attrs[flag] = getattr(episode, flag)
    demo.attrs["provenance"] = _text(json.dumps(dict(episode.provenance), sort_keys=True))
    # A file has no text of length zero.
    if episode.object:
        demo.attrs["object"] = _text(episode.object)
    if episode.marks:
        demo.attrs["marks"] = _text(json.dumps(dict(episode.marks), sort_keys=True))
    dones = np.zeros(episode.steps, dtype=np.int64)
    dones[-1] = 1
    arrays = {"actions": episode.actions, "rewards": episode.rewards, "dones": dones}
    for group, rows in episode.observations.items():
        arrays |= {f"obs/{group}": rows[:-1], f"final/obs/{group}": rows[-1]}
        arrays |= {f"next_obs/{group}": rows[1:]} if storage.next_obs else {}
    if episode.states is not None:
        states = episode.states.astype(storage.states_dtype)
        arrays |= {"states": states[:-1], "final/states": states[-1]}
    elif episode.start is not None:
        arrays["start"] = episode.start.astype(storage.states_dtype)
    if episode.contact_modes is not None:
        arrays["contact_modes"] = episode.contact_modes
    for name, array in arrays.items():
        # A single row is smaller uncompressed; times are left out so that equal episodes give equal files.
        packed = {"compression": "gzip", "compression_opts": 9, "shuffle": True} if storage.gzip else {}
        demo.create_dataset(name, data=array, track_times=False, **({} if name.startswith("final/") else packed))


def _text(text: str) -> np.bytes_:
    """Text of fixed length: what the reader accepts, and nothing for HDF5's heap of variable-length values."""
    return np.bytes_(text.encode())


def write_masks(mask: h5py.Group, episodes: int) -> None:
    """The filter keys `train` and `valid`: a tenth of the episodes (one of two to nineteen) is for validation."""
    count = max(1, episodes // 10) if episodes > 1 else 0
    valid = set(numpy_stream(0, "validation split").permutation(episodes)[:count].tolist())
    for key, chosen in (("train", set(range(episodes)) - valid), ("valid", valid)):
        names = np.array([f"demo_{i}" for i in sorted(chosen)], dtype=f"S{len(f'demo_{episodes}')}")
        mask.create_dataset(key, data=names, track_times=False)
