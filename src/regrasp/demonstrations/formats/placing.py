"""New files and folders that are complete or absent, whatever happens meanwhile."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regrasp.errors import InputError


@contextmanager
def placing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write a file or folder to, which takes the name `path` at the end, or goes.

    Raises:
        InputError: something has the name already, its folder does not exist, or it cannot be written.
    """
    check_new(path)
    partial = path.with_name(f".{path.name}.partial")
    _remove(partial)
    try:
        yield partial
        for written in [partial, *partial.rglob("*")] if partial.is_dir() else [partial]:
            _sync(written)
        os.rename(partial, path)
        _sync(path.parent)
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        why = " ".join(str(error).split())[:200]
        raise InputError(path, "", f"a place that cannot be written ({why})", "a writable folder") from error
    finally:
        _remove(partial)


def check_new(path: Path) -> None:
    """Refuses a name that is taken, or that no folder is there for."""
    check_free(path)
    if not path.parent.is_dir():
        raise InputError(path, "", f"no folder {path.parent}", "a name in an existing folder")


def check_free(path: Path) -> None:
    """Refuses a name that is taken."""
    if path.exists() or path.is_symlink():
        raise InputError(path, "", "something of that name", "a new name")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
