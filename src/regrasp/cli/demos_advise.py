"""`regrasp demos advise`: which demonstrations to record next."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from tyro.conf import Positional

from regrasp.cli.output import emit, table
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.episode import Episode
    from regrasp.panel.coverage import ContactManifold, Moment
    from regrasp.tasks.task import Task

COLUMNS = 2
"""Observed quantities that describe a start: those in which it lies furthest from the demonstrations' starts."""


def advise(
    file: Positional[Path],
    run: Path,
    count: int = 5,
    task: str | None = None,
    threads: int = 0,
    json: bool = False,
) -> None:
    """Say what to record next: which object, which start, which contact, and how many failures that would cover.

    Plays the cases that the cloned policy of a run failed again, and looks for those whose last contact lies outside of
    what the demonstrations of FILE show. Then it picks the cases around whose contact most of these failures lie.
    FILE may have grown since the run: what was recorded meanwhile counts as covered. Record starts like those of the
    cases, not the very same: the panel must stay new to the policy.

    Args:
        file: the demonstration file, as the run learned from or longer.
        run: the run folder, as runs/door.
        count: recordings to propose.
        task: the task, if it is not built in: its Python file, as my_task.py.
        threads: engine threads; 0 uses every core. The result is the same for any number.
        json: print one JSON object instead of tables.
    """
    from regrasp.cli.diagnosing import judged_policies, last_contacts, manifold_of
    from regrasp.cli.opening import open_run
    from regrasp.demonstrations import read_demonstrations
    from regrasp.demonstrations.replay import with_contact
    from regrasp.panel.coverage import next_recordings
    from regrasp.panel.statistics import rate_of

    if count < 1:
        raise InputError("--count", "", str(count), "a whole number, at least 1")
    opened = open_run(run, task)
    taught = with_contact(opened.task, read_demonstrations(file, opened.task).episodes, threads)
    manifold = manifold_of(opened.task, taught)
    if manifold is None:
        raise InputError(
            file, "", "fewer than two episodes that show contact", "recorded contact modes or start states"
        )
    moments = last_contacts(opened, judged_policies(opened, ("bc",), threads)[0], manifold, threads)
    failed = [one for one in moments if not one.success]
    outside = [one for one in failed if one.distance > manifold.reach]
    chosen = next_recordings(manifold, outside, count, opened.task.held_out)
    found: dict[str, Any] = {
        "file": str(file),
        "run": str(run),
        "outside": rate_of(one.distance > manifold.reach for one in failed).to_json(),
        "contacts": _contacts(opened.task, outside, manifold, taught),
        "objects": _objects(opened.task, outside, taught),
        "recordings": [
            {"covers": list(one.covers)} | _described(opened.task, one.moment, taught, manifold) for one in chosen
        ],
    }
    emit(found, json, *_shown(found))


def _contacts(
    task: "Task", outside: "Sequence[Moment]", manifold: "ContactManifold", taught: "Sequence[Episode]"
) -> list[dict[str, Any]]:
    from regrasp.contact import mode_name

    counts = Counter(one.mode for one in outside)
    return [
        {"contact": mode_name(mode, task.regions), "failures": failures, "demonstrations": _showing(taught, mode)}
        for mode, failures in counts.most_common()
    ]


def _showing(taught: "Sequence[Episode]", mode: int) -> int:
    return sum(mode in episode.contact_modes for episode in taught if episode.contact_modes is not None)


def _objects(task: "Task", outside: "Sequence[Moment]", taught: "Sequence[Episode]") -> list[dict[str, Any]]:
    known = Counter(episode.object or task.objects[0] for episode in taught)
    counts = Counter(one.trial.object for one in outside)
    # An object that learning must not see is nothing to demonstrate with.
    return [
        {"object": name, "failures": failures, "demonstrations": known[name], "held_out": name in task.held_out}
        for name, failures in counts.most_common()
    ]


def _described(
    task: "Task", moment: "Moment", taught: "Sequence[Episode]", manifold: "ContactManifold"
) -> dict[str, Any]:
    from regrasp.contact import mode_name

    trial = moment.trial
    known = [episode.object or task.objects[0] for episode in taught].count(trial.object)
    return {
        "case": trial.case,
        "object": trial.object,
        "demonstrations_of_object": known,
        "contact": mode_name(moment.mode, task.regions),
        "demonstrations_of_contact": _showing(taught, moment.mode),
        "disturbance": trial.disturbance,
        "magnitude": trial.magnitude,
        "start": _start(task, moment, taught),
        "distance": moment.distance,
    }


def _start(task: "Task", moment: "Moment", taught: "Sequence[Episode]") -> list[dict[str, Any]]:
    """The columns in which a start lies furthest from the middle of the demonstrations' starts, in their spreads."""
    import numpy as np

    starts = np.stack([episode.observations["policy"][0] for episode in taught]).astype(np.float64)
    names = [
        (f"{field.name} {column + 1}" if field.size > 1 else field.name, field.unit)
        for field in task.observations["policy"].fields
        for column in range(field.size)
    ]
    spread = starts.std(0)
    moving = spread > 1e-6
    away = np.where(moving, np.abs(moment.start - starts.mean(0)) / np.where(moving, spread, 1.0), 0.0)
    return [
        {
            "name": names[column][0],
            "unit": names[column][1],
            "value": float(moment.start[column]),
            "low": float(starts[:, column].min()),
            "high": float(starts[:, column].max()),
        }
        for column in np.argsort(-away)[:COLUMNS]
    ]


def _shown(found: Mapping[str, Any]) -> list[str | Table]:
    from regrasp.panel.statistics import Rate
    from regrasp.report.wording import counted, kind, listed, number

    outside = Rate(**found["outside"])
    said = f"{counted(outside)} of the cloned policy's failures have their last contact outside of {found['file']}."
    if not found["recordings"]:
        return [f"{said} Nothing to record for these."]
    unseen = [f"{one['contact']} (in {one['failures']})" for one in found["contacts"] if not one["demonstrations"]]
    if unseen:
        said += f" No demonstration shows the last contact {listed(unseen)}."
    rows, starts = [], []
    for one in found["recordings"]:
        hit = kind(one["disturbance"]) + (f" {number(one['magnitude'])}" if one["magnitude"] else "")
        through = f"{one['contact']} ({one['demonstrations_of_contact']} shown)"
        covered = f"{len(one['covers'])} of {outside.count}"
        held = f"{one['object']} ({one['demonstrations_of_object']} shown)"
        rows.append([str(one["case"]), held, through, hit, covered])
        starts.append(f"Start of case {one['case']}: {'; '.join(map(_unusual, one['start']))}.")
    columns = ["start like case", "object", "through contact", "disturbance", "failures covered"]
    contacts = [[one["contact"], str(one["failures"]), str(one["demonstrations"])] for one in found["contacts"]]
    objects = [
        [
            one["object"] + (" (held out: do not record)" if one["held_out"] else ""),
            str(one["failures"]),
            str(one["demonstrations"]),
        ]
        for one in found["objects"]
    ]
    lasting = "Record such starts, not the very same: the panel's cases must stay new to the policy."
    best = found["recordings"][0]
    watch = f"regrasp show trial {found['run']}/checkpoints/bc --panel {found['run']}/panel.json --out trial.png --case"
    return [
        said,
        table("Record next", columns, rows),
        *starts,
        lasting,
        table("Contacts", ["last contact", "failures outside", "demonstrations that show it"], contacts[:10]),
        table("Objects", ["object", "failures outside", "demonstrations with it"], objects[:10]),
        f"To watch one: {watch} {best['case']}",
    ]


def _unusual(part: Mapping[str, Any]) -> str:
    """One column of a start, and what the demonstrations' starts have there."""
    from regrasp.report.wording import number, plain

    unit = f" {part['unit']}" if part["unit"] != "1" else ""
    return (
        f"{plain(part['name'])} {number(part['value'])}{unit} (shown: {number(part['low'])} to {number(part['high'])})"
    )
