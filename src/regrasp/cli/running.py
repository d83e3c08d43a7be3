"""What `regrasp run` does: execute a curriculum, store every event, judge the checkpoints, resume where it was left."""

import json
import os
import shlex
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress as Bar

from regrasp.cli.judging import judge_checkpoint, open_checkpoint
from regrasp.cli.output import progress as progress_bar
from regrasp.contact import NO_CONTACT
from regrasp.curriculum.phases import Candidate, Event, GateDecided, Ingredients, Snapshot, Spent, Stopped, execute
from regrasp.curriculum.schema import Curriculum, locate, read_curriculum
from regrasp.demonstrations import DemonstrationSet, read_demonstrations
from regrasp.errors import InputError
from regrasp.panel.cases import Panel, read_panel, write_panel
from regrasp.panel.repertoire import item_name
from regrasp.policies.checkpoint import save_checkpoint
from regrasp.policies.progress import Progress
from regrasp.reinforcement.pay import JUDGED
from regrasp.store.curves import Curves
from regrasp.store.database import Database
from regrasp.store.rows import CheckpointRow, DatasetRow
from regrasp.store.run_folder import WITHOUT_DEMOS, RunFolder
from regrasp.tasks import find_task
from regrasp.tasks.task import Task

PACKAGES = ("regrasp", "mujoco", "gymnasium-robotics", "torch", "numpy")
NAMES = {"bc": "cloning", "rl": "fine-tuning"}
UNITS = {"bc": "updates", "rl": "iter"}


@dataclass(frozen=True)
class Prepared:
    """Everything a run needs, read and checked before anything is written."""

    curriculum: Curriculum
    given: Ingredients
    panel: Panel
    folder: RunFolder
    resolved: Mapping[str, Any]
    inputs: Mapping[str, Path]


def run_curriculum(
    file: Path,
    out: Path,
    demos: Path | None,
    seed: int | None,
    threads: int,
    overrides: tuple[str, ...],
    console: Console,
    without_demos: bool = False,
    task: str | None = None,
) -> dict[str, Any]:
    """Execute the curriculum in `file` in the run folder `out`; gives the object that `--json` prints."""
    if without_demos:
        if demos is not None:
            raise InputError("--without-demos", "", f"--demos {demos} beside it", "one of the two")
        out = out / WITHOUT_DEMOS
    ready = _prepare(file, out, demos, seed, threads, overrides, without_demos, task)
    begun = time.perf_counter()
    with ready.folder.lock():
        digest = ready.folder.claim(ready.resolved, {name: version(name) for name in PACKAGES})
        _describe(ready)
        with Database(ready.folder.database, create=True) as store:
            store.record_run(digest, ready.resolved)
            if ready.given.demonstrations is not None:
                store.record_dataset(_dataset(ready, ready.given.demonstrations))
            before = sum(store.wall().values())
            stopped = _execute(ready, store, console)
            results = _judge(ready, store, console)
            accounted = sum(store.wall().values()) - before
            store.record_wall("other", max(0.0, time.perf_counter() - begun - accounted))
            return _summary(ready.folder, store.wall(), stopped, results)


def _prepare(
    file: Path,
    out: Path,
    demos: Path | None,
    seed: int | None,
    threads: int,
    overrides: tuple[str, ...],
    without_demos: bool,
    asked: str | None,
) -> Prepared:
    curriculum = read_curriculum(file, overrides)
    if seed is not None:
        curriculum = replace(curriculum, seed=seed)
    task = _find_task(file, curriculum.task, asked)
    # What the run keeps of it is the name that its checkpoints and its panel know.
    curriculum = replace(curriculum, task=task.name)
    _check_names(file, "disturbances", curriculum.rl.disturbances, task.disturbances, curriculum.task)
    _check_names(file, "reward_terms", curriculum.rl.reward_terms, (*task.rewards, JUDGED), curriculum.task)
    _check_contacts(file, curriculum, task.regions)
    panel_file = locate(file, curriculum.panel)
    panel = read_panel(panel_file)
    panel.require(task, str(panel_file))
    if without_demos and not curriculum.rl.iterations:
        raise InputError(
            file, "[rl] iterations", "0, beside --without-demos", "at least 1: nothing else would be learned"
        )
    if without_demos and curriculum.fine_tuning == "off_policy":
        raise InputError(file, "fine_tuning", "'off_policy', beside --without-demos", "'on_policy', or demonstrations")
    if without_demos and curriculum.corrects:
        found = "a correction of a clone, beside --without-demos"
        raise InputError(file, "[rl] residual", found, "the default policy and no residual, or demonstrations")
    taught = None if without_demos else _demonstrations_file(file, curriculum, demos)
    demonstrations = read_demonstrations(taught, task) if taught else None
    resolved = {
        "curriculum": {name: value for name, value in curriculum.identity.items() if name != "seed"},
        "seed": curriculum.seed,
        "demonstrations": _facts(demonstrations) if demonstrations else None,
        "panel": panel.digest,
    }
    inputs = {"curriculum": file, **({"demonstrations": taught} if taught else {})}
    return Prepared(curriculum, Ingredients(task, demonstrations, threads), panel, RunFolder(out), resolved, inputs)


def _find_task(file: Path, named: str, asked: str | None) -> Task:
    """The curriculum's task, whose file it names relative to itself, or the one that was asked for in its place."""
    if asked is not None:
        return find_task(asked)
    return find_task(str(locate(file, named)) if named.endswith(".py") else named, f"{file}: task")


def _demonstrations_file(file: Path, curriculum: Curriculum, demos: Path | None) -> Path:
    if demos is None and curriculum.demonstrations is None:
        raise InputError(file, "demonstrations", "nothing", "a file here, or one named with --demos")
    return demos if demos is not None else locate(file, curriculum.demonstrations or "")


def _facts(demonstrations: DemonstrationSet) -> dict[str, Any]:
    return {
        "digest": demonstrations.digest,
        "source": demonstrations.source,
        "episodes": len(demonstrations.episodes),
        "steps": sum(episode.steps for episode in demonstrations.episodes),
    }


def _check_names(file: Path, setting: str, asked: Sequence[str], known: Collection[str], task: str) -> None:
    for name in asked:
        if name not in known:
            raise InputError(file, f"[rl] {setting}", repr(name), f"names that {task} has", known)


def _check_contacts(file: Path, curriculum: Curriculum, regions: Sequence[str]) -> None:
    for setting in ("teaches", "discovers"):
        for name in getattr(curriculum, setting):
            try:
                item_name(name, regions)
            except ValueError:
                wanted = "regions as thumb+index, or two such as thumb -> thumb+index, of"
                raise InputError(file, setting, repr(name), wanted, [*regions, NO_CONTACT]) from None


def _describe(ready: Prepared) -> None:
    folder = ready.folder.path
    if not (folder / "panel.json").exists():
        write_panel(ready.panel, folder / "panel.json")
    (folder / "curriculum.toml").write_text(ready.curriculum.to_toml(), encoding="utf-8")
    ready.folder.note_inputs({what: str(path.resolve()) for what, path in ready.inputs.items()})
    command = folder / "command.txt"
    if not command.exists():
        command.write_text(shlex.join(["regrasp", *sys.argv[1:]]) + "\n", encoding="utf-8")


def _dataset(ready: Prepared, own: DemonstrationSet) -> DatasetRow:
    facts = ready.resolved["demonstrations"]
    return DatasetRow(own.digest, own.source, own.task, facts["episodes"], facts["steps"], own.interface_digest)


def _execute(ready: Prepared, store: Database, console: Console) -> str:
    """Consume the phases; gives the reason if they stopped at the gate."""
    kept = ready.folder.load_state()
    resumed = Snapshot(kept.phase, kept.meta, kept.tensors) if kept else None
    finished = dict(resumed.meta["finished"]) if resumed else {}
    reason = ""
    with (
        Curves(ready.folder.progress, ready.folder.tensorboard, finished) as curves,
        progress_bar("steps", console) as bar,
    ):
        rows: dict[str, Any] = {}
        for event in execute(ready.curriculum, ready.given, resumed):
            if isinstance(event, Progress):
                curves.append(event)
                _show(bar, rows, event)
            else:
                reason = _consume(event, ready, store, console) or reason
    return reason


def _consume(event: Event, ready: Prepared, store: Database, console: Console) -> str:
    folder = ready.folder
    if isinstance(event, Snapshot):
        folder.save_state(event.phase, event.meta, event.tensors)
    elif isinstance(event, Spent):
        store.record_wall(event.part, event.seconds)
    elif isinstance(event, Candidate):
        _keep(event, folder, store)
    elif isinstance(event, GateDecided):
        _note_gate(event, folder)
        console.print(_gate_line(event))
    elif isinstance(event, Stopped):
        _write_json(folder.path / "stopped.json", {"reason": event.reason})
        return event.reason
    return ""


def _keep(event: Candidate, folder: RunFolder, store: Database) -> None:
    parents = {row.name: row.digest for row in store.checkpoints()}
    parent = parents[event.parent] if event.parent else None
    digest = save_checkpoint(event.policy, folder.checkpoint(event.name), event.provenance, parent)
    path = f"checkpoints/{event.name}"
    store.record_checkpoint(CheckpointRow(digest, event.name, parent, event.phase, event.control_steps, path))


def _note_gate(event: GateDecided, folder: RunFolder) -> None:
    path = folder.path / "gate.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    entry = {"round": event.round, "forced": event.forced} | event.decision.to_json()
    _write_json(path, [old for old in known if old["round"] < event.round] + [entry])


def _write_json(path: Path, content: Any) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    os.replace(part, path)


def _gate_line(event: GateDecided) -> str:
    decision = event.decision
    shares = f"success {decision.success.rate:.2f}, contact entry {decision.contact_entry.rate:.2f}"
    return (
        f"gate after round {event.round + 1}: {decision.phase} ({shares}){' [red]forced[/red]' if event.forced else ''}"
    )


def _show(bar: Bar, rows: dict[str, Any], progress: Progress) -> None:
    if progress.phase not in rows:
        # A resumed phase starts its bar where it was left: rate and time left are those of the work to do.
        unit = UNITS[progress.phase]
        rows[progress.phase] = bar.add_task("", total=progress.steps, completed=progress.step - 1, unit=unit)
    success = progress.values.get("success_in_training")
    note = f", {success:.0%} succeed" if success is not None else ""
    name = f"{NAMES[progress.phase]}{note}"
    bar.update(rows[progress.phase], completed=progress.step, total=progress.steps, description=name)


def _judge(ready: Prepared, store: Database, console: Console) -> dict[str, Any]:
    made = {row.name for row in store.checkpoints()}
    results: dict[str, Any] = {}
    for name in ("bc", "rl"):
        if name in made:
            begun = time.perf_counter()
            checkpoint = open_checkpoint(ready.folder.checkpoint(name), ready.given.task)
            results[name] = judge_checkpoint(checkpoint, ready.panel, ready.given.threads, store, console)
            store.record_wall("evaluation", time.perf_counter() - begun)
    return results


def _summary(folder: RunFolder, wall: Mapping[str, float], stopped: str, results: Mapping[str, Any]) -> dict[str, Any]:
    gate = folder.path / "gate.json"
    return {
        "run": str(folder.path),
        "phase": stopped or "done",
        "gate": json.loads(gate.read_text(encoding="utf-8"))[-1] if gate.exists() else None,
        "wall_s": {part: round(seconds, 2) for part, seconds in wall.items()},
        "checkpoints": {name: str(folder.checkpoint(name)) for name in results},
        "results": dict(results),
    }
