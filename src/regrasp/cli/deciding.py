"""Judging a checkpoint until it is decided whether it beats another one: cases are played in the panel's own order."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from rich.console import Console

from regrasp.cli.judging import Checkpoint, known_rows, playing, result, stored_trials
from regrasp.errors import InputError
from regrasp.panel.cases import Case, Panel
from regrasp.panel.sequential import Decision, decide, order
from regrasp.panel.statistics import OUTCOMES
from regrasp.store.database import Database
from regrasp.trial import Trial

LOOK = 64
"""Cases that are played between two looks."""


def judge_until_decided(
    checkpoint: Checkpoint,
    against: Checkpoint,
    panel: Panel,
    threads: int,
    store: Database | None,
    console: Console,
    again: bool = False,
    processes: int = 1,
) -> dict[str, Any]:
    """Judge a checkpoint on as many cases as it takes; gives their rates, as `judge_checkpoint`, and the decision.

    Args: as in `judge_checkpoint`, and
        against: the checkpoint compared with, judged on all of the panel before.

    Raises:
        InputError: `against` was not judged on all of the panel.
    """
    beside = _rows_beside(against, panel)
    rows = known_rows(checkpoint, panel, store, again)
    with ExitStack() as stack:
        play: Callable[[Sequence[Case]], list[Trial]] | None = None
        decision, played = _look([], {}, beside, checkpoint), 0
        cases = order(panel)
        while decision.verdict == "undecided" and played < len(cases):
            missing = [case for case in cases[played : played + LOOK] if case.number not in rows]
            if missing and play is None:
                total = sum(case.number not in rows for case in cases)
                own = playing(checkpoint, panel, threads, store, console, processes, total)
                play = stack.enter_context(own)
            rows |= {row.case: row for row in play(missing)} if missing and play else {}
            played = min(played + LOOK, len(cases))
            decision = _look(cases[:played], rows, beside, checkpoint)
    found = result(checkpoint, panel, [rows[case.number] for case in panel.cases if case.number in rows])
    head = {"against": against.manifest.digest, "cases": len(panel.cases)}
    return found | {"until_decided": head | decision.to_json()}


def _rows_beside(against: Checkpoint, panel: Panel) -> Mapping[int, Trial]:
    rows = {row.case: row for row in stored_trials(against, panel.digest)}
    if missing := len(panel.cases) - len(rows):
        folder = against.manifest.folder
        found = f"{folder}, with no row of {missing} of the panel's {len(panel.cases)} cases"
        raise InputError("--against", "", found, "a checkpoint that was judged on all of it (regrasp evaluate)")
    return rows


def _look(
    cases: Sequence[Case], rows: Mapping[int, Trial], beside: Mapping[int, Trial], checkpoint: Checkpoint
) -> Decision:
    done = OUTCOMES[checkpoint.task.judge.primary]
    return decide(*([done(own[case.number]) for case in cases] for own in (beside, rows)))


def sentence(found: Mapping[str, Any]) -> str:
    """What `until_decided` holds, in words."""
    share = f"{100 * found['low']:.0f}–{100 * found['high']:.0f} %"
    counts = f"{found['only_b']} cases only this one does, {found['only_a']} only the other"
    after = f"after {found['n']} of {found['cases']} cases"
    why = f"e = {found['e']:.3g}, decided at 20" if found["e"] < 1e6 else "e above a million, decided at 20"
    return f"{found['verdict']} {after}: {counts}; it wins {share} of those in the long run ({why})."
