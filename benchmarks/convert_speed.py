"""How fast a large demonstration file is converted, and in how much memory.

    python benchmarks/convert_speed.py --gigabytes 10                 # ManiSkill → robomimic, Minari and ManiSkill
    python benchmarks/convert_speed.py --gigabytes 1 --to lerobot

Makes a ManiSkill file of random numbers (episodes of 10 MB) in a temporary folder of `--within`, which needs room for
it and one copy. Wall clock and largest memory are those of the whole process `regrasp demos convert`; what it wrote may
still be on its way to the disk.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
from rich.console import Console
from rich.table import Table

STEPS, COLUMNS, ACTIONS = 2500, 970, 28
NAMES = {"robomimic": "out.hdf5", "minari": "out-v0", "maniskill": "out.h5", "lerobot": "out"}
CONVERT = """
import resource, sys
from regrasp.cli import main
code = main()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, file=sys.stderr)
sys.exit(code)
"""


def main() -> None:
    """Make the file, convert it to each format, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=10.0)
    parser.add_argument("--to", nargs="+", choices=NAMES, default=["robomimic", "minari", "maniskill"])
    parser.add_argument("--within", type=Path, default=None)
    options = parser.parse_args()
    table = Table("to", "GB", "s", "MB/s", "largest memory [MB]", title="Conversion of a ManiSkill file")
    with tempfile.TemporaryDirectory(dir=options.within) as folder:
        source = make(Path(folder) / "in.h5", options.gigabytes)
        size = source.stat().st_size
        for to in options.to:
            seconds, memory = convert(source, to, Path(folder) / to)
            table.add_row(to, f"{size / 1e9:.2f}", f"{seconds:.1f}", f"{size / 1e6 / seconds:.0f}", f"{memory:.0f}")
    Console(width=100).print(table)


def make(path: Path, gigabytes: float) -> Path:
    """A ManiSkill file of about this size, and its JSON."""
    draw, records = np.random.default_rng(0), []
    with h5py.File(path, "w") as file:
        while file.id.get_filesize() < gigabytes * 1e9:
            group = file.create_group(f"traj_{len(records)}")
            group["obs"] = draw.random((STEPS + 1, COLUMNS), np.float32)
            group["actions"] = draw.random((STEPS, ACTIONS), np.float32)
            group["rewards"] = draw.random(STEPS, np.float32)
            for flag in ("terminated", "truncated", "success"):
                group[flag] = np.arange(STEPS) == STEPS - 1
            records.append({"episode_id": len(records), "elapsed_steps": STEPS})
    path.with_suffix(".json").write_text(json.dumps({"env_info": {"env_id": "Made-v1"}, "episodes": records}))
    return path


def convert(source: Path, to: str, folder: Path) -> tuple[float, float]:
    """Seconds and megabytes of one conversion, whose result is removed."""
    os.sync()
    with tempfile.TemporaryDirectory(dir=folder.parent) as into:
        keys = Path(into) / "keys.toml"
        keys.write_text("rate = 20\n")  # ManiSkill's files do not tell it, and LeRobot's must
        told = ["--keys", str(keys)] if to == "lerobot" else []
        command = ["demos", "convert", str(source), str(Path(into) / NAMES[to]), "--to", to, "--json", *told]
        begun = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", CONVERT, *command], capture_output=True, text=True, check=True)
        return time.perf_counter() - begun, float(done.stderr.split()[-1])


if __name__ == "__main__":
    main()
