"""Recordings as a Minari dataset in HDF5, without loss: images are stored as they are (`jpeg_encoding` false)."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py

from regrasp.demonstrations.formats.hdf5_writing import created, ends, observed, put, put_facts, rewards
from regrasp.demonstrations.formats.minari import MAIN, METADATA, SPACES
from regrasp.demonstrations.formats.placing import placing
from regrasp.demonstrations.formats.recording import Fact, Losses, Recording, count_losses, object_in, root
from regrasp.demonstrations.formats.rows import Rows
from regrasp.demonstrations.formats.spaces import leaves, space_of
from regrasp.errors import InputError

VERSION = "0.5.4"
"""Of Minari, whose layout is written."""
_NAMES = {"terminated": "terminations", "truncated": "truncations", "rewards": "rewards"}
_ID = re.compile(r"[\w.-]+-v[0-9]+", re.ASCII)


def write_minari(path: Path, facts: Mapping[str, Fact], recordings: Iterable[Recording]) -> Losses:
    """Writes the folder of a dataset; it is complete or absent.

    Raises:
        InputError: the folder's name does not end in a version, as Minari's must.
    """
    if not _ID.fullmatch(path.name):
        raise InputError(path, "", f"a folder named {path.name!r}", "a name that ends in a version, as door-human-v0")
    losses: Losses = {}
    written: dict[str, Any] = {"total_episodes": 0, "total_steps": 0}
    with placing(path) as partial:
        data = partial / "data"
        data.mkdir(parents=True)
        with created(data / MAIN) as file:
            for recording in recordings:
                count_losses(losses, _write(file, recording, written))
        metadata = _metadata(path, facts, written)
        metadata["dataset_size"] = (data / MAIN).stat().st_size / 1e6
        (data / METADATA).write_text(json.dumps(metadata))
    return losses


def _write(file: h5py.File, recording: Recording, written: dict[str, Any]) -> list[str]:
    index = written["total_episodes"]
    group = file.create_group(f"episode_{index}")
    facts = {name: fact for name, fact in recording.facts.items() if name != "terminal_observed"}
    if not recording.terminal_observed:
        facts["terminal_observed"] = False
    losses = put_facts(group, facts | {"id": index, "total_steps": recording.steps})
    arrays = {**recording.arrays, **observed(recording), **ends(recording), "rewards": rewards(recording)}
    placed = {_named(name, arrays): rows for name, rows in arrays.items()}
    for name, rows in placed.items():
        put(group, name, rows)
    if not index:
        written |= {kind: _part(placed, kind) for kind in SPACES}
    written["total_episodes"] += 1
    written["total_steps"] += recording.steps
    return losses


def _part(placed: Mapping[str, Rows], kind: str) -> dict[str, Rows]:
    return {name[len(kind) + 1 :]: rows for name, rows in placed.items() if root(name) == kind}


def _named(name: str, arrays: Mapping[str, Rows]) -> str:
    kind, _, key = name.partition("/")
    if kind == "observations":
        alone = sum(root(other) == "observations" for other in arrays) == 1 and key == "policy"
        return kind if alone else name
    if kind == "actions":
        return name
    return _NAMES.get(name) or f"infos/{name.removeprefix('extra/')}"


def _metadata(path: Path, facts: Mapping[str, Fact], written: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: fact for name, fact in facts.items() if name not in (*SPACES.values(), "minari")}
    found: dict[str, Any] = object_in(facts, "minari")
    found |= {name: written[name] for name in ("total_episodes", "total_steps")}
    found |= {"dataset_id": _id(path), "data_format": "hdf5", "minari_version": VERSION, "jpeg_encoding": False}
    for kind, name in SPACES.items():
        arrays = written.get(kind, {})
        fits = leaves(object_in(facts, name)) == arrays.keys() and name in facts
        found[name] = str(facts[name]) if fits else json.dumps(space_of(arrays))
    return found | ({"regrasp": kept} if kept else {})


def _id(path: Path) -> str:
    """Minari's name of a dataset: its path from the folder of all datasets, if it is in there."""
    root_folder = Path(os.environ.get("MINARI_DATASETS_PATH", Path.home() / ".minari" / "datasets"))
    whole = path.absolute()
    return str(whole.relative_to(root_folder)) if whole.is_relative_to(root_folder) else path.name
