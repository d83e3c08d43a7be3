"""JSON of files that need not be trusted."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regrasp.demonstrations.formats.recording import Fact
from regrasp.errors import InputError

_LARGEST = 1 << 26
"""Bytes of the largest file that is read."""


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        InputError: there is no such file, it is larger than 64 MB, or it holds anything else.
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= _LARGEST else b""
    except OSError as error:
        raise InputError(path, "", f"no readable file ({error.strerror})", "a JSON file") from error
    if size > _LARGEST:
        raise InputError(path, "", f"{size} bytes", f"at most {_LARGEST} bytes of JSON")
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
