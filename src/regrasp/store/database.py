"""The run's database: SQLite with a write-ahead log.

Rows are appended and never changed; a transaction is there whole or not at all.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from regrasp.errors import InputError
from regrasp.store.rows import (
    TRIAL_COLUMNS,
    TRIAL_DECLARATION,
    CheckpointRow,
    DatasetRow,
    JudgedRow,
    trial_from_row,
    trial_to_row,
)
from regrasp.trial import Trial

# "rgsp": marks the file as ours. The version goes up with every change of a table, `Trial` included.
APPLICATION = 0x72677370
VERSION = 2

_SCHEMA = f"""
CREATE TABLE runs (digest TEXT PRIMARY KEY, resolved TEXT NOT NULL) STRICT;
CREATE TABLE checkpoints (digest TEXT PRIMARY KEY, name TEXT NOT NULL, parent TEXT, phase TEXT NOT NULL,
    control_steps INTEGER NOT NULL, path TEXT NOT NULL) STRICT;
CREATE TABLE datasets (digest TEXT PRIMARY KEY, source TEXT NOT NULL, task TEXT NOT NULL, episodes INTEGER NOT NULL,
    steps INTEGER NOT NULL, interface_digest TEXT) STRICT;
CREATE TABLE trials (checkpoint TEXT NOT NULL, panel TEXT NOT NULL, judge TEXT NOT NULL, {TRIAL_DECLARATION},
    PRIMARY KEY (checkpoint, panel, "case", "source")) STRICT;
CREATE TABLE wall (part TEXT NOT NULL, seconds REAL NOT NULL) STRICT;
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
"""
_KEY = ("checkpoint", "panel", '"case"', '"source"')


class Database:
    """A run's rows.

    Args:
        path: the file.
        create: make it where there is none; otherwise a missing file is an InputError.
    """

    def __init__(self, path: Path, create: bool = False) -> None:
        self.path = path
        if not create and not path.exists():
            raise InputError(path, "", "no such file", "the store of a run, as `regrasp run` makes it")
        with self._refusing():
            # Transactions are begun and ended in `_transaction` alone.
            self._connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        try:
            with self._refusing():
                self._open()
        except BaseException:
            self._connection.close()
            raise

    def record_run(self, digest: str, resolved: Mapping[str, Any]) -> None:
        """What was asked of the run; the digest is the run folder's."""
        with self._transaction():
            self._insert("runs", ("digest", "resolved"), (digest, json.dumps(resolved, sort_keys=True)), ("digest",))

    def record_dataset(self, dataset: DatasetRow) -> None:
        """The demonstrations that a run learns from."""
        self._record("datasets", dataset)

    def record_checkpoint(self, checkpoint: CheckpointRow) -> None:
        """A checkpoint that is on disk, complete."""
        self._record("checkpoints", checkpoint)

    def record_trials(self, checkpoint: str, panel: str, judge: str, trials: Iterable[Trial]) -> None:
        """Judged trials, all of them or none; the same trial again changes nothing, another result for it is refused.

        Args:
            checkpoint: digest of the checkpoint that acted.
            panel: digest of the panel.
            judge: digest of the judge.
            trials: the rows.
        """
        columns = ("checkpoint", "panel", "judge", *TRIAL_COLUMNS)
        with self._transaction():
            for trial in trials:
                self._insert("trials", columns, (checkpoint, panel, judge, *trial_to_row(trial)), _KEY)

    def record_wall(self, part: str, seconds: float) -> None:
        """Adds wall-clock time [s] to a part (`simulation`, `learning`, `evaluation`, …)."""
        with self._transaction():
            self._connection.execute("INSERT INTO wall VALUES (?, ?)", (part, float(seconds)))

    def trials(self, checkpoint: str, panel: str, source: str = "simulation") -> list[Trial]:
        """The trials of one checkpoint on one panel from one source, in case order."""
        query = f'SELECT {", ".join(TRIAL_COLUMNS)} FROM trials WHERE checkpoint = ? AND panel = ? AND "source" = ?'
        rows = self._connection.execute(f'{query} ORDER BY "case"', (checkpoint, panel, source))
        return [trial_from_row(row) for row in rows]

    def judged(self) -> list[JudgedRow]:
        """Which checkpoints were judged on which panels, in the order in which they were first stored."""
        columns = "checkpoint, panel, judge, source"
        query = f"SELECT {columns}, COUNT(*) FROM trials GROUP BY {columns} ORDER BY MIN(rowid)"
        return [JudgedRow(*row) for row in self._connection.execute(query)]

    def checkpoints(self) -> list[CheckpointRow]:
        """Every recorded checkpoint, oldest first."""
        return [CheckpointRow(*row) for row in self._connection.execute("SELECT * FROM checkpoints ORDER BY rowid")]

    def datasets(self) -> list[DatasetRow]:
        """Every recorded demonstration set, oldest first."""
        return [DatasetRow(*row) for row in self._connection.execute("SELECT * FROM datasets ORDER BY rowid")]

    def wall(self) -> dict[str, float]:
        """Wall-clock time [s] by part, summed over resumptions, in the order of first use."""
        query = "SELECT part, SUM(seconds) FROM wall GROUP BY part ORDER BY MIN(rowid)"
        return dict(self._connection.execute(query).fetchall())

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        execute = self._connection.execute
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")
        with self._transaction():
            marks = (execute("PRAGMA application_id").fetchone()[0], execute("PRAGMA user_version").fetchone()[0])
            if marks == (0, 0) and not execute("SELECT 1 FROM sqlite_master").fetchone():
                # `executescript` would commit first.
                for statement in _SCHEMA.strip().split(";")[:-1]:
                    execute(statement)
                return
        if marks[0] != APPLICATION:
            raise InputError(self.path, "", "a database of another program", "a store written by regrasp")
        if marks[1] != VERSION:
            expected = f"{VERSION}, the one this version of regrasp writes (run it again in a new folder)"
            raise InputError(self.path, "version", str(marks[1]), expected)
        if (answer := execute("PRAGMA quick_check").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(answer)

    def _record(self, table: str, row: CheckpointRow | DatasetRow) -> None:
        with self._transaction():
            self._insert(table, tuple(field.name for field in fields(row)), astuple(row), ("digest",))

    def _insert(self, table: str, columns: tuple[str, ...], row: tuple[Any, ...], key: tuple[str, ...]) -> None:
        """One row; if its key is there already, the rows must be equal."""
        names, marks, keys = ", ".join(columns), ", ".join("?" * len(row)), ", ".join(key)
        insert = f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT ({keys}) DO NOTHING"
        if self._connection.execute(insert, row).rowcount:
            return
        given = dict(zip(columns, row, strict=True))
        select = f"SELECT {names} FROM {table} WHERE ({keys}) = ({', '.join('?' * len(key))})"
        stored = self._connection.execute(select, [given[name] for name in key]).fetchone()
        for name, old in zip(columns, stored, strict=True):
            if old != given[name]:
                place = ", ".join([table, *(f"{part} {given[part]}" for part in key)]).replace('"', "")
                raise InputError(self.path, place, f"{name} = {given[name]!r}", f"{old!r} as stored before")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise InputError(self.path, "", f"no usable database ({error})", "a store written by regrasp") from error
