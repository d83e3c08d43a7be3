"""Cloning and fine-tuning on the human door demonstrations, several seeds: success, contact entry, wall clock.

    python benchmarks/adroit_door.py --demos adroit-door-human.pickle --out runs/benchmark

One `regrasp run` per seed, one after another; a seed whose run folder is complete is not run again. Writes the table to
`<out>/table.json` and prints it.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from regrasp.store.curves import read_curves

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Run every seed, then print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demos", type=Path, required=True)
    parser.add_argument("--curriculum", type=Path, default=ROOT / "curricula" / "adroit-door.toml")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "benchmark")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    rows = [measure(seed, options) for seed in options.seeds]
    (options.out / "table.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    show(rows)


def measure(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One run and one comparison."""
    run = options.out / f"seed-{seed}"
    command = ["run", str(options.curriculum), "--demos", str(options.demos), "--out", str(run), "--seed", str(seed)]
    begun = time.monotonic()
    found = regrasp(*command)
    compared = regrasp("compare", *(found["checkpoints"][name] for name in ("bc", "rl")))
    entries = [p.values["contact_entry"] for p in read_curves(run / "progress.jsonl") if "contact_entry" in p.values]
    bc, rl = (found["results"][name]["by_disturbance"]["none"] for name in ("bc", "rl"))
    disturbed = compared["disturbed"]
    return {
        "seed": seed,
        "bc": bc["success_held"],
        "rl": rl["success_held"],
        "bc_contact_entry": bc["contact_entry"]["rate"],
        "lowest_contact_entry": min([*entries, rl["contact_entry"]["rate"]]),
        "disturbed_bc": disturbed["a"]["primary"],
        "disturbed_rl": disturbed["b"]["primary"],
        "disturbed_p": disturbed["p"],
        "wall_s": found["wall_s"],
        "seconds_now": round(time.monotonic() - begun, 1),
    }


def regrasp(*arguments: str) -> dict[str, Any]:
    """One command; its last line is a JSON object."""
    command = [str(Path(sys.executable).with_name("regrasp")), *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(rows: list[dict[str, Any]]) -> None:
    """The table for people."""
    table = Table(title="25 human demonstrations of the Adroit door: held success")
    for column in ("seed", "cloned", "fine-tuned", "disturbed, before → after", "lowest contact entry", "wall clock"):
        table.add_column(column)
    for row in rows:
        wall = row["wall_s"]
        parts = ", ".join(f"{part} {seconds:.0f}" for part, seconds in wall.items())
        disturbed = f"{_rate(row['disturbed_bc'])} → {_rate(row['disturbed_rl'])}, p = {row['disturbed_p']:.1g}"
        entry = f"{row['lowest_contact_entry']:.2f} (cloned {row['bc_contact_entry']:.2f})"
        table.add_row(str(row["seed"]), _rate(row["bc"]), _rate(row["rl"]), disturbed, entry, f"{parts} s")
    Console(width=160).print(table)


def _rate(rate: dict[str, Any]) -> str:
    return f"{rate['rate']:.3f} [{rate['low']:.2f}, {rate['high']:.2f}] of {rate['n']}"


if __name__ == "__main__":
    main()
