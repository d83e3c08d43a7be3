"""The one exception for bad input: a single sentence that says what to change."""

from collections.abc import Iterable
from pathlib import Path


class InputError(ValueError):
    """Something the user gave cannot be used; the command prints the sentence and ends with exit code 2.

    Args:
        source: the file, option or object at fault.
        place: where in it (a key, an episode, a line); empty for the whole.
        found: what is there.
        expected: what should be there.
        valid: the names that would have worked, if there is such a list.
    """

    def __init__(self, source: str | Path, place: str, found: str, expected: str, valid: Iterable[str] = ()) -> None:
        where = f"{source}: {place}" if place else str(source)
        # Kept for its way from one process to another, where an exception is made again from its arguments.
        self._given = (source, place, found, expected, tuple(valid))
        names = ", ".join(self._given[-1])
        tail = f" (valid names: {names})" if names else ""
        super().__init__(f"{where}: found {found}, expected {expected}{tail}.")

    def __reduce__(self) -> tuple[type["InputError"], tuple[str | Path, str, str, str, tuple[str, ...]]]:
        return type(self), self._given
