"""Minari itself, in the owners' environment; MINARI_DATASETS_PATH says where datasets are.

read ID OUT.npz                every row of a dataset; observations with the last of each episode
write ID FORM OUT.npz          a dataset made with it, as hdf5, arrow or parquet; its rows go to OUT.npz
"""

import sys
from typing import Any

import gymnasium
import minari
import numpy as np

STEPS = (5, 3, 4)
NAMES = ("observations", "actions", "rewards", "terminations", "truncations", "infos")


def _flat(prefix: str, value: Any) -> dict[str, np.ndarray]:
    if isinstance(value, dict):
        return {name: array for key in value for name, array in _flat(f"{prefix}/{key}", value[key]).items()}
    return {} if value is None else {prefix: np.asarray(value)}


def read(name: str, out: str) -> None:
    """Rows of all episodes, joined."""
    found: dict[str, list[np.ndarray]] = {}
    for episode in minari.load_dataset(name):
        for kind in NAMES:
            for key, array in _flat(kind, getattr(episode, kind)).items():
                found.setdefault(key, []).append(array)
    np.savez(out, **{key: np.concatenate(arrays) for key, arrays in found.items()})


def write(name: str, form: str, out: str) -> None:
    """Random numbers in a space of two parts."""
    draw, parts = np.random.default_rng(0), {"hand": (4,), "touch": (2, 3)}
    spaces = {key: gymnasium.spaces.Box(-np.inf, np.inf, shape) for key, shape in parts.items()}
    buffers = [
        minari.data_collector.EpisodeBuffer(
            id=None,
            observations={key: list(draw.normal(size=(steps + 1, *s)).astype("f4")) for key, s in parts.items()},
            actions=list(draw.normal(size=(steps, 2)).astype("f4")),
            rewards=list(draw.normal(size=steps)),
            terminations=[False] * steps,
            truncations=[False] * (steps - 1) + [True],
            infos={"force": draw.normal(size=(steps + 1, 2, 2))},
            seed=steps,
        )
        for steps in STEPS
    ]
    minari.create_dataset_from_buffers(
        name,
        buffers,
        observation_space=gymnasium.spaces.Dict(spaces),
        action_space=gymnasium.spaces.Box(-1, 1, (2,)),
        algorithm_name="draws",
        data_format=form,
    )
    read(name, out)


if __name__ == "__main__":
    {"read": read, "write": write}[sys.argv[1]](*sys.argv[2:])
