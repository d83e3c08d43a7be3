"""Fine-tuning begun too early, with the contact guard, with a fading demonstration term and with none.

    python benchmarks/contact_guard.py --out runs/benchmark/guard
    python benchmarks/contact_guard.py --out runs/benchmark/guard --tasks adroit-door --seeds 0

The clones are under-trained on purpose (`EARLY` updates), the gate is forced, and the steps are a textbook's (`STEPS`:
3e-4, ten epochs, no stop at a KL divergence). `guard`: λ_BC is the multiplier of the constraint on contact entry, from
1. `annealed`: λ_BC = 0.1 · 0.97^k, as by default. `none`: 0. All else is the task's own curriculum, cut off after
`ITERATIONS`. 100 undisturbed cases judge the end.

One `regrasp run` each; a run that was killed goes on where it was, one that is complete is only read. Writes
`<out>/table.json`, `<out>/curves.png`, and prints the table: contact entry and success of the noiseless policy at the
checks on the way, the lowest contact entry in training (with noise, mean of four iterations), and success in the end.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from commands import regrasp
from matplotlib import pyplot
from rich.console import Console
from rich.table import Table

from regrasp.curriculum.schema import locate, read_curriculum
from regrasp.panel.cases import draw_cases, make_panel, write_panel
from regrasp.panel.statistics import rate_from_counts
from regrasp.store.curves import read_curves
from regrasp.tasks import find_task
from regrasp.tasks.task import SPLITS

ROOT = Path(__file__).resolve().parent.parent
EARLY = {"adroit-door": 150, "adroit-relocate": 400}
ITERATIONS = 40
CASES = 100
VARIANTS = {
    "guard": {"contact_guard": "true", "demonstration_weight": "1.0"},
    "annealed": {"demonstration_weight": "0.1", "demonstration_decay": "0.97"},
    "none": {"demonstration_weight": "0.0"},
}
STEPS = {
    "learning_rate": "3e-4",
    "final_learning_rate": "3e-4",
    "epochs": "10",
    "kl_stop": "10.0",
    "critic_warmup": "5",
}
ENTRY = "contact_entry_in_training"
SMOOTH = 4
"""Iterations that contact entry in training is averaged over: about 20 episodes end in each."""


def main() -> None:
    """Train every variant on every task and seed, then print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tasks", nargs="+", default=list(EARLY), choices=list(EARLY))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows = [
        measure(task, variant, seed, options)
        for task in options.tasks
        for seed in options.seeds
        for variant in VARIANTS
    ]
    (options.out / "table.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    show(rows)
    draw(rows, options.out / "curves.png")


def measure(name: str, variant: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One run: what contact did on the way, and what came out."""
    run = options.out / f"{name}-{variant}-{seed}"
    settings = VARIANTS[variant] | STEPS | {"iterations": str(ITERATIONS), "check_every": "10"}
    changes = [f"rl.{key}={value}" for key, value in settings.items()]
    changes += ["gate.force=true", "bc.rounds_limit=1", f"bc.updates={EARLY[name]}"]
    given = [part for change in changes for part in ("--set", change)]
    given += ["--out", str(run), "--seed", str(seed), "--threads", str(options.threads)]
    found = regrasp("run", str(prepare(name, options.out)), *given)
    primary = find_task(name).judge.primary
    tuned = [record for record in read_curves(run / "progress.jsonl") if record.phase == "rl"]
    checks = [record for record in tuned if primary in record.values]
    learned = [record for record in tuned if record.values["policy_updates"]]
    return {
        "task": name,
        "variant": variant,
        "seed": seed,
        "clone": found["gate"]["contact_entry"],
        "entry": smoothed(
            [(record.control_steps, record.values[ENTRY]) for record in learned if ENTRY in record.values]
        ),
        "checks": [(one.control_steps, one.values["contact_entry"], one.values[primary]) for one in checks],
        "weights": [(record.control_steps, record.values["lambda_bc"]) for record in learned],
        "success": [found["results"][policy][primary] for policy in ("bc", "rl")],
        "wall_s": found["wall_s"],
    }


def smoothed(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Means of `SMOOTH` values in a row, each at the last of them."""
    ends = range(SMOOTH, len(points) + 1)
    return [(points[end - 1][0], sum(share for _, share in points[end - SMOOTH : end]) / SMOOTH) for end in ends]


def prepare(name: str, out: Path) -> Path:
    """The task's curriculum with a panel of undisturbed cases alone."""
    shipped = ROOT / "curricula" / f"{name}.toml"
    curriculum, task = read_curriculum(shipped), find_task(name)
    file, panel = (out.resolve() / f"{name}.{suffix}" for suffix in ("toml", "json"))
    if not file.exists():
        write_panel(make_panel(task, draw_cases(task, {"none": CASES}, 0, "panel", SPLITS)), panel)
        taught = str(locate(shipped, curriculum.demonstrations or "").resolve())
        own = replace(curriculum, panel=str(panel), demonstrations=taught)
        file.write_text(own.to_toml(), encoding="utf-8")
    return file


def show(rows: list[dict[str, Any]]) -> None:
    """The table for people."""
    table = Table(title="Fine-tuning begun too early")
    heads = (
        "task",
        "λ_BC",
        "seed",
        "clone's entry",
        "lowest in training",
        "entry at checks",
        "success at checks",
        "success",
    )
    for head in heads:
        table.add_column(head)
    for row in rows:
        before, after = (rate_from_counts(rate["count"], rate["n"]) for rate in row["success"])
        interval = f"{100 * (after.low or 0):.0f}–{100 * (after.high or 0):.0f} %"
        table.add_row(
            row["task"],
            row["variant"],
            str(row["seed"]),
            f"{row['clone']['count']}/{row['clone']['n']}",
            f"{min(share for _, share in row['entry']):.2f}",
            ", ".join(f"{100 * entry:.0f}" for _, entry, _ in row["checks"]),
            ", ".join(f"{100 * success:.0f}" for _, _, success in row["checks"]),
            f"{before.count} → {after.count} of {after.n} ({interval})",
        )
    Console(width=160).print(table)


def draw(rows: list[dict[str, Any]], file: Path) -> None:
    """Contact entry in training and λ_BC, one column per task, one line per seed."""
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    colors = dict(zip(VARIANTS, ("#0b7285", "#b8620b", "#c0271f"), strict=True))
    figure, grid = pyplot.subplots(2, len(tasks), figsize=(6 * len(tasks), 6), sharex="col", squeeze=False)
    for column, task in enumerate(tasks):
        entry, weight = grid[0][column], grid[1][column]
        for row in (one for one in rows if one["task"] == task):
            label = row["variant"] if row["seed"] == rows[0]["seed"] else None
            entry.plot(*zip(*row["entry"], strict=True), color=colors[row["variant"]], label=label, linewidth=1.2)
            if row["variant"] != "none":
                weight.plot(*zip(*row["weights"], strict=True), color=colors[row["variant"]], linewidth=1.2)
        entry.set(title=f"{task}: contact entry in training", ylim=(0, 1.02))
        entry.legend()
        weight.set(title="λ_BC", yscale="log", xlabel="control steps")
    figure.tight_layout()
    figure.savefig(file, dpi=110)


if __name__ == "__main__":
    main()
