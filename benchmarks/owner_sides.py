"""Both sides of a check: what an owner's package says, what regrasp says, and how far they are equal."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from regrasp.demonstrations.formats import open_source

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parent / ".venv-owners"
PYTHON = ENVIRONMENT / "bin" / "python"
Arrays = Mapping[str, np.ndarray]
TORCH = {"f": "float32", "i": "int64", "u": "int64"}
"""What torch makes of a list of Python's numbers."""


class Differs(Exception):
    """What an owner's package found is not what was written."""


def theirs(side: str, *arguments: object, **variables: object) -> str:
    """Runs a script of `by_owners` in the owners' environment; what it printed.

    Raises:
        Differs: it failed; the last line says why.
    """
    # robomimic asks for two torch threads, which on a busy machine wait for each other; and what its logger has not yet
    # passed on as the process ends is lost.
    quiet = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1", "TQDM_DISABLE": "1"}
    quiet |= {"PYTHONUNBUFFERED": "1"}
    command = [str(PYTHON), "-W", "ignore", str(HERE / "by_owners" / f"{side}_side.py"), *map(str, arguments)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    given = kept | quiet | {name: str(value) for name, value in variables.items()}
    with tempfile.TemporaryDirectory() as home:  # several keep caches there
        done = subprocess.run(command, capture_output=True, text=True, env=given | {"HOME": home}, check=False)
    if done.returncode:
        raise Differs(f"{side} {arguments[0]}: " + (done.stderr.strip().splitlines() or ["no word"])[-1][:300])
    return done.stdout


def told(side: str, folder: Path, *arguments: object, verb: str = "read", **variables: object) -> dict[str, np.ndarray]:
    """Runs a script of `by_owners` that leaves arrays."""
    out = folder / f"told-{len(list(folder.iterdir()))}.npz"
    theirs(side, verb, *arguments, out, **variables)
    with np.load(out) as file:
        return {name: file[name] for name in file.files}


def ours(path: Path, last: bool = False) -> dict[str, np.ndarray]:
    """What regrasp reads: rows of all episodes, joined; with the row after an episode's last action or without."""
    found: dict[str, list[np.ndarray]] = {}
    with open_source(path) as source:
        for recording in source.recordings():
            for name, rows in recording.arrays.items():
                if len(rows) in (recording.steps, recording.steps + 1):
                    found.setdefault(name, []).append(rows.read()[: None if last else recording.steps])
    return {name: np.concatenate(arrays) for name, arrays in found.items()}


def renamed(arrays: Arrays, names: Mapping[str, str]) -> dict[str, np.ndarray]:
    """The arrays that are named, under their other names; a name that ends in `/` stands for others that begin so."""
    found = {}
    for name, array in arrays.items():
        prefix = next((one for one in names if one.endswith("/") and name.startswith(one)), None)
        if name in names:
            found[names[name]] = array
        elif prefix:
            found[names[prefix] + name.removeprefix(prefix)] = array
    return found


def compared(expected: Arrays, found: Arrays, as_torch: bool = False) -> str:
    """How far they are equal; every expected array must be there. `as_torch`: numbers may have come through lists.

    Raises:
        Differs: anything else.
    """
    changed = []
    for name, array in expected.items():
        if name not in found:
            raise Differs(f"no {name} in {sorted(found)}")
        there, kind, wanted = found[name], TORCH.get(array.dtype.kind), array
        if as_torch and kind == there.dtype and kind != array.dtype:
            wanted = array.astype(kind)
            changed.append(f"{name} as {kind}")
        if there.dtype != wanted.dtype or there.shape != wanted.shape:
            raise Differs(f"{name}: {there.dtype} {there.shape}, not {wanted.dtype} {wanted.shape}")
        if there.tobytes() != wanted.tobytes():
            raise Differs(f"{name}: other numbers")
    rows = len(next(iter(expected.values())))
    return f"{len(expected)} arrays, {rows:,} rows to the bit" + (f"; {', '.join(changed)}" if changed else "")
