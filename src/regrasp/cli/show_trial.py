"""`regrasp show trial`: one case of a panel played again and drawn, by one policy or by two."""

from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from regrasp.cli.output import emit, require_writable
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.cli.judging import Checkpoint
    from regrasp.panel.cases import Case
    from regrasp.report.strips import EpisodeStrip
    from regrasp.trial import Trial

FRAMES = 8
SIZE = (320, 240)
"""Of each picture before it is drawn [pixels]."""


def trial(
    checkpoint: Positional[Path],
    panel: Path,
    case: int,
    out: Path,
    against: Path | None = None,
    task: str | None = None,
    json: bool = False,
) -> None:
    """Play a case of a panel again and draw it: pictures in a row, and under them who touched when and what happened.

    The case comes out as it was judged, to the bit on the kind of machine that judged it.

    Args:
        checkpoint: folder of the checkpoint that acts, as runs/door/checkpoints/rl.
        panel: the panel file.
        case: number of the case, as regrasp compare lists them.
        out: the picture to write (PNG).
        against: another checkpoint, drawn above this one for comparison.
        task: the task, if it is not built in: its Python file, as my_task.py.
        json: print one JSON object instead of sentences.
    """
    from regrasp.cli.judging import open_checkpoint
    from regrasp.panel.cases import read_panel
    from regrasp.panel.evaluation import record
    from regrasp.report.strips import draw_strips
    from regrasp.store.atomic import replacing

    require_writable(out)
    actors = [open_checkpoint(folder, task) for folder in (against, checkpoint) if folder is not None]
    cases = read_panel(panel)
    for one in actors:
        cases.require(one.task, str(panel))
    if not 0 <= case < len(cases.cases):
        raise InputError("--case", "", str(case), f"the number of a case of {panel}, 0 to {len(cases.cases) - 1}")
    chosen = cases.cases[case]
    strips, data = [], []
    for one in actors:
        row, states = record(one.policy, one.task, chosen)
        folder = str(one.manifest.folder)
        strips.append(_strip(one, chosen, row, states, folder))
        data.append({"checkpoint": folder, one.task.judge.primary: getattr(row, one.task.judge.primary)})
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as picture:
        picture.write(draw_strips(strips))
    found = {"picture": str(out), "case": case, "panel": cases.digest, "policies": data}
    emit(found, json, *(f"{strip.title}: {strip.note}" for strip in strips), str(out))


def _strip(checkpoint: "Checkpoint", case: "Case", row: "Trial", states: "object", folder: str) -> "EpisodeStrip":
    import numpy as np

    from regrasp.contact import regions_of
    from regrasp.report.strips import EpisodeStrip
    from regrasp.simulation.render import render_states

    task = checkpoint.task
    period = task.scene.control_period
    # What the trial's row does not know, the state before its first step, touches nothing yet.
    modes = np.concatenate([np.zeros(1, np.uint8), np.frombuffer(row.modes, np.uint8)])
    shown = np.unique(np.linspace(0, row.steps, FRAMES).round().astype(int))
    pixels = render_states(task.scene.model_of(case.object), np.asarray(states)[shown], task.camera, *SIZE)
    return EpisodeStrip(
        title=Path(folder).name,
        note=_note(checkpoint, case, row),
        frames=[(float(at * period), picture) for at, picture in zip(shown, pixels, strict=True)],
        regions=task.regions,
        touching=regions_of(modes, len(task.regions)),
        # A disturbance begins in the state before its control step, what it leads to shows in the one after.
        marks={name: (step + (name != "disturbed")) * period for name, step in marks_of(row).items() if step >= 0},
    )


def marks_of(row: "Trial") -> dict[str, int]:
    """Mark → control step, -1 where it did not come."""
    return {
        "contact_entry": row.contact_entry,
        "disturbed": row.disturbed_at if row.disturbance != "none" else -1,
        "lost": row.lost_at,
        "recovered": row.recovered_at,
        "success": row.first_success,
    }


def _note(checkpoint: "Checkpoint", case: "Case", row: "Trial") -> str:
    from regrasp.report.wording import ending, kind, number, outcome
    from regrasp.simulation.disturbance import UNITS

    task = checkpoint.task
    size = f"{number(row.magnitude)} {UNITS[row.disturbance]}".strip()
    hit = kind(row.disturbance) if row.disturbance == "none" else f"{kind(row.disturbance)} of {size}"
    done = getattr(row, task.judge.primary)
    end = outcome(task.judge.primary) if done else ending(row, task.horizon)
    return " · ".join([f"case {case.number}", case.object, hit, end])
