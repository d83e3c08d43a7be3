"""From demonstrations to a policy, against the clock: success, samples, wall clock, and what physics alone takes of it.

    python benchmarks/bars.py door --demos door-v0_demos.pickle --seeds 0 1 2 3 4 --out runs/bars
    python benchmarks/bars.py door-sparse --demos door-v0_demos.pickle --out runs/bars
    python benchmarks/bars.py hammer relocate pen --out runs/bars

The clock starts before the demonstrations are read and stops when the fine-tuned policy is there: cloning, the gate and
the check at the end count. Then the policy is judged on the undisturbed cases of the task's frozen panel. Physics alone
is what the bare engine takes for as many control steps, measured right after each seed. What was measured
lies in `<out>/<bar>/seed-<n>.json`, and is not measured again; with other settings it is refused.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from commands import regrasp
from rich.console import Console
from rich.table import Table

from regrasp.curriculum.phases import Candidate, GateDecided, Ingredients, Spent, execute
from regrasp.curriculum.schema import Curriculum, locate, read_curriculum
from regrasp.demonstrations import read_demonstrations
from regrasp.errors import InputError
from regrasp.panel.cases import read_panel
from regrasp.panel.evaluation import evaluate
from regrasp.panel.statistics import rate_from_counts
from regrasp.store.atomic import replacing
from regrasp.tasks import find_task

CURRICULA = Path(__file__).parents[1] / "curricula"
UNWATCHED = ("rl.check_every=100000",)
"""One check, at the end."""


@dataclass(frozen=True)
class Bar:
    """What is to be reached: success on undisturbed cases, within how many seconds, with which settings."""

    curriculum: str
    rate: float
    seconds: float
    settings: tuple[str, ...] = ()


SPARSE = ("rl.reward_terms=['judged']", "rl.largest_reward=1", "rl.kl_stop=0.06", "rl.iterations=320")
"""The judge's success alone: it comes late, so it gets a third more steps, and larger ones."""
CALM = ("rl.disturbed=0", "rl.disturbances=[]")
BARS = {
    "door": Bar("adroit-door-fast.toml", 0.97, 300),
    "door-sparse": Bar("adroit-door-fast.toml", 0.9, 900, SPARSE),
    "hammer": Bar("adroit-hammer.toml", 0.95, 600, (*CALM, "rl.iterations=80")),
    "relocate": Bar("adroit-relocate-fast.toml", 0.95, 600),
    "pen": Bar("adroit-pen.toml", 0.95, 600, CALM),
}


def main() -> None:
    """Measure every bar that is asked for, on every seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bars", nargs="+", choices=BARS)
    parser.add_argument("--demos", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="PHASE.KEY=VALUE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        for name in options.bars:
            show(name, list(measured(name, options)))
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def measured(name: str, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row per seed, from where it was kept or anew.

    Raises:
        InputError: what was kept was measured with other settings or threads, or on other demonstrations.
    """
    file = CURRICULA / BARS[name].curriculum
    curriculum = read_curriculum(file, (*UNWATCHED, *BARS[name].settings, *options.set))
    demos = options.demos or locate(file, curriculum.demonstrations or "")
    taught = read_demonstrations(demos, find_task(curriculum.task)).digest
    for seed in options.seeds:
        kept, own = options.out / name / f"seed-{seed}.json", replace(curriculum, seed=seed)
        asked = {"curriculum": own.digest, "demonstrations": taught, "threads": options.threads}
        if not kept.exists():
            row = asked | run(file, own, demos, options.threads)
            kept.parent.mkdir(parents=True, exist_ok=True)
            with replacing(kept) as stream:
                stream.write(json.dumps(row, indent=1).encode() + b"\n")
        row = json.loads(kept.read_text(encoding="utf-8"))
        for key, value in asked.items():
            if row.get(key) != value:
                raise InputError(kept, key, repr(row.get(key)), f"{value!r} as asked for now; name another --out")
        yield row


def run(file: Path, curriculum: Curriculum, demos: Path, threads: int) -> dict[str, Any]:
    """Demonstrations → fine-tuned policy, then that policy on the panel's undisturbed cases."""
    task = find_task(curriculum.task)
    panel = read_panel(locate(file, curriculum.panel))
    begun = time.perf_counter()
    given = Ingredients(task, read_demonstrations(demos, task), threads)
    found, spent = {"seed": curriculum.seed}, Counter[str]()
    for event in execute(curriculum, given):
        if isinstance(event, Spent):
            spent[event.part] += event.seconds
        elif isinstance(event, GateDecided):
            found["gate_s"] = time.perf_counter() - begun
        elif isinstance(event, Candidate):
            found["wall_s"] = time.perf_counter() - begun
            found["control_steps"] = event.control_steps
            policy = event.policy
    cases = [case for case in panel.cases if case.disturbance.kind == "none"]
    trials = [trial for rows in evaluate(policy, task, cases, threads) for trial in rows]
    engine = regrasp("bench", "simulation", "--task", task.name, "--worlds", str(curriculum.rl.worlds),
                     "--threads", str(threads), "--gymnasium-worlds", "0", "--seconds", "6")  # fmt: skip
    return found | {
        "spent_s": dict(spent),
        "engine_steps_per_s": engine["engine_steps_per_s"],
        "physics_s": found["control_steps"] / engine["engine_steps_per_s"],
        "n": len(trials),
        "entered": sum(trial.entered for trial in trials),
        "success": sum(bool(getattr(trial, task.judge.primary)) for trial in trials),
    }


def show(name: str, rows: list[dict[str, Any]]) -> None:
    """The table for people."""
    bar = BARS[name]
    table = Table(title=f"{name}: at least {bar.rate} in {bar.seconds:.0f} s")
    for column in (
        "seed",
        "success (95 %)",
        "contact entry",
        "control steps",
        "wall clock [s]",
        "physics alone",
        "met",
    ):
        table.add_column(column)
    for row in rows:
        rate = rate_from_counts(row["success"], row["n"])
        physics = row["physics_s"]
        table.add_row(
            str(row["seed"]),
            f"{row['success']}/{row['n']} ({rate.low:.2f}–{rate.high:.2f})",
            f"{row['entered']}/{row['n']}",
            f"{row['control_steps']:,}",
            f"{row['wall_s']:.0f}",
            f"{physics:.0f} s, {physics / row['wall_s']:.0%}",
            "yes" if row["success"] >= bar.rate * row["n"] and row["wall_s"] <= bar.seconds else "no",
        )
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
