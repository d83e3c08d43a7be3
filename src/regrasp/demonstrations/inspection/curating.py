"""Which episodes of a set are kept, which control steps of them, and why not the others."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrasp.contact import mode_name
from regrasp.demonstrations.inspection.coverage import mode_at_entry, stillness
from regrasp.demonstrations.inspection.observed import scale_of
from regrasp.demonstrations.replay import Replay, replay
from regrasp.episode import Episode
from regrasp.scale import Scale
from regrasp.tasks.task import Task

ALIKE = 1e-3
"""Spreads, root mean square over columns: two episodes nearer to each other in all their control steps are one."""
SPREAD = 1.5
"""Times the distance of the quartiles, below the first: a return that is an outlier (Tukey 1977)."""
NOISE = 0.1
"""Of a column's spread over all control steps: what is less than that among starts says nothing about them."""
EDGE = 2
"""Idle control steps that are left at either end."""


@dataclass(frozen=True)
class Rules:
    """What is left out.

    Attributes:
        success: episodes that do not succeed when played again, as the task's judge sees it.
        duplicates: episodes like an earlier one.
        idle: control steps at the beginning and the end in which nothing happens.
        outliers: episodes whose return is far below the others'.
        balance: of every contact mode at entry, all but so many episodes; the first ones stay.
        spread: of what is left then, all but so many episodes; those whose first observations lie farthest apart stay.
    """

    success: bool = False
    duplicates: bool = False
    idle: bool = False
    outliers: bool = False
    balance: int | None = None
    spread: int | None = None


@dataclass(frozen=True)
class Fate:
    """What becomes of one episode.

    Attributes:
        first, last: control steps that are kept, `last` not among them; equal if none is.
        why: what is left out and why; empty if nothing is.
    """

    first: int
    last: int
    why: str = ""

    @property
    def kept(self) -> bool:
        """Anything is."""
        return self.last > self.first


def judge_fates(task: Task, episodes: Sequence[Episode], rules: Rules, threads: int = 0) -> list[Fate]:
    """One per episode. An episode is dropped for the first reason there is, in the order of the rules.

    Args:
        task: which task.
        episodes: `success` and `balance` need a start state; without one they leave an episode as it is.
        rules: what is left out.
        threads: of the engine.
    """
    scale = scale_of(episodes)
    started = [place for place, episode in enumerate(episodes) if episode.start is not None]
    played: dict[int, Replay] = {}
    if started and (rules.success or rules.balance is not None):
        played = dict(zip(started, replay(task, [episodes[place] for place in started], threads), strict=True))
    dropped = {**_repeated(episodes, scale, rules), **_failed(played, rules)}
    # What an outlier is, and how many there are of a contact, is asked of what is left.
    dropped |= _poor(episodes, dropped, rules)
    dropped |= _crowded(task, played, dropped, rules)
    dropped |= _within(episodes, scale, dropped, rules)
    still = stillness(episodes, scale) if rules.idle else [np.zeros(episode.steps, bool) for episode in episodes]
    return [Fate(0, 0, dropped[place]) if place in dropped else _trimmed(one) for place, one in enumerate(still)]


def _failed(played: Mapping[int, Replay], rules: Rules) -> dict[int, str]:
    if not rules.success:
        return {}
    return {place: "does not succeed when played again" for place, one in played.items() if not one.success}


def _repeated(episodes: Sequence[Episode], scale: Scale, rules: Rules) -> dict[int, str]:
    found: dict[int, str] = {}
    if not rules.duplicates:
        return found
    by_length: dict[int, list[int]] = {}
    for place, episode in enumerate(episodes):
        earlier = by_length.setdefault(episode.steps, [])
        twin = next((other for other in earlier if _alike(episodes[other], episode, scale)), None)
        if twin is None:
            earlier.append(place)
        else:
            found[place] = f"repeats episode {twin}"
    return found


def _alike(one: Episode, other: Episode, scale: Scale) -> bool:
    apart = scale.size(one.observations["policy"][:-1] - other.observations["policy"][:-1])
    return bool(apart.max() <= ALIKE and np.abs(one.actions - other.actions).max() <= ALIKE)


def _poor(episodes: Sequence[Episode], dropped: Collection[int], rules: Rules) -> dict[int, str]:
    returns = {place: float(one.rewards.sum()) for place, one in enumerate(episodes) if place not in dropped}
    if not rules.outliers or not returns:
        return {}
    low, high = np.quantile(list(returns.values()), (0.25, 0.75))
    least = low - SPREAD * (high - low)
    return {
        place: f"its return {each:.4g} is below {least:.4g}, where outliers begin"
        for place, each in returns.items()
        if each < least
    }


def _crowded(task: Task, played: Mapping[int, Replay], dropped: Collection[int], rules: Rules) -> dict[int, str]:
    found: dict[int, str] = {}
    if rules.balance is None:
        return found
    counts: Counter[str] = Counter()
    for place, one in played.items():
        if place in dropped or one.contact_entry < 0:
            continue
        name = mode_name(mode_at_entry(one), task.regions)
        counts[name] += 1
        if counts[name] > rules.balance:
            found[place] = f"{rules.balance} others enter contact by {name}, too"
    return found


def _within(episodes: Sequence[Episode], scale: Scale, dropped: Collection[int], rules: Rules) -> dict[int, str]:
    left = [place for place in range(len(episodes)) if place not in dropped]
    if rules.spread is None or len(left) <= rules.spread:
        return {}
    starts = np.stack([episodes[place].observations["policy"][0] for place in left])
    kept = set(farthest_first(_placed(starts, scale), rules.spread))
    why = f"{rules.spread} others begin farther apart"
    return {place: why for row, place in enumerate(left) if row not in kept}


def _placed(starts: NDArray[np.floating], scale: Scale) -> NDArray[np.float64]:
    """N starts (N, O) in shares of their range; columns in which they differ by no more than noise are left out."""
    low, span = starts.min(0), np.ptp(starts, axis=0)
    varied = starts.std(0) > NOISE * scale.spread
    placed: NDArray[np.float64] = (starts[:, varied] - low[varied]) / span[varied]
    return placed


def farthest_first(points: NDArray[np.float64], count: int) -> list[int]:
    """Rows of `count` of N points (N, C) that cover all of them: a farthest-first traversal (Gonzalez 1985).

    First the one nearest to their mean, then always the one farthest from the nearest of those chosen: so the edge is
    taken before what lies between.
    """
    chosen = [int(np.linalg.norm(points - points.mean(0), axis=1).argmin())]
    while len(chosen) < count:
        nearest = np.linalg.norm(points[:, None] - points[chosen], axis=2).min(1)
        nearest[chosen] = -1.0
        chosen.append(int(nearest.argmax()))
    return chosen


def _trimmed(still: NDArray[np.bool_]) -> Fate:
    moving = np.flatnonzero(~still)
    if not len(moving):
        return Fate(0, 0, "nothing happens in it") if len(still) and still.all() else Fate(0, len(still))
    first, last = max(0, int(moving[0]) - EDGE), min(len(still), int(moving[-1]) + 1 + EDGE)
    parts = [
        f"{count} idle control steps at its {end}"
        for count, end in ((first, "beginning"), (len(still) - last, "end"))
        if count
    ]
    return Fate(first, last, ", ".join(parts))


def apply_fates(task: Task, episodes: Sequence[Episode], fates: Sequence[Fate], threads: int = 0) -> Iterator[Episode]:
    """The kept parts of the kept episodes; where a beginning is cut off, a replay tells the state after it."""
    for place, (episode, fate) in enumerate(zip(episodes, fates, strict=True)):
        if fate.kept:
            yield _part(task, episode, fate, place, threads)


def _part(task: Task, episode: Episode, fate: Fate, place: int, threads: int) -> Episode:
    provenance = {**episode.provenance, "curated_from": str(place)}
    if (fate.first, fate.last) == (0, episode.steps):
        return replace(episode, provenance=provenance)
    states = episode.states
    if states is None and episode.start is not None and fate.first:
        states = replay(task, [episode], threads)[0].episode.states
    rows, steps = slice(fate.first, fate.last + 1), slice(fate.first, fate.last)
    changes: dict[str, Any] = {
        "actions": episode.actions[steps],
        "rewards": episode.rewards[steps],
        "observations": {group: each[rows] for group, each in episode.observations.items()},
        "start": episode.start if states is None else states[fate.first],
        "states": None if episode.states is None else episode.states[rows],
        "contact_modes": None if episode.contact_modes is None else episode.contact_modes[rows],
        "marks": {name: step - fate.first for name, step in episode.marks.items() if fate.first <= step < fate.last},
        "provenance": {**provenance, "curated_steps": f"{fate.first} to {fate.last} of {episode.steps}"},
    }
    if fate.last < episode.steps:
        changes |= {"terminated": False, "truncated": True, "terminal_observed": True}
    return replace(episode, **changes)
