"""JSON of files that need not be trusted."""

import gzip
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regrasp.demonstrations.formats.recording import Fact
from regrasp.errors import InputError

_LARGEST = 1 << 26
"""Bytes of the largest file that is read."""


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file, compressed with gzip if its name ends in `.gz`.

    Raises:
        InputError: there is no such file, it is larger than 64 MB, or it holds anything else.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(path, "", f"damaged content ({error})", "JSON compressed with gzip") from error
    except OSError as error:
        raise InputError(path, "", f"no readable file ({error.strerror})", "a JSON file") from error
    if len(content) > _LARGEST:
        raise InputError(path, "", f"more than {_LARGEST} bytes", f"at most {_LARGEST} bytes of JSON")
    return parse_object(path, "", content)


def parse_object(path: Path, place: str, content: bytes | str) -> dict[str, Any]:
    """The JSON object in a text; `path` and `place` say where it is from."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(path, place, f"{content[:60]!r}", "JSON") from error
    if not isinstance(value, dict):
        raise InputError(path, place, f"{content[:60]!r}", "a JSON object")
    return value


def own_facts(described: Mapping[str, Any]) -> dict[str, Fact]:
    """What regrasp left under its own name in another format's JSON."""
    own = described.get("regrasp", {})
    if not isinstance(own, dict):
        return {}
    return {name: value for name, value in own.items() if isinstance(value, bool | int | float | str)}
