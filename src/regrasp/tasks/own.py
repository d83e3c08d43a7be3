"""Tasks that are not built in: one Python file with one record, loaded once per path."""

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from regrasp.errors import InputError
from regrasp.tasks.task import Task

SUFFIX = ".py"
RECORD = "TASK"
_loaded: dict[Path, Task] = {}


def load_task(name: str, source: str) -> Task:
    """The record `TASK` of a Python file, which is executed once.

    Raises:
        InputError: no such file, no Python in it, an exception while it runs, or no record of the right type.
    """
    path = Path(name).resolve()
    if path not in _loaded:
        if not path.is_file():
            raise InputError(source, "", f"no file {name}", "a Python file with a task, or the name of one")
        task = getattr(_execute(path, name, source), RECORD, None)
        if not isinstance(task, Task):
            found = f"no {RECORD}" if task is None else f"{RECORD} of type {type(task).__name__}"
            raise InputError(source, name, found, f"{RECORD} = Task(...), the record of regrasp.tasks.task")
        _loaded[path] = task
    return _loaded[path]


def _execute(path: Path, name: str, source: str) -> ModuleType:
    # A name of its own in `sys.modules`: the judge's digest reads the file through it.
    own = f"regrasp_task_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(own, path)
    if spec is None or spec.loader is None:
        raise InputError(source, "", f"{name}, which Python cannot load", "a Python file with a task")
    module = importlib.util.module_from_spec(spec)
    sys.modules[own] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[own]
        text = " ".join(str(error).split())
        raise InputError(source, name, f"{type(error).__name__} ({text})", "a file that runs") from error
    return module
