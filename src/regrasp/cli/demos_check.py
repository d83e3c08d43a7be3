"""`regrasp demos check`: are these demonstrations good enough, and what to record next."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from tyro.conf import Positional

from regrasp.cli.output import emit, require_writable, table

if TYPE_CHECKING:
    from regrasp.demonstrations.inspection.findings import Finding, Inspection
    from regrasp.report.inspected import InspectedRecord
    from regrasp.tasks.task import Task

FAULTY = 1
"""Exit code where a set is not fit for cloning."""


def check(
    file: Positional[Path],
    task: str | None = None,
    teaches: tuple[str, ...] = (),
    out: Path | None = None,
    threads: int = 0,
    json: bool = False,
) -> None:
    """Check demonstrations before learning from them; exit code 1 if they are not fit for cloning.

    Episodes that have a start state are played again on today's engine, as recorded and with their actions shifted by
    up to three control steps. What is found is said with its evidence and with what to do about it.

    Args:
        file: the demonstration file, or the folder of a dataset.
        task: name of the task that it should fit; left out, the one that the file names or alone could be of.
        teaches: contact modes and transitions that it is expected to show, as `thumb+index` or `palm -> thumb+palm`.
        out: a page with all of it and pictures, as check.html.
        threads: engine threads; 0 uses every core. The result is the same for any number.
        json: print one JSON object instead of tables.
    """
    from regrasp.cli.opening import open_demonstrations
    from regrasp.demonstrations.inspection.findings import USES, findings, inspect, verdict
    from regrasp.report.inspected import inspected_page
    from regrasp.report.page import write_text

    if out is not None:
        require_writable(out)
    demonstrations, found_task = open_demonstrations(file, task)
    found = inspect(demonstrations, found_task, threads)
    every = findings(found, _named(teaches, found_task))
    verdicts = {use: verdict(every, use) for use in USES}
    data: dict[str, Any] = {"file": str(file), "task": found_task.name, "digest": demonstrations.digest}
    data |= {"verdicts": verdicts, "findings": [vars(one) for one in every], "measured": measured(found)}
    if out is not None:
        data["out"] = str(out)
        write_text(inspected_page(_record(data, every, found, found_task)), out)
    emit(data, json, *_shown(data, every))
    if verdicts["cloning"] == "not fit":
        raise SystemExit(FAULTY)


def _named(teaches: tuple[str, ...], task: "Task") -> list[str]:
    from regrasp.errors import InputError
    from regrasp.panel.repertoire import item_name

    names = []
    for one in teaches:
        try:
            names.append(item_name(one, task.regions))
        except ValueError:
            raise InputError(
                "--teaches", "", repr(one), "regions joined by +, or two such with ->", task.regions
            ) from None
    return names


def measured(found: "Inspection") -> dict[str, Any]:
    """Every number, as plain data."""
    from dataclasses import asdict

    import numpy as np

    from regrasp.cli.demos_check_tables import approach_spread, compared_demonstrators

    shown, consistent = found.coverage, found.consistency
    departed = [one.step for one in found.departures if one.step >= 0]
    return {
        **found.summary.to_json(),
        "replayed": len(found.played),
        "replayed_success": sum(one.success for one in found.played),
        "departed": len(departed),
        "departure_step_median": float(np.median(departed)) if departed else None,
        "departure_size_median": float(np.median([one.size for one in found.departures])) if found.departures else None,
        "lag_errors": {str(lag): error for lag, error in found.lags.items()},
        **{name: list(value) if isinstance(value, tuple) else value for name, value in vars(shown).items()},
        "ambiguity_median": float(np.median(consistent.ambiguity)) if consistent else None,
        "ambiguous_share": float(np.mean(consistent.ambiguity >= 1.0)) if consistent else None,
        "pinned": consistent.pinned if consistent else None,
        "jitter_median": float(np.median(consistent.jitter)) if consistent else None,
        "demonstrators": dict(consistent.demonstrators) if consistent else {},
        "demonstrators_compared": compared_demonstrators(consistent.compared) if consistent else [],
        "approaches": [asdict(one) for one in found.approaches],
        "approach_spread": approach_spread(found.approaches),
    }


def _shown(data: Mapping[str, Any], every: "list[Finding]") -> list[str | Table]:
    from regrasp.cli.demos_check_tables import SHORT, demonstrator_rows

    lines: list[str | Table] = [f"{data['file']}: {data['task']}, digest {data['digest']}"]
    lines += [f"For {use}: {said}." for use, said in data["verdicts"].items()]
    if every:
        rows = [[one.name, one.level, one.found, one.advice] for one in every]
        found = table("Found", ["", "", "evidence", "what to do"], rows)
        for column in found.columns[1:]:
            column.justify, column.overflow = "left", "fold"
        lines.append(found)
    facts = data["measured"]
    tables = [table(title, ["", "episodes"], rows) for title, rows in _contacts(facts).items() if rows]
    # What is beyond chance is among the findings.
    rows = [row[:-1] for row in demonstrator_rows(facts)[1:]]
    people = [table("Demonstrators, each against all others", SHORT, rows)] if rows else []
    return [*lines, table("Measured", ["", ""], _numbers(facts)), *tables, *people]


def _record(data: Mapping[str, Any], every: "list[Finding]", found: "Inspection", task: "Task") -> "InspectedRecord":
    from regrasp.cli.demos_check_tables import demonstrator_rows, directions, spread_rows
    from regrasp.contact import mode_name
    from regrasp.demonstrations.inspection.departure import APART
    from regrasp.report.inspected import InspectedRecord

    modes = [one.episode.contact_modes for one in found.played if one.episode.contact_modes is not None]
    return InspectedRecord(
        name=Path(data["file"]).name,
        task=data["task"],
        digest=data["digest"],
        rate=task.interface.rate,
        verdicts=data["verdicts"],
        findings=[[one.name, one.level, one.found, one.advice] for one in every],
        numbers=_numbers(data["measured"]),
        away=[one.away for one in found.departures],
        departed=data["measured"]["departed"],
        apart=APART,
        lags=found.lags,
        modes=modes,
        named={int(mode): mode_name(int(mode), task.regions) for rows in modes for mode in set(rows.tolist())},
        shown=_contacts(data["measured"]),
        approaches=directions(found.approaches),
        spreads=spread_rows(data["measured"]),
        demonstrators=demonstrator_rows(data["measured"]),
        **({"ambiguity": found.consistency.ambiguity} if found.consistency else {}),
    )


def _numbers(facts: Mapping[str, Any]) -> list[list[str]]:
    import numpy as np

    def middle(values: list[int]) -> str:
        return f"{np.median(values):g} ({min(values)} to {max(values)})" if values else "–"

    def share(value: float | None) -> str:
        return "–" if value is None else f"{value:.1%}"

    apart = facts["departure_step_median"]
    return [
        ["episodes, control steps", f"{facts['episodes']}, {facts['steps']}"],
        ["played again, succeeding", f"{facts['replayed']}, {facts['replayed_success']}"],
        ["leaving what was recorded, at control step (median)", f"{facts['departed']}, {apart or '–'}"],
        ["contact entry at control step: median (range)", middle(facts["entries"])],
        ["approach to the object: mean resultant length, widest angle from the mean", _spread(facts)],
        [
            "contact ends and comes back / lost / recovered",
            f"{facts['broken']} / {facts['lost']} / {facts['recovered']}",
        ],
        ["task's starts inside the recorded ones", share(facts["starts"])],
        [
            "idle control steps; at the beginning, at the end",
            f"{share(facts['idle'])}; {middle(facts['idle_heads'])}, {middle(facts['idle_tails'])}",
        ],
        [
            "actions outside [-1, 1]; at a limit inside",
            f"{share(facts['outside_share'])}; {share(facts['pinned'])}",
        ],
        [
            "ambiguity of actions: median; states without a clear action",
            f"{facts['ambiguity_median'] or 0:.2f}; {share(facts['ambiguous_share'])}",
        ],
        ["jitter of actions, median over episodes [spreads]", f"{facts['jitter_median'] or 0:.2f}"],
    ]


def _spread(facts: Mapping[str, Any]) -> str:
    spread = facts["approach_spread"]
    return f"{spread['object']['resultant']:.2f}, {spread['object']['widest_deg']:.0f}°" if spread else "–"


def _contacts(facts: Mapping[str, Any]) -> dict[str, list[list[str]]]:
    titles = {"entry_modes": "Contact at entry", "modes": "Lasting contact", "transitions": "Transitions"}
    return {title: [[mode, str(n)] for mode, n in list(facts[name].items())[:8]] for name, title in titles.items()}
