"""One curriculum's demonstrations, cloned by policies of every design: success and contact entry without disturbances.

    python benchmarks/policies.py curricula/planar-turn.toml --out runs/benchmark/policies-planar
    python benchmarks/policies.py curricula/adroit-door.toml --demos adroit-door-human.pickle --out runs/benchmark/door

One round of cloning with the curriculum's settings for each design and seed, one after another, then the same cases for
all of them. Writes `<out>/table.json` after each and prints it; what the table already has is not done again.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from regrasp.curriculum.schema import Curriculum, locate, read_curriculum
from regrasp.curriculum.settings import setting_names, settings_to_json
from regrasp.demonstrations import DemonstrationSet, control_steps, read_demonstrations, transitions
from regrasp.imitation.cloning import CloningConfig, clone
from regrasp.panel.cases import draw_cases
from regrasp.panel.evaluation import evaluate
from regrasp.panel.statistics import rate_from_counts
from regrasp.policies.design import Design
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.policies.progress import Progress
from regrasp.seeding import torch_stream
from regrasp.tasks import find_task
from regrasp.tasks.task import Task

DESIGNS = {
    "mlp/gaussian": Design(),
    "mlp/mixture": Design(head="mixture"),
    "mlp/flow": Design(head="flow"),
    "mlp/flow, sampled": Design(head="flow", sampled=True),
    "mlp/gaussian, window 4": Design(window=4),
    "transformer/gaussian, window 8": Design("transformer", 8),
    "mlp/gaussian, 4 of 8": Design(chunk=8, execute=4),
    "mlp/mixture, 4 of 8": Design(head="mixture", chunk=8, execute=4),
    "mlp/flow, 4 of 8": Design(head="flow", chunk=8, execute=4),
    "mlp/flow, 4 of 8, sampled": Design(head="flow", chunk=8, execute=4, sampled=True),
    "mlp/gaussian, ensemble of 8": Design(chunk=8, ensemble=True),
    "transformer/flow, window 8, 4 of 8": Design("transformer", 8, "flow", 8, 4),
}


def main() -> None:
    """Clone and judge whatever the table lacks, then print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curriculum", type=Path)
    parser.add_argument("--demos", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--designs", nargs="+", choices=DESIGNS, default=list(DESIGNS))
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--threads", type=int, default=0, help="of the engine")
    options = parser.parse_args()
    torch.set_num_threads(1)
    curriculum = read_curriculum(options.curriculum)
    task = find_task(curriculum.task)
    demos = options.demos or locate(options.curriculum, curriculum.demonstrations or "")
    taught = read_demonstrations(demos, task)
    file = options.out / "table.json"
    own = setting_names(Design)
    cloning = {key: value for key, value in settings_to_json(curriculum.bc.cloning).items() if key not in own}
    settings = {"task": task.name, "demonstrations": taught.digest, "cases": options.cases, "cloning": cloning}
    known: dict[str, Any] = (
        json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"settings": settings, "rows": []}
    )
    if known["settings"] != settings:
        parser.error(f"{file} was measured with other settings; name another --out")
    for seed in options.seeds:
        for name in options.designs:
            if not any((row["design"], row["seed"]) == (name, seed) for row in known["rows"]):
                row = measure(DESIGNS[name], seed, curriculum, task, taught, options)
                known["rows"].append({"design": name, "seed": seed, **row})
                _write(file, known)
    show(task.name, [row for row in known["rows"] if row["design"] in options.designs])


def measure(
    design: Design, seed: int, curriculum: Curriculum, task: Task, taught: DemonstrationSet, options: argparse.Namespace
) -> dict[str, Any]:
    """One clone: how often it succeeds and enters contact, and what that took."""
    begun = time.perf_counter()
    policy, last = cloned_by(replace(curriculum.bc.cloning, design=design), seed, task, taught)
    cloned = time.perf_counter()
    cases = draw_cases(task, {"none": options.cases}, 0, "policies")
    trials = [trial for rows in evaluate(policy, task, cases, options.threads) for trial in rows]
    return {
        "success": sum(getattr(trial, task.judge.primary) for trial in trials),
        "contact_entry": sum(trial.entered for trial in trials),
        "n": len(trials),
        "residual": last.values["residual"],
        "weights": sum(parameter.numel() for parameter in policy.parameters()),
        "cloning_s": round(cloned - begun, 1),
        "judging_s": round(time.perf_counter() - cloned, 1),
    }


def cloned_by(config: CloningConfig, seed: int, task: Task, taught: DemonstrationSet) -> tuple[Policy, Progress]:
    """One round of cloning from nothing, and its last progress record."""
    columns, interface = task.observations["policy"].fields, task.interface
    spec = PolicySpec(columns, interface.fields, config.hidden, config.activation, interface, task.name, config.design)
    policy = Policy.build(spec, torch_stream(seed, "policy"))
    *_, last = clone(policy, *transitions(taught), config, seed, steps=control_steps(taught))
    return policy, last


def show(task: str, rows: Sequence[dict[str, Any]]) -> None:
    """The table for people: one line per design, its seeds together."""
    table = Table(title=f"Clones of {task}, undisturbed")
    columns = ("design", "success", "95 %", "by seed", "contact entry", "residual", "weights", "cloning [s]")
    for column in (*columns, "judging [s]"):
        table.add_column(column)
    for name in dict.fromkeys(row["design"] for row in rows):
        own = [row for row in rows if row["design"] == name]
        total = {key: sum(row[key] for row in own) for key in ("success", "contact_entry", "n")}
        rate = rate_from_counts(total["success"], total["n"])
        means = {key: sum(row[key] for row in own) / len(own) for key in ("residual", "cloning_s", "judging_s")}
        table.add_row(
            name,
            f"{total['success']}/{total['n']}",
            f"{rate.low:.2f}–{rate.high:.2f}",
            " ".join(str(row["success"]) for row in own),
            f"{total['contact_entry']}/{total['n']}",
            f"{means['residual']:.3f}",
            f"{own[0]['weights']:,}",
            f"{means['cloning_s']:.0f}",
            f"{means['judging_s']:.0f}",
        )
    Console(width=170).print(table)


def _write(file: Path, content: dict[str, Any]) -> None:
    """In one piece, so that a kill leaves the old table or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    os.replace(part, file)


if __name__ == "__main__":
    main()
