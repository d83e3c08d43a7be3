"""Checks of the disturbances: what can be drawn, and whether it acts."""

from collections.abc import Iterator
from dataclasses import replace

import mujoco
import numpy as np

from regrasp.seeding import numpy_stream
from regrasp.simulation.disturbance import DIRECTED, EVENTS, KINDS, LIMITS, UNITS
from regrasp.tasks.contract.finding import Unchecked, complaint
from regrasp.tasks.contract.worlds import Beginning, beginning, environment, random_actions
from regrasp.tasks.task import Disturbance, Range, Task

DRAWS = 20
_LONGEST = 30
_FACTOR_ONLY = ("slip", "friction", "mass", "actuator")
"""Kinds that show in the physics factors, whether or not anything touches."""
_MEND = {
    "push": "let `pushed_body` be a body that can move",
    "drop": "let `released` name actuators and targets of an opened grip",
    "pose_error": "name observed positions in `misjudged`, or give the scene a fixture",
    "latency": "ask for at least one control step",
    "sensor_noise": "give positions and angles among the policy's fields the units m, rad or rotation",
}


def ranges(task: Task) -> Iterator[str]:
    """Kinds, reasons, limits, and draws inside them."""
    if not task.disturbances:
        raise Unchecked("The task has no disturbance, so nothing can be said about recovery from one.")
    for kind, span in task.disturbances.items():
        if kind not in KINDS or kind == "none":
            yield complaint(f"the kind {kind!r}", f"one of {', '.join(KINDS[1:])}", "rename or remove it")
            continue
        faults = list(_range(task, kind, span))
        yield from faults or _draws(task, kind, span)


def _range(task: Task, kind: str, span: Range) -> Iterator[str]:
    low, high = LIMITS[kind]
    if not low <= span.low <= span.high <= high:
        found = f"{kind} from {span.low:g} to {span.high:g} {UNITS[kind]}"
        yield complaint(found, f"a range inside {low:g} to {high:g}", "mend the magnitudes or their unit")
    if not span.reason.strip():
        yield complaint(f"{kind} without a reason", "why a bench would see it", "give the range a `reason`")
    envelope = span.envelope or (span.low, span.high)
    if envelope[0] > envelope[1]:
        yield complaint(f"the envelope {envelope} of {kind}", "smallest and largest", "swap them")
    if kind in EVENTS:
        if not 0 <= span.delay[0] <= span.delay[1]:
            yield complaint(f"the delay {span.delay} of {kind}", "(first, last) control steps from 0", "mend it")
        if kind != "drop" and span.duration < 1:
            yield complaint(f"{kind} that lasts {span.duration} control steps", "at least 1", "give it a `duration`")
    if kind == "drop" and not task.scene.released:
        yield complaint("drop in a scene without `released`", "targets of an opened grip", _MEND["drop"])
    if kind == "pose_error" and not (task.scene.fixture or task.misjudged):
        yield complaint("pose_error without a fixture and without `misjudged`", "one of them", _MEND["pose_error"])
    muscle = int(mujoco.mjtGain.mjGAIN_MUSCLE)
    if kind == "actuator" and any(int(gain) == muscle for gain in task.scene.model.actuator_gaintype):
        mend = "leave the kind out, as it scales all parameters of a muscle alike"
        yield complaint("actuator for muscles", "motors or servos, whose gain is their strength", mend)


def _draws(task: Task, kind: str, span: Range) -> Iterator[str]:
    generator = numpy_stream(0, "contract", kind)
    for drawn in (task.draw_disturbance(kind, generator) for _ in range(DRAWS)):
        slack = 0.5 if kind == "latency" else 1e-12
        if not span.low - slack <= drawn.magnitude <= span.high + slack:
            yield complaint(f"{kind} of {drawn.magnitude:g}", f"{span.low:g} to {span.high:g}", "mend the range")
            return
        if kind in DIRECTED and abs(float(np.linalg.norm(drawn.direction)) - 1.0) > 1e-9:
            yield complaint(f"{kind} along {drawn.direction}", "a unit vector", "mend the direction")
            return


def acting(task: Task) -> Iterator[str]:
    """Each kind changes something in a trial, as if contact entry came at once."""
    if not task.disturbances:
        raise Unchecked("The task has no disturbance to act.")
    begin = beginning(task, 1)
    for kind in task.disturbances:
        if kind not in KINDS:
            continue
        drawn = replace(task.draw_disturbance(kind, numpy_stream(0, "contract", kind)), delay=0)
        differing = _differences(task, begin, drawn)
        where = "physics" if kind in _FACTOR_ONLY else _shows(task, kind)
        if where not in differing:
            found = f"{kind} of {drawn.magnitude:g} {UNITS[kind]} that changes nothing in the {where}"
            mend = _MEND.get(kind, "choose magnitudes other than 1")
            yield complaint(found, "a trial that goes otherwise", mend)


def _shows(task: Task, kind: str) -> str:
    misjudged = kind == "pose_error" and bool(task.misjudged)
    return "observations" if kind == "sensor_noise" or misjudged else "states"


def _differences(task: Task, begin: Beginning, drawn: Disturbance) -> set[str]:
    """What the disturbance changes of the same trial: `states`, `observations`, `physics`."""
    both = Beginning(np.repeat(begin.objects, 2), np.repeat(begin.states, 2, axis=0))
    made = environment(task, both, [Disturbance(), drawn])
    made.disturbances.trigger(np.ones(2, bool), made.elapsed.numpy())
    found = set()
    for action in random_actions(task, 1, min(drawn.duration + 5, _LONGEST)):
        step = made.step(action.expand(2, -1))
        shown = {
            "states": made.worlds.states(),
            "observations": step.observations["policy"].numpy(),
            "physics": made.worlds.variation.factors,
        }
        found |= {name for name, rows in shown.items() if not np.array_equal(rows[0], rows[1])}
    return found
