"""Checks on random trajectories: observations, rewards, determinism, resuming, aliasing."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from regrasp.judges.judge import Predicate
from regrasp.tasks.contract.finding import complaint
from regrasp.tasks.contract.worlds import beginning, environment, flat, random_actions
from regrasp.tasks.environment import Arrays, Environment
from regrasp.tasks.task import Task

WORLDS = 3
LARGEST = 1e3
"""No observation is larger: networks are fed with numbers of the order of 1."""


def _played(made: Environment, actions: Tensor) -> Arrays:
    """(T, B, …) everything that the steps returned, with the states, by name."""
    steps = []
    for action in actions:
        found = flat(made.step(action))
        steps.append({name: value.copy() for name, value in found.items()} | {"states": made.worlds.states()})
    return {name: np.stack([step[name] for step in steps]) for name in steps[0]}


def observations(task: Task) -> Iterator[str]:
    """Groups, widths, bounds."""
    for missing in {"policy", "privileged"} - set(task.observations):
        yield complaint(f"no observation group {missing!r}", "policy and privileged", "add it to `observations`")
    made = environment(task, beginning(task, WORLDS))
    for action in [None, *random_actions(task, WORLDS)]:
        if action is not None:
            made.worlds.ctrl[:] = (task.control_map[0] + task.control_map[1] * action).numpy()
            made.worlds.step()
        for name, group in task.observations.items():
            faults = list(_observation(name, group.fields.size, group.read(made.readings)))
            yield from faults
            if faults:
                return
    yield from _misjudged(task)


def _observation(name: str, width: int, values: Tensor) -> Iterator[str]:
    if tuple(values.shape) != (WORLDS, width):
        found = f"observations of {name} of shape {tuple(values.shape)} for {WORLDS} worlds"
        yield complaint(found, f"({WORLDS}, {width}), the sum of its fields", "let `fields` and `read` agree")
    elif not torch.isfinite(values).all():
        columns = torch.nonzero(~torch.isfinite(values).all(0)).flatten().tolist()
        mend = "guard divisions and roots, or mend a scene that breaks down"
        yield complaint(f"observations of {name} that are not finite, columns {columns}", "numbers", mend)
    elif float(values.abs().max()) >= LARGEST:
        columns = torch.nonzero(values.abs().amax(0) >= LARGEST).flatten().tolist()
        found = f"observations of {name} up to {float(values.abs().max()):.3g}, columns {columns}"
        yield complaint(found, f"less than {LARGEST:g}", "use another unit or clip them")


def _misjudged(task: Task) -> Iterator[str]:
    fields = {field.name: field for field in task.observations["policy"].fields}
    for name in task.misjudged:
        if name not in fields or fields[name].size != 3:
            what = "no such policy field" if name not in fields else f"{fields[name].size} columns"
            yield complaint(f"{name!r} in misjudged with {what}", "an observed position of 3 columns", "name one")


def rewards(task: Task) -> Iterator[str]:
    """Terms by name, finite, adding up."""
    if not task.rewards:
        yield complaint("no reward term", "at least one", "say what is good in `rewards`")
        return
    made = environment(task, beginning(task, WORLDS))
    for action in random_actions(task, WORLDS):
        step = made.step(action)
        for name, term in step.terms.items():
            if tuple(term.shape) != (WORLDS,) or not torch.isfinite(term).all():
                value = float(term.flatten()[0])
                found = f"the reward term {name} of shape {tuple(term.shape)} with values such as {value:.3g}"
                yield complaint(found, f"({WORLDS},) finite numbers", "return one number per world")
                return
        total = torch.stack([term.to(torch.float64) for term in step.terms.values()]).sum(0)
        if not torch.allclose(total, step.reward.to(torch.float64), rtol=1e-5, atol=1e-6):
            yield complaint("a reward that is not the sum of its terms", "their sum", "return floating point numbers")
            return
    if task.cost is not None and tuple(task.cost(made.readings).shape) != (WORLDS,):
        yield complaint(f"a cost of shape {tuple(task.cost(made.readings).shape)}", f"({WORLDS},)", "one per world")


def predicates(task: Task) -> Iterator[str]:
    """Shapes and types of what the judge asks."""
    own, readings = task.judge, environment(task, beginning(task, WORLDS)).readings
    asked: dict[str, Predicate] = {"success": own.success, "touching": own.touching, "carried": own.carried}
    asked |= {"dropped": own.dropped, "close": own.close, **own.violations, **own.lasting, **own.impossible}
    for name, predicate in asked.items():
        value = predicate(readings)
        if tuple(value.shape) != (WORLDS,) or value.dtype != torch.bool:
            found = f"{name} of shape {tuple(value.shape)} and type {value.dtype}"
            yield complaint(found, f"({WORLDS},) torch.bool", "return one truth value per world")
    for name, reading in {"angle": own.angle, "apart": own.apart}.items():
        number = torch.zeros(WORLDS) if reading is None else reading(readings)
        if tuple(number.shape) != (WORLDS,) or not torch.isfinite(number).all():
            found = f"{name} of shape {tuple(number.shape)}"
            yield complaint(found, f"({WORLDS},) finite numbers", "return one number per world")
    for name, reading in {"tracked": own.tracked, "place": own.place or own.tracked}.items():
        place = reading(readings)
        if place.dim() != 2 or len(place) != WORLDS or not torch.isfinite(place).all():
            mend = "stack the object's coordinates in the last axis"
            yield complaint(f"{name} of shape {tuple(place.shape)}", f"({WORLDS}, k) finite numbers", mend)
            return


def determinism(task: Task) -> Iterator[str]:
    """Twice the same, and each world as if it were alone."""
    begin, actions = beginning(task, WORLDS), random_actions(task, WORLDS)
    first = _played(environment(task, begin), actions)
    second = _played(environment(task, begin), actions)
    last = WORLDS - 1
    alone = _played(environment(task, begin.row(last)), actions[:, last:])
    mend = "draw nothing while stepping, keep nothing between steps, and treat every world by itself"
    for name, values in first.items():
        if not np.array_equal(values, second[name]):
            yield complaint(f"other {name} in the same trial played again", "the same to the bit", mend)
        elif not np.array_equal(values[:, last:], alone[name]):
            yield complaint(f"other {name} in a world alone than in a batch", "the same to the bit", mend)


def resuming(task: Task) -> Iterator[str]:
    """The second half again, from what `save` returned."""
    begin, actions = beginning(task, WORLDS), random_actions(task, WORLDS)
    half = len(actions) // 2
    made = environment(task, begin)
    _played(made, actions[:half])
    saved = made.save()
    whole = _played(made, actions[half:])
    resumed = environment(task, begin)
    resumed.restore(saved)
    again = _played(resumed, actions[half:])
    for name, values in whole.items():
        if not np.array_equal(values, again[name]):
            mend = "keep no state but the scene's: no module variables, no actuators with an activation"
            yield complaint(f"other {name} after saving and restoring", "the same to the bit", mend)


def aliasing(task: Task) -> Iterator[str]:
    """Arrays kept from a step, or from a call, do not change with the next."""
    made, actions = environment(task, beginning(task, WORLDS)), random_actions(task, WORLDS)
    kept: Arrays = {}
    copied: Arrays = {}
    changed: set[str] = set()
    for action in actions[:5]:
        step = made.step(action)
        changed |= {name for name, value in kept.items() if not np.array_equal(value, copied[name])}
        kept = flat(step)
        copied = {name: value.copy() for name, value in kept.items()}
    for name in sorted(changed):
        yield complaint(f"{name} that changed with the next step", "a value of its own", "return a copy (`.clone()`)")
    for name in ("goal", "dropped"):
        make = getattr(task, name)
        if make is not None and np.shares_memory(make(), make()):
            yield complaint(f"{name}() returning the same array twice", "a new one", "return a copy")


def rest(task: Task) -> Iterator[str]:
    """Ten steps of the rest action: nothing breaks down, nothing is dropped in most worlds."""
    made = environment(task, beginning(task, WORLDS))
    action = torch.tensor([task.rest] * WORLDS, dtype=torch.float32)
    for _ in range(10):
        made.step(action)
    if made.worlds.diverged.any() or not np.isfinite(made.worlds.states()).all():
        mend = "look for objects that start inside each other, or take smaller physics steps"
        yield complaint("worlds that break down within ten steps of rest", "a simulation that runs", mend)


def sketch(task: Task) -> Iterator[str]:
    """The sketch gives every world its own action, from what is observed now alone."""
    if task.sketch is None:
        return
    made = environment(task, beginning(task, WORLDS))
    seen = made.observe()["policy"]
    action = task.sketch(seen)
    width = task.interface.fields.size
    if tuple(action.shape) != (WORLDS, width) or not torch.isfinite(action).all():
        found = f"a sketch with actions of shape {tuple(action.shape)}, {int(torch.isfinite(action).sum())} finite"
        yield complaint(found, f"({WORLDS}, {width}) finite numbers", "return one action per world")
    elif not torch.allclose(task.sketch(seen[1:2]), action[1:2], rtol=1e-4, atol=1e-5):
        mend = "treat every row by itself and keep nothing between calls"
        yield complaint("a sketch that acts otherwise in a world alone", "the same action", mend)
