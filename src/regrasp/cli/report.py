"""`regrasp report`: a run as one page."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tyro.conf import Positional

from regrasp.cli.output import emit, note
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.cli.opening import Run
    from regrasp.panel.cases import Panel
    from regrasp.report.record import Alone, GateRecord, Judged, RunRecord, Strip
    from regrasp.store.database import Database
    from regrasp.store.run_folder import RunFolder
    from regrasp.tasks.task import Task


def report(
    run: Positional[Path | None] = None,
    other: Positional[Path | None] = None,
    panel: Path | None = None,
    out: Path | None = None,
    task: str | None = None,
    json: bool = False,
) -> None:
    """Write a run, a comparison or a panel as one self-contained HTML page, readable on a phone and without a network.

    A run's page says first what the run showed and whether its demonstrations pay, which takes the same fine-tuning
    without them (regrasp run CURRICULUM --out RUN --without-demos). Then it has contact entry and recovery before and
    after, success by disturbance and object, times to recover, learning curves, contact over time, pictures of
    recovered, failed and newly broken trials, and how to make the run again. Two checkpoints (regrasp report A B) give
    a page that compares them on a panel both were judged on; --panel FILE alone gives a page about the panel's cases.

    Args:
        run: the run folder, as runs/door; or a checkpoint to compare with, as runs/door/checkpoints/bc.
        other: the checkpoint in question, as runs/door/checkpoints/rl.
        panel: panel file: what the page is about, or with two checkpoints the panel to compare them on.
        out: the page to write; without it, report.html in the run folder, comparison.html in the second checkpoint's
            run, or the panel file's name with .html.
        task: the task, if it is not built in: its Python file, as my_task.py.
        json: print one JSON object instead of a sentence.
    """
    if run is not None and other is not None:
        from regrasp.cli.report_comparison import report_comparison

        report_comparison(run, other, panel, out, task, json)
    elif run is not None and panel is None:
        _report_run(run, out, task, json)
    elif run is None and panel is not None:
        from regrasp.cli.report_panel import report_panel

        report_panel(panel, out, task, json)
    else:
        found = "a run folder and --panel" if panel else "nothing to report"
        raise InputError("report", "", found, "one of: RUN, two checkpoints A B, --panel FILE")


def _report_run(run: Path, out: Path | None, task: str | None, json: bool) -> None:
    from regrasp.panel.cases import read_panel
    from regrasp.report.page import write_page
    from regrasp.report.repertoire import expected_lines
    from regrasp.report.verdict import verdict
    from regrasp.report.without import paying_data, paying_lines
    from regrasp.store.database import Database
    from regrasp.store.run_folder import RunFolder
    from regrasp.tasks import stored_task

    folder = RunFolder(run)
    resolved = folder.resolved()
    found = stored_task(resolved["curriculum"]["task"], task, f"{run}: task")
    panel = read_panel(folder.path / "panel.json")
    with Database(folder.database) as store:
        record = _record(folder, resolved, found, panel, store)
    page = out or folder.report
    size = write_page(record, page)
    data: dict[str, Any] = {"verdict": verdict(record).sentence, "demonstrations_pay": paying_data(record)}
    data |= {"expected": record.repertoire["expected"] if record.repertoire else []}
    data |= {"report": str(page), "bytes": size, "pictures": len(record.strips)}
    expected = expected_lines(record.repertoire) if record.repertoire else []
    emit(data, json, verdict(record).sentence, *paying_lines(record), *expected, f"{page} ({size / 1e6:.2f} MB)")


def _record(
    folder: "RunFolder", resolved: dict[str, Any], task: "Task", panel: "Panel", store: "Database"
) -> "RunRecord":
    from regrasp.cli.judging import facts_of, style_between
    from regrasp.cli.opening import Run
    from regrasp.report.record import RunRecord
    from regrasp.simulation.disturbance import UNITS
    from regrasp.store.curves import read_curves
    from regrasp.store.run_folder import WITHOUT_DEMOS, RunFolder

    cloned, tuned = (_judged(store, name, panel) for name in ("bc", "rl"))
    stopped = _read(folder.path / "stopped.json", {"reason": ""})["reason"]
    command = folder.path / "command.txt"
    digests = {"panel": panel.digest, "judge": panel.judge, "action_interface": panel.interface, "scene": panel.scene}
    if resolved["demonstrations"]:
        digests["demonstrations"] = resolved["demonstrations"]["digest"]
    return RunRecord(
        run=folder.path.resolve().name,
        task=task.name,
        primary=task.judge.primary,
        regions=task.regions,
        rate=task.interface.rate,
        cloned=cloned,
        tuned=tuned,
        comparison=_comparison(cloned, tuned, task, panel),
        gate=_gate(folder),
        stopped=stopped,
        progress=read_curves(folder.progress),
        wall_clock=store.wall(),
        digests=digests,
        versions=(folder.versions() or [{}])[-1],
        seed=resolved["seed"],
        command=command.read_text("utf-8").strip() if command.exists() else "",
        curriculum=resolved["curriculum"],
        definitions=_definitions(task),
        units=UNITS,
        style_distance=style_between(cloned.trials, tuned.trials) if cloned and tuned else None,
        strips=_strips(folder, task, panel, {"cloned": cloned, "fine-tuned": tuned}),
        facts=facts_of(task),
        demonstrated=bool(resolved["demonstrations"]),
        recovery_window=task.judge.recovery_window,
        repertoire=_repertoire(Run(folder, resolved, task, panel), cloned, tuned),
        alone=_alone(RunFolder(folder.path / WITHOUT_DEMOS), resolved, tuned, task, panel),
    )


def _repertoire(run: "Run", cloned: "Judged | None", tuned: "Judged | None") -> dict[str, Any] | None:
    """What was taught and discovered, unless the demonstrations are gone."""
    from regrasp.cli.diagnosing import repertoire_and_expected

    if cloned is None or not run.resolved["demonstrations"]:
        return None
    try:
        return repertoire_and_expected(run, cloned.trials, tuned.trials if tuned else ())
    except InputError as error:
        note(f"The page does not say what the demonstrations taught: {error}")
        return None


def _alone(
    folder: "RunFolder", resolved: dict[str, Any], tuned: "Judged | None", task: "Task", panel: "Panel"
) -> "Alone | None":
    """The same fine-tuning without demonstrations, if it lies in the run."""
    from regrasp.report.record import Alone
    from regrasp.store.curves import read_curves
    from regrasp.store.database import Database

    if not folder.database.exists():
        return None
    with Database(folder.database) as store:
        own, wall = _judged(store, "rl", panel), store.wall()
    return Alone(
        progress=read_curves(folder.progress),
        wall_clock=wall,
        tuned=own,
        comparison=_comparison(own, tuned, task, panel),
        differs=_other_settings(resolved, folder.resolved()),
    )


def _other_settings(run: dict[str, Any], alone: dict[str, Any]) -> str:
    """In what the two fine-tunings differ; cloning and gate play no part in the one without demonstrations."""
    from regrasp.store.differences import differences

    def part(of: dict[str, Any]) -> dict[str, Any]:
        curriculum = {name: value for name, value in of["curriculum"].items() if name not in ("bc", "gate")}
        return {"curriculum": curriculum, "seed": of["seed"], "panel": of["panel"]}

    found = differences(part(run), part(alone))
    return ", ".join(f"{one.place} {one.new} in place of {one.old}" for one in found[:3])


def _judged(store: "Database", name: str, panel: "Panel") -> "Judged | None":
    """The run's checkpoint of that name with its rows on the panel, if it was judged."""
    from regrasp.report.record import Judged

    digests = [row.digest for row in store.checkpoints() if row.name == name]
    rows = store.trials(digests[-1], panel.digest) if digests else []
    return Judged(digests[-1], tuple(rows)) if rows else None


def _comparison(before: "Judged | None", after: "Judged | None", task: "Task", panel: "Panel") -> dict[str, Any] | None:
    from regrasp.cli.judging import facts_of
    from regrasp.panel.comparison import compare

    if before is None or after is None:
        return None
    if {row.case for row in before.trials} != {row.case for row in after.trials}:
        note("One of the two policies has not been judged on the whole panel, so the page does not compare them.")
        return None
    found = compare(before.trials, after.trials, task.judge.primary, panel.digest, panel.digest, facts=facts_of(task))
    return found.to_json()


def _gate(folder: "RunFolder") -> "GateRecord | None":
    from regrasp.report.record import GateRecord

    rounds = _read(folder.path / "gate.json", [])
    if not rounds:
        return None
    return GateRecord(rounds[-1], forced=bool(rounds[-1]["forced"]), rounds=len(rounds))


def _read(path: Path, missing: Any) -> Any:
    if not path.exists():
        return missing
    try:
        return json_format.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise InputError(path, "", f"text that is no JSON ({error})", "a file written by regrasp run") from error


def _definitions(task: "Task") -> dict[str, str]:
    judge = task.judge
    what = (judge.success.__doc__ or "").partition("bool: ")[2].partition("\n")[0].rstrip(".") or "success"
    return {
        "success": f"{what}, on at least one of {task.horizon} control steps",
        "success_at_end": f"{what}, on the last control step",
        "success_held": f"{what}, on more than {judge.held_steps} control steps",
    }


def _strips(
    folder: "RunFolder", task: "Task", panel: "Panel", judged: "dict[str, Judged | None]"
) -> "tuple[Strip, ...]":
    from regrasp.cli.judging import open_checkpoint
    from regrasp.cli.pictures import draw_strips

    rows = {name: one.trials for name, one in judged.items() if one is not None}
    if not rows:
        return ()
    places = {"cloned": "bc", "fine-tuned": "rl"}
    try:
        actors = {name: open_checkpoint(folder.checkpoint(places[name]), task).policy for name in rows}
        return draw_strips(actors, task, panel, rows)
    except InputError as error:
        note(f"The page has no pictures: {error}")
        return ()
