"""Demonstration files in the formats that exist, recognised by their content; one file per format."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from regrasp.demonstrations.formats.contents import Contents, Unfit
from regrasp.demonstrations.formats.d4rl import open_d4rl
from regrasp.demonstrations.formats.dapg import read_dapg
from regrasp.demonstrations.formats.dapg_records import open_dapg
from regrasp.demonstrations.formats.detection import detect_format
from regrasp.demonstrations.formats.gathering import gather
from regrasp.demonstrations.formats.lerobot import open_lerobot
from regrasp.demonstrations.formats.maniskill import open_maniskill
from regrasp.demonstrations.formats.minari_arrow import open_any_minari
from regrasp.demonstrations.formats.recording import Opener, Source, Writer
from regrasp.demonstrations.formats.robomimic import read_robomimic
from regrasp.demonstrations.formats.robomimic_records import is_plain, open_robomimic
from regrasp.demonstrations.formats.robomimic_writer import Storage, append_robomimic, write_robomimic
from regrasp.demonstrations.formats.to_lerobot import write_lerobot
from regrasp.demonstrations.formats.to_maniskill import write_maniskill
from regrasp.demonstrations.formats.to_minari import write_minari
from regrasp.demonstrations.formats.to_robomimic import write_recordings

__all__ = [
    "OPENERS",
    "Contents",
    "Storage",
    "Unfit",
    "append_robomimic",
    "detect_format",
    "open_source",
    "read_contents",
    "write_robomimic",
]

OPENERS: dict[str, Opener] = {
    "dapg": open_dapg,
    "robomimic": open_robomimic,
    "d4rl": open_d4rl,
    "minari": open_any_minari,
    "maniskill": open_maniskill,
    "lerobot": open_lerobot,
}
WRITERS: dict[str, Writer] = {
    "robomimic": write_recordings,
    "minari": write_minari,
    "maniskill": write_maniskill,
    "lerobot": write_lerobot,
}
_WHOLE: dict[str, Callable[[Path], Contents]] = {"dapg": read_dapg, "robomimic": read_robomimic}
"""Readers of whole files, for the formats that state more than a recording holds."""


def open_source(path: Path) -> AbstractContextManager[Source]:
    """A demonstration file of any known format, its arrays left in the file."""
    return OPENERS[detect_format(path)](path)


def read_contents(path: Path) -> Contents:
    """Every episode of a demonstration file of any known format."""
    name = detect_format(path)
    if name in _WHOLE and not (name == "robomimic" and is_plain(path)):
        return _WHOLE[name](path)
    with OPENERS[name](path) as source:
        return gather(source)
