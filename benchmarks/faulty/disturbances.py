"""planar-turn under disturbances five times as strong as a bench shows; what counts as realistic stays.

A magnitude that is a factor is raised to the fifth power: five times as far from 1, as factors go.
"""

from dataclasses import replace

from regrasp.simulation.disturbance import LIMITS, UNITS
from regrasp.tasks.planar_turn import TASK as HONEST
from regrasp.tasks.task import Range

TIMES = 5


def stronger(kind: str, span: Range) -> Range:
    """The range five times as strong, inside what a schedule may ask for, with the envelope of before."""
    factor, limits = UNITS[kind].startswith("×"), LIMITS[kind]
    ends = (end**TIMES if factor else end * TIMES for end in (span.low, span.high))
    low, high = (min(max(end, limits[0]), limits[1]) for end in ends)
    return replace(span, low=low, high=high, envelope=span.envelope or (span.low, span.high))


TASK = replace(
    HONEST,
    name="planar-turn-disturbances",
    disturbances={kind: stronger(kind, span) for kind, span in HONEST.disturbances.items()},
)
