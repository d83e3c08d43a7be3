"""What a check of the contract finds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One check of one task.

    Attributes:
        name: of the check.
        passed: nothing was found against the task.
        explanation: what holds; or what was found, what is expected, and how to mend it.
        checked: False where the check has nothing to work on, which the explanation then says.
    """

    name: str
    passed: bool
    explanation: str
    checked: bool = True


class Unchecked(Exception):
    """A check has nothing to work on."""


def complaint(found: str, expected: str, mend: str) -> str:
    """One fault in one sentence."""
    return f"Found {found}, expected {expected}: {mend}."
