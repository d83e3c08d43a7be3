"""`regrasp report A B`: two checkpoints on one panel, as one page."""

from pathlib import Path
from typing import TYPE_CHECKING

from regrasp.cli.output import emit, note
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.cli.judging import Checkpoint
    from regrasp.report.record import Strip
    from regrasp.trial import Trial


def report_comparison(a: Path, b: Path, file: Path | None, out: Path | None, task: str | None, json: bool) -> None:
    """Write the page; both must have been judged on the whole panel."""
    from regrasp.cli.judging import facts_of, open_checkpoint, stored_trials, style_between
    from regrasp.panel.cases import read_panel
    from regrasp.panel.comparison import compare as compare_trials
    from regrasp.report.compared import ComparisonRecord, comparison_page, comparison_sentence
    from regrasp.report.page import write_text

    first, second = open_checkpoint(a, task), open_checkpoint(b, task)
    if first.task.name != second.task.name:
        raise InputError(b, "task", second.task.name, f"{first.task.name}, the task of {a}")
    if first.run is None or second.run is None:
        alone = a if first.run is None else b
        raise InputError(alone, "", "a checkpoint in no run folder", "a checkpoint in a run, which keeps its rows")
    panel = read_panel(file or first.run.path / "panel.json")
    rows = {"A": stored_trials(first, panel.digest), "B": stored_trials(second, panel.digest)}
    for folder, own in zip((a, b), rows.values(), strict=True):
        if len(own) != len(panel.cases):
            judged = f"{len(own)} of {len(panel.cases)} cases of the panel judged"
            raise InputError(folder, "", judged, f"all of them (regrasp evaluate {folder} --panel {file or 'PANEL'})")
    judge, facts = first.task.judge, facts_of(first.task)
    found = compare_trials(rows["A"], rows["B"], judge.primary, panel.digest, panel.digest, facts=facts)
    record = ComparisonRecord(
        task=first.task.name,
        names=(str(a), str(b)),
        digests={"A": first.manifest.digest, "B": second.manifest.digest, "panel": panel.digest},
        primary=judge.primary,
        rate=first.task.interface.rate,
        recovery_window=judge.recovery_window,
        regions=first.task.regions,
        facts=facts,
        trials=rows,
        style_distance=style_between(rows["A"], rows["B"]),
        comparison=found.to_json(),
        strips=_strips(first, second, file or first.run.path / "panel.json", rows),
    )
    page = out or second.run.path / "comparison.html"
    size = write_text(comparison_page(record), page)
    sentence = comparison_sentence(record)
    data = {"verdict": sentence, "report": str(page), "bytes": size, "pictures": len(record.strips)}
    emit(data, json, sentence, f"{page} ({size / 1e6:.2f} MB)")


def _strips(
    first: "Checkpoint", second: "Checkpoint", file: Path, rows: "dict[str, list[Trial]]"
) -> "tuple[Strip, ...]":
    from regrasp.cli.pictures import draw_strips
    from regrasp.panel.cases import read_panel

    try:
        return draw_strips({"A": first.policy, "B": second.policy}, first.task, read_panel(file), rows)
    except InputError as error:
        note(f"The page has no pictures: {error}")
        return ()
