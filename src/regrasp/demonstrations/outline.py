"""What is in a demonstration file of any format: its arrays and what is missing, without reading their rows."""

from dataclasses import asdict, dataclass
from typing import Any

from regrasp.demonstrations.formats.recording import Losses, Source, count_losses


@dataclass(frozen=True)
class Outline:
    """A file in numbers.

    Attributes:
        format: its name.
        episodes: how many.
        steps: control steps of all episodes.
        arrays: name → shape of a row, type of its numbers, episodes that have it (as the first of them has it).
        losses: what is not there or not read, in words, and in how many episodes (0: of the file as a whole).
    """

    format: str
    episodes: int
    steps: int
    arrays: dict[str, tuple[tuple[int, ...], str, int]]
    losses: Losses

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        named = ("row", "dtype", "episodes")
        return asdict(self) | {"arrays": {name: dict(zip(named, a, strict=True)) for name, a in self.arrays.items()}}


def outline(source: Source) -> Outline:
    """Walks all episodes, one at a time."""
    steps = 0
    arrays: dict[str, tuple[tuple[int, ...], str, int]] = {}
    losses: Losses = dict.fromkeys(source.losses, 0)
    for recording in source.recordings():
        steps += recording.steps
        count_losses(losses, [*recording.losses, *recording.missing])
        for name, rows in recording.arrays.items():
            row, kind, count = arrays.get(name, (rows.row, str(rows.dtype), 0))
            arrays[name] = row, kind, count + 1
    return Outline(source.format, source.count, steps, arrays, losses)
