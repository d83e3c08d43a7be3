"""Demonstration files in the formats that exist, recognised by their content; one file per format."""

from pathlib import Path

from regrasp.demonstrations.formats.contents import Contents
from regrasp.demonstrations.formats.dapg import read_dapg
from regrasp.demonstrations.formats.robomimic import read_robomimic
from regrasp.demonstrations.formats.robomimic_writer import Storage, write_robomimic
from regrasp.errors import InputError

__all__ = ["FORMATS", "Contents", "Storage", "detect_format", "read_contents", "write_robomimic"]

FORMATS = {"dapg": read_dapg, "robomimic": read_robomimic}

_HDF5 = b"\x89HDF\r\n\x1a\n"
_PICKLE = (b"\x80", b"]", b"(", b"c")
"""How a pickle of a list begins (protocols 2 to 5, 1, 0), or one that names something, which the reader refuses."""
_DESCRIBED = ("dapg (pickle)", "robomimic (HDF5)")


def detect_format(path: Path) -> str:
    """The name of the format, from the file's first bytes."""
    try:
        with path.open("rb") as file:
            begin = file.read(len(_HDF5))
    except OSError as error:
        raise InputError(path, "", f"no readable file ({error.strerror})", "a demonstration file") from error
    if not begin:
        raise InputError(path, "", "an empty file", "a demonstration file", _DESCRIBED)
    if begin == _HDF5:
        return "robomimic"
    if begin.startswith(_PICKLE):
        return "dapg"
    raise InputError(path, "", f"a file that begins with {begin!r}", "a known format", _DESCRIBED)


def read_contents(path: Path) -> Contents:
    """Every episode of a demonstration file of any known format."""
    return FORMATS[detect_format(path)](path)
