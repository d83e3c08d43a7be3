"""Trials worth looking at, recovered, failed and newly broken ones, played again under both policies and drawn."""

from collections.abc import Callable, Iterable, Mapping, Sequence

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


def draw_strips(
    actors: Mapping[str, Actor], task: Task, panel: Panel, judged: Mapping[str, Sequence[Trial]]
) -> tuple[Strip, ...]:
    """Pictures of a recovered, a failed and a newly broken trial of the last policy, and of the same case under each.

    Args:
        actors: one or two policies by the name that the page gives them; what is shown is chosen for the last.
        task: theirs.
        panel: on which they were judged.
        judged: name of a policy → its trials; what the panel has no such trial for is left out.

    Raises:
        InputError: this machine cannot draw.
    """
    done = OUTCOMES[task.judge.primary]
    rows = {name: {trial.case: trial for trial in trials} for name, trials in judged.items()}
    first, *_ = rows.values()
    *_, last = rows.values()
    able = {case for case, trial in first.items() if done(trial)}
    chosen = {
        "Recovered": _pick(last.values(), lambda t: t.recovered and done(t)),
        "Failed": _pick(last.values(), lambda t: not done(t) and not t.failure and t.case not in able),
        "Newly broken": _pick(last.values(), lambda t: not done(t) and not t.failure and t.case in able),
    }
    return tuple(
        _strip(
            f"{title}: {kind(trial.disturbance)}, case {trial.case}", name, own[trial.case], actors[name], task, panel
        )
        for title, trial in chosen.items()
        if trial
        for name, own in rows.items()
        if trial.case in own
    )


def _pick(trials: Iterable[Trial], wanted: Callable[[Trial], bool]) -> Trial | None:
    """The first of the most visible kind; one that lost what it held rather than one that never held it."""
    found = [trial for trial in trials if wanted(trial)]
    order = {name: place for place, name in enumerate(VISIBLE)}
    return min(found, key=lambda t: (not t.lost, order.get(t.disturbance, len(order)), t.case), default=None)


def _strip(title: str, policy: str, trial: Trial, actor: Actor, task: Task, panel: Panel) -> Strip:
    case = panel.cases[trial.case]
    _, states = record(actor, task, case)
    first, last = _window(trial, task)
    steps = np.linspace(first, last, FRAMES).round().astype(int)
    pixels = render_states(task.scene.model_of(case.object), states[steps], task.camera)
    period = task.scene.control_period
    frames = [(float(step * period), picture) for step, picture in zip(steps, pixels, strict=True)]
    return Strip(title, _caption(trial, task, period), frames, policy)


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
