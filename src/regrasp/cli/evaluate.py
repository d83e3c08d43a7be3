"""`regrasp evaluate`: one checkpoint on one panel."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.table import Table
from tyro.conf import Positional

from regrasp.cli.output import console, emit, rate_cell, table
from regrasp.errors import InputError

RATES = ("success", "success_at_end", "success_held", "contact_entry", "loss", "recovery")


def evaluate(
    checkpoint: Positional[Path],
    panel: Path,
    task: str | None = None,
    threads: int = 0,
    processes: int = 1,
    again: bool = False,
    until_decided: bool = False,
    against: Path | None = None,
    json: bool = False,
) -> None:
    """Judge a checkpoint on a panel: success, contact entry, loss, recovery and drops.

    Every case of the panel is played once by the deterministic policy and judged from physical state. Rows of a
    checkpoint that lies in a run folder are kept in the run's store, so that the second time takes no simulation, and
    an interrupted command goes on where it was.

    With --until-decided it plays the cases in an order that mixes all kinds, and stops as soon as the checkpoint is
    shown to be better or worse than another in the task's primary outcome. The test may be looked at after every case:
    it errs in at most 5 % of comparisons without a difference. Without the flag, the same command plays the rest.

    Args:
        checkpoint: folder of the checkpoint, as runs/door/checkpoints/bc.
        panel: panel file, as panels/adroit-door.json.
        task: the task, if it is not built in: its Python file, as my_task.py.
        threads: engine threads; 0 uses every core. The result is the same for any number.
        processes: spread the cases over so many processes, on one thread each; the rows are the same.
        again: simulate every case even if its row is stored; a row that comes out differently is refused.
        until_decided: stop as soon as it is decided who is better, this checkpoint or that of --against.
        against: folder of the other checkpoint, which was judged on all of the panel.
        json: print one JSON object instead of tables.
    """
    from regrasp.cli.judging import judge_checkpoint, open_checkpoint
    from regrasp.panel.cases import read_panel
    from regrasp.store.database import Database

    _require(processes, until_decided, against)
    opened = open_checkpoint(checkpoint, task)
    other = open_checkpoint(against, task) if against else None
    cases = read_panel(panel)
    cases.require(opened.task, str(panel))
    with Database(opened.run.database) if opened.run else nullcontext() as store:
        if other is None:
            found = judge_checkpoint(opened, cases, threads, store, console(), again, processes)
        else:
            from regrasp.cli.deciding import judge_until_decided

            found = judge_until_decided(opened, other, cases, threads, store, console(), again, processes)
    kept = "rows kept in its run's store" if opened.run else "rows not kept: the checkpoint lies in no run folder"
    title = f"{checkpoint}: {found['trials']} cases of panel {found['panel'][:12]}, {kept}"
    emit(found, json, title, *_decided(found, against), *rate_tables(found))


def _require(processes: int, until_decided: bool, against: Path | None) -> None:
    if processes < 1:
        raise InputError("--processes", "", str(processes), "a whole number, at least 1")
    if until_decided and against is None:
        raise InputError("--until-decided", "", "no other checkpoint", "one beside it (--against CHECKPOINT)")
    if against is not None and not until_decided:
        raise InputError(
            "--against", "", f"{against} alone", "--until-decided beside it (regrasp compare compares all)"
        )


def _decided(found: dict[str, Any], against: Path | None) -> list[str]:
    if "until_decided" not in found:
        return []
    from regrasp.cli.deciding import sentence

    own = f"Against {against}: {sentence(found['until_decided'])}"
    rest = found["until_decided"]["cases"] - found["trials"]
    return [own, f"The rates below leave out the {rest} cases that were not played."] if rest else [own]


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
