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
        count_losses(losses, [*recording.losses, *missing(recording.arrays.keys(), recording.terminal_observed)])
        for name, rows in recording.arrays.items():
            row, kind, count = arrays.get(name, (rows.row, str(rows.dtype), 0))
            arrays[name] = row, kind, count + 1
    return Outline(source.format, source.count, steps, arrays, losses)


def missing(names: Any, terminal_observed: bool) -> list[str]:
    """What an episode lacks that learning or another format may need."""
    found = [] if terminal_observed else ["no observation after the last action"]
    if "rewards" not in names:
        found.append("no rewards")
    if not {"terminated", "truncated"} <= set(names):
        one = "one flag `dones` for success, end, or both" if "dones" in names else "no flags"
        found.append(f"{one}: whether the task or a limit ended it is unknown")
    if not any(name.startswith("states") for name in names):
        found.append("no simulator states")
    return found
