"""One curriculum, several seeds: gate, success and recovery before and after fine-tuning, wall clock.

    python benchmarks/seeds.py curricula/cube-reorient.toml --out runs/benchmark/cube
    python benchmarks/seeds.py curricula/adroit-door.toml --demos adroit-door-human.pickle --out runs/benchmark/door

One `regrasp run` per seed, one after another; a run that was killed goes on where it was, one that is complete is only
read. With --without-demos, each is followed by the same fine-tuning without demonstrations. Writes `<out>/table.json`
and prints it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from commands import regrasp
from rich.console import Console
from rich.table import Table

from regrasp.judges.judge import PRIMARIES
from regrasp.store.curves import read_curves

WITHOUT = "without-demos"


def main() -> None:
    """Run every seed, then print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curriculum", type=Path)
    parser.add_argument("--demos", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--without-demos", action="store_true")
    options = parser.parse_args()
    rows = [measure(seed, options) for seed in options.seeds]
    (options.out / "table.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    show(rows)


def measure(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One run, what its gate said, and how its two policies compare."""
    run = options.out / f"seed-{seed}"
    own = [str(options.curriculum), "--out", str(run), "--seed", str(seed), "--threads", str(options.threads)]
    taught = ["--demos", str(options.demos)] if options.demos else []
    found = regrasp("run", *own, *taught)
    without = regrasp("run", *own, "--without-demos") if options.without_demos else None
    row = {"seed": seed, "gate": found["gate"], "wall_s": found["wall_s"], "checks": checks(run)}
    if without:
        row |= {"without": without["results"]["rl"], "without_checks": checks(run / WITHOUT)}
    if "rl" in found["checkpoints"]:
        policies = [found["checkpoints"][name] for name in ("bc", "rl")]
        undisturbed = [found["results"][name]["by_disturbance"]["none"] for name in ("bc", "rl")]
        row |= {"compared": regrasp("compare", *policies), "undisturbed": undisturbed}
    return row


def checks(run: Path) -> list[tuple[int, float, float]]:
    """(control steps, primary success, contact entry) of every check on the way."""
    points = [point for point in read_curves(run / "progress.jsonl") if "contact_entry" in point.values]
    primary = next((name for name in PRIMARIES if points and name in points[0].values), "")
    return [(point.control_steps, point.values[primary], point.values["contact_entry"]) for point in points]


def show(rows: list[dict[str, Any]]) -> None:
    """The table for people."""
    table = Table(title="Cloned → fine-tuned")
    columns = ("seed", "gate", "undisturbed", "whole panel", "recovery", "held-out objects", "their recovery")
    for column in (*columns, "without", "wall clock [s]"):
        table.add_column(column)
    for row in rows:
        table.add_row(*_cells(row))
    Console(width=200).print(table)


def _cells(row: dict[str, Any]) -> list[str]:
    wall = ", ".join(f"{part} {seconds:.0f}" for part, seconds in row["wall_s"].items())
    gate = row["gate"]
    opened = f"{_rate(gate['success'])}, {_rate(gate['contact_entry'])}" if gate else "–"
    compared = row.get("compared")
    changes = ["–"] * 5
    if compared:
        held_out = compared["by_split"].get("held_out")
        parts = [compared, compared["recovery"], held_out, held_out and held_out["recovery"]]
        before, after = (one["success_held"] for one in row["undisturbed"])
        changes = [f"{_rate(before)} → {_rate(after)}", *map(_change, parts)]
    without = _rate(row["without"]["success_held"]) if "without" in row else "–"
    return [str(row["seed"]), opened, *changes, without, wall]


def _change(part: dict[str, Any] | None) -> str:
    if not part:
        return "–"
    before, after = (part[side].get("primary", part[side]) for side in "ab")
    return f"{_rate(before)} → {_rate(after)}, p = {part['p']:.1g}"


def _rate(rate: dict[str, Any]) -> str:
    return f"{rate['count']}/{rate['n']}"


if __name__ == "__main__":
    main()
