"""Small files as other projects write them, for the tests of the formats."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

STEPS = (5, 3, 4)


def draws(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def write_tree(group: h5py.Group, tree: dict[str, Any], **how: Any) -> None:
    for name, array in tree.items():
        group.create_dataset(name, data=array, **how)


def d4rl(path: Path, observed: int = 39, acted: int = 28, column: bool = False) -> Path:
    """Three episodes and two trailing steps; the second ends by itself, the others by a time limit."""
    steps, draw = sum(STEPS) + 2, draws(0)
    ends = np.cumsum(STEPS) - 1
    terminals, timeouts = np.zeros(steps, bool), np.zeros(steps, bool)
    terminals[ends[1]] = timeouts[ends[0]] = timeouts[ends[2]] = True
    shape = (steps, 1) if column else (steps,)
    arrays = {
        "observations": draw.normal(size=(steps, observed)).astype("f4"),
        "actions": draw.uniform(-1, 1, (steps, acted)).astype("f4"),
        "rewards": draw.normal(size=shape).astype("f4"),
        "terminals": terminals.reshape(shape),
        "timeouts": timeouts,
        "infos/qpos": draw.normal(size=(steps, 30)).astype("f4"),
        "infos/qvel": draw.normal(size=(steps, 30)).astype("f4"),
        "infos/door_body_pos": draw.normal(size=(steps, 3)).astype("f4"),
    }
    with h5py.File(path, "w") as file:
        write_tree(file, arrays, compression="gzip")
        file["metadata/algorithm"] = np.bytes_("DAPG")
    return path


def space(shape: list[int], dtype: str = "float64") -> dict[str, Any]:
    low = np.full(shape, 0 if dtype == "uint8" else -np.inf)
    high = np.full(shape, 255 if dtype == "uint8" else np.inf)
    return {"type": "Box", "dtype": dtype, "shape": shape, "low": low.tolist(), "high": high.tolist()}


def minari(folder: Path, nested: bool = False) -> Path:
    """A dataset folder; `nested` has a Dict of a vector and a camera, stored as JPEG, and a Tuple of actions."""
    data = folder / "data"
    data.mkdir(parents=True)
    observations: dict[str, Any] = space([39])
    actions: dict[str, Any] = space([28], "float32")
    if nested:
        observations = {"type": "Dict", "subspaces": {"camera": space([32, 32, 3], "uint8"), "hand": space([4])}}
        actions = {"type": "Tuple", "subspaces": [space([2]), space([3])]}
    with h5py.File(data / "main_data.hdf5", "w", track_order=True) as file:
        for index, steps in enumerate(STEPS):
            _minari_episode(file.create_group(f"episode_{index}"), index, steps, nested)
    metadata = {
        "dataset_id": "toy/door-v0",
        "total_episodes": len(STEPS),
        "total_steps": sum(STEPS),
        "data_format": "hdf5",
        "minari_version": "0.5.3",
        "observation_space": json.dumps(observations),
        "action_space": json.dumps(actions),
        "author": ["nobody"],
    }
    (data / "metadata.json").write_text(json.dumps(metadata))
    return folder


def minari_arrow(folder: Path, form: str = "arrow") -> Path:
    """The same dataset in Arrow or Parquet, one row of padding at the end."""
    data = minari(folder) / "data"
    metadata = json.loads((data / "metadata.json").read_text()) | {"data_format": form}
    (data / "metadata.json").write_text(json.dumps(metadata))
    with h5py.File(data / "main_data.hdf5") as file:
        for index, steps in enumerate(STEPS):
            group, place = file[f"episode_{index}"], data / str(index)
            padded = {
                name: np.zeros((steps + 1, *group[name].shape[1:]), group[name].dtype)
                for name in group
                if name != "infos"
            }
            for name, array in padded.items():
                array[: len(group[name])] = group[name]
            columns = {
                name: pa.array(array)
                if array.ndim == 1
                else pa.FixedSizeListArray.from_arrays(array.ravel(), array.shape[1])
                for name, array in padded.items()
            }
            force = pa.FixedSizeListArray.from_arrays(group["infos/force"][()].ravel(), 2)
            columns["infos"] = pa.StructArray.from_arrays([force], ["force"])
            table = pa.table(columns)
            place.mkdir()
            (place / "metadata.json").write_text(json.dumps({"id": index, "total_steps": steps, "seed": 7 + index}))
            if form == "parquet":
                pq.write_table(table, place / "part-0.parquet")
            else:
                with pa.OSFile(str(place / "part-0.arrow"), "wb") as out, pa.ipc.new_file(out, table.schema) as writer:
                    writer.write_table(table)
    (data / "main_data.hdf5").unlink()
    return folder


def _minari_episode(group: h5py.Group, index: int, steps: int, nested: bool) -> None:
    draw = draws(index)
    group.attrs.update({"id": index, "total_steps": steps, "seed": 7 + index, "options/height": 0.5})
    arrays = {
        "rewards": draw.normal(size=steps),
        "terminations": np.arange(steps) == (steps - 1 if index == 1 else -1),
        "truncations": np.arange(steps) == (steps - 1 if index != 1 else -1),
        "infos/force": draw.normal(size=(steps + 1, 2)),
    }
    if nested:
        arrays |= {"observations/hand": draw.normal(size=(steps + 1, 4))}
        arrays |= {f"actions/_index_{i}": draw.normal(size=(steps, 2 + i)) for i in range(2)}
        frames = group.create_dataset("observations/camera", (steps + 1,), h5py.vlen_dtype(np.uint8))
        for row in range(steps + 1):
            frames[row] = np.arange(row + 1, dtype=np.uint8)
    else:
        arrays |= {"observations": draw.normal(size=(steps + 1, 39))}
        arrays |= {"actions": draw.uniform(-1, 1, (steps, 28)).astype("f4")}
    write_tree(group, arrays)


def maniskill(path: Path, flat: bool = True, with_json: bool = True) -> Path:
    """A pair with gaps in its numbers and a list-valued seed; not `flat`: nested observations, actions in parts."""
    numbers = (0, 2, 10)
    with h5py.File(path, "w", track_order=True) as file:
        for number, steps in zip(numbers, STEPS, strict=True):
            draw = draws(number)
            states = {"actors/cube": (13,), "articulations/hand": (13 + 8,)}
            arrays: dict[str, Any] = {
                "terminated": np.zeros(steps, bool),
                "truncated": np.arange(steps) == steps - 1,
                "success": np.arange(steps) > 1,
                "rewards": draw.normal(size=steps).astype("f4"),
            }
            arrays |= {f"env_states/{n}": draw.normal(size=(steps + 1, *s)).astype("f4") for n, s in states.items()}
            if flat:
                arrays |= {"obs": draw.normal(size=(steps + 1, 39)).astype("f4")}
                arrays |= {"actions": draw.uniform(-1, 1, (steps, 28)).astype("f4")}
            else:
                arrays |= {"obs/agent/qpos": draw.normal(size=(steps + 1, 4)).astype("f4")}
                arrays |= {"obs/sensor_data/cam/rgb": draw.integers(256, size=(steps + 1, 8, 8, 3)).astype("u1")}
                arrays |= {f"actions/{part}": draw.normal(size=(steps, 2)).astype("f4") for part in ("arm", "hand")}
            write_tree(file.create_group(f"traj_{number}"), arrays)
    records = [
        {"episode_id": n, "episode_seed": n, "elapsed_steps": s, "reset_kwargs": {"seed": [n]}, "success": True}
        for n, s in reversed(list(zip(numbers, STEPS, strict=True)))
    ]
    described = {"env_info": {"env_id": "Toy-v1", "env_kwargs": {}}, "commit_info": None, "episodes": records}
    if with_json:
        path.with_suffix(".json").write_text(json.dumps(described))
    return path


def isaac(path: Path, joined: bool = True) -> Path:
    """As Isaac Lab's recorder writes it: no rewards and end flags, states as a group, no `env_kwargs`."""
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs.update({"total": sum(STEPS), "env_args": json.dumps({"env_name": "Toy", "type": 2})})
        for index, steps in enumerate(STEPS):
            draw, demo = draws(index), data.create_group(f"demo_{index}")
            demo.attrs.update({"num_samples": steps, "seed": index, "success": True})
            pose = draw.normal(size=(steps, 7)).astype("f4")
            arrays = {
                "actions": draw.uniform(-1, 1, (steps, 28)).astype("f4"),
                "processed_actions": draw.normal(size=(steps, 28)).astype("f4"),
                "initial_state/rigid_object/cube/root_pose": pose[:1],
                "states/rigid_object/cube/root_pose": pose,
            }
            parts = {"obs": (39,)} if joined else {"obs/joint_pos": (4,), "obs/cube_pose": (7,)}
            arrays |= {name: draw.normal(size=(steps, *row)).astype("f4") for name, row in parts.items()}
            write_tree(demo, arrays, compression="gzip")
    return path


FILES = {
    "d4rl": lambda folder: d4rl(folder / "a.bin"),
    "minari": lambda folder: minari(folder / "toy"),
    "maniskill": lambda folder: maniskill(folder / "b.bin"),
    "isaac": lambda folder: isaac(folder / "c.bin"),
}
