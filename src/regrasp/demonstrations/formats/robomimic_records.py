"""Files of robomimic's layout as recordings: regrasp's own, robomimic's, MimicGen's, Isaac Lab's.

Isaac Lab's have no `rewards` and no `dones`, `states` as a group with rows *after* each step, `initial_state/…`, and
`obs` as one array where its observations are joined. Observation T is `final/obs` (ours), else the last row of
`next_obs`, else unknown.
`dones` keeps its own name: it marks success, the end, or both, and the file does not say which.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from regrasp.demonstrations.formats.hdf5 import child, facts, numbers, opened, tree
from regrasp.demonstrations.formats.hdf5_text import Texts
from regrasp.demonstrations.formats.recording import Fact, Recording, Source, check_recording, root
from regrasp.demonstrations.formats.robomimic import episode_names, operators
from regrasp.demonstrations.formats.rows import Rows
from regrasp.errors import InputError

_OBSERVED = frozenset({"obs", "next_obs", "final"})
_NAMED = ("actions", "rewards", "dones", "states", "terminated", "truncated", "success", "fail")
TURNS = "states/…/root_pose: the file does not say whether quaternions are wxyz or xyzw"
"""Isaac Lab changed their order with version 3.0."""
CONVERTED = "regrasp_recordings"
"""Attribute of `data` in a file that was converted from another format."""
_REWRITTEN = ("total", "done_mode", CONVERTED)
"""Attributes of `data` that a writer sets anew."""


def is_robomimic(file: h5py.File) -> bool:
    """Whether an open HDF5 file has robomimic's layout."""
    return isinstance(file.get("data", getlink=True), h5py.HardLink)


def is_plain(path: Path) -> bool:
    """Whether a file has only robomimic's outline: Isaac Lab's, without rewards and end flags, or a converted one."""
    with opened(path) as file:
        data = child(path, file, "data", h5py.Group)
        if "regrasp_format" in data.attrs:
            return False
        names = [name for name in data if isinstance(data.get(name), h5py.Group)]
        bare = bool(names) and not any("rewards" in data[name] or "dones" in data[name] for name in names)
        return bare or CONVERTED in data.attrs


@contextmanager
def open_robomimic(path: Path) -> Iterator[Source]:
    """Episodes in the order of the number in their name."""
    with opened(path) as file:
        data = child(path, file, "data", h5py.Group)
        names = episode_names(path, data)
        losses: list[str] = []
        texts = Texts(path)
        # `env_args` of a file that regrasp recorded is the task's name.
        known = facts(data, losses, texts, ("env_args",) if "regrasp_format" in data.attrs else ())
        derived = "done_mode" in known
        known = {name: fact for name, fact in known.items() if name not in _REWRITTEN}
        losses += [f"mask/{key}: filter keys are drawn anew" for key in _masks(file) if key not in ("train", "valid")]

        who = operators(path, file)

        def recording(index: int) -> Recording:
            found = _recording(path, child(path, data, names[index], h5py.Group), derived, texts)
            return (
                replace(found, facts={"operator": who[names[index]], **found.facts}) if names[index] in who else found
            )

        yield Source("robomimic", path, len(names), recording, known, tuple(losses))


def _masks(file: h5py.File) -> list[str]:
    mask = file.get("mask")
    return list(mask) if isinstance(mask, h5py.Group) else []


def _recording(path: Path, demo: h5py.Group, derived: bool, texts: Texts) -> Recording:
    place, losses = demo.name.lstrip("/"), list[str]()
    derived = derived or "done_mode" in demo.attrs
    skipped = _OBSERVED | {"dones"} if derived else _OBSERVED
    arrays = {_named(name): rows for name, rows in tree(path, demo, losses, skipped).items()}
    steps = len(arrays["actions"]) if "actions" in arrays else 0
    arrays |= _observations(path, demo, losses)
    if any(root(name) == "states" and name.endswith("/root_pose") for name in arrays):
        losses.append(TURNS)
    known = facts(demo, losses, texts)
    known.pop("done_mode", None)
    if known.pop("num_samples", steps) != steps:
        raise InputError(path, f"{place}, attribute num_samples", "another number", f"{steps}, the rows of actions")
    _add_final_states(path, demo, arrays)
    _add_flags(known, arrays, steps)
    recording = Recording(place, steps, arrays, known, tuple(losses))
    check_recording(path, recording)
    return recording


def _named(name: str) -> str:
    return name if root(name) in _NAMED else f"extra/{name}"


def _observations(path: Path, demo: h5py.Group, losses: list[str]) -> dict[str, Rows]:
    """(T + 1, …) where the last observation is known, else (T, …)."""
    if "obs" not in demo:
        return {}
    stored = child(path, demo, "obs", h5py.HLObject)
    if isinstance(stored, h5py.Dataset):
        return {"observations/policy": tree(path, demo, losses, frozenset(set(demo) - {"obs"}))["obs"]}
    found = tree(path, stored, losses)
    final = _final(path, demo)
    if final is not None and "obs" in final:
        last = child(path, final, "obs", h5py.Group)
        found = {name: _with_row(path, rows, last, name) for name, rows in found.items()}
    elif "next_obs" in demo:
        following = tree(path, child(path, demo, "next_obs", h5py.Group), losses)
        for name in found.keys() & following.keys():
            rows, after = found[name], following[name]
            if after.shape != rows.shape or not len(rows):
                place = f"{demo.name.lstrip('/')}/next_obs/{name}"
                raise InputError(path, place, f"shape {after.shape}", f"{rows.shape}, as in obs")
            found[name] = rows.then(after.cut(len(rows) - 1, len(rows)))
        losses += [f"observations/{name}: not in next_obs" for name in found.keys() - following.keys()]
    return {f"observations/{name}": rows for name, rows in found.items()}


def _final(path: Path, demo: h5py.Group) -> h5py.Group | None:
    return child(path, demo, "final", h5py.Group) if "final" in demo else None


def _add_final_states(path: Path, demo: h5py.Group, arrays: dict[str, Rows]) -> None:
    final = _final(path, demo)
    if final is not None and "states" in final:
        for name in [name for name in arrays if root(name) == "states"]:
            arrays[name] = _with_row(path, arrays[name], final, name)


def _with_row(path: Path, rows: Rows, final: h5py.Group, name: str) -> Rows:
    """These rows and the one that `final` has under the same name, if it has one."""
    *groups, leaf = name.split("/")
    if name not in final:
        return rows
    for group in groups:
        final = child(path, final, group, h5py.Group)
    dataset = child(path, final, leaf, h5py.Dataset)
    if dataset.shape != rows.row:
        raise InputError(path, dataset.name.lstrip("/"), f"shape {dataset.shape}", f"{rows.row}, one row")
    last = numbers(path, final, leaf) if rows.row else np.asarray(dataset[()])
    return rows.then(Rows.of(last[None]))


def _add_flags(known: dict[str, Fact], arrays: dict[str, Rows], steps: int) -> None:
    """What an attribute says about the last step, as a value per step."""
    for flag in ("terminated", "truncated"):
        if flag in known:
            ended = np.zeros(steps, dtype=bool)
            ended[-1:] = bool(known.pop(flag))
            arrays.setdefault(flag, Rows.of(ended))
