"""How any task is judged, step by step, over B worlds; the tasks' own files say what success and touch are."""

import ast
import inspect
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from regrasp.fields import digest_of
from regrasp.judges import motion
from regrasp.judges.motion import Motion
from regrasp.simulation.readings import Readings

Predicate = Callable[[Readings], Tensor]
PRIMARIES = ("success", "success_at_end", "success_held")
_ALWAYS = ("untouched_success", "teleported")
"""Impossible for every task: success that nothing touched, and a jump."""
_NUMBERS = ("primary", "held_steps", "stable_steps", "recovery_window", "fastest", "unbroken", "most_back")


def never(readings: Readings) -> Tensor:
    """(B,) bool: no world."""
    return torch.zeros(len(readings.qpos), dtype=torch.bool)


@dataclass(frozen=True)
class Judge:
    """The rules of one task.

    Attributes:
        success: readings → (B,) bool, success at this step.
        touching: readings → (B,) bool, the contact that the task requires.
        primary: which of `PRIMARIES` is the headline.
        held_steps: `success_held` means success on more control steps than this.
        stable_steps: the held condition is gained, and lost, when its change lasts this many control steps.
        recovery_window: control steps after a loss within which the held condition must be back for good.
        unbroken: the steps of `success_held` must follow each other.
        tracked: readings → (B, k), where the object is [m, rad]; between two control steps it moves no faster than
            `fastest` per second, or it was teleported.
        carried: readings → (B,) bool, motion towards success that needs no touch any more; it counts as held.
        dropped: readings → (B,) bool, the trial ends here and has failed.
        close: readings → (B,) bool, half the way to success, or more; never asked for.
        place: `tracked` without the rotation in it, if there is any [m].
        angle: readings → (B,), the angle that counts towards the goal, its sense positive [rad], where there is one.
        apart: readings → (B,), how far the hand is from the object [m]; without it, contact stands for nearness.
        most_back: rotation against that sense beyond which `turned_back` is reported [rad].
        violations: name → readings → (B,) bool, physical rules that no honest trial breaks; they are reported.
        lasting: the same, but reported only after more than `held_steps` control steps in a row: `wedged`, at the goal
            by something else than the contact that the task requires, and `sign_flip`, what would be success if an
            angle were counted without its sign. A bench can show both, so success counts as the task defines it.
        impossible: name → readings → (B,) bool, what cannot happen on a bench; success does not count with it.
    """

    success: Predicate
    touching: Predicate
    primary: str
    held_steps: int
    stable_steps: int
    recovery_window: int
    tracked: Predicate
    fastest: float
    unbroken: bool = False
    carried: Predicate = never
    dropped: Predicate = never
    close: Predicate = never
    place: Predicate | None = None
    angle: Predicate | None = None
    apart: Predicate | None = None
    most_back: float = math.pi
    violations: Mapping[str, Predicate] = field(default_factory=dict)
    lasting: Mapping[str, Predicate] = field(default_factory=dict)
    impossible: Mapping[str, Predicate] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the numbers above and of the code (no comments, no docstrings) of this file and the task's."""
        numbers = [getattr(self, name) for name in _NUMBERS]
        numbers += [sorted(rules) for rules in (self.violations, self.lasting, self.impossible)]
        files = {inspect.getmodule(self.success), sys.modules[__name__], motion}
        code = sorted(_code(inspect.getsource(module)) for module in files if module)
        return digest_of([*numbers, *code])

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of all rules that a trial can break."""
        back = () if self.angle is None else ("turned_back",)
        return (*self.violations, *self.lasting, *back, *self.refusing)

    @property
    def refusing(self) -> tuple[str, ...]:
        """Names of the rules with which success does not count."""
        return (*self.impossible, *_ALWAYS)


def _code(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    # Not `ast.dump`: its text differs between versions of Python for the same code.
    return ast.unparse(tree)


class Judgement:
    """The judge at work on B worlds: what has been found so far. Times are control steps, -1 means never.

    Attributes:
        successes: (B,) steps in success; `streak` and `longest` those in a row, now and at best.
        first_success, dropped_at, lost_at, regained_at: (B,) int64. `regained_at` is the last step at which the held
            condition came back.
        at_end: (B,) bool, success at the latest step.
        held: (B,) bool, the held condition (stable contact, carried, or success) now.
        close: (B,) steps close to success, and not in it.
        motion: how the object moved.
        broken: violation name → (B,) bool.
    """

    def __init__(self, judge: Judge, worlds: int) -> None:
        self.judge = judge
        self.successes = torch.zeros(worlds, dtype=torch.int64)
        self.streak = torch.zeros(worlds, dtype=torch.int64)
        self.longest = torch.zeros(worlds, dtype=torch.int64)
        self.first_success = torch.full((worlds,), -1)
        self.dropped_at = torch.full((worlds,), -1)
        self.lost_at = torch.full((worlds,), -1)
        self.regained_at = torch.full((worlds,), -1)
        self.at_end = torch.zeros(worlds, dtype=torch.bool)
        self.held = torch.zeros(worlds, dtype=torch.bool)
        self.touched = torch.zeros(worlds, dtype=torch.bool)
        self.broken = {name: torch.zeros(worlds, dtype=torch.bool) for name in judge.rules}
        self.lasting = {name: torch.zeros(worlds, dtype=torch.int64) for name in judge.lasting}
        self.close = torch.zeros(worlds, dtype=torch.int64)
        self.motion = Motion(judge.tracked, judge.place, judge.angle, judge.apart, worlds)
        self._change = torch.zeros(worlds, dtype=torch.int64)

    def reset(self, worlds: Tensor) -> None:
        """Start the named worlds afresh."""
        for name in ("first_success", "dropped_at", "lost_at", "regained_at"):
            getattr(self, name)[worlds] = -1
        self.motion.reset(worlds)
        counts = (self.successes, self.streak, self.longest, self._change, self.close, *self.lasting.values())
        for values in (*counts, self.at_end, self.held, self.touched, *self.broken.values()):
            values[worlds] = 0

    @property
    def honest(self) -> Tensor:
        """(B,) bool: nothing impossible happened so far."""
        impossible = torch.stack([self.broken[name] for name in self.judge.refusing])
        return ~impossible.any(0)

    @property
    def success_once(self) -> Tensor:
        """(B,) bool: success at some step."""
        return (self.successes > 0) & self.honest

    @property
    def success_at_end(self) -> Tensor:
        """(B,) bool: success at the latest step."""
        return self.at_end & self.honest

    @property
    def over(self) -> Tensor:
        """(B,) bool: dropped, so that nothing after it counts."""
        return self.dropped_at >= 0

    def observe(self, readings: Readings, step: Tensor, watched_from: Tensor) -> None:
        """Take in one control step: its number (B,) and the first step (B,) at which the held condition can be lost."""
        live = ~self.over
        dropped = self.judge.dropped(readings) & live
        self.dropped_at = torch.where(dropped, step, self.dropped_at)
        sound = live & ~dropped
        success, touching = self.judge.success(readings) & sound, self.judge.touching(readings) & sound
        self._count(success, step)
        self.touched = self.touched | touching
        self._hold(success | touching | (self.judge.carried(readings) & sound), dropped, step, watched_from)
        if self.judge.close is not never:
            self.close = self.close + (self.judge.close(readings) & sound & ~success)
        self.motion.observe(readings, live)
        found = self._breaches(readings, sound) | {"untouched_success": success & ~self.touched}
        self.broken = {name: self.broken[name] | (found[name] & live) for name in self.broken}

    def _breaches(self, readings: Readings, sound: Tensor) -> dict[str, Tensor]:
        """Rule → (B,) bool, broken now."""
        judge = self.judge
        found = {name: rule(readings) for name, rule in {**judge.violations, **judge.impossible}.items()}
        for name, rule in judge.lasting.items():
            self.lasting[name] = (self.lasting[name] + 1) * (rule(readings) & sound)
            found[name] = self.lasting[name] > judge.held_steps
        # Not a number at the first step, which no comparison exceeds.
        found["teleported"] = self.motion.moved > judge.fastest * readings.period
        if judge.angle is not None:
            found["turned_back"] = self.motion.turned_back > judge.most_back
        return found

    def _count(self, success: Tensor, step: Tensor) -> None:
        self.at_end = success
        self.successes = self.successes + success
        self.streak = (self.streak + 1) * success
        self.longest = torch.maximum(self.longest, self.streak)
        self.first_success = torch.where(success & (self.first_success < 0), step, self.first_success)

    def _hold(self, condition: Tensor, dropped: Tensor, step: Tensor, watched_from: Tensor) -> None:
        self._change = (self._change + 1) * (condition != self.held)
        # A drop needs no waiting: nothing can come back.
        turned = (self._change >= self.judge.stable_steps) | (dropped & self.held)
        began = step - self._change + 1
        self.held = self.held ^ turned
        lost = turned & ~self.held & (began >= watched_from) & (self.lost_at < 0)
        self.lost_at = torch.where(lost, began, self.lost_at)
        self.regained_at = torch.where(turned & self.held, began, self.regained_at)
        self._change = self._change * ~turned

    @property
    def held_for(self) -> Tensor:
        """(B,) control steps that count towards `success_held`, 0 once dropped or dishonest."""
        return (self.longest if self.judge.unbroken else self.successes) * (self.honest & ~self.over)

    @property
    def success_held(self) -> Tensor:
        """(B,) bool: success on more steps than `held_steps`, never dropped."""
        return self.held_for > self.judge.held_steps

    @property
    def recovered_at(self) -> Tensor:
        """(B,) int64: when the held condition came back after the loss, if it did in time and has stayed; else -1."""
        delay = self.regained_at - self.lost_at
        recovered = (self.lost_at >= 0) & self.held & (delay > 0) & (delay <= self.judge.recovery_window)
        return torch.where(recovered, self.regained_at, -1)

    def tensors(self) -> dict[str, Tensor]:
        """All findings by name, for saving; `load` takes them back."""
        parts = {"": vars(self), "motion.": vars(self.motion), "broken.": self.broken, "lasting.": self.lasting}
        return {
            f"{part}{name}": value
            for part, held in parts.items()
            for name, value in held.items()
            if isinstance(value, Tensor)
        }

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from `tensors`."""
        parts = {"": vars(self), "motion": vars(self.motion), "broken": self.broken, "lasting": self.lasting}
        for key, value in tensors.items():
            part, _, name = key.rpartition(".")
            parts[part][name] = value.clone()
