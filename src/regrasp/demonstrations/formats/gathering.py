"""Recordings of any format as the episodes that learning uses."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrasp.demonstrations.formats.contents import (
    WHO,
    Contents,
    Unfit,
    check_actions,
    check_episode,
    to_float32,
    to_modes,
)
from regrasp.demonstrations.formats.json_text import parse_object
from regrasp.demonstrations.formats.recording import Fact, Recording, Source
from regrasp.demonstrations.formats.rows import Rows
from regrasp.episode import Episode
from regrasp.errors import InputError
from regrasp.fields import Fields

START = ("qpos", "qvel", "door_body_pos")
"""What D4RL records of the door's state in `infos`; together a state of its scene."""


def gather(source: Source) -> Contents:
    """All episodes in memory, float32 observations (T + 1, O) by group.

    A single array of observations is the group `policy`, whatever its name; images are left out. Missing rewards are 0.

    Raises:
        InputError: an episode has no joint array of actions, no observations, or values that are not finite.
    """
    recordings = list(source.recordings())
    task = source.facts.get("task") if "interface_digest" in source.facts else None
    digest = source.facts.get("interface_digest")
    return Contents(
        format=source.format,
        episodes=tuple(_episode(source, recording) for recording in recordings),
        places=tuple(recording.place for recording in recordings),
        task=task if isinstance(task, str) else None,
        interface_digest=digest if isinstance(digest, str) else None,
        observations=_fields(source),
    )


def _episode(source: Source, recording: Recording) -> Episode:
    path, place, arrays = source.path, recording.place, recording.arrays
    if "actions" not in arrays:
        parts = ", ".join(name for name in arrays if name.startswith("actions/"))
        raise Unfit(path, place, f"actions in parts ({parts})", "one array, as `demos convert --keys` makes")
    actions = to_float32(arrays["actions"].read())
    check_actions(path, place, actions)
    rewards = arrays["rewards"].read().astype(np.float64) if "rewards" in arrays else np.zeros(len(actions))
    episode = Episode(
        actions=actions,
        rewards=rewards,
        observations={name: _observed(rows, recording.steps) for name, rows in _groups(recording).items()},
        terminal_observed=recording.terminal_observed,
        provenance=_provenance(source, recording),
        **_states(source, recording),
        **_ends(recording),
        **_own(path, recording),
    )
    check_episode(path, place, episode)
    return episode


def _groups(recording: Recording) -> dict[str, Rows]:
    found = {
        name.removeprefix("observations/"): rows for name, rows in recording.observations.items() if len(rows.row) <= 1
    }
    return {"policy": next(iter(found.values()))} if len(found) == 1 else found


def _observed(rows: Rows, steps: int) -> NDArray[np.float32]:
    array = to_float32(rows.read()).reshape(len(rows), -1)
    return array if len(array) == steps + 1 else np.concatenate([array, array[-1:]])


def _states(source: Source, recording: Recording) -> dict[str, Any]:
    """States are read only where their layout is known: regrasp's own, and the door's as D4RL records it."""
    arrays = recording.arrays
    if "states_layout" in source.facts and "states" in arrays:
        states = arrays["states"].read().astype(np.float64)
        return {"states": states} if len(states) == recording.steps + 1 else {"start": states[0]}
    if "extra/start" in arrays:
        return {"start": arrays["extra/start"].read().astype(np.float64)}
    parts = [arrays[f"extra/{key}"] for key in START if f"extra/{key}" in arrays]
    if len(parts) < len(START) or any(len(part.row) != 1 for part in parts):
        return {}
    return {"start": np.concatenate([part.cut(0, 1).read()[0] for part in parts]).astype(np.float64)}


def _ends(recording: Recording) -> dict[str, Any]:
    """The end flags of the last step; without any, the recording ended it."""
    last = {
        flag: bool(recording.arrays[flag].read()[-1])
        for flag in ("terminated", "truncated")
        if flag in recording.arrays
    }
    return {"terminated": False, "truncated": not last.get("terminated", False)} | last


def _own(path: Path, recording: Recording) -> dict[str, Any]:
    """What regrasp says about its own episodes."""
    found: dict[str, Any] = {}
    if "extra/contact_modes" in recording.arrays and len(recording.arrays["extra/contact_modes"]) > recording.steps:
        modes = recording.arrays["extra/contact_modes"].read()
        found["contact_modes"] = to_modes(path, f"{recording.place}, contact modes", modes)
    if isinstance(recording.facts.get("object"), str):
        found["object"] = recording.facts["object"]
    if "marks" in recording.facts:
        found["marks"] = parse_object(path, f"{recording.place}, marks", str(recording.facts["marks"]))
    return found


def _provenance(source: Source, recording: Recording) -> Mapping[str, str]:
    known = recording.facts.get("provenance")
    if isinstance(known, str):
        parsed = parse_object(source.path, f"{recording.place}, provenance", known)
        return {str(name): str(value) for name, value in parsed.items()}
    named = {key: str(recording.facts[key]) for key in WHO if key in recording.facts}
    return {"format": source.format, "file": source.path.name, "episode": recording.place.rsplit("/", 1)[-1]} | named


def _fields(source: Source) -> dict[str, Fields]:
    stated: Fact = source.facts.get("observation_fields", "{}")
    try:
        return {group: Fields.from_json(fields) for group, fields in json.loads(str(stated)).items()}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(source.path, "observation_fields", f"{error!r}"[:80], "name, size, unit per field") from error
