"""Small native and foreign HDF5 files for the tests of the robomimic layout."""

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from regrasp.actor import ActionInterface
from regrasp.demonstrations.formats import Storage, write_robomimic
from regrasp.episode import Episode
from regrasp.fields import Field, Fields

INTERFACE = ActionInterface(Fields([Field("thumb", 1, "rad"), Field("arm", 1, "m")]), (-1.0, 0.0), (1.0, 0.5), 100.0)
GROUPS = {
    "policy": Fields([Field("angle", 2, "rad"), Field("handle", 1, "m")]),
    "privileged": Fields([Field("force", 4, "N")]),
}


ENVIRONMENT = {"env_name": "Lift", "type": 1, "env_kwargs": {"robots": "Panda", "note": "größer"}}
MODEL = "<mujoco>" + "x" * 100_000 + "</mujoco>"


def make_episode(steps: int = 6, seed: int = 0, with_states: bool = True) -> Episode:
    draw = np.random.default_rng(seed)
    return Episode(
        actions=2 * draw.standard_normal((steps, 2), dtype=np.float32),
        observations={g: draw.standard_normal((steps + 1, f.size), dtype=np.float32) for g, f in GROUPS.items()},
        rewards=draw.normal(size=steps),
        states=draw.normal(size=(steps + 1, 5)) if with_states else None,
        start=None if with_states else draw.normal(size=5),
        contact_modes=draw.integers(64, size=steps + 1).astype(np.uint8) if with_states else None,
        object="mug" if with_states else "",
        marks={"contact_entry": 0, "lost": steps - 1} if with_states else {},
        terminated=with_states,
        truncated=not with_states,
        terminal_observed=with_states,
        provenance={"policy": "abc", "seed": str(seed), "note": "größer\n"},
    )


def write(path: Path, episodes: list[Episode], storage: Storage | None = None) -> Path:
    write_robomimic(path, episodes, "toy", INTERFACE, GROUPS, storage)
    return path


def foreign(path: Path, change: Callable[[h5py.File], None] | None = None) -> Path:
    """A file as others write it: no env_args, gaps in the numbers, float64, no key of ours."""
    with h5py.File(path, "w") as file:
        for number, steps in ((10, 3), (2, 4), (0, 5)):
            demo = file.create_group(f"data/demo_{number}")
            demo.attrs["num_samples"] = steps
            demo["actions"] = np.full((steps, 2), number / 10)
            demo["rewards"] = np.arange(steps)
            demo["dones"] = np.zeros(steps, dtype=int)
            demo["states"] = np.zeros((steps, 9))
            demo["obs/policy"] = np.arange(3.0 * steps).reshape(steps, 3)
            demo["obs/gripper"] = np.arange(steps)
            demo["obs/camera"] = np.zeros((steps, 4, 4, 3), np.uint8)
            if number == 2:
                demo["next_obs/policy"] = demo["obs/policy"][()] + 3
                demo["next_obs/gripper"] = np.arange(steps) + 1
        if change:
            change(file)
    return path


def described(file: h5py.File) -> None:
    """Text of variable length, as robomimic writes it."""
    file["data"].attrs["env_args"] = json.dumps(ENVIRONMENT)
    for demo in file["data"].values():
        demo.attrs["model_file"] = MODEL + demo.name
