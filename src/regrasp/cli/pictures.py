"""Two trials worth looking at, one recovered and one failed, played again and drawn."""

from collections.abc import Callable, Sequence

import numpy as np

from regrasp.actor import Actor
from regrasp.panel.cases import Panel
from regrasp.panel.evaluation import record
from regrasp.panel.statistics import OUTCOMES
from regrasp.report.record import Strip
from regrasp.report.wording import kind, number, outcome
from regrasp.simulation.disturbance import UNITS
from regrasp.simulation.render import render_states
from regrasp.tasks.task import Task
from regrasp.trial import Trial

VISIBLE = ("push", "pose_error", "slip")
"""Kinds that can be seen in a picture, the most visible first."""
FRAMES = 8
MARGIN = 15
"""Control steps shown before the disturbance and after the recovery."""


def draw_strips(actor: Actor, task: Task, panel: Panel, trials: Sequence[Trial]) -> tuple[Strip, ...]:
    """Pictures of one recovered and one failed trial, as far as `trials` has them.

    Raises:
        InputError: this machine cannot draw.
    """
    done = OUTCOMES[task.judge.primary]
    chosen = {
        "Recovered": _pick(trials, lambda t: t.recovered and done(t)),
        "Failed": _pick(trials, lambda t: not done(t) and not t.failure),
    }
    return tuple(_strip(title, trial, actor, task, panel) for title, trial in chosen.items() if trial)


def _pick(trials: Sequence[Trial], wanted: Callable[[Trial], bool]) -> Trial | None:
    """The first of the most visible kind; one that lost what it held rather than one that never held it."""
    found = [trial for trial in trials if wanted(trial)]
    order = {name: place for place, name in enumerate(VISIBLE)}
    return min(found, key=lambda t: (not t.lost, order.get(t.disturbance, len(order)), t.case), default=None)


def _strip(title: str, trial: Trial, actor: Actor, task: Task, panel: Panel) -> Strip:
    case = panel.cases[trial.case]
    _, states = record(actor, task, case)
    first, last = _window(trial, task)
    steps = np.linspace(first, last, FRAMES).round().astype(int)
    pixels = render_states(task.scene.model_of(case.object), states[steps], task.camera)
    period = task.scene.control_period
    frames = [(float(step * period), picture) for step, picture in zip(steps, pixels, strict=True)]
    return Strip(f"{title}: {kind(trial.disturbance)}, case {trial.case}", _caption(trial, task, period), frames)


def _window(trial: Trial, task: Task) -> tuple[int, int]:
    """First and last control step to show: from the disturbance to the recovery, or to where it would have come."""
    begin = max(trial.disturbed_at, trial.contact_entry, 0) if trial.disturbance in VISIBLE else trial.contact_entry
    if trial.recovered:
        end = max(trial.recovered_at, trial.first_success) + MARGIN
    else:
        end = trial.lost_at + task.judge.recovery_window if trial.lost else task.horizon
    return max(0, begin - MARGIN), min(task.horizon, end)


def _caption(trial: Trial, task: Task, period: float) -> str:
    def at(step: int) -> str:
        return f"{step * period:.2f} s"

    size = f"{number(trial.magnitude)} {UNITS[trial.disturbance]}".strip()
    parts = [f"stable contact at {at(trial.contact_entry)}" if trial.entered else "no stable contact"]
    if trial.disturbance != "none" and trial.disturbed_at >= 0:
        parts.append(f"{kind(trial.disturbance)} of {size} at {at(trial.disturbed_at)}")
    if trial.lost:
        parts.append(f"the hold is lost at {at(trial.lost_at)}")
    if trial.recovered:
        parts.append(f"regained at {at(trial.recovered_at)}")
    ending = outcome(task.judge.primary)
    parts.append(f"{ending} follows" if OUTCOMES[task.judge.primary](trial) else f"no {ending}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."
