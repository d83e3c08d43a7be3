"""`regrasp watch`: demonstrations and trials, played in a browser."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from regrasp.cli.output import emit, note
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.cli.judging import Checkpoint
    from regrasp.demonstrations import DemonstrationSet
    from regrasp.panel.cases import Case, Panel
    from regrasp.tasks.task import Task
    from regrasp.trial import Trial
    from regrasp.viewer.player import Shelf, Shown


def watch(
    source: Positional[Path],
    number: int = 0,
    panel: Path | None = None,
    task: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8080,
    json: bool = False,
) -> None:
    """Play episodes or trials in a browser, with contacts, contact forces and marks on a time line.

    Opens a page; its address is printed. It shows the episodes of a demonstration file in any format that regrasp
    reads, all cases of a run's panel under each of its policies, or those of one policy. Touching parts of the hand are
    orange. Drag the time, or press P to play and to pause; N shows the next. Episodes without recorded states and all
    trials are played again on today's engine, a trial as it was judged. Arrows and curves of contact forces are
    computed for each state that is shown, under nominal friction and mass. Ctrl-C ends the command.

    Args:
        source: a demonstration file, or the folder of a run, as runs/door, or of a checkpoint, as
            runs/door/checkpoints/rl.
        number: of the episode or case to show first, from 0.
        panel: the panel file whose cases a checkpoint plays; left out, that of its run.
        task: name of the task of a demonstration file that does not name it, or the Python file of a task that is not
            built in.
        host: where the page is served; 127.0.0.1 is this machine alone.
        port: of the page; 0 takes any free one.
        json: print one JSON object at the end, what there was to watch.
    """
    from regrasp.viewer.installed import require_viewer

    require_viewer("regrasp watch")
    from regrasp.viewer.player import Player
    from regrasp.viewer.server import address, serving

    found, shelves = _opened(source, panel, task)
    count = len(next(iter(shelves.values())).labels)
    if not 0 <= number < count:
        raise InputError("--number", "", str(number), f"a number from 0 to {count - 1}, which {source} has")
    with serving(host, port, f"regrasp watch · {found.name}") as server:
        player = Player(server, found, shelves, number)
        note(f"{address(server)} in a browser; Ctrl-C ends")
        try:
            player.run()
        except KeyboardInterrupt:
            note("")
    there = {name: len(shelf.labels) for name, shelf in shelves.items()}
    emit({"source": str(source), "task": found.name, "shown": there}, json)


def _opened(source: Path, panel: Path | None, task: str | None) -> "tuple[Task, Mapping[str, Shelf]]":
    """The task, and what there is to watch under each name."""
    from regrasp.cli.judging import open_checkpoint
    from regrasp.policies.checkpoint import MANIFEST

    if (source / "run.json").is_file():
        if panel is not None:
            raise InputError("--panel", "", str(panel), "nothing beside the folder of a run, which has its own")
        return _of_run(source, task)
    if (source / MANIFEST).is_file():
        checkpoint = open_checkpoint(source, task)
        cases = _panel_of(checkpoint, source, panel)
        return checkpoint.task, {source.name: _cases(checkpoint, cases)}
    if panel is not None:
        raise InputError("--panel", "", str(panel), "the folder of a checkpoint beside it")
    return _of_demonstrations(source, task)


def _panel_of(checkpoint: "Checkpoint", source: Path, panel: Path | None) -> "Panel":
    from regrasp.panel.cases import read_panel

    if panel is None and checkpoint.run is None:
        raise InputError("--panel", "", "none", f"the panel file whose cases {source} plays; it lies in no run")
    file = panel if panel is not None or checkpoint.run is None else checkpoint.run.path / "panel.json"
    assert file is not None
    cases = read_panel(file)
    cases.require(checkpoint.task, str(file))
    return cases


def _of_run(source: Path, task: str | None) -> "tuple[Task, Mapping[str, Shelf]]":
    from regrasp.cli.judging import open_checkpoint
    from regrasp.cli.opening import open_run
    from regrasp.policies.checkpoint import MANIFEST

    run = open_run(source, task)
    folders = sorted(folder.parent for folder in run.folder.checkpoints.glob(f"*/{MANIFEST}"))
    if not folders:
        raise InputError(source, "checkpoints", "none", "a run that has cloned a policy by now")
    # What was made last is what a person comes for: `rl` before `bc`.
    found = {folder.name: open_checkpoint(folder, run.task) for folder in reversed(folders)}
    return run.task, {name: _cases(checkpoint, run.panel) for name, checkpoint in found.items()}


def _cases(checkpoint: "Checkpoint", panel: "Panel") -> "Shelf":
    """The cases of a panel as a checkpoint plays them; those judged before say how they ended."""
    from regrasp.store.database import Database
    from regrasp.viewer.player import Shelf

    judged: dict[int, Trial] = {}
    if checkpoint.run is not None:
        with Database(checkpoint.run.database) as store:
            judged = {row.case: row for row in store.trials(checkpoint.manifest.digest, panel.digest)}
    labels = [_label(checkpoint.task, case, judged.get(case.number)) for case in panel.cases]
    return Shelf(labels, lambda place: _trial(checkpoint, panel.cases[place]))


def _label(task: "Task", case: "Case", row: "Trial | None") -> str:
    from regrasp.report.wording import kind

    parts = [f"{case.number}", *([case.object] if len(task.objects) > 1 else []), kind(case.disturbance.kind)]
    return " · ".join([*parts, *([_ending(task, row)] if row else [])])


def _ending(task: "Task", row: "Trial") -> str:
    from regrasp.report.wording import ending, outcome

    done = outcome(task.judge.primary) if getattr(row, task.judge.primary) else ending(row, task.horizon)
    return f"recovered, {done}" if row.recovered else done


def _trial(checkpoint: "Checkpoint", case: "Case") -> "Shown":
    import numpy as np

    from regrasp.cli.show_trial import marks_of
    from regrasp.contact import regions_of
    from regrasp.panel.evaluation import record
    from regrasp.report.wording import kind, number
    from regrasp.simulation.disturbance import UNITS
    from regrasp.viewer.player import Shown
    from regrasp.viewer.remembering import Remembering

    task, actor = checkpoint.task, Remembering(checkpoint.policy)
    row, states = record(actor, task, case)
    size = f" of {number(row.magnitude)} {UNITS[row.disturbance]}".rstrip() if row.disturbance != "none" else ""
    modes = np.concatenate([np.zeros(1, np.uint8), np.frombuffer(row.modes, np.uint8)])
    shown = {name: step + (name != "disturbed") for name, step in marks_of(row).items() if step >= 0}
    return Shown(
        note=f"case {case.number} · {kind(row.disturbance)}{size} · {_ending(task, row)}",
        object=case.object,
        states=states[: row.steps + 1],
        actions=actor.actions()[: row.steps],
        touching=regions_of(modes, len(task.regions)),
        marks=shown,
    )


def _of_demonstrations(source: Path, task: str | None) -> "tuple[Task, Mapping[str, Shelf]]":
    from regrasp.cli.opening import open_demonstrations
    from regrasp.viewer.player import Shelf

    demonstrations, found = open_demonstrations(source, task)
    labels = []
    for number, episode in enumerate(demonstrations.episodes):
        seconds = f"{episode.steps * found.scene.control_period:.1f} s"
        marks = [name for name in ("recovered", "success", "dropped") if name in episode.marks]
        named = [episode.object or found.objects[0]] if len(found.objects) > 1 else []
        labels.append(" · ".join([str(number), *named, seconds, *marks]))
    return found, {source.name: Shelf(labels, lambda place: _episode(source, found, demonstrations, place))}


def _episode(source: Path, task: "Task", demonstrations: "DemonstrationSet", place: int) -> "Shown":
    from regrasp.cli.demos_show import describe, with_states
    from regrasp.contact import regions_of
    from regrasp.viewer.player import Shown

    (episode,) = with_states(source, task, [demonstrations.episodes[place]], [place], 1)
    assert episode.states is not None
    assert episode.contact_modes is not None
    return Shown(
        note=f"episode {place} · {describe(task, episode)}",
        object=episode.object or task.objects[0],
        states=episode.states,
        actions=episode.actions,
        touching=regions_of(episode.contact_modes, len(task.regions)),
        marks={name: step + (name != "disturbed") for name, step in episode.marks.items()},
    )
