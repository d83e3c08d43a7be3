"""What the formats' owners are asked; every check returns how far both sides are equal, or raises."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from owner_sides import ENVIRONMENT, Differs, compared, ours, renamed, theirs, told

import regrasp
from regrasp.demonstrations.converting import convert
from regrasp.demonstrations.formats import read_contents
from regrasp.demonstrations.formats.keys import Keys

SHIPPED = Path(regrasp.__file__).parent / "data"
PLANAR, CUBE = SHIPPED / "planar-turn.hdf5", SHIPPED / "cube-reorient.hdf5"
OLD_LEROBOT = ENVIRONMENT / "lerobot-0.3.3"
"""The last LeRobot that writes v2.1; it cannot be installed beside the one that writes v3.0."""
OPENED, WRITTEN, TRAINED = "opens ours", "we open theirs", "trains on ours"


@dataclass(frozen=True)
class Check:
    """One question to one owner's package: what it did, about which files, and the answer in words."""

    package: str
    does: str
    files: str
    answer: Callable[[Path], str]

    @property
    def name(self) -> str:
        """Short and unique."""
        return f"{self.package}: {self.does}, {self.files}"


def _robomimic_names(path: Path, following: bool = False) -> dict[str, np.ndarray]:
    """Our reading under robomimic's names."""
    episodes = read_contents(path).episodes
    found = renamed(ours(path), {"actions": "actions", "rewards": "rewards", "observations/": "obs/"})
    found["dones"] = np.concatenate([np.arange(e.steps) == e.steps - 1 for e in episodes]).astype(np.int64)
    if following:
        for group in episodes[0].observations:
            found[f"next_obs/{group}"] = np.concatenate([e.observations[group][1:] for e in episodes])
    return found


def _robomimic_opens(path: Path) -> Callable[[Path], str]:
    return lambda folder: compared(_robomimic_names(path), told("robomimic", folder, path, "obs"))


def _robomimic_following(folder: Path) -> str:
    path = folder / "following.hdf5"
    convert(PLANAR, path, "robomimic", next_obs=True)
    return compared(_robomimic_names(path, following=True), told("robomimic", folder, path, "next_obs"))


def _robomimic_converted(folder: Path) -> str:
    theirs("lerobot", "write", folder / "lerobot", folder / "recorded.npz")
    path = folder / "converted.hdf5"
    convert(folder / "lerobot", path, "robomimic", Keys(folder, {"policy": ("state", "touch")}), next_obs=True)
    expected = _robomimic_names(path, following=True)
    del expected["dones"]  # LeRobot's own are kept
    return compared(expected, told("robomimic", folder, path, "next_obs"))


def _robomimic_isaac(folder: Path) -> str:
    path = folder / "isaac.hdf5"
    theirs("isaac", "write", path, folder / "recorded.npz")
    converted = folder / "converted.hdf5"
    convert(path, converted, "robomimic")
    return compared(_robomimic_names(converted), told("robomimic", folder, converted, "obs"))


def _robomimic_trains(folder: Path) -> str:
    before = hashlib.sha256(PLANAR.read_bytes()).hexdigest()
    said = theirs("robomimic", "train", PLANAR, folder)
    losses = re.findall(r'"Loss": ([\d.]+)', said)
    if "finished run successfully" not in said or not list(folder.glob("*/*/models/*.pth")) or len(losses) != 2:
        raise Differs(said[-300:])
    if hashlib.sha256(PLANAR.read_bytes()).hexdigest() != before:
        raise Differs("training has changed the file")
    return f"one epoch of BC: loss {float(losses[0]):.4f}, of validation {float(losses[1]):.4f}; file unchanged"


def _robomimic_splits(folder: Path) -> str:
    path = folder / "ours.hdf5"
    shutil.copy(PLANAR, path)
    theirs("robomimic", "split", path)
    with h5py.File(path) as file:
        kept = {key: len(file[f"mask/{key}"]) for key in ("train", "valid")}
    if kept != {"train": 23, "valid": 7}:
        raise Differs(f"filter keys of {kept} episodes")
    return compared(ours(PLANAR, last=True), ours(path, last=True))


def _robomimic_robosuite(folder: Path) -> str:
    """A raw recording as robosuite's collecting script leaves it, finished by robomimic's script."""
    path, draw, rows = folder / "raw.hdf5", np.random.default_rng(0), []
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs.update({"env": "Lift", "env_info": json.dumps({"robots": "Panda"}), "repository_version": "1.4.1"})
        for number in range(1, 6):
            demo = data.create_group(f"demo_{number}")
            demo.attrs["model_file"] = "<mujoco/>"
            rows.append({"actions": draw.normal(size=(4 + number, 7)), "states": draw.normal(size=(4 + number, 32))})
            for name, array in rows[-1].items():
                demo[name] = array
    theirs("robomimic", "robosuite", path)
    return compared({name: np.concatenate([row[name] for row in rows]) for name in rows[0]}, ours(path))


LEROBOT = {
    "observations/policy": "observation.state",
    "observations/tactile": "observation.tactile",
    "observations/state": "observation.state",
    "observations/touch": "observation.touch",
    "actions": "action",
    "rewards": "next.reward",
    "dones": "next.done",
    "terminated": "next.terminated",
    "truncated": "next.truncated",
    "states": "sim.states",
    "extra/contact_modes": "contact_modes",
    "extra/slots": "slots",
}


def _lerobot_opens(path: Path) -> Callable[[Path], str]:
    def answer(folder: Path) -> str:
        convert(path, folder / "ours", "lerobot")
        expected = renamed(ours(path), LEROBOT)
        return compared(expected, told("lerobot", folder, folder / "ours"), as_torch=True)

    return answer


def _lerobot_writes(old: bool) -> Callable[[Path], str]:
    def answer(folder: Path) -> str:
        where = {"PYTHONPATH": OLD_LEROBOT} if old else {}
        written = told("lerobot", folder, folder / "theirs", verb="write", **where)
        version = json.loads((folder / "theirs/meta/info.json").read_text())["codebase_version"]
        if version != ("v2.1" if old else "v3.0"):
            raise Differs(f"a dataset {version}")
        return compared(written, renamed(ours(folder / "theirs"), LEROBOT))

    return answer


DATA = "data/chunk-000/file-000.parquet"


def _datasets_opens(folder: Path) -> str:
    convert(CUBE, folder / "ours", "lerobot")
    expected = renamed(ours(CUBE), LEROBOT)
    return compared(expected, told("datasets", folder, folder / "ours" / DATA))


def _datasets_rewrites(folder: Path) -> str:
    convert(CUBE, folder / "ours", "lerobot")
    shutil.copytree(folder / "ours", folder / "theirs")
    theirs("datasets", "rewrite", folder / "ours" / DATA, folder / "theirs" / DATA)
    return compared(ours(folder / "ours"), ours(folder / "theirs"))


def _maniskill_opens(path: Path, name: str) -> Callable[[Path], str]:
    names = {"observations/policy": name, "observations/tactile": "obs/tactile"}
    names |= {flag: flag for flag in ("actions", "rewards", "terminated", "truncated")}

    def answer(folder: Path) -> str:
        convert(path, folder / "ours.h5", "maniskill")
        return compared(renamed(ours(path), names), told("maniskill", folder, folder / "ours.h5"))

    return answer


def _maniskill_writes(mode: str) -> Callable[[Path], str]:
    names = {"observations/policy": "obs", "observations/": "obs/"} if mode == "state" else {"observations/": "obs/"}
    names |= {flag: flag for flag in ("actions", "rewards", "terminated", "truncated")}

    def answer(folder: Path) -> str:
        written = told("maniskill", folder, folder / "theirs", mode, verb="write")
        return compared(written, renamed(ours(folder / "theirs" / "theirs.h5"), names))

    return answer


def _maniskill_merges(folder: Path) -> str:
    for name in ("one.h5", "two.h5"):
        convert(CUBE, folder / name, "maniskill")
    theirs("maniskill", "merge", folder / "one.h5", folder / "two.h5", folder / "both.h5")
    twice = {name: np.concatenate([array, array]) for name, array in ours(CUBE, last=True).items()}
    return compared(twice, ours(folder / "both.h5", last=True))


MINARI = {
    "observations/policy": "observations",
    "observations/": "observations/",
    "actions": "actions",
    "rewards": "rewards",
    "terminated": "terminations",
    "truncated": "truncations",
    "extra/force": "infos/force",
    "states": "infos/states",
}


def _minari_opens(path: Path) -> Callable[[Path], str]:
    def answer(folder: Path) -> str:
        convert(path, folder / "ours-v0", "minari")
        names = MINARI if path == PLANAR else {k: v for k, v in MINARI.items() if k != "observations/policy"}
        return compared(
            renamed(ours(path, last=True), names), told("minari", folder, "ours-v0", MINARI_DATASETS_PATH=folder)
        )

    return answer


def _minari_writes(form: str) -> Callable[[Path], str]:
    def answer(folder: Path) -> str:
        written = told("minari", folder, "toy/theirs-v0", form, verb="write", MINARI_DATASETS_PATH=folder)
        return compared(written, renamed(ours(folder / "toy" / "theirs-v0", last=True), MINARI))

    return answer


def _isaac_writes(folder: Path) -> str:
    written = told("isaac", folder, folder / "theirs.hdf5", verb="write")
    names = {"observations/": "obs/", "extra/": "", "actions": "actions", "states/": "states/"}
    return compared(written, renamed(ours(folder / "theirs.hdf5"), names))


def _isaac_opens(folder: Path) -> str:
    names = {"observations/": "obs/", "actions": "actions", "rewards": "rewards", "states": "states"}
    return compared(renamed(ours(CUBE), names), told("isaac", folder, CUBE))


def _d4rl_writes(folder: Path) -> str:
    written = told("d4rl", folder, folder / "theirs.hdf5", verb="write")
    lengths = [episode.steps for episode in read_contents(folder / "theirs.hdf5").episodes]
    if lengths != written.pop("steps").tolist():
        raise Differs(f"episodes of {lengths} steps")
    names = {"observations/policy": "observations", "extra/": "infos/", "terminated": "terminals"}
    names |= {"actions": "actions", "rewards": "rewards"}
    return compared(written, renamed(ours(folder / "theirs.hdf5"), names))


CHECKS = (
    Check("robomimic", OPENED, "planar-turn.hdf5 (SequenceDataset)", _robomimic_opens(PLANAR)),
    Check("robomimic", OPENED, "cube-reorient.hdf5 (SequenceDataset)", _robomimic_opens(CUBE)),
    Check("robomimic", OPENED, "planar-turn after `demos convert --next-obs`", _robomimic_following),
    Check("robomimic", OPENED, "LeRobot's dataset, converted with --next-obs", _robomimic_converted),
    Check("robomimic", OPENED, "Isaac Lab's file, converted", _robomimic_isaac),
    Check("robomimic", TRAINED, "planar-turn.hdf5 (its train script and bc.json)", _robomimic_trains),
    Check("robomimic", WRITTEN, "ours after its split_train_val", _robomimic_splits),
    Check("robomimic", WRITTEN, "a robosuite recording after its convert_robosuite", _robomimic_robosuite),
    Check("isaaclab", OPENED, "cube-reorient.hdf5 (HDF5DatasetFileHandler)", _isaac_opens),
    Check("isaaclab", WRITTEN, "a file of its HDF5DatasetFileHandler", _isaac_writes),
    Check("lerobot", OPENED, "planar-turn (LeRobotDataset)", _lerobot_opens(PLANAR)),
    Check("lerobot", OPENED, "cube-reorient (LeRobotDataset)", _lerobot_opens(CUBE)),
    Check("lerobot", WRITTEN, "a recorded dataset v3.0", _lerobot_writes(old=False)),
    Check("lerobot", WRITTEN, "a recorded dataset v2.1 (by 0.3.3)", _lerobot_writes(old=True)),
    Check("datasets", OPENED, "LeRobot's Parquet of cube-reorient", _datasets_opens),
    Check("datasets", WRITTEN, "that file, written again by it", _datasets_rewrites),
    Check("mani_skill", OPENED, "planar-turn (ManiSkillTrajectoryDataset)", _maniskill_opens(PLANAR, "obs")),
    Check("mani_skill", OPENED, "cube-reorient (ManiSkillTrajectoryDataset)", _maniskill_opens(CUBE, "obs/policy")),
    Check("mani_skill", WRITTEN, "an Allegro hand's attempts (RecordEpisode, state)", _maniskill_writes("state")),
    Check("mani_skill", WRITTEN, "the same, nested (state_dict)", _maniskill_writes("state_dict")),
    Check("mani_skill", WRITTEN, "two of ours after its merge_trajectories", _maniskill_merges),
    Check("minari", OPENED, "planar-turn", _minari_opens(PLANAR)),
    Check("minari", OPENED, "cube-reorient", _minari_opens(CUBE)),
    Check("minari", WRITTEN, "a dataset in HDF5", _minari_writes("hdf5")),
    Check("minari", WRITTEN, "a dataset in Arrow", _minari_writes("arrow")),
    Check("minari", WRITTEN, "a dataset in Parquet", _minari_writes("parquet")),
    Check("d4rl", WRITTEN, "a file of its DatasetWriter", _d4rl_writes),
)
