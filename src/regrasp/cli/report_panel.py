"""`regrasp report --panel FILE`: the cases of a panel, as one page."""

from pathlib import Path
from typing import TYPE_CHECKING

from regrasp.cli.output import emit, note
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.panel.cases import Panel
    from regrasp.report.record import Strip
    from regrasp.tasks.task import Task

SHOWN = 8
"""Start states drawn, spread over the panel."""


def report_panel(file: Path, out: Path | None, task: str | None, json: bool) -> None:
    """Write the page; needs the task, for its envelopes and pictures, but no policy."""
    from regrasp.cli.judging import facts_of
    from regrasp.panel.cases import read_panel
    from regrasp.report.page import write_text
    from regrasp.report.panelled import CaseRow, PanelRecord, panel_page
    from regrasp.simulation.disturbance import UNITS
    from regrasp.tasks import stored_task

    panel = read_panel(file)
    found = stored_task(panel.task, task, f"{file}: task")
    record = PanelRecord(
        name=file.name,
        task=panel.task,
        digest=panel.digest,
        cases=[CaseRow(c.object, c.disturbance.kind, c.disturbance.magnitude) for c in panel.cases],
        held_out=found.held_out,
        envelopes=facts_of(found).envelopes or {},
        units=UNITS,
        starts=_starts(panel, found),
    )
    page = out or file.with_suffix(".html")
    size = write_text(panel_page(record), page)
    sentence = record.sentence
    data = {"panel": panel.digest, "cases": len(panel.cases), "verdict": sentence, "report": str(page), "bytes": size}
    emit(data, json, sentence, f"{page} ({size / 1e6:.2f} MB)")


def _starts(panel: "Panel", task: "Task") -> "tuple[Strip, ...]":
    import numpy as np

    from regrasp.report.record import Strip
    from regrasp.simulation.render import render_states

    strips = []
    try:
        panel.require(task, f"panel {panel.digest[:12]}")
        for place in np.unique(np.linspace(0, len(panel.cases) - 1, SHOWN).round().astype(int)):
            case = panel.cases[place]
            pixels = render_states(task.scene.model_of(case.object), np.array([case.state]), task.camera)
            strips.append(Strip(f"Case {case.number}", case.object, [(0.0, pixels[0])]))
    except InputError as error:
        note(f"The page has no pictures: {error}")
        return ()
    return tuple(strips)
