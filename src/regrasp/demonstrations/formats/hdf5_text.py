"""Attributes of variable-length text in HDF5 files that need not be trusted, as robomimic's `env_args`, `model_file`.

Such text lies in a heap that the HDF5 library can search for ever in a damaged file. So a process of its own reads it,
and is ended if that takes more than a few seconds of a core, or much memory.
"""

import json
import os
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py

_PATIENCE = 60
"""Seconds by the clock; a busy machine may take long for a few seconds of work."""
_PROGRAM = """
import json, sys
import h5py
try:
    import resource
    spent = int(resource.getrusage(resource.RUSAGE_SELF).ru_utime)
    resource.setrlimit(resource.RLIMIT_CPU, (spent + 3, spent + 3))
    resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31))
except ImportError:  # not on every system
    pass
found, left = {}, 1 << 26
with h5py.File(sys.argv[1], "r") as file:
    level = [file]
    for _ in range(3):
        for node in level:
            for name in node.attrs:
                stored = node.attrs.get_id(name)
                kind = h5py.check_string_dtype(stored.dtype)
                if kind and kind.length is None and stored.shape == ():
                    text = str(node.attrs[name])
                    left -= len(text)
                    if left > 0:
                        found.setdefault(node.name, {})[name] = text
        level = [
            group[name] for group in level for name in group
            if isinstance(group.get(name, getlink=True), h5py.HardLink) and group.get(name, getclass=True) is h5py.Group
        ]
json.dump(found, sys.stdout)
"""


class Texts:
    """The texts of one file, read when the first is asked for; at most 64 MB of them, those of groups two deep."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, node: h5py.HLObject, name: str) -> str | None:
        """The text, or None if it could not be read, or is not Unicode."""
        found = self._all.get(node.name, {}).get(name)
        try:
            return found if isinstance(found, str) and found.encode() else None
        except UnicodeEncodeError:
            return None

    @cached_property
    def _all(self) -> dict[str, Any]:
        command = [sys.executable, "-I", "-c", _PROGRAM, os.fspath(self._path.resolve())]
        few = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        try:
            done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, env=few, check=True)
            found: dict[str, Any] = json.loads(done.stdout)
        except (subprocess.SubprocessError, ValueError, RecursionError):
            return {}
        return found
