"""ManiSkill 3's trajectories: `<name>.h5` and, beside it, `<name>.json` or `<name>.json.gz`.

The HDF5 file has a group `traj_<episode_id>` with `actions` (T, A) or a group of them, `terminated`, `truncated`, and
where there are any `success`, `fail`, `rewards` (T,), `env_states/…` and `obs` (T + 1, …), an array or nested groups.
The JSON names the environment and has one record per episode, found by `episode_id`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from regrasp.demonstrations.formats.hdf5 import child, facts, opened, tree
from regrasp.demonstrations.formats.hdf5_text import Texts
from regrasp.demonstrations.formats.json_text import own_facts, read_object
from regrasp.demonstrations.formats.recording import Fact, Recording, Source, check_recording
from regrasp.demonstrations.formats.rows import Rows
from regrasp.errors import InputError

PREFIXES = {"obs": "observations", "env_states": "states", "actions": "actions"}
_TRAJECTORY = re.compile(r"traj_([0-9]{1,18})")
_SAME = ("actions", "rewards", "terminated", "truncated", "success", "fail")
COUNTED = ("episode_id", "elapsed_steps", "regrasp")
"""Keys of an episode's record that a writer sets anew."""


def is_maniskill(file: h5py.File) -> bool:
    """Whether an open HDF5 file has ManiSkill's layout."""
    return bool(_TRAJECTORY.fullmatch(next(iter(file), "")))


@contextmanager
def open_maniskill(path: Path) -> Iterator[Source]:
    """The HDF5 file of a pair; without its JSON only the arrays are known."""
    beside = path.with_suffix(".json")
    beside = beside if beside.is_file() else path.with_suffix(".json.gz")
    described = read_object(beside) if beside.is_file() else {}
    records = _records(beside, described)
    with opened(path) as file:
        names, texts = _names(path, file), Texts(path)
        for number in sorted(records.keys() - names.keys()):
            raise InputError(path, f"traj_{number}", "nothing", f"the trajectory that {beside.name} lists")

        def recording(index: int) -> Recording:
            number = sorted(names)[index]
            return _recording(path, child(path, file, names[number], h5py.Group), records.get(number, {}), texts)

        losses = (
            [] if described else [f"no {path.stem}.json beside it: environment, seeds and control mode are unknown"]
        )
        yield Source("maniskill", path, len(names), recording, _facts(described, file, losses, texts), tuple(losses))


def _records(path: Path, described: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    records = described.get("episodes", [])
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise InputError(path, "episodes", f"{str(records)[:60]}", "a list of objects")
    found = {}
    for place, record in enumerate(records):
        number = record.get("episode_id")
        if type(number) is not int or number in found:
            raise InputError(path, f"episodes[{place}].episode_id", repr(number)[:40], "a whole number of its own")
        found[number] = record
    return found


def _names(path: Path, file: h5py.File) -> dict[int, str]:
    """Number of every trajectory → its name; a recorder that crashed leaves gaps."""
    for name in file:
        if not _TRAJECTORY.fullmatch(name):
            raise InputError(path, name[:60], "another name", "groups traj_<number>")
    return {int(name[5:]): name for name in file}


def _facts(described: Mapping[str, Any], file: h5py.File, losses: list[str], texts: Texts) -> dict[str, Fact]:
    found = facts(file, losses, texts) | own_facts(described)
    kept = {name: value for name, value in described.items() if name not in ("episodes", "regrasp")}
    return found | ({"maniskill": json.dumps(kept, sort_keys=True)} if kept else {})


def _recording(path: Path, group: h5py.Group, record: Mapping[str, Any], texts: Texts) -> Recording:
    place, losses = group.name.lstrip("/"), list[str]()
    arrays = {_named(name): rows for name, rows in tree(path, group, losses).items()}
    actions = next((rows for name, rows in arrays.items() if name.partition("/")[0] == "actions"), None)
    steps = len(actions) if actions is not None else 0
    if record.get("elapsed_steps", steps) != steps:
        raise InputError(path, f"{place}, actions", f"{steps} rows", f"elapsed_steps {record['elapsed_steps']!r:.40}")
    known = facts(group, losses, texts) | own_facts(record)
    kept = {name: value for name, value in record.items() if name not in COUNTED}
    if kept:
        known["maniskill"] = json.dumps(kept, sort_keys=True)
    recording = Recording(place, steps, _as_flags(arrays), known, tuple(losses))
    check_recording(path, recording)
    return recording


def _named(name: str) -> str:
    kind, _, key = name.partition("/")
    if kind == "obs":
        return f"observations/{key or 'policy'}"
    if kind == "regrasp":
        return key
    if kind in PREFIXES:
        return f"{PREFIXES[kind]}/{key}" if key else PREFIXES[kind]
    return name if name in _SAME else f"extra/{name}"


def _as_flags(arrays: dict[str, Rows]) -> dict[str, Rows]:
    """One value per step of what old files keep as (T, 1)."""
    return {
        name: rows.as_rows_of(()) if name in _SAME[1:] and rows.row == (1,) else rows for name, rows in arrays.items()
    }
