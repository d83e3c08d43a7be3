"""Damages demonstration files at random and reads them: each must be read or refused in one sentence.

    python benchmarks/fuzz_formats.py --count 10000              # every format; `--formats d4rl lerobot` for some

Prints per format: read, refused, and what must be 0: other exceptions, hangs (over 5 s), crashes, files left behind;
and the largest memory of the process. Ends with 1 if any of these is not 0, or the memory is over 1 GB. Seeds that fail
are printed.
"""

import argparse
import json
import multiprocessing
import pickle
import resource
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from foreign_files import FILES, minari_arrow
from regrasp.demonstrations.converting import convert
from regrasp.demonstrations.formats import read_contents
from regrasp.demonstrations.formats.keys import Keys
from regrasp.errors import InputError
from robomimic_files import described, foreign, make_episode, write

PATIENCE = 5.0
"""Seconds that one file may take."""
MEMORY = 1000.0
"""Megabytes that the process may take."""
HUGE = (2**31 - 1, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1, 0)


def d4rl_old(folder: Path) -> Path:
    """Without `timeouts`: cut where observations jump."""
    path = FILES["d4rl"](folder)
    with h5py.File(path, "r+") as file:
        file["next_observations"] = np.roll(file["observations"][()], -1, axis=0)
        del file["timeouts"]
    return path


def lerobot(folder: Path) -> Path:
    """A dataset of LeRobot's, as our writer makes it, which its package reads alike."""
    convert(FILES["maniskill"](folder), folder / "lerobot", "lerobot", Keys(folder, rate=20))
    return folder / "lerobot"


def dapg(folder: Path) -> Path:
    """Two episodes of the door."""
    draw, start = np.random.default_rng(0), {"qpos": np.zeros(30), "qvel": np.zeros(30), "door_body_pos": np.zeros(3)}
    sizes = {"observations": (4, 39), "actions": (4, 28), "rewards": (4,)}
    records = [
        {name: draw.normal(size=size) for name, size in sizes.items()} | {"init_state_dict": start} for _ in "ab"
    ]
    (folder / "door").write_bytes(pickle.dumps(records, protocol=2))
    return folder / "door"


BASES: dict[str, Callable[[Path], Path]] = {
    "dapg": dapg,
    **FILES,
    "robomimic": lambda folder: foreign(folder / "theirs"),
    "robomimic texts": lambda folder: foreign(folder / "theirs", described),
    "d4rl old": d4rl_old,
    "native": lambda folder: write(folder / "ours", [make_episode(4, seed) for seed in range(2)]),
    "lerobot": lerobot,
    "minari arrow": lambda folder: minari_arrow(folder / "toy"),
    "minari parquet": lambda folder: minari_arrow(folder / "toy", "parquet"),
}


def damage(path: Path, draw: np.random.Generator) -> None:
    """Changes one file of a dataset: its bytes, or, in HDF5, what is stored in it."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    beside = path.with_suffix(".json")
    files += [beside] if beside != path and beside.is_file() else []
    file = files[draw.integers(len(files))]
    if draw.random() < 0.4 and h5py.is_hdf5(file):
        _restructure(file, draw)
    else:
        file.write_bytes(_changed(bytearray(file.read_bytes()), draw))


def _changed(content: bytearray, draw: np.random.Generator) -> bytes:
    at = int(draw.integers(len(content)))
    match draw.integers(6):
        case 0:
            return bytes(content[:at])
        case 1:
            for place in draw.integers(len(content), size=draw.integers(1, 30)):
                content[place] = draw.integers(256)
        case 2:
            content[at] ^= 1 << draw.integers(8)
        case 3:
            value = HUGE[draw.integers(len(HUGE))]
            content[at : at + 8] = value.to_bytes(8, "little")
        case 4:
            other = int(draw.integers(len(content)))
            content[at : at + 16] = content[other : other + 16]
        case _:
            content[at : at + int(draw.integers(1, 200))] = b""
    return bytes(content)


def _restructure(path: Path, draw: np.random.Generator) -> None:
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        name = names[draw.integers(len(names))]
        group, _, leaf = name.rpartition("/")
        parent = file[group] if group else file
        rows = len(file[name]) if isinstance(file[name], h5py.Dataset) and file[name].shape else 3
        kind = draw.integers(10)
        if kind == 9 and len(file[name].attrs):
            attributes = sorted(file[name].attrs)
            file[name].attrs[attributes[draw.integers(len(attributes))]] = [-1, 2**62, 1.5, "x", b"\xff"][
                draw.integers(5)
            ]
            return
        del parent[leaf]
        if kind == 0:
            parent[leaf] = h5py.ExternalLink("/etc/passwd", "/")
        elif kind == 1:
            parent[leaf] = h5py.SoftLink(f"/{names[draw.integers(len(names))]}")
        elif kind == 2:
            parent.create_dataset(leaf, shape=(2**40, 2), chunks=(1024, 2), dtype="f4", compression="gzip")
        elif kind == 3:
            parent.create_dataset(leaf, data=np.full((rows, 2), np.nan))
        elif kind == 4:
            parent.create_dataset(leaf, data=draw.normal(size=draw.integers(0, 4, size=draw.integers(4))))
        elif kind == 5:
            parent.create_dataset(leaf, data=np.array([b"abc"] * rows))
        elif kind == 6:
            parent[leaf] = parent
        elif kind == 7:
            parent.create_dataset(leaf, shape=(rows, 3), dtype="f8", external=[("/etc/passwd", 0, rows * 24)])


def trial(name: str, base: Path, folder: Path, seed: int) -> str:
    """What became of one damaged file: `read`, `refused`, or what went wrong."""
    draw = np.random.default_rng([seed, len(name), *name.encode()])
    place = folder / "trial"
    shutil.copytree(base.parent, place)
    try:
        damage(place / base.name, draw)
        before = sorted(entry.name for entry in place.iterdir())
        outcome = _attempt(place / base.name, place / "out")
        (shutil.rmtree if (place / "out").is_dir() else Path.unlink)(place / "out") if outcome == "read" else None
        left = sorted(entry.name for entry in place.iterdir())
        return outcome if left == before else f"left {set(left) ^ set(before)}"
    finally:
        shutil.rmtree(place)


def _attempt(path: Path, out: Path) -> str:
    outcome = "read"
    try:
        read_contents(path)
    except InputError:
        outcome = "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    try:
        convert(path, out, "robomimic")
        return "read"
    except InputError as error:
        return "refused" if "\n" not in str(error) else "several lines"
    except Exception as error:
        return f"converting after {outcome}: {type(error).__name__}: {error}"[:200]


def _work(name: str, seeds: range, pipe: Connection) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        (Path(temporary) / "base").mkdir()
        base = BASES[name](Path(temporary) / "base")
        for seed in seeds:
            outcome = trial(name, base, Path(temporary), seed)
            pipe.send((seed, outcome, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000))


def fuzz(name: str, count: int, first: int = 0) -> tuple[Counter[str], dict[int, str], float]:
    """Outcomes, the failures by seed, and the largest memory [MB]."""
    context = multiprocessing.get_context("spawn")
    outcomes: Counter[str] = Counter()
    failures: dict[int, str] = {}
    memory, begin, count = 0.0, first, first + count
    while begin < count:
        ours, theirs = context.Pipe()
        worker = context.Process(target=_work, args=(name, range(begin, count), theirs))
        worker.start()
        theirs.close()
        patience = 60.0  # for its imports
        while begin < count:
            try:
                if not ours.poll(patience):
                    failures[begin] = "hang"
                    break
                begin, outcome, used = ours.recv()
            except EOFError:
                failures[begin] = "crash"
                break
            outcomes[outcome if outcome in ("read", "refused") else "other"] += 1
            if outcome not in ("read", "refused"):
                failures[begin] = outcome
            memory, patience, begin = max(memory, used), PATIENCE, begin + 1
        else:
            worker.join()
            return outcomes, failures, memory
        worker.kill()
        worker.join()
        outcomes["other"] += 1
        begin += 1
    return outcomes, failures, memory


def main() -> int:
    """Fuzz the formats asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--formats", nargs="+", default=list(BASES), choices=list(BASES))
    given = parser.parse_args()
    sound = True
    for name in given.formats:
        outcomes, failures, memory = fuzz(name, given.count, given.first)
        sound &= not failures and memory < MEMORY
        print(f"{name}: {outcomes['read']} read, {outcomes['refused']} refused, {len(failures)} wrong, {memory:.0f} MB")
        print(json.dumps(dict(list(failures.items())[:20]), indent=1) if failures else "", end="\n" if failures else "")
    return 0 if sound else 1


if __name__ == "__main__":
    raise SystemExit(main())
