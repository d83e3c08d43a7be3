"""What follows from the numbers: findings, each with its evidence and what to do, and a verdict per use."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from regrasp.demonstrations.dataset import DemonstrationSet
from regrasp.demonstrations.inspection.approach import Approach, approaches, spread_of
from regrasp.demonstrations.inspection.consistency import Consistency, consistency
from regrasp.demonstrations.inspection.coverage import Coverage, coverage
from regrasp.demonstrations.inspection.departure import EARLY, Departure, departure, lag_errors, lag_of
from regrasp.demonstrations.inspection.observed import scale_of
from regrasp.demonstrations.replay import Replay, replay
from regrasp.demonstrations.summary import Summary, summarise
from regrasp.tasks.task import Task

Level = Literal["fault", "doubt", "note"]
Use = Literal["cloning", "entering RL"]
USES: tuple[Use, ...] = ("cloning", "entering RL")
FEW = 10
"""Episodes below which a clone rests on chance."""
PINNED, OUTSIDE, IDLE = 0.05, 0.01, 0.15
AMBIGUOUS = 0.2
"""Share of states in whose surroundings actions differ as much as anywhere."""
ENTERED, SUCCEEDED = 0.8, 0.5
STARTS = 0.5
NARROW = np.deg2rad(45.0)
"""Approaches that all lie within this angle of their mean direction are one."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, doubtful or worth knowing.

    Attributes:
        name: what it is about, in a word or two.
        level: `fault`: do not learn from it as it is; `doubt`: it will cost success; `note`.
        found: the evidence.
        advice: what to do.
        uses: what it matters for.
    """

    name: str
    level: Level
    found: str
    advice: str
    uses: tuple[Use, ...] = ("cloning", "entering RL")


@dataclass(frozen=True)
class Inspection:
    """Everything that was measured of a set.

    Attributes:
        summary: counts, lengths, returns.
        played: replays of the episodes that have a start state.
        departures: of the same.
        lags: lag of the actions → error of such replays; empty without start states.
        approaches: of those that come into contact from somewhere, one per touching region.
        coverage, consistency: see there; None where there is nothing to measure.
    """

    summary: Summary
    played: tuple[Replay, ...]
    departures: tuple[Departure, ...]
    lags: Mapping[int, float]
    approaches: tuple[Approach, ...]
    coverage: Coverage
    consistency: Consistency | None


def inspect(demonstrations: DemonstrationSet, task: Task, threads: int = 0) -> Inspection:
    """Measure a set. Episodes with a start state are played again, once as recorded and once per lag."""
    episodes = demonstrations.episodes
    scale = scale_of(episodes)
    started = [episode for episode in episodes if episode.start is not None]
    played = replay(task, started, threads) if started else []
    return Inspection(
        summary=summarise(demonstrations),
        played=tuple(played),
        departures=tuple(departure(old, new, scale) for old, new in zip(started, played, strict=True)),
        lags=lag_errors(task, started, scale, threads) if started else {},
        approaches=tuple(approaches(task, played)),
        coverage=coverage(task, episodes, played, scale),
        consistency=consistency(episodes, played) if len(episodes) > 1 else None,
    )


def findings(found: Inspection, teaches: Sequence[str] = ()) -> list[Finding]:
    """What follows; `teaches` are contact modes and transitions that the set is expected to show."""
    every = [*_integrity(found), *_coverage(found, teaches), *_consistency(found.consistency)]
    order = ("fault", "doubt", "note")
    return sorted(every, key=lambda one: order.index(one.level))


def _integrity(found: Inspection) -> Iterator[Finding]:
    summary, total = found.summary, found.summary.episodes
    if total < FEW:
        yield Finding("few episodes", "doubt", f"{total} of them", f"record {FEW} or more")
    if summary.outside_share > OUTSIDE:
        said = f"{summary.outside_share:.1%} of action components lie outside [-1, 1]"
        said += f", in {summary.outside_steps_share:.0%} of the steps"
        yield Finding("clipped actions", "doubt", said, "record within the action interface's limits")
    if not found.played:
        advice = "a format that keeps simulator states, or starts"
        yield Finding("no start states", "doubt", "no episode can be played again", advice, ("entering RL",))
        return
    yield from _replayed(found)


def _replayed(found: Inspection) -> Iterator[Finding]:
    lag, count = lag_of(found.lags), len(found.played)
    if lag:
        error, better = found.lags[0], found.lags[lag]
        when, back = ("later", "earlier") if lag > 0 else ("earlier", "later")
        said = f"actions of {abs(lag)} control steps {when} explain what is observed better"
        said += f" (error {better:.2g} against {error:.2g} spreads over the first {EARLY} steps)"
        advice = f"move the actions {abs(lag)} control steps {back}, or mend the recorder's clock"
        yield Finding("shifted actions", "fault", said, advice)
    gone = [(one.step, two) for one, two in zip(found.departures, found.played, strict=True) if one.step >= 0]
    untouched = sum(step < (one.contact_entry if one.contact_entry >= 0 else EARLY) for step, one in gone)
    if untouched > count / 2 and not lag:
        said = f"{untouched} of {count} replays leave what was recorded before anything is touched"
        yield Finding(
            "departing replays", "fault", said, "look for mixed-up, clipped or missing actions, or another control rate"
        )
    elif len(gone) > count / 2:
        middle = np.median([step for step, _ in gone])
        said = f"{len(gone)} of {count} replays leave what was recorded, half of them by control step {middle:g}"
        yield Finding(
            "departing replays", "note", said, "contact goes on differently here: let RL see it", ("entering RL",)
        )
    held = sum(one.success for one in found.played)
    if held < SUCCEEDED * count:
        said = f"{held} of {count} episodes succeed when played again"
        yield Finding("failing replays", "doubt", said, "leave out what fails: regrasp demos curate --success")


def _coverage(found: Inspection, teaches: Sequence[str]) -> Iterator[Finding]:
    shown, count = found.coverage, len(found.played)
    if count and len(shown.entries) < ENTERED * count:
        said = f"{len(shown.entries)} of {count} episodes come into stable contact"
        yield Finding(
            "little contact", "doubt", said, "record episodes that touch the object", ("cloning", "entering RL")
        )
    for name in teaches:
        if count and name not in shown.modes and name not in shown.transitions:
            yield Finding("missing contact", "doubt", f"no episode shows {name}", "record some that do")
    if shown.starts is not None and shown.starts < STARTS:
        said = f"{shown.starts:.0%} of the task's starts lie inside the recorded ones"
        yield Finding("narrow starts", "doubt", said, "record from starts that differ more")
    if shown.idle > IDLE:
        said = f"nothing happens in {shown.idle:.0%} of the control steps"
        yield Finding("idle time", "doubt", said, "cut it off: regrasp demos curate --idle", ("cloning",))
    if count and not shown.broken and not shown.lost:
        said = "no episode loses its contact and finds it again"
        yield Finding("no corrections", "note", said, "record some from a disturbed hand", ("entering RL",))
    yield from _approached(found.approaches)


def _approached(found: Sequence[Approach]) -> Iterator[Finding]:
    """A note at most: many an object can be reached from one side alone."""
    if len({one.episode for one in found}) < 3:
        return
    spread = spread_of([one.object for one in found])
    if spread.widest <= NARROW:
        episodes = len({one.episode for one in found})
        said = (
            f"in all {episodes} episodes what touches comes within {np.rad2deg(spread.widest):.0f}° of one direction, "
        )
        said += f"({', '.join(f'{part:.2f}' for part in spread.mean)}) in the object's frame"
        advice = "record approaches from other sides, if the object can be reached and starts differ there"
        yield Finding("one approach", "note", said, advice)


def _consistency(found: Consistency | None) -> Iterator[Finding]:
    if found is None:
        return
    if found.pinned > PINNED:
        said = f"{found.pinned:.1%} of action components sit at exactly the limit of their column"
        yield Finding("limited actions", "doubt", said, "widen the recorder's limits, if they are not the hand's")
    unclear = float(np.mean(found.ambiguity >= 1.0))
    if unclear > AMBIGUOUS:
        said = f"around {unclear:.0%} of the states actions differ as much as anywhere"
        advice = 'one demonstrator, one way of doing it; or a head for several: bc.head = "flow"'
        yield Finding("ambiguous actions", "doubt", said, advice, ("cloning",))
    differing = [one for one in found.compared if one.differs]
    if differing:
        said = "; ".join(f"{one.name or 'those not named'}: {', '.join(one.differs)}" for one in differing)
        advice = 'compare them; clone one of them alone, or with a head for several ways: bc.head = "flow"'
        yield Finding("unlike demonstrators", "note", f"differ from the others beyond chance: {said}", advice)


def verdict(every: Sequence[Finding], use: Use) -> str:
    """`good`, `doubtful` or `not fit` for a use."""
    levels = {one.level for one in every if use in one.uses}
    return "not fit" if "fault" in levels else "doubtful" if "doubt" in levels else "good"
