"""Does curation pay? Clones of demonstrations as they are and as `regrasp demos curate` leaves them, on the same cases.

    python benchmarks/curated.py --door door-v0_demos.pickle --out runs/benchmark/curated
    python benchmarks/curated.py --sets planar --out runs/benchmark/curated                           # some minutes

Each set is cloned as it is, and made worse on purpose: three episodes repeated until they are two thirds of it; the
hand waiting before and after each episode; as many failed attempts mixed in. Each of these is curated by the set's
rules. Curated and uncurated, it is cloned with the curriculum's settings, so with the same number of updates, on every
seed, and judged on the same undisturbed cases; what curation leaves as it was is cloned once. The door's human
demonstrations are not curated by success: two in three fail when played again. The planned ones of tool-pickup are
planned first.

McNemar's exact test pairs the outcomes by case and seed. It says whether these clones differ on these cases; three
seeds are too few to say how much clones of other seeds would. Files, each with what was left out of it and why, and
`table.json` lie in `<out>`; what was measured is not measured again, and with other settings it is refused.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from commands import regrasp
from policies import cloned_by
from polluted import WAYS
from rich.console import Console
from rich.table import Table

from regrasp.curriculum.schema import Curriculum, read_curriculum
from regrasp.curriculum.settings import settings_to_json
from regrasp.demonstrations import DemonstrationSet, read_demonstrations, write_demonstrations
from regrasp.errors import InputError
from regrasp.panel.cases import draw_cases
from regrasp.panel.evaluation import evaluate
from regrasp.panel.paired import mcnemar_exact
from regrasp.panel.statistics import rate_from_counts
from regrasp.store.atomic import replacing
from regrasp.tasks import find_task
from regrasp.tasks.task import Task

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "src" / "regrasp" / "data"
RULES = ("--success", "--duplicates", "--idle", "--outliers")
PLANNED = ("--episodes", "39", "--candidates", "8", "--every", "4", "--noise", "0.05", "--disturbed", "0.4")


@dataclass(frozen=True)
class Subject:
    """A set of demonstrations: the curriculum that learns from it, its file, the rules that it is curated by.

    Without a file it is planned anew, with the options in `plan`.
    """

    curriculum: str
    file: Path | None
    rules: tuple[str, ...] = RULES
    plan: tuple[str, ...] = ()


SUBJECTS = {
    "hammer": Subject("adroit-hammer.toml", DATA / "adroit-hammer.hdf5"),
    "tool": Subject("tool-pickup.toml", None, plan=PLANNED),
    "planar": Subject("planar-turn.toml", DATA / "planar-turn.hdf5"),
}


def main() -> None:
    """Measure whatever the table lacks, then print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--door", type=Path, help="human demonstrations of adroit-door; without them it is left out")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=["door", *SUBJECTS])
    parser.add_argument("--variants", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--threads", type=int, default=0, help="of the engine")
    parser.add_argument("--set", action="append", default=[], metavar="PHASE.KEY=VALUE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    subjects = dict(SUBJECTS)
    if options.door:
        subjects = {"door": Subject("adroit-door.toml", options.door, RULES[1:]), **subjects}
    try:
        for name in options.sets or subjects:
            if name not in subjects:
                raise InputError("--sets", "", "door without --door", "--door FILE, human demonstrations of the door")
            show(name, list(measured(name, subjects[name], options)))
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def measured(name: str, subject: Subject, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The rows of one set, from the table or anew: one per variant, seed, and curated or not.

    Raises:
        InputError: the table was measured with other settings or on other demonstrations.
    """
    curriculum = read_curriculum(ROOT / "curricula" / subject.curriculum, options.set)
    task, folder, table = find_task(curriculum.task), options.out / name, options.out / "table.json"
    folder.mkdir(parents=True, exist_ok=True)
    source = subject.file or _planned(task, subject, folder)
    taught = read_demonstrations(source, task)
    settings = {"demonstrations": taught.digest, "rules": list(subject.rules), "cases": options.cases}
    settings["cloning"] = json.loads(json.dumps(settings_to_json(curriculum.bc.cloning)))
    kept: dict[str, Any] = json.loads(table.read_text(encoding="utf-8")) if table.exists() else {}
    own = kept.setdefault(name, {"settings": settings, "rows": []})
    if own["settings"] != settings:
        raise InputError(table, name, "another table", "these settings and demonstrations; name another --out")
    for variant in options.variants:
        files = _files(task, variant, taught, subject, folder, options.threads)
        for seed in options.seeds:
            for curated, file in zip((False, True), files, strict=True):
                key = {"variant": variant, "seed": seed, "curated": curated}
                row = next((row for row in own["rows"] if key.items() <= row.items()), None)
                if row is None:
                    row = key | _outcomes(curriculum, task, read_demonstrations(file, task), seed, own["rows"], options)
                    own["rows"].append(row)
                    with replacing(table) as stream:
                        stream.write(json.dumps(kept, indent=1).encode() + b"\n")
                yield row


def _planned(task: Task, subject: Subject, folder: Path) -> Path:
    file = folder / "planned.hdf5"
    if not file.exists():
        regrasp("demos", "plan", "--task", task.name, *subject.plan, "--out", str(file))
    return file


def _files(
    task: Task, variant: str, taught: DemonstrationSet, subject: Subject, folder: Path, threads: int
) -> tuple[Path, Path]:
    """The set in one variant, uncurated and curated."""
    stem = variant.replace(" ", "-")
    whole, left = folder / f"{stem}.hdf5", folder / f"{stem}-curated.hdf5"
    if not whole.exists():
        write_demonstrations(whole, WAYS[variant](task, taught.episodes, threads), task)
    if not left.exists():
        # What lies there is of a curation that was interrupted.
        left.with_name(f"{left.name}.fates.json").unlink(missing_ok=True)
        own = ("--task", task.name, "--threads", str(threads))
        regrasp("demos", "curate", str(whole), str(left), *own, *subject.rules)
    return whole, left


def _outcomes(
    curriculum: Curriculum,
    task: Task,
    taught: DemonstrationSet,
    seed: int,
    rows: Sequence[dict[str, Any]],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """What a set holds and how its clone does, case by case; of equal data it is known already."""
    held = {"digest": taught.digest, "episodes": len(taught.episodes)}
    held["steps"] = sum(episode.steps for episode in taught.episodes)
    for row in rows:
        if (row["digest"], row["seed"]) == (taught.digest, seed):
            return held | {key: row[key] for key in ("success", "entered")}
    policy, _ = cloned_by(curriculum.bc.cloning, seed, task, taught)
    cases = draw_cases(task, {"none": options.cases}, 0, "curated")
    trials = [trial for rows in evaluate(policy, task, cases, options.threads) for trial in rows]
    succeeded = [bool(getattr(trial, task.judge.primary)) for trial in trials]
    return held | {"success": succeeded, "entered": sum(trial.entered for trial in trials)}


def show(name: str, rows: Sequence[dict[str, Any]]) -> None:
    """The table for people."""
    table = Table(title=f"{name}: clones of demonstrations as they are, and curated")
    columns = ("demonstrations", "episodes", "control steps", "success (95 %)", "curated (95 %)", "by seed", "only one")
    for column in (*columns, "p"):
        table.add_column(column)
    for variant in dict.fromkeys(row["variant"] for row in rows):
        before, after = (
            [row for row in rows if (row["variant"], row["curated"]) == (variant, c)] for c in (False, True)
        )
        outcomes = [[won for row in side for won in row["success"]] for side in (before, after)]
        test = mcnemar_exact(*outcomes)
        table.add_row(
            variant,
            *(f"{before[0][what]:,} → {after[0][what]:,}" for what in ("episodes", "steps")),
            *map(_rate, outcomes),
            ", ".join(f"{sum(a['success'])} → {sum(b['success'])}" for a, b in zip(before, after, strict=True)),
            f"{test.only_a}, {test.only_b}",
            f"{test.p:.2g}",
        )
    Console(width=170).print(table)


def _rate(outcomes: Sequence[bool]) -> str:
    rate = rate_from_counts(sum(outcomes), len(outcomes))
    return f"{rate.count}/{rate.n} ({rate.low:.2f}–{rate.high:.2f})"


if __name__ == "__main__":
    main()
