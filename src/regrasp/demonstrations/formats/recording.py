"""What every format is converted through: one recording per episode, under names that mean the same everywhere.

| name | shape | meaning |
|---|---|---|
| `actions` or `actions/<key>` | (T, …) | row t was chosen in observation t |
| `observations` or `observations/<key>` | (T + 1, …), or (T, …) without a terminal observation | |
| `rewards` | (T,) | of the transition that action t caused |
| `terminated`, `truncated`, `success`, `fail` | (T,) bool | facts about the state after action t |
| `dones` | (T,) | one flag for some of these, as its writer meant it |
| `states` or `states/<key>` | (T + 1, …) or (T, …) | of the simulator, in its own layout |
| `extra/<key>` | any | whatever else the file has |
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regrasp.demonstrations.formats.rows import Rows
from regrasp.errors import InputError

Fact = bool | int | float | str | list[int] | list[float]
FLAGS = ("terminated", "truncated", "success", "fail")
"""Facts about the state after an action, a bool per step."""


@dataclass(frozen=True)
class Recording:
    """One episode of T steps, its arrays still in the file.

    Attributes:
        place: where in the file it is.
        steps: T.
        arrays: by the names above.
        facts: what the file says about the episode as a whole.
        losses: what of it cannot be carried over, in words.
    """

    place: str
    steps: int
    arrays: Mapping[str, Rows]
    facts: Mapping[str, Fact] = field(default_factory=dict)
    losses: tuple[str, ...] = ()

    @property
    def observations(self) -> dict[str, Rows]:
        """The arrays of observations, by their names above."""
        return {name: rows for name, rows in self.arrays.items() if root(name) == "observations"}

    @property
    def terminal_observed(self) -> bool:
        """Whether the observation after the last action exists."""
        found = self.observations
        genuine = self.facts.get("terminal_observed", True)
        return bool(genuine) and bool(found) and all(len(rows) == self.steps + 1 for rows in found.values())

    @property
    def missing(self) -> list[str]:
        """What learning or another format may need and the episode does not have, in words."""
        found = [] if self.terminal_observed else ["no observation after the last action"]
        if "rewards" not in self.arrays:
            found.append("no rewards")
        if not {"terminated", "truncated"} <= self.arrays.keys():
            one = "one flag `dones` for success, end, or both" if "dones" in self.arrays else "no flags"
            found.append(f"{one}: whether the task or a limit ended it is unknown")
        if not any(root(name) == "states" for name in self.arrays):
            found.append("no simulator states")
        return found


@dataclass(frozen=True)
class Source:
    """An open file of demonstrations.

    Attributes:
        format: its name.
        path: the file or folder.
        count: number of episodes.
        recording: the episode of a number from 0, in the file's order.
        facts: what the file says about all episodes.
        losses: what of the file as a whole cannot be carried over, in words.
    """

    format: str
    path: Path
    count: int
    recording: Callable[[int], Recording]
    facts: Mapping[str, Fact] = field(default_factory=dict)
    losses: tuple[str, ...] = ()

    def recordings(self) -> Iterator[Recording]:
        """All episodes in order, one at a time."""
        return map(self.recording, range(self.count))


Losses = dict[str, int]
"""What was lost, in words, and in how many episodes (0: of the file as a whole)."""
Opener = Callable[[Path], AbstractContextManager[Source]]
Writer = Callable[[Path, Mapping[str, Fact], Iterable[Recording]], Losses]


_NAMED_IN = (("maniskill", ("env_info", "env_id")), ("minari", ("dataset_id",)), ("env_args", ("env_name",)))
"""Facts in JSON that name the environment, and the keys to its name."""


def environment(facts: Mapping[str, Fact]) -> str:
    """Name of the environment or task, as far as a file tells."""
    for name in ("task", "env_id"):
        if facts.get(name):
            return str(facts[name])
    for kind, keys in _NAMED_IN:
        value: Any = object_in(facts, kind)
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str):
            return value
    return "unknown"


def object_in(facts: Mapping[str, Fact], name: str) -> dict[str, Any]:
    """The JSON object that a fact holds; an empty one where it holds none."""
    try:
        value = json.loads(str(facts.get(name, "")))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def root(name: str) -> str:
    """`observations/agent/qpos` → `observations`."""
    return name.partition("/")[0]


def count_losses(losses: Losses, found: Iterable[str]) -> None:
    """Adds one episode to each of the losses found in it."""
    for loss in dict.fromkeys(found):
        losses[loss] = losses.get(loss, 0) + 1


def check_recording(source: Path, recording: Recording) -> None:
    """Refuses an episode without steps or actions, or with arrays that do not agree about their number of rows."""
    place, steps = recording.place, recording.steps
    actions = {name: rows for name, rows in recording.arrays.items() if root(name) == "actions"}
    if not actions or steps < 1:
        raise InputError(source, place, f"{steps} steps, {len(actions)} arrays of actions", "at least one of each")
    for name, rows in recording.arrays.items():
        kind = root(name)
        fits = {steps, steps + 1} if kind in ("observations", "states") else {steps}
        if kind != "extra" and len(rows) not in fits:
            expected = " or ".join(str(n) for n in sorted(fits))
            raise InputError(source, f"{place}, {name}", f"{len(rows)} rows", f"{expected} for {steps} actions")
        if (kind in FLAGS or kind in ("rewards", "dones")) and rows.row:
            raise InputError(source, f"{place}, {name}", f"shape {rows.shape}", "one value per step")
