"""`regrasp evaluate`: one checkpoint on one panel."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.table import Table
from tyro.conf import Positional

from regrasp.cli.output import console, emit, rate_cell, table

RATES = ("success", "success_at_end", "success_held", "contact_entry", "loss", "recovery")


def evaluate(
    checkpoint: Positional[Path],
    panel: Path,
    task: str | None = None,
    threads: int = 0,
    again: bool = False,
    json: bool = False,
) -> None:
    """Judge a checkpoint on a panel: success, contact entry, loss, recovery and drops.

    Every case of the panel is played once by the deterministic policy and judged from physical state. Rows of a
    checkpoint that lies in a run folder are kept in the run's store, so that the second time takes no simulation.

    Args:
        checkpoint: folder of the checkpoint, as runs/door/checkpoints/bc.
        panel: panel file, as panels/adroit-door.json.
        task: the task, if it is not built in: its Python file, as my_task.py.
        threads: engine threads; 0 uses every core. The result is the same for any number.
        again: simulate every case even if its row is stored; a row that comes out differently is refused.
        json: print one JSON object instead of tables.
    """
    from regrasp.cli.judging import judge_checkpoint, open_checkpoint
    from regrasp.panel.cases import read_panel
    from regrasp.store.database import Database

    opened = open_checkpoint(checkpoint, task)
    cases = read_panel(panel)
    cases.require(opened.task, str(panel))
    with Database(opened.run.database) if opened.run else nullcontext() as store:
        found = judge_checkpoint(opened, cases, threads, store, console(), again)
    kept = "rows kept in its run's store" if opened.run else "rows not kept: the checkpoint lies in no run folder"
    title = f"{checkpoint}: {found['trials']} cases of panel {found['panel'][:12]}, {kept}"
    emit(found, json, title, *rate_tables(found))


def rate_tables(found: dict[str, Any]) -> list[Table]:
    """What `judge_checkpoint` gives, as tables: all cases, each split of objects, each kind of disturbance."""
    from regrasp.panel.statistics import Rate
    from regrasp.report.wording import counted, kind, kind_cell, outcome, span

    drops = ("dropped",) if "dropped" in found else ()
    names = {name: outcome(name) + (" (primary)" if name == found["primary"] else "") for name in (*RATES, *drops)}
    names |= {"loss": "loss under a disturbance", "recovery": "recovery after such a loss"}
    rates = {name: Rate(**found[name]) for name in names}
    rows = [[names[name], counted(rate), span(rate.low, rate.high)] for name, rate in rates.items()]
    chosen = (found["primary"], "contact_entry", "loss", "recovery", *drops)
    cells = [
        [kind_cell(kind(name), group["unrealistic"], group["success"]["n"]), *(rate_cell(group[r]) for r in chosen)]
        for name, group in found["by_disturbance"].items()
    ]
    kinds = table("By disturbance, over 95 % Wilson intervals", ["cases", *map(outcome, chosen)], cells)
    splits = [_split_table(found, chosen)] if "by_split" in found else []
    return [table("All cases", ["", "rate", "95 % interval"], rows), *splits, kinds]


def _split_table(found: dict[str, Any], chosen: Sequence[str]) -> Table:
    from regrasp.report.wording import outcome, split

    primary, *others = chosen
    cells = [
        [split(name), *(rate_cell(rate) for rate in (own[primary], own["disturbed"][primary], *map(own.get, others)))]
        for name, own in found["by_split"].items()
    ]
    columns = ["objects", outcome(primary), "under disturbances", *map(outcome, others)]
    return table("By objects, over 95 % Wilson intervals", columns, cells)
