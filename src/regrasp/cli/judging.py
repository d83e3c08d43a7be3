"""Judging a checkpoint on a panel: rows in its run's store are taken from there, others are made and stored."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from regrasp.cli.output import progress
from regrasp.cli.sharding import players
from regrasp.contact import style, style_distance
from regrasp.errors import InputError
from regrasp.judges.judge import never
from regrasp.panel.cases import Case, Panel, read_panel
from regrasp.panel.statistics import Facts, summarise, violations
from regrasp.policies.checkpoint import Manifest, load_checkpoint, require_interface
from regrasp.policies.policy import Policy
from regrasp.store.database import Database
from regrasp.store.run_folder import RunFolder
from regrasp.tasks import stored_task
from regrasp.tasks.task import Task
from regrasp.trial import Trial


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and fits its task as it is now.

    Attributes:
        policy: what acts.
        manifest: what the checkpoint says about itself.
        task: the task as it is now.
        run: the run whose folder it lies in, if any.
        given: what `--task` said, with which another process finds the same task.
    """

    policy: Policy
    manifest: Manifest
    task: Task
    run: RunFolder | None
    given: str | None = None


def open_checkpoint(folder: Path, task: Task | str | None = None) -> Checkpoint:
    """Read a checkpoint and refuse it unless its task and action interface are those of today.

    Args:
        folder: of the checkpoint.
        task: its task, or what `--task` says; needed if the task is not built in.
    """
    policy, manifest = load_checkpoint(folder)
    found = stored_task(manifest.spec.task, task, f"{folder}: task")
    require_interface(manifest, found)
    return Checkpoint(policy, manifest, found, _run_of(folder), task if isinstance(task, str) else None)


def _run_of(folder: Path) -> RunFolder | None:
    """`<run>/checkpoints/<name>` belongs to the run."""
    checkpoints = folder.resolve().parent
    run = RunFolder(checkpoints.parent)
    return run if checkpoints.name == "checkpoints" and run.database.exists() else None


def judge_checkpoint(
    checkpoint: Checkpoint,
    panel: Panel,
    threads: int,
    store: Database | None,
    console: Console,
    again: bool = False,
    processes: int = 1,
) -> dict[str, Any]:
    """Judge a checkpoint on a panel; gives the object that `evaluate --json` prints.

    Args:
        checkpoint: as `open_checkpoint` read it.
        panel: its cases, all of them.
        threads: of the engine, 0 for every core.
        store: where known rows are taken from and new ones kept, if anywhere.
        console: where progress is shown.
        again: make every row anew; a row that differs from the stored one is refused.
        processes: over which the cases are spread, with one engine thread each if there are several.
    """
    return result(checkpoint, panel, judged_trials(checkpoint, panel, threads, store, console, again, processes))


def judged_trials(
    checkpoint: Checkpoint,
    panel: Panel,
    threads: int,
    store: Database | None,
    console: Console,
    again: bool = False,
    processes: int = 1,
) -> list[Trial]:
    """The checkpoint's row of every case of a panel, in their order; arguments as in `judge_checkpoint`."""
    rows = known_rows(checkpoint, panel, store, again)
    missing = [case for case in panel.cases if case.number not in rows]
    if missing:
        with playing(checkpoint, panel, threads, store, console, processes, len(missing)) as play:
            rows |= {row.case: row for row in play(missing)}
    return [rows[case.number] for case in panel.cases]


def known_rows(checkpoint: Checkpoint, panel: Panel, store: Database | None, again: bool = False) -> dict[int, Trial]:
    """Case → the checkpoint's stored row, of a panel that fits; none if every row is to be made `again`."""
    panel.require(checkpoint.task, f"panel {panel.digest[:12]}")
    digest = checkpoint.manifest.digest
    return {} if again or store is None else {row.case: row for row in store.trials(digest, panel.digest)}


def facts_of(task: Task) -> Facts:
    """What of a task is needed to count its trials."""
    drops = task.judge.dropped is not never
    spans = {kind: span.envelope or (span.low, span.high) for kind, span in task.disturbances.items()}
    return Facts(task.held_out, task.horizon if drops else None, spans)


def result(checkpoint: Checkpoint, panel: Panel, trials: Sequence[Trial]) -> dict[str, Any]:
    """The object that `evaluate --json` prints: digests, then every rate over all trials, by kind and split."""
    head = {"panel": panel.digest, "checkpoint": checkpoint.manifest.digest, "trials": len(trials)}
    own = {"primary": checkpoint.task.judge.primary, "violations": violations(trials)}
    return head | own | summarise(trials, facts_of(checkpoint.task))


@contextmanager
def playing(
    checkpoint: Checkpoint,
    panel: Panel,
    threads: int,
    store: Database | None,
    console: Console,
    processes: int,
    total: int,
) -> Iterator[Callable[[Sequence[Case]], list[Trial]]]:
    """Gives what plays cases, of `total` that there may be, and returns their rows; arguments as in `judge_checkpoint`.

    Each chunk of rows is stored as it comes, so that a killed command goes on there.
    """
    with players(checkpoint, threads, processes) as play, progress("cases", console) as bar:
        work = bar.add_task(f"judging {checkpoint.manifest.folder.name}", total=total, unit="cases")
        bar.advance(work, 0)  # a first point in time, so that the first chunk already has a rate

        def judged(cases: Sequence[Case]) -> list[Trial]:
            rows: list[Trial] = []
            for chunk in play(cases):
                if store is not None:
                    _store(store, checkpoint, panel, chunk)
                rows += chunk
                bar.advance(work, len(chunk))
            return rows

        yield judged


def _store(store: Database, checkpoint: Checkpoint, panel: Panel, chunk: Sequence[Trial]) -> None:
    try:
        store.record_trials(checkpoint.manifest.digest, panel.digest, panel.judge, chunk)
    except InputError as error:
        found = f"another result for a judged case ({str(error).removesuffix('.')})"
        expected = "the same row every time; another version of an engine or machine kind wants a run folder of its own"
        raise InputError(store.path, "trials", found, expected) from error


def stored_panels(checkpoint: Checkpoint) -> list[str]:
    """Digests of the panels on which the checkpoint's run has rows of it, the run's own panel first."""
    if checkpoint.run is None:
        return []
    with Database(checkpoint.run.database) as store:
        found = {row.panel for row in store.judged() if row.checkpoint == checkpoint.manifest.digest}
    own = checkpoint.run.resolved().get("panel")
    return sorted(found, key=lambda digest: (digest != own, digest))


def stored_trials(checkpoint: Checkpoint, panel: str) -> list[Trial]:
    """The checkpoint's rows on the panel of that digest, from its run's store."""
    if checkpoint.run is None:
        return []
    with Database(checkpoint.run.database) as store:
        return store.trials(checkpoint.manifest.digest, panel)


def open_alike(folders: Sequence[Path], task: str | None, objects: str) -> list[Checkpoint]:
    """Read checkpoints of one task, which must have the objects asked for.

    Args:
        folders: of the checkpoints.
        task: what `--task` says.
        objects: `all`, `train` or `held_out`.
    """
    found = [open_checkpoint(folder, task) for folder in folders]
    first = found[0].task
    for folder, one in zip(folders, found, strict=True):
        if one.task.name != first.name:
            raise InputError(folder, "task", one.task.name, f"{first.name}, the task of {folders[0]}")
    if objects == "held_out" and not first.held_out:
        raise InputError("--objects", "", objects, f"all or train ({first.name} has no held-out objects)")
    return found


def judged_together(checkpoints: Sequence[Checkpoint], file: Path | None) -> tuple[str, list[list[Trial]]]:
    """Digest of a panel on which all were judged, and each one's rows there; refused if a row of any is missing.

    Args:
        checkpoints: at least one.
        file: the panel; without it the first one's run's own, else any that all were judged on.
    """
    digest = _common_panel(checkpoints, file)
    rows = [stored_trials(one, digest) for one in checkpoints]
    cases = {row.case for own in rows for row in own}
    for one, own in zip(checkpoints, rows, strict=True):
        if missing := cases - {row.case for row in own}:
            raise _unjudged(one, f"{len(missing)} cases of panel {digest[:12]} not judged yet", file)
    return digest, rows


def panel_file(checkpoint: Checkpoint) -> Path | None:
    """The panel file that lies in the checkpoint's run."""
    return checkpoint.run.path / "panel.json" if checkpoint.run else None


def _common_panel(checkpoints: Sequence[Checkpoint], file: Path | None) -> str:
    first = checkpoints[0]
    panels = [read_panel(file).digest] if file else stored_panels(first)
    if not panels:
        raise _unjudged(first, "no judged trials", file)
    for one in checkpoints:
        known = stored_panels(one)
        panels = [digest for digest in panels if digest in known]
        if not panels:
            raise _unjudged(one, "no judged trials on that panel", file or panel_file(first))
    return panels[0]


def _unjudged(checkpoint: Checkpoint, found: str, panel: Path | None) -> InputError:
    folder = checkpoint.manifest.folder
    if checkpoint.run is None:
        return InputError(
            folder, "", f"{found} (it lies in no run folder)", "a checkpoint in a run, which keeps its rows"
        )
    file = panel or panel_file(checkpoint)
    return InputError(
        folder, "", found, f"a judged checkpoint (judge it with: regrasp evaluate {folder} --panel {file})"
    )


def style_between(first: Sequence[Trial], second: Sequence[Trial]) -> float:
    """Jensen–Shannon distance of the contact styles of two policies' trials."""
    styles = [style(np.frombuffer(b"".join(row.modes for row in rows), np.uint8)) for rows in (first, second)]
    return style_distance(*styles)
