"""One method on one seed for a fixed wall clock: judged now and then, outside of it, and kept when it is complete."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from peers.given import Given, Method, Standing
from peers.methods import Entry
from regrasp.actor import Actor
from regrasp.panel.cases import Case, draw_cases
from regrasp.panel.evaluation import evaluate
from regrasp.store.atomic import replacing


@dataclass(frozen=True)
class Point:
    """What a policy did on the cases.

    Attributes:
        wall_s: of learning until then, judging excluded.
        control_steps: simulated until then.
        success: trials that succeeded as the task's judge asks for.
        contact_entry: trials with stable contact.
        n: trials.
    """

    wall_s: float
    control_steps: int
    success: int
    contact_entry: int
    n: int


@dataclass(frozen=True)
class Budget:
    """How long to learn and how often to judge [s], on how many undisturbed cases."""

    wall_s: float
    every_s: float
    cases: int


def measured(entry: Entry, given: Given, budget: Budget, file: Path) -> list[Point]:
    """The points in `file`, or those of a run from the beginning, which are then written there in one piece."""
    if file.exists():
        return [Point(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
    torch.set_num_threads(1)
    method = entry.load()
    cases = draw_cases(given.task, {"none": budget.cases}, given.seed, "peers")
    points = list(followed(method, given, budget, cases))
    with replacing(file) as kept:
        kept.write("".join(json.dumps(asdict(point)) + "\n" for point in points).encode())
    return points


def followed(method: Method, given: Given, budget: Budget, cases: Sequence[Case]) -> Iterator[Point]:
    """Learn for as long as the budget allows; a point at every interval, and one at the end."""
    learning = method(given)
    spent, due, judged = 0.0, 0.0, -1
    latest: Standing | None = None
    while spent < budget.wall_s:
        begun = time.perf_counter()
        standing = next(learning, None)
        spent += time.perf_counter() - begun
        if standing is None:
            break
        latest = standing
        if spent >= due:
            yield _shown(_judge(latest, spent, given, cases))
            judged, due = latest.control_steps, (spent // budget.every_s + 1) * budget.every_s
    learning.close()
    if latest is not None and judged != latest.control_steps:
        yield _shown(_judge(latest, spent, given, cases))


def _judge(standing: Standing, spent: float, given: Given, cases: Sequence[Case]) -> Point:
    actor: Actor = standing.actor
    trials = [trial for rows in evaluate(actor, given.task, cases, given.threads) for trial in rows]
    success = sum(bool(getattr(trial, given.task.judge.primary)) for trial in trials)
    entered = sum(trial.entered for trial in trials)
    return Point(round(spent, 2), standing.control_steps, success, entered, len(trials))


def _shown(point: Point) -> Point:
    shares = f"success {point.success}/{point.n}, contact entry {point.contact_entry}/{point.n}"
    print(f"  {point.wall_s:6.0f} s  {point.control_steps:9,d} steps  {shares}", flush=True)
    return point
