"""Files that are complete or absent, whenever the process is killed."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from regrasp.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` once it is on disk; until then `path` keeps what it had.

    The partial file has a fixed name, so that the next attempt clears what a killed one left: one writer at a time.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable: a rename reaches the disk only with its folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keeps every other process that asks for it away from a file; the kernel lifts it when this one ends, however.

    Raises:
        InputError: another process has it.
    """
    beside = path.with_name(f".{path.name}.lock")
    with locked(path, beside):
        try:
            yield
        finally:
            beside.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, beside: Path) -> Iterator[None]:
    """The same by a file that stays.

    Args:
        path: what is kept, to name in a refusal.
        beside: the file, which says who has it.

    Raises:
        InputError: another process has it.
    """
    while True:
        with beside.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                found = f"another command at work in it (process {file.read().strip() or 'unknown'})"
                raise InputError(path, "", found, "one command at a time") from None
            # Whoever had it may have deleted it since it was opened: then it keeps nobody away any more.
            if beside.exists() and os.path.samestat(os.fstat(file.fileno()), beside.stat()):
                file.truncate(0)
                file.write(str(os.getpid()))
                file.flush()
                yield
                return
