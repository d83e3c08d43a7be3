"""How a trial lies in its table: one column per field of `Trial`, converted both ways without loss."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from regrasp.trial import Trial


@dataclass(frozen=True)
class CheckpointRow:
    """One checkpoint as recorded.

    Attributes:
        digest: of its manifest.
        name: its folder's name under `checkpoints/` (`bc`, `rl`).
        parent: digest of the checkpoint it was made from, or None.
        phase: the phase that made it.
        control_steps: simulated for it, over all worlds and phases.
        path: its folder, relative to the run's.
    """

    digest: str
    name: str
    parent: str | None
    phase: str
    control_steps: int
    path: str


@dataclass(frozen=True)
class DatasetRow:
    """One demonstration set as recorded: its digest, where it came from, and how much it holds."""

    digest: str
    source: str
    task: str
    episodes: int
    steps: int
    interface_digest: str | None


@dataclass(frozen=True)
class JudgedRow:
    """How many trials are stored for one checkpoint on one panel from one source."""

    checkpoint: str
    panel: str
    judge: str
    source: str
    trials: int


class _Column(NamedTuple):
    kind: str
    to_store: Callable[[Any], Any]
    from_store: Callable[[Any], Any]


# SQLite keeps a NaN as NULL; a NULL can mean nothing else here. The conversions also take NumPy's numbers.
_COLUMNS: Mapping[Any, _Column] = {
    int: _Column("INTEGER NOT NULL", int, int),
    bool: _Column("INTEGER NOT NULL", int, bool),
    float: _Column("REAL", float, lambda x: math.nan if x is None else x),
    str: _Column("TEXT NOT NULL", str, str),
    bytes: _Column("BLOB NOT NULL", bytes, bytes),
    tuple[str, ...]: _Column("TEXT NOT NULL", lambda x: json.dumps(list(x)), lambda x: tuple(json.loads(x))),
}
_TRIAL = {field.name: _COLUMNS[field.type] for field in fields(Trial)}

TRIAL_COLUMNS = tuple(f'"{name}"' for name in _TRIAL)
TRIAL_DECLARATION = ", ".join(f'"{name}" {column.kind}' for name, column in _TRIAL.items())


def trial_to_row(trial: Trial) -> tuple[Any, ...]:
    """A trial as SQLite keeps it, in the order of `TRIAL_COLUMNS`."""
    values = (column.to_store(getattr(trial, name)) for name, column in _TRIAL.items())
    return tuple(None if value != value else value for value in values)


def trial_from_row(row: tuple[Any, ...]) -> Trial:
    """The inverse of `trial_to_row`."""
    pairs = zip(_TRIAL.items(), row, strict=True)
    return Trial(**{name: column.from_store(value) for (name, column), value in pairs})
