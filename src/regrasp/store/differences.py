"""In what two pieces of plain data differ, for sentences that say so."""

import json
from typing import Any, NamedTuple


class Difference(NamedTuple):
    """One place where two JSON trees differ; `old` and `new` are JSON text, or `nothing`."""

    place: str
    old: str
    new: str


def differences(old: Any, new: Any, place: str = "") -> list[Difference]:
    """Every place in which two JSON trees differ, in key order; lists are compared whole."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in sorted(old.keys() | new.keys()):
            inner = f"{place}.{key}" if place else key
            if key in old and key in new:
                found += differences(old[key], new[key], inner)
            else:
                found.append(Difference(inner, _text(old, key), _text(new, key)))
        return found
    # 1, 1.0 and True are equal in Python and not in a digest.
    same = old == new and type(old) is type(new)
    return [] if same else [Difference(place, json.dumps(old), json.dumps(new))]


def _text(tree: dict[str, Any], key: str) -> str:
    return json.dumps(tree[key]) if key in tree else "nothing"
