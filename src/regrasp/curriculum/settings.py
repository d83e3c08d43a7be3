"""Plain tables (TOML, JSON) into frozen settings records; each record lives beside the code that reads it.

A record is a frozen dataclass whose fields are numbers, text, booleans, `Literal`s, tuples of these, any of them
`| None`, or records again. A field may state its bounds in its metadata (`regrasp.curriculum.values.Bounds`). The
metadata `inline` marks a record whose keys stand in the table of the record around it. None is spelled `"none"`,
because TOML has no word for it.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from regrasp.curriculum.values import choices, converted, spelled, wanted
from regrasp.errors import InputError

Record = TypeVar("Record")
Table = Mapping[str, Any]
Source = str | Path


def read_settings(record: type[Record], table: Table, source: Source, section: str = "") -> Record:
    """The record that `table` describes; keys it leaves out keep the record's defaults.

    Args:
        record: a frozen dataclass.
        table: its settings as plain data.
        source: what to name in a refusal.
        section: dotted name of the table inside the source, empty for the whole.
    """
    check_settings(record, table, source, section)
    return _build(record, table, source, section)


def check_settings(record: Any, table: Any, source: Source, section: str = "") -> None:
    """Refuse unknown keys and unfit values of a table that need not be complete."""
    if not isinstance(table, Mapping):
        raise InputError(source, _place(section), repr(table), "a table", setting_names(record))
    known = _keys(record)
    for key, value in table.items():
        if key not in known:
            expected = f"a setting of {_place(section) or 'the file'}"
            raise InputError(source, _place(section, key), "an unknown key", expected, known)
        hint, field = known[key]
        if is_dataclass(hint):
            check_settings(hint, value, source, _dotted(section, key))
            continue
        try:
            converted(hint, value, field.metadata)
        except ValueError:
            place = _place(section, key)
            raise InputError(
                source, place, repr(value), wanted(hint, field.metadata), choices(hint, field.metadata)
            ) from None


def setting_names(record: Any) -> tuple[str, ...]:
    """The keys of a record's table, those of inline records included."""
    return tuple(_keys(record))


def override(record: Any, table: Table, assignment: str) -> dict[str, Any]:
    """A copy of `table` with one setting replaced, as `--set phase.key=value` asks; checked like the file itself."""
    source = f"--set {assignment}"
    path, equals, text = assignment.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not equals or not all(keys):
        raise InputError(source, "", "no setting and value", "phase.key=value", setting_names(record))
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()  # text may come without quotes, as shells eat them
    for key in reversed(keys):
        value = {key: value}
    check_settings(record, value, source)
    return _merged(table, value)


def settings_to_json(record: Any) -> dict[str, Any]:
    """A record as plain data: what `read_settings` reads back into an equal record."""
    data: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if is_dataclass(value):
            nested = settings_to_json(value)
            data |= nested if field.metadata.get("inline") else {field.name: nested}
        else:
            data[field.name] = list(value) if isinstance(value, tuple) else value
    return data


def to_toml(table: Table, section: str = "") -> str:
    """Plain data as TOML text, tables after the settings that stand before them."""
    tables = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    lines = [f"[{section}]"] if section else []
    lines += [f"{key} = {spelled(value)}" for key, value in table.items() if key not in tables]
    parts = ["\n".join(lines) + "\n"] if lines else []
    return "\n".join(parts + [to_toml(value, _dotted(section, key)) for key, value in tables.items()])


def _build(record: type[Record], table: Table, source: Source, section: str) -> Record:
    hints, values = get_type_hints(record), {}
    for field in fields(record):  # type: ignore[arg-type]
        hint, name = hints[field.name], field.name
        if field.metadata.get("inline"):
            inner = {key: table[key] for key in setting_names(hint) if key in table}
            values[name] = _build(hint, inner, source, section)
        elif name in table and is_dataclass(hint):
            values[name] = _build(hint, table[name], source, _dotted(section, name))  # type: ignore[arg-type]
        elif name in table:
            values[name] = converted(hint, table[name], field.metadata)
        elif field.default is MISSING and field.default_factory is MISSING:
            place = _place(_dotted(section, name)) if is_dataclass(hint) else _place(section, name)
            raise InputError(source, place, "nothing", wanted(hint, field.metadata), choices(hint, field.metadata))
    try:
        return record(**values)
    except ValueError as error:
        found = f"unusable settings ({str(error).removesuffix('.')})"
        raise InputError(source, _place(section), found, "settings that pass this check") from error


def _keys(record: Any) -> dict[str, tuple[Any, Field[Any]]]:
    """Key → (type, field), in the order of the record; an inline record's keys stand in its place."""
    hints, keys = get_type_hints(record), {}
    for field in fields(record):
        keys.update(
            _keys(hints[field.name]) if field.metadata.get("inline") else {field.name: (hints[field.name], field)}
        )
    return keys


def _merged(table: Table, changes: Table) -> dict[str, Any]:
    merged = dict(table)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(table.get(key), Mapping)
        merged[key] = _merged(table[key], value) if both else value
    return merged


def _dotted(section: str, key: str) -> str:
    return f"{section}.{key}" if section else key


def _place(section: str, key: str = "") -> str:
    return " ".join(part for part in (f"[{section}]" if section else "", key) if part)
