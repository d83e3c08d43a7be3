"""`regrasp evaluate`: one checkpoint on one panel."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.table import Table
from tyro.conf import Positional

from regrasp.cli.output import console, emit, table

RATES = ("success", "success_at_end", "success_held", "contact_entry", "loss", "recovery")


def evaluate(
    checkpoint: Positional[Path], panel: Path, threads: int = 0, again: bool = False, json: bool = False
) -> None:
    """Judge a checkpoint on a panel: success, contact entry, loss and recovery.

    Every case of the panel is played once by the deterministic policy and judged from physical state. Rows of a
    checkpoint that lies in a run folder are kept in the run's store, so that the second time takes no simulation.

    Args:
        checkpoint: folder of the checkpoint, as runs/door/checkpoints/bc.
        panel: panel file, as panels/adroit-door.json.
        threads: engine threads; 0 uses every core. The result is the same for any number.
        again: simulate every case even if its row is stored; a row that comes out differently is refused.
        json: print one JSON object instead of tables.
    """
    from regrasp.cli.judging import judge_checkpoint, open_checkpoint
    from regrasp.panel.cases import read_panel
    from regrasp.store.database import Database

    opened = open_checkpoint(checkpoint)
    cases = read_panel(panel)
    cases.require(opened.task, str(panel))
    with Database(opened.run.database) if opened.run else nullcontext() as store:
        found = judge_checkpoint(checkpoint, cases, threads, store, console(), again)
    kept = f"rows in {opened.run.database}" if opened.run else "rows not kept: the checkpoint lies in no run folder"
    title = f"{checkpoint}: {found['trials']} cases of panel {found['panel'][:12]}, {kept}"
    emit(found, json, title, rates_table(found))


def rates_table(found: dict[str, Any]) -> Table:
    """What `judge_checkpoint` gives, as a table: each rate with its count and 95 % Wilson interval."""
    from regrasp.panel.statistics import Rate
    from regrasp.report.wording import counted, kind, outcome, span

    def cell(rate: dict[str, Any]) -> str:
        whole = Rate(**rate)
        return f"{counted(whole)}\n{span(whole.low, whole.high)}" if whole.n else "–"

    names = [outcome(name) + (" (primary)" if name == found["primary"] else "") for name in RATES]
    groups = {"all cases": found} | {kind(name): group for name, group in found["by_disturbance"].items()}
    rows = [[name, *(cell(group[rate]) for rate in RATES)] for name, group in groups.items()]
    return table("Rates, counts and 95 % Wilson intervals", ["cases", *names], rows)
