"""What every format's reader gives, and the checks that every episode passes, whatever it was read from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrasp.episode import Episode
from regrasp.errors import InputError
from regrasp.fields import Fields

MARKS = ("contact_entry", "disturbed", "lost", "recovered", "success", "dropped")
"""What regrasp marks in its own episodes; a mark is the control step of it, numbered as in trials."""

WHO = ("demonstrator", "operator", "user", "subject")
"""Keys of an episode's provenance that name who recorded it, the first that is there."""


@dataclass(frozen=True)
class Contents:
    """A demonstration file, read.

    Attributes:
        format: name of the format.
        episodes: in the file's order.
        places: where in the file each episode is, for error sentences.
        task: name of the task, if the file tells.
        interface_digest: of the action interface, if the file tells.
        observations: fields per observation group, as far as the file tells.
    """

    format: str
    episodes: tuple[Episode, ...]
    places: tuple[str, ...]
    task: str | None
    interface_digest: str | None
    observations: Mapping[str, Fields]


class Unfit(InputError):
    """A sound file that nothing can learn from as it is: convert it, or name its observations first."""


def to_float32(array: NDArray[Any]) -> NDArray[np.float32]:
    """A copy in float32; what does not fit becomes infinite, which `check_episode` refuses."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array(array, dtype=np.float32, order="C")


def to_modes(source: Path, place: str, array: NDArray[Any]) -> NDArray[np.uint8]:
    """Contact modes as bit sets; refuses numbers that are not whole."""
    if array.dtype.kind not in "iub":
        raise InputError(source, place, f"type {array.dtype}", "whole numbers")
    return array.astype(np.uint8)


def check_episode(source: Path, place: str, episode: Episode) -> None:
    """Refuses an episode with no steps, rows that do not agree, a mark outside, or a value that is not finite."""
    check_actions(source, place, episode.actions)
    check_marks(source, place, episode)
    for name, array, shape, layout in _arrays(episode):
        if array.ndim != len(shape) or any(want not in (-1, has) for want, has in zip(shape, array.shape, strict=True)):
            raise InputError(source, f"{place}, {name}", f"shape {array.shape}", f"{layout} with T = {episode.steps}")
        check_finite(source, f"{place}, {name}", array)


def check_actions(source: Path, place: str, actions: NDArray[Any]) -> None:
    """Refuses actions that are not at least one row."""
    if actions.ndim != 2 or len(actions) == 0:
        raise InputError(source, f"{place}, actions", f"shape {actions.shape}", "(T, A) with T >= 1 steps")


def check_marks(source: Path, place: str, episode: Episode) -> None:
    """Refuses a mark that is not a control step of the episode."""
    for name, step in episode.marks.items():
        if type(step) is not int or not 0 <= step < episode.steps:
            expected = f"a control step from 0 to {episode.steps - 1}"
            raise InputError(source, f"{place}, mark {name[:40]!r}", f"{step!r}"[:60], expected)


def check_finite(source: Path, place: str, array: NDArray[Any]) -> None:
    """Refuses a value that is not finite, naming its step (row) and column."""
    finite = np.isfinite(array)
    if not finite.all():
        step, *column = np.argwhere(~finite)[0]
        where = f" at step {step}" + "".join(f", column {c}" for c in column)
        raise InputError(source, place, f"{array[step, *column]}{where}", "finite numbers")


def _arrays(episode: Episode) -> Iterator[tuple[str, NDArray[Any], tuple[int, ...], str]]:
    """Name, array, shape that it should have (-1: any) and that shape in words."""
    rows = episode.steps
    yield "actions", episode.actions, (rows, -1), "(T, A)"
    yield "rewards", episode.rewards, (rows,), "(T,)"
    for group, array in episode.observations.items():
        yield f"observations {group}", array, (rows + 1, -1), "(T + 1, O)"
    if episode.states is not None:
        yield "states", episode.states, (rows + 1, -1), "(T + 1, S)"
    elif episode.start is not None:
        yield "start", episode.start, (-1,), "(S,)"
    if episode.contact_modes is not None:
        yield "contact modes", episode.contact_modes, (rows + 1,), "(T + 1,)"
