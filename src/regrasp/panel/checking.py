"""Whether a panel is sound: what it says fits the task of today, and every case begins where a trial can begin."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from regrasp.actor import Actor
from regrasp.errors import InputError
from regrasp.panel.cases import Case, Panel
from regrasp.panel.evaluation import WORLDS, evaluate
from regrasp.seeding import numpy_stream
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Task
from regrasp.trial import Trial

_LAYOUT = 37
"""Cases side by side the second time that a floor is measured: no part of `WORLDS`, and no multiple."""
_NAMED = 5


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    name: str
    passed: bool
    found: str


def check_panel(panel: Panel, signed: str, task: Task, threads: int = 0) -> list[Finding]:
    """Every check of a panel as it stands in a file that was signed with the digest `signed`."""
    size, own = task.scene.state_size, panel.cases
    unknown = [case for case in own if case.object not in task.objects]
    misshapen = [case for case in own if len(case.state) != size]
    kinds = [case for case in own if case.disturbance.kind not in ("none", *task.disturbances)]
    usable = [case for case in own if case.object in task.objects and len(case.state) == size]
    said = "" if panel.digest == signed else f"the content is {panel.digest[:12]}, signed was {signed[:12]}"
    return [
        Finding("signed", not said, said or f"as signed, {signed[:12]}"),
        _fits(panel, task),
        _without("objects", unknown, f"with an object that {task.name} does not know"),
        _without("disturbances", kinds, f"with a disturbance that {task.name} does not know"),
        _without("states", misshapen, f"whose state has not the {size} numbers of {task.name}"),
        *_starts(usable, task, threads),
        _without("duplicates", _repeated(own), "that repeat the object, state and disturbance of an earlier one"),
    ]


def _fits(panel: Panel, task: Task) -> Finding:
    try:
        panel.require(task, "it")
    except InputError as error:
        return Finding("fits", False, str(error))
    return Finding("fits", True, f"{task.name} as it is today")


def _without(name: str, cases: Sequence[Case], what: str) -> Finding:
    numbers = ", ".join(str(case.number) for case in cases[:_NAMED]) + (", …" if len(cases) > _NAMED else "")
    return Finding(name, not cases, f"cases {what}: {f'{len(cases)} ({numbers})' if cases else 'none'}")


def _repeated(cases: Sequence[Case]) -> list[Case]:
    seen: set[Any] = set()
    repeated = []
    for case in cases:
        content = (case.object, case.state, case.disturbance)
        repeated += [case] if content in seen else []
        seen.add(content)
    return repeated


def _starts(cases: Sequence[Case], task: Task, threads: int) -> Iterator[Finding]:
    """What the judge says of the start states before anything moves, and after one step with the hand at rest."""
    bad: dict[str, list[Case]] = {"success": [], "dropped": [], "impossible": [], "diverged": []}
    for first in range(0, len(cases), WORLDS):
        chunk = cases[first : first + WORLDS]
        for name, worlds in _first_reading(chunk, task, threads).items():
            bad[name] += [case for case, found in zip(chunk, worlds, strict=True) if found]
    yield _without("not done", bad["success"], "that begin in success")
    yield _without("not dropped", bad["dropped"], "that begin dropped")
    yield _without(
        "possible",
        bad["impossible"],
        "whose first step, with the hand at rest, already shows what cannot happen on a bench",
    )
    yield _without("simulated", bad["diverged"], "that the engine cannot go on from")


def _first_reading(cases: Sequence[Case], task: Task, threads: int) -> dict[str, list[bool]]:
    count = len(cases)
    environment = Environment(task, count, threads)
    objects = np.array([task.scene.objects.index(case.object) for case in cases])
    states = np.array([case.state for case in cases])
    schedules, seeds = [case.disturbance for case in cases], [case.seed for case in cases]
    environment.reset(np.arange(count), states, schedules, seeds, objects)
    judge, readings = task.judge, environment.readings
    found = {"success": judge.success(readings).tolist(), "dropped": judge.dropped(readings).tolist()}
    # The hand at rest: what the judge sees then was there before any policy did anything, and costs every success.
    environment.step(torch.tensor(task.rest, dtype=torch.float32).repeat(count, 1))
    broken = [environment.judgement.broken[rule] for rule in judge.impossible]
    found["impossible"] = torch.stack(broken).any(0).tolist() if broken else [False] * count
    return found | {"diverged": environment.worlds.diverged.tolist()}


def balance(panel: Panel, task: Task) -> dict[str, dict[str, int]]:
    """Kind → cases, how many of them with held-out objects, fewest and most per object, and outside the envelope."""
    found = {}
    for kind in dict.fromkeys(case.disturbance.kind for case in panel.cases):
        own = [case for case in panel.cases if case.disturbance.kind == kind]
        objects = Counter(dict.fromkeys(task.objects, 0)) + Counter(case.object for case in own)
        counts = [objects[name] for name in task.objects]
        found[kind] = {
            "cases": len(own),
            "held_out": sum(case.object in task.held_out for case in own),
            "fewest": min(counts),
            "most": max(counts),
            "unrealistic": sum(not task.realistic(case.disturbance) for case in own),
        }
    return found


def benign_floor(actor: Actor, task: Task, cases: Sequence[Case]) -> Iterator[tuple[int, list[int]]]:
    """Play every case twice; yields cases played so far (of twice their number) and, at last, numbers that differ.

    Once on one thread in their order, once on all threads in another order and another number side by side. What
    differs between two playings of one policy is no difference between two policies: it should be nothing.
    """
    rows: list[dict[int, Trial]] = [{}, {}]
    for chunk in evaluate(actor, task, cases, threads=1):
        rows[0] |= {row.case: row for row in chunk}
        yield len(rows[0]), []
    places = numpy_stream(0, "benign floor").permutation(len(cases))
    for first in range(0, len(cases), _LAYOUT):
        own = [cases[place] for place in places[first : first + _LAYOUT]]
        for chunk in evaluate(actor, task, own, threads=os.cpu_count() or 1):
            rows[1] |= {row.case: row for row in chunk}
        yield len(cases) + len(rows[1]), []
    # Not `==`, for which a number that is not known differs from itself.
    yield 2 * len(cases), [case for case in rows[0] if repr(rows[0][case]) != repr(rows[1][case])]
