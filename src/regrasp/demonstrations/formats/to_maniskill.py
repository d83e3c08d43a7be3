"""Recordings as ManiSkill trajectories: `<name>.h5` and `<name>.json`.

What ManiSkill has no place for is in the group `regrasp` of each trajectory and the object `regrasp` of its record.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py

from regrasp.demonstrations.formats.hdf5_writing import created, ends, observed, put
from regrasp.demonstrations.formats.placing import check_new, placing
from regrasp.demonstrations.formats.recording import FLAGS, Fact, Losses, Recording, environment, object_in
from regrasp.errors import InputError

_STATES = ("states/actors/", "states/articulations/")


def write_maniskill(path: Path, facts: Mapping[str, Fact], recordings: Iterable[Recording]) -> Losses:
    """Writes the pair; the HDF5 file, which comes last, is complete or absent.

    Raises:
        InputError: the name does not end in `.h5`, by which ManiSkill finds the JSON, or one of the pair exists.
    """
    if path.suffix != ".h5":
        raise InputError(path, "", f"the ending {path.suffix!r}", "a name that ends in .h5, beside which a .json comes")
    beside = path.with_suffix(".json")
    check_new(beside)
    records: list[dict[str, Any]] = []
    try:
        with placing(path) as partial:
            with created(partial) as file:
                for recording in recordings:
                    records.append(_write(file, recording, len(records)))
            with placing(beside) as described:
                described.write_text(json.dumps(_described(facts, records)))
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return {}


def _write(file: h5py.File, recording: Recording, index: int) -> dict[str, Any]:
    group = file.create_group(f"traj_{index}")
    arrays = {**recording.arrays, **observed(recording), **ends(recording)}
    alone = len(recording.observations) == 1
    for name, rows in arrays.items():
        put(group, _named(name, alone), rows)
    record: dict[str, Any] = object_in(recording.facts, "maniskill")
    record |= {"episode_id": index, "elapsed_steps": recording.steps}
    record.setdefault("control_mode", "unknown")
    record.setdefault("reset_kwargs", {})
    own = {name: fact for name, fact in recording.facts.items() if name not in ("maniskill", "terminal_observed")}
    own |= {} if recording.terminal_observed else {"terminal_observed": False}
    return record | ({"regrasp": own} if own else {})


def _named(name: str, alone: bool) -> str:
    kind, _, key = name.partition("/")
    if kind == "observations":
        return "obs" if alone and key == "policy" else f"obs/{key}"
    if name.startswith(_STATES):
        return f"env_states/{key}"
    if kind in ("actions", "rewards") or name in FLAGS:
        return name
    return f"regrasp/{name}"


def _described(facts: Mapping[str, Fact], records: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = object_in(facts, "maniskill")
    own = {name: fact for name, fact in facts.items() if name != "maniskill"}
    steps = max((record["elapsed_steps"] for record in records), default=0)
    told: dict[str, Any] = {"env_id": environment(facts), "env_kwargs": {}, "max_episode_steps": steps}
    found.setdefault("env_info", told)
    found.setdefault("commit_info", None)
    return found | ({"regrasp": own} if own else {}) | {"episodes": records}
