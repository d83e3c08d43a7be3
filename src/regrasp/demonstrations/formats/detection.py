"""Which format a file or folder has, from what is in it; its name tells nothing."""

from pathlib import Path

from regrasp.demonstrations.formats.d4rl import is_d4rl
from regrasp.demonstrations.formats.hdf5 import SIGNATURE, opened
from regrasp.demonstrations.formats.lerobot import is_lerobot
from regrasp.demonstrations.formats.maniskill import is_maniskill
from regrasp.demonstrations.formats.minari import data_folder, is_minari
from regrasp.demonstrations.formats.robomimic_records import is_robomimic
from regrasp.errors import InputError

DESCRIBED = (
    "dapg (pickle)",
    "robomimic (HDF5 with a group data)",
    "d4rl (HDF5 with arrays observations, actions, rewards, terminals)",
    "minari (a folder with data/metadata.json, or HDF5 with groups episode_0, …)",
    "maniskill (HDF5 with groups traj_0, …)",
    "lerobot (a folder with meta/info.json)",
)
_PICKLE = (b"\x80", b"]", b"(", b"c")
"""How a pickle of a list begins (protocols 2 to 5, 1, 0), or one that names something, which the reader refuses."""
_LAYOUTS = {"robomimic": is_robomimic, "d4rl": is_d4rl, "minari": is_minari, "maniskill": is_maniskill}


def detect_format(path: Path) -> str:
    """The name of the format.

    Raises:
        InputError: nothing is there, or nothing of a known format.
    """
    if path.is_dir():
        return _of_folder(path)
    try:
        with path.open("rb") as file:
            begin = file.read(len(SIGNATURE))
    except OSError as error:
        raise InputError(path, "", f"no readable file ({error.strerror})", "a demonstration file") from error
    if not begin:
        raise InputError(path, "", "an empty file", "a demonstration file", DESCRIBED)
    if begin == SIGNATURE:
        return _of_hdf5(path)
    if begin.startswith(_PICKLE):
        return "dapg"
    raise InputError(path, "", f"a file that begins with {begin!r}", "a known format", DESCRIBED)


def _of_folder(path: Path) -> str:
    if is_lerobot(path):
        return "lerobot"
    if data_folder(path) is not None:
        return "minari"
    there = ", ".join(sorted(entry.name for entry in path.iterdir())[:8]) or "nothing"
    raise InputError(path, "", f"a folder with {there}", "a known format", DESCRIBED)


def _of_hdf5(path: Path) -> str:
    with opened(path) as file:
        for name, recognises in _LAYOUTS.items():
            if recognises(file):
                return name
        if not len(file):
            return "robomimic"  # whose reader says what is missing
        there = ", ".join(sorted(file)[:8])[:200]
    raise InputError(path, "", f"HDF5 with {there}", "a known format", DESCRIBED)
