"""One setting's value: what its type and bounds accept, how a refusal words them, how TOML spells it."""

import json
import sys
import types
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any, Literal, Union, get_args, get_origin

Bounds = Mapping[str, Any]
"""A field's metadata: `minimum`, `maximum` (inclusive), `above` (exclusive), `choices`; for each element of a tuple."""

KINDS: Mapping[Any, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def converted(hint: Any, value: Any, bounds: Bounds) -> Any:
    """The value as its type wants it; ValueError if it is something else or out of bounds."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None or value == "none":
            return None
        return converted(_present(hint), value, bounds)
    if origin is tuple:
        return _tuple(arguments, value, bounds)
    if origin is Literal:
        if type(value) not in {type(argument) for argument in arguments} or value not in arguments:
            raise ValueError
        return value
    return _within(_scalar(hint, value), bounds)


def _tuple(hints: tuple[Any, ...], value: Any, bounds: Bounds) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError
    each = hints[:1] * len(value) if hints[-1] is Ellipsis else hints
    return tuple(converted(hint, item, bounds) for hint, item in zip(each, value, strict=True))


def _scalar(hint: Any, value: Any) -> Any:
    if hint not in KINDS:
        raise TypeError(f"settings of type {hint} cannot be read")
    # True is an int to Python, but nobody who writes `updates = true` means 1.
    fits = isinstance(value, int | float if hint is float else hint) and isinstance(value, bool) == (hint is bool)
    if not fits or (hint is float and not abs(value) <= sys.float_info.max):
        raise ValueError
    return hint(value)


def _within(value: Any, bounds: Bounds) -> Any:
    if value < bounds.get("minimum", value) or value > bounds.get("maximum", value):
        raise ValueError
    if "above" in bounds and not value > bounds["above"]:
        raise ValueError
    if value not in bounds.get("choices", (value,)):
        raise ValueError
    return value


def _present(hint: Any) -> Any:
    """`X` of `X | None`."""
    return next(choice for choice in get_args(hint) if choice is not types.NoneType)


def wanted(hint: Any, bounds: Bounds) -> str:
    """What a setting of this type must be, in words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return "a table"
    if origin in (Union, types.UnionType):
        return f'{wanted(_present(hint), bounds)}, or "none"'
    if origin is tuple:
        count = "" if arguments[-1] is Ellipsis else f" of {len(arguments)}"
        return f"a list{count}, each {wanted(arguments[0], bounds)}"
    if origin is Literal or "choices" in bounds:
        return "one of the names"
    words = {"minimum": "at least", "above": "above", "maximum": "at most"}
    limits = " and ".join(f"{word} {bounds[name]}" for name, word in words.items() if name in bounds)
    return f"{KINDS[hint]} {limits}".rstrip()


def choices(hint: Any, bounds: Bounds) -> tuple[str, ...]:
    """The names that would do, where only some would."""
    inner = _present(hint) if get_origin(hint) in (Union, types.UnionType) else hint
    return tuple(map(str, bounds.get("choices", get_args(inner) if get_origin(inner) is Literal else ())))


def spelled(value: Any) -> str:
    """A plain value as TOML."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(spelled, value))}]"
    # JSON spells booleans, numbers and escapes as TOML does, but leaves DEL bare, which TOML forbids.
    text = json.dumps("none" if value is None else value, ensure_ascii=False, allow_nan=False)
    return text.replace("\x7f", "\\u007f")
