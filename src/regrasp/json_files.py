"""Reading the JSON files that regrasp freezes: every refusal names the file, the place, what was found and expected."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regrasp.errors import InputError


def read_json(path: Path, kind: str) -> Any:
    """The content of a file of some kind (`a panel file`).

    Raises:
        InputError: no such file, or its content is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(path, "", "no such file", kind) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(path, "", f"unreadable content ({error})", f"{kind} (JSON)") from None


def require_keys(path: Path | str, place: str, entry: Any, keys: Sequence[str], kind: str) -> None:
    """Refuse an entry that is not an object with exactly these keys.

    Raises:
        InputError: not keys and values, a key missing, or an unknown one.
    """
    if not isinstance(entry, dict):
        raise InputError(path, place, shown(entry), "keys and values", keys)
    for key in sorted(set(keys) ^ set(entry)):
        found = "no such key" if key in keys else "an unknown key"
        raise InputError(path, f"{place}: {key}" if place else key, found, f"the keys of {kind}", keys)


def shown(value: Any) -> str:
    """A value as a refusal quotes it."""
    return repr(value)[:60]
