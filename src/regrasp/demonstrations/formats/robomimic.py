"""Reads robomimic-layout HDF5: regrasp's own files, and files by others.

Layout (robomimic 0.5): `data` (attributes `total`, `env_args`) holds one group `demo_<i>` per episode (attribute
`num_samples` = T) with `actions` (T, A), `rewards` (T,), `dones` (T,), `states` (T, S), `obs/<group>` (T, O) and
`next_obs/<group>` (T, O). Our own keys, which robomimic ignores, are listed in `robomimic_writer`.
Files by others: `states` are left out (their layout is their simulator's), so are observations with more than two axes
(images); `dones` is not read, since it marks success, the end, or both, and the file does not say which.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from regrasp.demonstrations.formats.contents import WHO, Contents, check_actions, check_episode, to_float32, to_modes
from regrasp.demonstrations.formats.hdf5 import check_array, child, facts, numbers, opened, text, whole
from regrasp.demonstrations.formats.hdf5_text import Texts
from regrasp.demonstrations.formats.json_text import parse_object
from regrasp.episode import Episode
from regrasp.errors import InputError
from regrasp.fields import Fields

FORMAT = 1
"""Version of our own keys, stored as the attribute `regrasp_format` of `data`."""
_NUMBER = re.compile(r"demo_([0-9]{1,18})")
_OPERATOR = re.compile(r"(.*_)?operator_[0-9]+")
"""Filter keys that name who recorded an episode, as `better_operator_1` in robomimic's own multi-human files."""


def read_robomimic(path: Path) -> Contents:
    """All episodes, ordered by the number in their name."""
    with opened(path) as file:
        data = child(path, file, "data", h5py.Group)
        own = _is_own(path, data)
        names = episode_names(path, data)
        who = {} if own else _demonstrators(path, file, data, names)
        episodes = tuple(_episode(path, child(path, data, name, h5py.Group), own, who.get(name, {})) for name in names)
        _check_total(path, data, episodes)
        return Contents(
            format="robomimic",
            episodes=episodes,
            places=tuple(f"data/{name}" for name in names),
            task=text(path, data, "task") if own else None,
            interface_digest=text(path, data, "interface_digest") if own else None,
            observations=_fields(path, data) if own else {},
        )


def _is_own(path: Path, data: h5py.Group) -> bool:
    if "regrasp_format" not in data.attrs:
        return False
    version = whole(path, data, "regrasp_format")
    if version != FORMAT:
        raise InputError(path, "data, attribute regrasp_format", f"version {version}", f"version {FORMAT}")
    return True


def episode_names(path: Path, data: h5py.Group) -> list[str]:
    """`demo_2` before `demo_10`; numbers may have gaps."""
    numbers = {name: _NUMBER.fullmatch(name) for name in data}
    for name, match in numbers.items():
        if not match:
            raise InputError(path, f"data/{name}", f"an episode named {name[:40]!r}", "demo_ and a number")
    if not numbers:
        raise InputError(path, "data", "no episode", "at least one group demo_<number>")
    return sorted(numbers, key=lambda name: (int(name[5:]), name))


def operators(path: Path, file: h5py.File) -> dict[str, str]:
    """Episode → who recorded it, as far as the filter keys tell."""
    found: dict[str, str] = {}
    mask = file.get("mask")
    for key in mask if isinstance(mask, h5py.Group) else ():
        if _OPERATOR.fullmatch(key):
            names = child(path, mask, key, h5py.Dataset)
            if names.dtype.kind == "S" and names.ndim:
                check_array(path, names)
                found |= {name.decode(errors="replace"): key for name in np.ravel(names[()]).tolist()}
    return found


def _demonstrators(path: Path, file: h5py.File, data: h5py.Group, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Episode → what its filter keys and its attributes say of who recorded it."""
    masks, texts = operators(path, file), Texts(path)
    found = {name: {"operator": masks[name]} if name in masks else {} for name in names}
    for name, own in found.items():
        demo = child(path, data, name, h5py.Group)
        others = tuple(key for key in demo.attrs if key not in WHO)
        own |= {key: str(fact) for key, fact in facts(demo, [], texts, others).items()}
    return found


def _episode(path: Path, demo: h5py.Group, own: bool, who: Mapping[str, str]) -> Episode:
    place = demo.name.lstrip("/")
    actions = numbers(path, demo, "actions")
    check_actions(path, place, actions)
    samples = whole(path, demo, "num_samples") if own or "num_samples" in demo.attrs else len(actions)
    if samples != len(actions):
        raise InputError(path, f"{place}, attribute num_samples", f"{samples}", f"{len(actions)}, the rows of actions")
    rewards = numbers(path, demo, "rewards").astype(np.float64)
    known = _own_facts(path, demo) if own else _foreign_facts(path, demo, samples, who)
    episode = Episode(actions=to_float32(actions), rewards=rewards, **known)
    check_episode(path, place, episode)
    return episode


def _own_facts(path: Path, demo: h5py.Group) -> dict[str, Any]:
    """What regrasp wrote: row T of observations and states is in `final`."""
    obs, final = child(path, demo, "obs", h5py.Group), child(path, demo, "final", h5py.Group)
    last = child(path, final, "obs", h5py.Group)
    facts: dict[str, Any] = {
        "observations": {group: _joined(path, obs, last, group).astype(np.float32) for group in obs},
        "provenance": _json(path, demo, "provenance"),
    }
    for flag in ("terminated", "truncated", "terminal_observed"):
        facts[flag] = bool(whole(path, demo, flag))
    if "states" in demo:
        facts["states"] = _joined(path, demo, final, "states").astype(np.float64)
    if "start" in demo:
        facts["start"] = numbers(path, demo, "start").astype(np.float64)
    if "contact_modes" in demo:
        facts["contact_modes"] = to_modes(
            path, f"{demo.name.lstrip('/')}/contact_modes", numbers(path, demo, "contact_modes")
        )
    if "object" in demo.attrs:
        facts["object"] = text(path, demo, "object")
    if "marks" in demo.attrs:
        facts["marks"] = _json(path, demo, "marks")
    return facts


def _foreign_facts(path: Path, demo: h5py.Group, steps: int, who: Mapping[str, str]) -> dict[str, Any]:
    """What robomimic's layout alone tells: the last observation is `next_obs[T - 1]`, or does not exist."""
    obs = child(path, demo, "obs", h5py.Group)
    groups = [g for g in obs if len(child(path, obs, g, h5py.Dataset).shape) in (1, 2)]
    observed = "next_obs" in demo
    following = child(path, demo, "next_obs", h5py.Group) if observed else obs
    observations = {}
    for group in groups:
        rows = to_float32(numbers(path, obs, group))
        last = to_float32(numbers(path, following, group))
        for part, name in ((rows, obs.name), (last, following.name)):
            if len(part) != steps:
                place = f"{name.lstrip('/')}/{group}"
                raise InputError(path, place, f"{len(part)} rows", f"{steps}, as many as actions")
        observations[group] = np.concatenate([rows, last[-1:]]).reshape(steps + 1, -1)
    provenance = {"format": "robomimic", "file": path.name, "episode": demo.name.rsplit("/", 1)[-1]}
    return {"observations": observations, "terminal_observed": observed, "provenance": provenance | dict(who)}


def _joined(path: Path, rows: h5py.Group, final: h5py.Group, name: str) -> NDArray[Any]:
    """Rows 0 … T - 1 and row T."""
    before, last = numbers(path, rows, name), numbers(path, final, name)
    if before.shape[1:] != last.shape:
        place = f"{final.name.lstrip('/')}/{name}"
        raise InputError(path, place, f"shape {last.shape}", f"{before.shape[1:]}, one row of {rows.name.lstrip('/')}")
    return np.concatenate([before, last[None]])


def _check_total(path: Path, data: h5py.Group, episodes: tuple[Episode, ...]) -> None:
    steps = sum(episode.steps for episode in episodes)
    if "total" in data.attrs and whole(path, data, "total") != steps:
        raise InputError(path, "data, attribute total", f"{data.attrs['total']}", f"{steps}, the sum of all steps")


def _fields(path: Path, data: h5py.Group) -> dict[str, Fields]:
    layout = _json(path, data, "observation_fields")
    try:
        return {group: Fields.from_json(fields) for group, fields in layout.items()}
    except (KeyError, TypeError, ValueError) as error:
        place = "data, attribute observation_fields"
        raise InputError(path, place, f"{error!r}", "name, size, unit per field") from error


def _json(path: Path, node: h5py.Group, name: str) -> Mapping[str, Any]:
    return parse_object(path, f"{node.name.lstrip('/')}, attribute {name}", text(path, node, name))
