"""The arguments of `regrasp run` and what it prints; the work is in `running.py`, which takes seconds to import."""

from pathlib import Path
from typing import Annotated, Any

from rich.table import Table
from tyro.conf import Positional, UseAppendAction, arg

from regrasp.cli.output import console, emit, table


def run(
    curriculum: Positional[Path],
    out: Path,
    demos: Path | None = None,
    task: str | None = None,
    seed: int | None = None,
    threads: int = 0,
    overrides: Annotated[UseAppendAction[tuple[str, ...]], arg(name="set", metavar="PHASE.KEY=VALUE")] = (),
    without_demos: bool = False,
    json: bool = False,
) -> None:
    """Run a curriculum: clone, pass the gate, fine-tune, judge. Killed, it continues where it was.

    Clones the demonstrations until the gate opens, fine-tunes by reinforcement learning under disturbances, and judges
    both checkpoints on the curriculum's panel. Everything lands in the run folder. The same command with the same
    folder continues a run that was interrupted and ends with the same bytes.

    Args:
        curriculum: curriculum file, as curricula/adroit-door.toml.
        out: the run folder, as runs/door; new, or that of an interrupted run.
        demos: demonstration file, in place of the curriculum's.
        task: name of the task or its Python file, in place of the curriculum's.
        seed: of every random draw, in place of the curriculum's.
        threads: engine threads; 0 uses every core. The result is the same for any number.
        overrides: a setting to use in place of the file's, as rl.iterations=100; give it again for another setting.
        without_demos: the same fine-tuning without any demonstration, from the rest posture, in the folder
            without-demos inside --out; the report of --out then says whether the demonstrations pay.
        json: print one JSON object instead of tables.
    """
    from regrasp.cli.running import run_curriculum

    found = run_curriculum(curriculum, out, demos, seed, threads, overrides, console(), without_demos, task)
    emit(found, json, *_shown(found))


def _shown(found: dict[str, Any]) -> list[str | Table]:
    from regrasp.cli.evaluate import rate_tables
    from regrasp.report.wording import duration, plain

    ended = "Done" if found["phase"] == "done" else f"Stopped: {found['phase']}"
    shown: list[str | Table] = [f"{ended.removesuffix('.')}. The run is in {found['run']}."]
    for name, result in found["results"].items():
        shown += [f"{found['checkpoints'][name]}: {result['trials']} cases", *rate_tables(result)]
    wall = [[plain(part), duration(seconds)] for part, seconds in found["wall_s"].items()]
    wall.append(["all", duration(sum(found["wall_s"].values()))])
    return [*shown, table("Where the time went", ["part", "wall clock"], wall), f"Next: regrasp report {found['run']}"]
