"""All checks of the contract, in the order in which they are worth mending."""

import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial

from regrasp.tasks.contract import disturbing, judging, moving, record, starting
from regrasp.tasks.contract.finding import Finding, Unchecked, complaint
from regrasp.tasks.contract.script import Script
from regrasp.tasks.task import Task

_ON_TASKS: Mapping[str, tuple[str, Callable[[Task], Iterator[str]]]] = {
    "names": ("Every name is well-formed and used once.", record.names),
    "scene": ("The scene has every body, sensor and geom that it names, and no hidden state.", record.scene),
    "interface": ("Actions map onto every actuator, within finite limits.", record.interface),
    "objects": ("Training objects and held-out objects are disjoint and exist.", record.objects),
    "judge": ("The judge's numbers fit together and its digest is stable.", record.judge),
    "starts": ("Starts are drawn at random, from the given generator alone, and none is a drop.", starting.starts),
    "observations": ("Observations are as wide as their fields say, finite and bounded.", moving.observations),
    "rewards": ("Reward terms are finite, logged by name, and their sum is the reward.", moving.rewards),
    "predicates": ("The judge's predicates give one value per world.", moving.predicates),
    "determinism": ("The same seed gives the same trajectory, alone or in a batch, to the bit.", moving.determinism),
    "resuming": ("A saved environment continues to the bit.", moving.resuming),
    "aliasing": ("What was returned before a step is the same after it.", moving.aliasing),
    "rest": ("The rest action keeps the worlds sound.", moving.rest),
    "sketch": ("The sketch, if there is one, gives every world its own action.", moving.sketch),
    "disturbances": ("Every disturbance can be drawn, has its reason and its range.", disturbing.ranges),
    "acting": ("Every disturbance acts.", disturbing.acting),
}
_ON_TRACES: Mapping[str, tuple[str, Callable[[Script], Iterator[str]]]] = {
    "good trace": ("A hand that brings the object to the goal and holds it there is a success.", judging.good),
    "dropped": ("A goal that was reached and then dropped is no success.", judging.dropped),
    "thrown": ("An object thrown through the goal is no success.", judging.thrown),
    "untouched": ("A goal that nothing touched its way to is no success.", judging.untouched),
    "pushed in": ("A hand inside the object is no success.", judging.pushed_in),
    "teleported": ("A jump to the goal is no success.", judging.teleported),
    "held too short": ("Half of the held steps is no success.", judging.held_too_short),
}
CHECKS = (*_ON_TASKS, *_ON_TRACES)
"""The names of all checks."""
_SHOWN = 4


def check_task(task: Task, only: Collection[str] = CHECKS) -> list[Finding]:
    """The findings of all checks, or of those named in `only`; whatever a task's own code raises is a finding, too."""
    script = Script(task)
    asked = [(name, holds, partial(check, task)) for name, (holds, check) in _ON_TASKS.items()]
    asked += [(name, holds, partial(check, script)) for name, (holds, check) in _ON_TRACES.items()]
    return [_find(name, holds, check) for name, holds, check in asked if name in only]


def _find(name: str, holds: str, check: Callable[[], Iterator[str]]) -> Finding:
    try:
        complaints = list(check())
    except Unchecked as reason:
        return Finding(name, True, str(reason), checked=False)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        text = " ".join(str(error).split())
        raised = f"{type(error).__name__} ({text}) in line {last.lineno} of {last.filename}"
        explained = complaint(raised, "no exception", "mend the code that raises it, or what it was given")
        return Finding(name, False, explained)
    more = f" And {len(complaints) - _SHOWN} more." if len(complaints) > _SHOWN else ""
    return Finding(name, not complaints, " ".join(complaints[:_SHOWN]) + more if complaints else holds)
