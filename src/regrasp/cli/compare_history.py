"""`regrasp compare` with more than two checkpoints, or with a run folder: what each of them changed."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.markup import escape
from rich.table import Table

from regrasp.cli.output import emit, table
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.cli.judging import Checkpoint
    from regrasp.panel.history import History
    from regrasp.store.rows import CheckpointRow
    from regrasp.store.run_folder import RunFolder

EXPECTED = "two checkpoints or more, or one run folder, as `regrasp run --out` makes it"


def compare_history(
    given: Sequence[Path],
    panel: Path | None,
    objects: Literal["all", "train", "held_out"],
    task: str | None,
    json: bool,
) -> bool:
    """Print the history of checkpoints; gives whether one regressed.

    Args:
        given: more than two checkpoints, oldest first, or one run folder.
        panel: panel file, as `--panel` names it.
        objects: count the cases with these objects only.
        task: what `--task` says.
        json: print one JSON object instead of the table.
    """
    from regrasp.cli.judging import facts_of, judged_together, open_alike
    from regrasp.panel.history import history

    folders, left_out = _folders(given, panel)
    checkpoints = open_alike(folders, task, objects)
    digest, rows = judged_together(checkpoints, panel)
    own = checkpoints[0].task
    made = history(rows, own.judge.primary, digest, facts=facts_of(own), objects=objects)
    options = {"--panel": panel or _needed_panel(checkpoints, digest), "--objects": objects, "--task": task}
    tail = [part for name, value in options.items() if value not in (None, "all") for part in (name, str(value))]
    found = _data(made, checkpoints, tail) | {"left_out": left_out}
    emit(found, json, *_shown(found))
    return bool(made.regressions)


def _folders(given: Sequence[Path], panel: Path | None) -> tuple[list[Path], list[dict[str, str]]]:
    """The checkpoints, oldest first, and those of a run that have no line in its history, with the reason."""
    if len(given) == 1:
        return _judged_of_run(given[0], panel)
    if not given:
        raise InputError("compare", "", "no checkpoint", EXPECTED)
    for folder in given:
        if (folder / "run.json").exists():
            expected = f"a checkpoint in it, as {folder / 'checkpoints' / 'rl'}, or that run folder alone"
            raise InputError(folder, "", "a run folder beside other folders", expected)
    return list(given), []


def _judged_of_run(path: Path, panel: Path | None) -> tuple[list[Path], list[dict[str, str]]]:
    from regrasp.panel.cases import read_panel
    from regrasp.store.run_folder import RunFolder

    if not (path / "run.json").exists():
        found = "one checkpoint" if (path / "manifest.json").exists() else "no run.json"
        raise InputError(path, "", found if path.is_dir() else "no such folder", EXPECTED)
    run = RunFolder(path)
    digest = read_panel(panel).digest if panel else run.resolved()["panel"]
    kept: list[Path] = []
    left_out: list[dict[str, str]] = []
    for folder, judged in _checkpoints_of(run, digest):
        if judged and folder.is_dir():
            kept.append(folder)
        else:
            command = f"regrasp evaluate {folder} --panel {panel or path / 'panel.json'}"
            reason = f"not judged on the panel ({command})" if folder.is_dir() else "no such folder any more"
            left_out.append({"checkpoint": str(folder), "reason": reason})
    if len(kept) < 2:
        judged_one = f"only {kept[0]}" if kept else "no checkpoint"
        reasons = "".join(f"; {one['checkpoint']} is {one['reason']}" for one in left_out)
        raise InputError(path, "checkpoints", f"{judged_one} judged on panel {digest[:12]}{reasons}", "at least two")
    return kept, left_out


def _checkpoints_of(run: "RunFolder", panel: str) -> list[tuple[Path, bool]]:
    """Every checkpoint of the run, oldest first, and whether it has rows on the panel.

    What was put into its folder without being recorded comes last, in the order in which it was first judged.
    """
    from regrasp.policies.checkpoint import load_checkpoint
    from regrasp.store.database import Database

    with Database(run.database) as store:
        recorded = {row.digest: run.path / row.path for row in store.checkpoints()}
        judged = [row.checkpoint for row in store.judged() if row.panel == panel and row.source == "simulation"]
    others = [file.parent for file in sorted(run.checkpoints.glob("[!.]*/manifest.json"))]
    added = {load_checkpoint(one)[1].digest: one for one in others if one not in recorded.values()}
    order = [*recorded, *(one for one in judged if one in added), *added]
    return [((recorded.get(one) or added[one]), one in judged) for one in dict.fromkeys(order)]


def _needed_panel(checkpoints: "Sequence[Checkpoint]", digest: str) -> Path | None:
    """The panel's file, if two of these checkpoints might have yet another panel in common."""
    from regrasp.cli.judging import panel_file

    first = checkpoints[0].run
    runs = {one.run.path.resolve() for one in checkpoints if one.run}
    own = first is not None and first.resolved()["panel"] == digest
    return panel_file(checkpoints[0]) if len(runs) > 1 and own else None


def _data(made: "History", checkpoints: "Sequence[Checkpoint]", tail: Sequence[str]) -> dict[str, Any]:
    """The object that `--json` prints; its places are those in `history`, from 0."""
    folders = [one.manifest.folder for one in checkpoints]
    found = made.to_json()
    names, parent = _names(folders)
    lines = []
    for name, one, entry in zip(names, checkpoints, found["history"], strict=True):
        row = _record_of(one)
        head = {"name": name, "checkpoint": str(one.manifest.folder), "digest": one.manifest.digest}
        lines.append(head | {"phase": row and row.phase, "control_steps": row and row.control_steps} | entry)

    def command(earlier: int, later: int) -> str:
        return shlex.join(["regrasp", "compare", str(folders[earlier]), str(folders[later]), *tail])

    regressions = [one | {"details": command(one["since"], one["place"])} for one in found["regressions"]]
    last = len(folders) - 1
    own = {"history": lines, "regressions": regressions, "details": command(last - 1, last), "folder": parent}
    return found | own


def _record_of(checkpoint: "Checkpoint") -> "CheckpointRow | None":
    """What its run's database says about it."""
    from regrasp.store.database import Database

    if checkpoint.run is None:
        return None
    with Database(checkpoint.run.database) as store:
        rows = [row for row in store.checkpoints() if row.digest == checkpoint.manifest.digest]
    return rows[0] if rows else None


def _names(folders: Sequence[Path]) -> tuple[list[str], str | None]:
    """The checkpoints' names below the folder that they have in common, and that folder; whole paths without one."""
    if len({folder.is_absolute() for folder in folders}) > 1:
        return list(map(str, folders)), None
    parent = os.path.commonpath([folder.parent for folder in folders])
    if parent in ("", os.sep):
        return list(map(str, folders)), None
    return [os.path.relpath(folder, parent) for folder in folders], parent


def _shown(found: Mapping[str, Any]) -> list[str | Table]:
    from regrasp.report.wording import outcome, split

    which = "" if found["objects"] == "all" else f" with {split(found['objects'])}"
    place = f", checkpoints in {escape(found['folder'])}" if found["folder"] else ""
    title = f"History on the {found['n']} cases{which} of panel {found['panel'][:12]}{place}"
    columns = ["checkpoint", outcome(found["primary"]), "loss", "recovery", "since\nfirst", "since\nprevious"]
    shown = table(title, [*columns, "broken\nsince"], list(map(_line, found["history"])))
    shown.columns[0].overflow = "fold"
    best = found["history"][found["since_best"]["since"]]["name"]
    quiet = (
        "No checkpoint is shown to have regressed against the one before, nor the last against the best earlier one "
        f"({best})."
    )
    sentences = [_regression(found, one) for one in found["regressions"]] or [quiet]
    details = [] if found["regressions"] else [f"The last step in detail: {found['details']}"]
    left_out = [f"Left out: {one['checkpoint']}, {one['reason']}." for one in found["left_out"]]
    return [shown, _legend(found), *sentences, *details, *left_out]


def _line(entry: Mapping[str, Any]) -> list[str]:
    from regrasp.report.wording import number, p_value, points

    made = "" if entry["phase"] is None else f"\nphase {entry['phase']}\n{number(entry['control_steps'])} steps"
    rates = [_rate_cell(entry[name]) for name in ("primary", "loss", "recovery")]
    head = [escape(entry["name"]) + made, *rates]
    first, step = entry["since_first"], entry["since_previous"]
    if step is None:
        return [*head, "", "", ""]
    change = f"{points(first['difference'])}\n{points(first['low'])} to\n{points(first['high'])}"
    judged = f"{points(step['difference']['difference'])}\n{step['verdict']}\n{p_value(step['p_corrected'])}"
    return [*head, change, judged, str(len(entry["broken_since"]))]


def _rate_cell(rate: Mapping[str, Any]) -> str:
    """In three lines, which leaves room for seven columns."""
    from regrasp.report.wording import percent, span

    if not rate["n"]:
        return "–"
    return f"{percent(rate['rate'])}\n{rate['count']}/{rate['n']}\n{span(rate['low'], rate['high'])}"


def _legend(found: Mapping[str, Any]) -> str:
    from regrasp.report.wording import outcome

    corrected = f", its p corrected for {found['tests']} steps (Holm)" if found["tests"] > 1 else ""
    return (
        f"Since: change of {outcome(found['primary'])} [points] with its 95 % interval, and McNemar's exact test"
        f"{corrected}. Broken since: cases that an earlier checkpoint could do and this one cannot. "
        "Loss and recovery: of the disturbed cases. Steps: control steps simulated for the checkpoint."
    )


def _regression(found: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    """What a checkpoint lost against an earlier one, and the command that shows where."""
    from regrasp.panel.statistics import Rate
    from regrasp.report.wording import counted, difference_of, outcome, p_value

    old, new = (found["history"][place] for place in (one["since"], one["place"]))
    which = "the one before" if one["place"] - one["since"] == 1 else "the best earlier one"
    before, after = (counted(Rate(**entry["primary"])) for entry in (old, new))
    change = f"{difference_of(one['difference'])}, {p_value(one['p_corrected'])}"
    return (
        f"Regressed: {outcome(found['primary'])} went from {before} to {after} with {new['name']} in place of "
        f"{old['name']}, {which} ({change}); details: {one['details']}"
    )
