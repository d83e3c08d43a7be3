"""Recordings into robomimic's layout.

Beside robomimic's keys: row T of observations and states in `final`, `next_obs` left out, end flags as attributes and,
where they are set before the last step, as arrays; all else under its own name. What regrasp wrote itself comes back as
its native file, and learning finds the same digest in it. What robomimic's own code reads, its description of the
environment and of each episode's model, stays text of variable length, which it expects.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import h5py
import numpy as np

from regrasp.demonstrations.formats.hdf5_writing import created, ends, observed, put, put_facts, rewards
from regrasp.demonstrations.formats.placing import placing
from regrasp.demonstrations.formats.recording import (
    FLAGS,
    Fact,
    Losses,
    Recording,
    count_losses,
    environment,
    object_in,
    root,
)
from regrasp.demonstrations.formats.robomimic_records import CONVERTED
from regrasp.demonstrations.formats.robomimic_writer import GYM, write_masks
from regrasp.demonstrations.formats.rows import Rows, side_by_side

_TEXTS = ("model_file", "ep_meta", "camera_info")


def write_recordings(path: Path, facts: Mapping[str, Fact], recordings: Iterable[Recording]) -> Losses:
    """Writes every recording as `demo_0`, `demo_1`, …; the file is complete or absent."""
    losses: Losses = {}
    native = "regrasp_format" in facts
    with placing(path) as partial, created(partial) as file:
        data = file.create_group("data")
        losses |= dict.fromkeys(put_facts(data, {k: v for k, v in facts.items() if k != "env_args"}), 0)
        told = {"env_name": environment(facts), "type": GYM, "env_kwargs": {}}
        data.attrs["env_args"] = json.dumps(told | object_in(facts, "env_args"))
        data.attrs["done_mode" if native else CONVERTED] = 1
        count = total = 0
        for recording in recordings:
            count_losses(losses, _write(data.create_group(f"demo_{count}"), recording, native))
            count, total = count + 1, total + recording.steps
        data.attrs["total"] = total
        write_masks(file.create_group("mask"), count)
    return losses


def _write(demo: h5py.Group, recording: Recording, native: bool) -> list[str]:
    steps, losses = recording.steps, list[str]()
    demo.attrs["num_samples"] = steps
    demo.attrs["terminal_observed"] = recording.terminal_observed
    losses += put_facts(demo, {k: v for k, v in recording.facts.items() if k not in ("terminal_observed", *_TEXTS)})
    for name in recording.facts.keys() & set(_TEXTS):
        demo.attrs[name] = str(recording.facts[name])
    arrays = {"rewards": rewards(recording)} | _flags(demo, recording)
    arrays |= {name: rows for name, rows in recording.arrays.items() if name not in arrays and name not in FLAGS}
    if "actions" not in arrays:
        parts = [rows for name, rows in sorted(arrays.items()) if root(name) == "actions"]
        arrays["actions"] = side_by_side(parts)
        losses.append("parts of the action: joined as float32 in `actions`, kept in `action_dict`")
    full = observed(recording) if native else recording.observations
    for name, rows in arrays.items():
        put_rows(demo, _named(name), full.get(name, rows), steps)
    return losses


def put_rows(demo: h5py.Group, name: str, rows: Rows, steps: int) -> None:
    """Rows 0 … T - 1 under a name, and row T, where there is one, under the same name in `final`."""
    last = root(name) in ("obs", "states") and len(rows) == steps + 1
    put(demo, name, rows.cut(0, steps) if last else rows)
    if last:
        demo.create_dataset(f"final/{name}", data=rows.cut(steps, steps + 1).read()[0], track_times=False)


def _flags(demo: h5py.Group, recording: Recording) -> dict[str, Rows]:
    """What marks ends: attributes for the last step, arrays where they say more."""
    found = {flag: recording.arrays[flag] for flag in ("success", "fail") if flag in recording.arrays}
    for flag, rows in ends(recording).items():
        values = rows.read().astype(bool)
        demo.attrs[flag] = values[-1]
        if values[:-1].any():
            found[flag] = rows
    if "dones" not in recording.arrays:
        demo.attrs["done_mode"] = 1
        found["dones"] = Rows.of((np.arange(recording.steps) == recording.steps - 1).astype(np.int64))
    return found


def _named(name: str) -> str:
    kind, _, key = name.partition("/")
    if kind == "observations":
        return f"obs/{key}"
    if kind == "extra":
        return key
    return f"action_dict/{key}" if kind == "actions" and key else name
