"""Isaac Lab's own files of recordings, in the owners' environment; its recorder needs Isaac Sim, this code does not.

read FILE OUT.npz              every array of all episodes by its HDF5DatasetFileHandler
write FILE OUT.npz             a file written with it, as its recorder does; what went in goes to OUT.npz
"""

import sys
from importlib.metadata import distribution
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import numpy as np
import torch

STEPS = (5, 3, 4)


def _datasets() -> Any:
    """`isaaclab.utils.datasets` alone: the package above it starts the simulator."""
    folder = distribution("isaaclab").locate_file("isaaclab/source/isaaclab/isaaclab/utils/datasets")
    found = spec_from_file_location("isaac_datasets", f"{folder}/__init__.py", submodule_search_locations=[str(folder)])
    module = module_from_spec(found)
    sys.modules["isaac_datasets"] = module
    found.loader.exec_module(module)
    return module


def _flat(prefix: str, value: Any) -> dict[str, np.ndarray]:
    if isinstance(value, dict):
        return {name: array for key in value for name, array in _flat(f"{prefix}/{key}", value[key]).items()}
    return {prefix.lstrip("/"): value.numpy()}


def read(file: str, out: str) -> None:
    """Rows of all episodes, joined in the order of their numbers."""
    handler = _datasets().HDF5DatasetFileHandler()
    handler.open(file)
    found: dict[str, list[np.ndarray]] = {}
    for name in sorted(handler.get_episode_names(), key=lambda name: int(name[5:])):
        for key, array in _flat("", handler.load_episode(name, "cpu").data).items():
            found.setdefault(key, []).append(np.atleast_1d(array))
    np.savez(out, environment=handler.get_env_name(), **{key: np.concatenate(arrays) for key, arrays in found.items()})
    handler.close()


def write(file: str, out: str) -> None:
    """The terms that its ActionStateRecorder keeps, of random numbers."""
    code, draw = _datasets(), np.random.default_rng(0)
    handler = code.HDF5DatasetFileHandler()
    handler.create(file, env_name="Isaac-Repose-Cube-Allegro-v0")
    rows: dict[str, list[np.ndarray]] = {}
    for number, steps in enumerate(STEPS):
        episode = code.EpisodeData()
        episode.seed, episode.success = number, number != 1
        episode.add("initial_state/rigid_object/cube/root_pose", torch.zeros(1, 7))
        for _ in range(steps):
            row = {
                "obs/policy": draw.normal(size=6),
                "actions": draw.normal(size=4),
                "processed_actions": draw.normal(size=4),
                "states/articulation/hand/joint_position": draw.normal(size=4),
                "states/rigid_object/cube/root_pose": draw.normal(size=7),
            }
            for name, values in row.items():
                rows.setdefault(name, []).append(values.astype(np.float32))
                episode.add(name, torch.from_numpy(rows[name][-1]))
        episode.pre_export()
        handler.write_episode(episode)
    handler.close()
    np.savez(out, **{name: np.stack(arrays) for name, arrays in rows.items()})


if __name__ == "__main__":
    {"read": read, "write": write}[sys.argv[1]](*sys.argv[2:])
