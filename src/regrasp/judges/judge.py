"""How any task is judged, step by step, over B worlds; the tasks' own files say what success and touch are."""

import ast
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from regrasp.fields import digest_of
from regrasp.simulation.readings import Readings

Predicate = Callable[[Readings], Tensor]
PRIMARIES = ("success", "success_at_end", "success_held")


@dataclass(frozen=True)
class Judge:
    """The rules of one task.

    Attributes:
        success: readings → (B,) bool, success at this step.
        touching: readings → (B,) bool, the contact that the task requires.
        carried: readings → (B,) bool, motion towards success that needs no touch any more; it counts as held.
        primary: which of `PRIMARIES` is the headline.
        held_steps: `success_held` means success on more control steps than this.
        stable_steps: the held condition is gained, and lost, when its change lasts this many control steps.
        recovery_window: control steps after a loss within which the held condition must be back for good.
        violations: name → readings → (B,) bool, physical rules that no honest trial breaks.
    """

    success: Predicate
    touching: Predicate
    carried: Predicate
    primary: str
    held_steps: int
    stable_steps: int
    recovery_window: int
    violations: Mapping[str, Predicate] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the numbers above and of the code (no comments, no docstrings) of this file and the task's."""
        numbers = [self.primary, self.held_steps, self.stable_steps, self.recovery_window, sorted(self.violations)]
        files = {inspect.getmodule(self.success), sys.modules[__name__]}
        code = sorted(_code(inspect.getsource(module)) for module in files if module)
        return digest_of([*numbers, *code])


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
        successes: (B,) steps in success.
        first_success, lost_at, regained_at: (B,) int64. `regained_at` is the last step at which the held condition came
            back.
        at_end: (B,) bool, success at the latest step.
        held: (B,) bool, the held condition (stable contact, carried, or success) now.
        broken: violation name → (B,) bool.
    """

    def __init__(self, judge: Judge, worlds: int) -> None:
        self.judge = judge
        self.successes = torch.zeros(worlds, dtype=torch.int64)
        self.first_success = torch.full((worlds,), -1)
        self.lost_at = torch.full((worlds,), -1)
        self.regained_at = torch.full((worlds,), -1)
        self.at_end = torch.zeros(worlds, dtype=torch.bool)
        self.held = torch.zeros(worlds, dtype=torch.bool)
        self.touched = torch.zeros(worlds, dtype=torch.bool)
        self.broken = {name: torch.zeros(worlds, dtype=torch.bool) for name in (*judge.violations, "untouched_success")}
        self._change = torch.zeros(worlds, dtype=torch.int64)

    def reset(self, worlds: Tensor) -> None:
        """Start the named worlds afresh."""
        for name in ("first_success", "lost_at", "regained_at"):
            getattr(self, name)[worlds] = -1
        for values in (self.successes, self._change, self.at_end, self.held, self.touched, *self.broken.values()):
            values[worlds] = 0

    def observe(self, readings: Readings, step: Tensor, watched_from: Tensor) -> None:
        """Take in one control step: its number (B,) and the first step (B,) at which the held condition can be lost."""
        success, touching = self.judge.success(readings), self.judge.touching(readings)
        self.at_end = success
        self.successes = self.successes + success
        self.first_success = torch.where(success & (self.first_success < 0), step, self.first_success)
        self.touched = self.touched | touching
        self._hold(success | touching | self.judge.carried(readings), step, watched_from)
        for name, rule in self.judge.violations.items():
            self.broken[name] = self.broken[name] | rule(readings)
        self.broken["untouched_success"] = self.broken["untouched_success"] | (success & ~self.touched)

    def _hold(self, condition: Tensor, step: Tensor, watched_from: Tensor) -> None:
        self._change = (self._change + 1) * (condition != self.held)
        turned = self._change >= self.judge.stable_steps
        began = step - self.judge.stable_steps + 1
        self.held = self.held ^ turned
        lost = turned & ~self.held & (began >= watched_from) & (self.lost_at < 0)
        self.lost_at = torch.where(lost, began, self.lost_at)
        self.regained_at = torch.where(turned & self.held, began, self.regained_at)
        self._change = self._change * ~turned

    @property
    def success_held(self) -> Tensor:
        """(B,) bool: success on more steps than `held_steps`."""
        return self.successes > self.judge.held_steps

    @property
    def recovered_at(self) -> Tensor:
        """(B,) int64: when the held condition came back after the loss, if it did in time and has stayed; else -1."""
        delay = self.regained_at - self.lost_at
        recovered = (self.lost_at >= 0) & self.held & (delay > 0) & (delay <= self.judge.recovery_window)
        return torch.where(recovered, self.regained_at, -1)

    def tensors(self) -> dict[str, Tensor]:
        """All findings by name, for saving; `load` takes them back."""
        own = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        return own | {f"broken.{name}": value for name, value in self.broken.items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from `tensors`."""
        for name, value in tensors.items():
            if name.startswith("broken."):
                self.broken[name.removeprefix("broken.")] = value.clone()
            else:
                setattr(self, name, value.clone())
