"""robomimic's own code, in the owners' environment.

read FILE KEYS OUT.npz         every row by its SequenceDataset (KEYS `obs`, or `next_obs` for both)
train FILE FOLDER              one epoch of BC by its train script and its template of settings
split FILE                     its split_train_val, into the file itself
robosuite FILE                 its convert_robosuite, of a raw recording, in place
"""

import json
import runpy
import sys
from pathlib import Path

import h5py
import numpy as np
from standing_in import without_torchvision_operators

without_torchvision_operators()

import robomimic
import robomimic.utils.obs_utils as modalities
from robomimic.utils.dataset import SequenceDataset


def _keys(file: str) -> list[str]:
    with h5py.File(file) as opened:
        data = opened["data"]
        return sorted(data[next(iter(data))]["obs"])


def read(file: str, wanted: str, out: str) -> None:
    """All rows, joined in the order of the episodes."""
    keys, following = _keys(file), wanted == "next_obs"
    modalities.initialize_obs_utils_with_obs_specs({"obs": {"low_dim": keys}})
    dataset = SequenceDataset(
        file, keys, ("actions", "rewards", "dones"), hdf5_cache_mode=None, load_next_obs=following
    )
    rows: dict[str, list[np.ndarray]] = {}
    for index in range(len(dataset)):
        item = dataset[index]
        found = {name: item[name] for name in ("actions", "rewards", "dones")}
        for group in ("obs", "next_obs") if following else ("obs",):
            found |= {f"{group}/{name}": array for name, array in item[group].items()}
        for name, array in found.items():
            rows.setdefault(name, []).append(array[0])
    np.savez(out, **{name: np.stack(arrays) for name, arrays in rows.items()})


def train(file: str, folder: str) -> None:
    """Its template `bc.json`, with this file's observations, without roll-outs (robomimic has not our simulation)."""
    settings = json.loads((Path(robomimic.__path__[0]) / "exps/templates/bc.json").read_text())
    settings["experiment"] |= {"validate": True, "epoch_every_n_steps": None, "validation_epoch_every_n_steps": None}
    settings["experiment"]["rollout"]["enabled"] = False
    settings["experiment"]["save"]["every_n_epochs"] = 1
    settings["train"] |= {"num_epochs": 1, "cuda": False, "output_dir": folder, "batch_size": 32}
    settings["train"] |= {"hdf5_filter_key": "train", "hdf5_validation_filter_key": "valid"}
    settings["observation"]["modalities"]["obs"]["low_dim"] = _keys(file)
    config = Path(folder) / "bc.json"
    config.write_text(json.dumps(settings))
    _script("train", "--config", str(config), "--dataset", file)


def _script(name: str, *arguments: str) -> None:
    sys.argv = [name, *arguments]
    runpy.run_module(f"robomimic.scripts.{name}", run_name="__main__")


VERBS = {
    "read": read,
    "train": train,
    "split": lambda file: _script("split_train_val", "--dataset", file, "--ratio", "0.25"),
    "robosuite": lambda file: _script("conversion.convert_robosuite", "--dataset", file),
}

if __name__ == "__main__":
    VERBS[sys.argv[1]](*sys.argv[2:])
