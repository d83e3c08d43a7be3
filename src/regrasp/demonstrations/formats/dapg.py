"""DAPG's demonstration pickles of the Adroit door (Rajeswaran et al. 2018, `hand_dapg`): read, never run.

A list of dicts: `observations` (T, 39), `actions` (T, 28), `rewards` (T,), and `init_state_dict` with `qpos` (30,),
`qvel` (30,), `door_body_pos` (3,). There is no terminal observation and no end flag; actions leave [-1, 1].
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrasp.demonstrations.formats.contents import Contents, check_actions, check_episode, check_finite, to_float32
from regrasp.demonstrations.formats.pickled import GROWTH, StoredArray, read_pickle
from regrasp.episode import Episode
from regrasp.errors import InputError

_KEYS = ("observations", "actions", "rewards", "init_state_dict")
_START = {"qpos": 30, "qvel": 30, "door_body_pos": 3}
_RECORD = 512
"""Bytes that an episode takes in memory beside its arrays; in a file it takes more."""


def read_dapg(path: Path) -> Contents:
    """All episodes of a DAPG door pickle."""
    records = read_pickle(path)
    if not isinstance(records, list) or not records:
        raise InputError(path, "", f"a pickle of {_kind(records)}", "a list of at least one episode")
    _check_growth(path, records)
    places = tuple(f"episode {i}" for i in range(len(records)))
    episodes = tuple(_episode(path, index, record) for index, record in enumerate(records))
    return Contents("dapg", episodes, places, task=None, interface_digest=None, observations={})


def _episode(path: Path, index: int, record: Any) -> Episode:
    place = f"episode {index}"
    _check_keys(path, place, record, _KEYS)
    observations = _array(path, f"{place}, observations", record["observations"], 2)
    actions = _array(path, f"{place}, actions", record["actions"], 2)
    rewards = _array(path, f"{place}, rewards", record["rewards"], 1)
    check_actions(path, place, actions)
    for name, array in (("observations", observations), ("rewards", rewards)):
        if len(array) != len(actions):
            raise InputError(path, f"{place}, {name}", f"{len(array)} rows", f"{len(actions)}, as many as actions")
    rows = to_float32(observations)
    episode = Episode(
        actions=to_float32(actions),
        observations={"policy": np.concatenate([rows, rows[-1:]])},
        rewards=rewards.astype(np.float64),
        start=_start(path, f"{place}, init_state_dict", record["init_state_dict"]),
        terminal_observed=False,
        provenance={"format": "dapg", "file": path.name, "episode": str(index)},
    )
    check_episode(path, place, episode)
    return episode


def _start(path: Path, place: str, state: Any) -> NDArray[np.float64]:
    """[qpos, qvel, position of the door's frame], as the scene orders its state."""
    _check_keys(path, place, state, tuple(_START))
    parts = []
    for key, size in _START.items():
        part = _array(path, f"{place}, {key}", state[key], 1)
        if len(part) != size:
            raise InputError(path, f"{place}, {key}", f"{len(part)} values", f"{size}")
        check_finite(path, f"{place}, {key}", part)
        parts.append(part.astype(np.float64))
    return np.concatenate(parts)


def _array(path: Path, place: str, stored: Any, axes: int) -> NDArray[Any]:
    if not isinstance(stored, StoredArray) or stored.value is None:
        raise InputError(path, place, _kind(stored), "an array of numbers")
    if stored.value.ndim != axes:
        raise InputError(path, place, f"an array of shape {stored.value.shape}", f"{axes} axes")
    return stored.value


def _check_keys(path: Path, place: str, record: Any, keys: tuple[str, ...]) -> None:
    if not isinstance(record, dict):
        raise InputError(path, place, _kind(record), "a dict", keys)
    for key in keys:
        if key not in record:
            there = ", ".join(sorted(record)[:8])[:200]
            raise InputError(path, place, f"no {key!r} among its keys ({there})", "a DAPG episode", keys)


def _check_growth(path: Path, records: list[Any]) -> None:
    """Refuses a small file that repeats its arrays by reference until memory is full."""
    room = GROWTH * path.stat().st_size - _RECORD * len(records)
    for record in records:
        for stored in record.values() if isinstance(record, dict) else ():
            if isinstance(stored, StoredArray) and stored.value is not None:
                room -= stored.value.nbytes
    if room < 0:
        raise InputError(path, "", f"arrays repeated to over {GROWTH} times the file's size", "each episode once")


def _kind(value: Any) -> str:
    return "an array" if isinstance(value, StoredArray) else f"{type(value).__name__}"
