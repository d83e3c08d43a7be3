"""Checks of the judge on scripted traces: one that must be a success, six that must not be."""

from collections.abc import Iterator

import numpy as np

from regrasp.tasks.contract.finding import Unchecked, complaint
from regrasp.tasks.contract.script import SPARE, Script, seen
from regrasp.tasks.contract.traces import Trace, between, touched

INSIDE = -0.05
"""Distance of a contact that no bench shows [m]."""
PASSING = 2
"""Control steps that an object thrown through the goal is in it."""


def good(script: Script) -> Iterator[str]:
    """Start to goal, every link touching, then held."""
    if not script.succeeded(script.good):
        mend = "let `goal` return a state in which `success` holds, and `impossible` and `fastest` spare honest motion"
        yield complaint(f"{seen(script.good)} when carried to the goal and held there", "a success", mend)


def _fraud(script: Script, trace: Trace, what: str, mend: str) -> Iterator[str]:
    found = script.judge(trace)
    if script.succeeded(found):
        yield complaint(f"{what} judged a success ({seen(found)})", "none", mend)


def dropped(script: Script) -> Iterator[str]:
    """Held at the goal, then dropped."""
    task = script.task
    if task.dropped is None:
        raise Unchecked("The task has no `dropped` state: nothing can fall.")
    script.require_good()
    down = between(task, script.path[-1], task.dropped())
    trace = touched(script.path, script.held, down, np.repeat(down[-1:], SPARE, axis=0))
    mend = "let the judge's `dropped` hold in the state that the task's `dropped` returns"
    yield from _fraud(script, trace, "an object held at the goal and then dropped", mend)


def thrown(script: Script) -> Iterator[str]:
    """Touched up to the goal, in it for two steps without touch, and away."""
    script.require_good()
    states = np.concatenate([script.outside, script.edge(PASSING), script.outside[::-1]])
    trace = Trace(states, np.arange(len(states)) < len(script.outside))
    mend = f"ask for more than {PASSING} held_steps, or make success_held the primary"
    yield from _fraud(script, trace, f"an object in the goal for {PASSING} steps", mend)


def untouched(script: Script) -> Iterator[str]:
    """The good trace without any contact."""
    script.require_good()
    states = np.concatenate([script.path, script.held])
    trace = Trace(states, np.zeros(len(states), bool))
    yield from _fraud(script, trace, "an object that nothing touched", "let `touching` read the contact sensors")


def pushed_in(script: Script) -> Iterator[str]:
    """The good trace with every link deep inside the object."""
    script.require_good()
    trace = touched(script.path, script.held, distance=INSIDE)
    mend = "add a rule to the judge's `impossible`, as `readings.deepest() > 0.01`"
    yield from _fraud(script, trace, f"a hand {-INSIDE * 100:g} cm inside the object", mend)


def teleported(script: Script) -> Iterator[str]:
    """At the start, and one step later at the goal."""
    script.require_good()
    judge, period = script.task.judge, 1.0 / script.task.interface.rate
    trace = touched(np.repeat(script.path[:1], SPARE, axis=0), script.held)
    mend = f"lower `fastest` ({judge.fastest:g} per second), or let `tracked` follow the object"
    yield from _fraud(script, trace, f"a jump from a start to the goal in one step of {period:g} s", mend)


def held_too_short(script: Script) -> Iterator[str]:
    """In success for half of the steps that count as held, and back."""
    script.require_good()
    steps = script.task.judge.held_steps // 2
    trace = touched(script.outside, script.edge(steps), script.outside[::-1])
    yield from _fraud(script, trace, f"success on {steps} steps", "make success_held the primary")
