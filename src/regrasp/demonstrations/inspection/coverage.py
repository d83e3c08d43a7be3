"""What demonstrations show: how the hand comes into contact, what it does there, where it starts, where it idles."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from regrasp.contact import NO_CONTACT, mode_name, stretches
from regrasp.demonstrations.replay import Replay
from regrasp.episode import Episode
from regrasp.scale import Scale
from regrasp.seeding import numpy_stream
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Task

STILL = 0.05
"""Of the usual speed: slower than this, in what is observed and in what is commanded, nothing happens."""
STARTS = 256
"""Starts of the task that the recorded ones are compared with."""
FLAT = 1e-6
"""Columns that spread less over the task's starts are the same in all of them."""
ARROW = " → "


@dataclass(frozen=True)
class Coverage:
    """Counts are of episodes that have a start state, but for the last four.

    Attributes:
        entries: control step of each contact entry.
        entry_modes: the contact mode at entry → episodes.
        modes: contact mode that lasts → episodes; `transitions` from one to the next.
        broken: episodes in which lasting contact ends and comes back.
        lost, recovered: episodes whose held condition breaks, and is regained.
        starts: share of the task's own starts that lie inside the recorded ones in every column; None where all are
            the same.
        objects: object → episodes.
        idle_heads, idle_tails: control steps in which nothing happens, at the beginning and end of each episode.
        idle: share of all control steps in which nothing happens.
    """

    entries: tuple[int, ...]
    entry_modes: Mapping[str, int]
    modes: Mapping[str, int]
    transitions: Mapping[str, int]
    broken: int
    lost: int
    recovered: int
    starts: float | None
    objects: Mapping[str, int]
    idle_heads: tuple[int, ...]
    idle_tails: tuple[int, ...]
    idle: float


def coverage(task: Task, episodes: Sequence[Episode], played: Sequence[Replay], scale: Scale) -> Coverage:
    """Of a set; `played` are the replays of the episodes that have a start."""
    kept = [stretches(_modes(one), task.judge.stable_steps) for one in played]
    named = [[mode_name(mode, task.regions) for mode in modes] for modes in kept]
    entries = [one for one in played if one.contact_entry >= 0]
    still = stillness(episodes, scale)
    return Coverage(
        entries=tuple(one.contact_entry for one in entries),
        entry_modes=_counted([mode_name(mode_at_entry(one), task.regions)] for one in entries),
        modes=_counted([name for name in names if name != NO_CONTACT] for names in named),
        transitions=_counted([f"{a}{ARROW}{b}" for a, b in pairwise(names)] for names in named),
        broken=sum(0 in modes[_first_touch(modes) : _last_touch(modes)] for modes in kept),
        lost=sum("lost" in one.episode.marks for one in played),
        recovered=sum("recovered" in one.episode.marks for one in played),
        starts=_starts(task, episodes),
        objects=_counted([episode.object or task.objects[0]] for episode in episodes),
        idle_heads=tuple(_run(one) for one in still),
        idle_tails=tuple(_run(one[::-1]) for one in still),
        idle=float(np.concatenate(still).mean()),
    )


def _modes(played: Replay) -> NDArray[np.uint8]:
    found = played.episode.contact_modes
    return found if found is not None else np.zeros(1, np.uint8)


def mode_at_entry(played: Replay) -> int:
    """The judge counts control steps, and row t of contact modes is what step t began in."""
    return int(_modes(played)[played.contact_entry + 1])


def _first_touch(modes: Sequence[int]) -> int:
    return next((place for place, mode in enumerate(modes) if mode), len(modes))


def _last_touch(modes: Sequence[int]) -> int:
    return next((place for place in range(len(modes) - 1, -1, -1) if modes[place]), 0)


def _counted(shown: Iterable[Iterable[str]]) -> dict[str, int]:
    """Name → sources that show it, the most frequent first."""
    counts = Counter(name for names in shown for name in dict.fromkeys(names))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def stillness(episodes: Sequence[Episode], scale: Scale) -> list[NDArray[np.bool_]]:
    """Per episode, (T,) whether nothing happens in a control step: nothing moves, and nothing is commanded anew."""
    usual = _usual(episodes, scale)
    return [_still(episode, scale, usual) for episode in episodes]


def _speeds(episode: Episode, scale: Scale) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(T,) change of what is observed [spreads], and largest change of any action [half range], per control step."""
    seen = scale.size(np.diff(episode.observations["policy"], axis=0))
    told = np.abs(np.diff(episode.actions, axis=0, prepend=episode.actions[:1])).max(1)
    return seen, told.astype(np.float64)


def _usual(episodes: Sequence[Episode], scale: Scale) -> tuple[float, float]:
    seen, told = (np.concatenate(each) for each in zip(*(_speeds(one, scale) for one in episodes), strict=True))
    return float(np.median(seen)), float(np.median(told))


def _still(episode: Episode, scale: Scale, usual: tuple[float, float]) -> NDArray[np.bool_]:
    seen, told = _speeds(episode, scale)
    return (seen <= STILL * usual[0]) & (told <= STILL * usual[1])


def _run(still: NDArray[np.bool_]) -> int:
    """How many control steps from the first on are still."""
    return int(np.argmin(still)) if not still.all() else len(still)


def _starts(task: Task, episodes: Sequence[Episode]) -> float | None:
    generator = numpy_stream(0, "inspection")
    objects = task.draw_objects(STARTS, generator)
    environment = Environment(task, STARTS, 1)
    nothing = [task.draw_disturbance("none", generator)] * STARTS
    environment.reset(np.arange(STARTS), task.draw_starts(objects, generator), nothing, [0] * STARTS, objects)
    drawn = environment.observe()["policy"].numpy()
    differing = drawn.std(0) > FLAT
    if not differing.any():
        return None
    recorded = np.stack([episode.observations["policy"][0] for episode in episodes])[:, differing]
    inside = (drawn[:, differing] >= recorded.min(0)) & (drawn[:, differing] <= recorded.max(0))
    return float(inside.all(1).mean())
