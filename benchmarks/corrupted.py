"""Demonstrations corrupted on purpose: does `regrasp demos check` say what is wrong with them?

    python benchmarks/corrupted.py --door door-v0_demos.pickle
    python benchmarks/corrupted.py                                  # the shipped planar-turn and hammer alone

Each set is checked as it is, and then with a fifth of every episode's actions shuffled among themselves; with all
actions limited to ±0.5; with actions two control steps late, and two early; and without the control steps in its most
frequent contact mode. Ends with exit code 1 unless every corruption has a finding of its own
that the set as it is does not have, and no set as it is has a fault.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from regrasp.demonstrations import DemonstrationSet, digest_episodes, read_demonstrations
from regrasp.demonstrations.inspection.findings import USES, findings, inspect, verdict
from regrasp.demonstrations.replay import with_contact
from regrasp.episode import Episode
from regrasp.errors import InputError
from regrasp.tasks import find_task
from regrasp.tasks.task import Task

DATA = Path(__file__).resolve().parents[1] / "src" / "regrasp" / "data"
EXPECTED = {
    "as it is": set[str](),
    "a fifth shuffled": {"departing replays", "failing replays"},
    "limited to ±0.5": {"limited actions"},
    "two steps late": {"shifted actions"},
    "two steps early": {"shifted actions"},
    "without a contact mode": {"departing replays", "failing replays"},
}
"""Corruption → findings of which at least one must be new."""


def main() -> None:
    """Corrupt, check, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--door", type=Path, help="human demonstrations of adroit-door")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sets = {"planar-turn": DATA / "planar-turn.hdf5", "adroit-hammer": DATA / "adroit-hammer.hdf5"}
    sets |= {"adroit-door": options.door} if options.door else {}
    table = Table("demonstrations", "corrupted", *USES, "found (faults and doubts; notes in brackets)")
    missed = 0
    try:
        for name, file in sets.items():
            task, known = find_task(name), set[str]()
            for what, episodes in corrupted(task, read_demonstrations(file, task).episodes):
                every = findings(inspect(_set(task, episodes), task))
                names = [f"[{one.name}]" if one.level == "note" else one.name for one in every]
                wanted, there = EXPECTED[what], {one.name for one in every}
                if wanted:
                    missed += not wanted & (there - known)
                else:
                    known = there
                    missed += verdict(every, "cloning") == "not fit"
                table.add_row(name, what, *(verdict(every, use) for use in USES), ", ".join(names))
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    Console(width=160, markup=False).print(table, markup=False)
    sys.exit(1 if missed else 0)


def corrupted(task: Task, episodes: Sequence[Episode]) -> Iterator[tuple[str, list[Episode]]]:
    """Every corruption of a set."""
    yield "as it is", list(episodes)
    draw = np.random.default_rng(0)
    ways: dict[str, Callable[[Episode], Episode]] = {
        "a fifth shuffled": lambda one: replace(one, actions=_shuffled(one.actions, draw)),
        "limited to ±0.5": lambda one: replace(one, actions=one.actions.clip(-0.5, 0.5)),
        "two steps late": lambda one: replace(one, actions=one.actions[_rows(one, -2)]),
        "two steps early": lambda one: replace(one, actions=one.actions[_rows(one, 2)]),
    }
    for name, way in ways.items():
        yield name, [way(one) for one in episodes]
    shown = with_contact(task, episodes)
    counts = np.bincount(np.concatenate([one.contact_modes for one in shown if one.contact_modes is not None]))
    mode = int(counts[1:].argmax()) + 1
    yield "without a contact mode", [part for one in shown if (part := _without(one, mode)) is not None]


def _shuffled(actions: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    rows = np.flatnonzero(draw.random(len(actions)) < 0.2)
    mixed = actions.copy()
    mixed[rows] = actions[draw.permutation(rows)]
    return mixed


def _rows(episode: Episode, later: int) -> np.ndarray:
    return np.clip(np.arange(episode.steps) + later, 0, episode.steps - 1)


def _without(episode: Episode, mode: int) -> Episode | None:
    """Without the control steps in a contact mode; nothing if hardly any are left."""
    assert episode.contact_modes is not None
    kept = episode.contact_modes[:-1] != mode
    rows = np.append(kept, True)
    return None if kept.sum() < 5 else replace(
        episode,
        actions=episode.actions[kept],
        rewards=episode.rewards[kept],
        observations={group: each[rows] for group, each in episode.observations.items()},
        states=None,
        contact_modes=None,
        marks={},
    )  # fmt: skip


def _set(task: Task, episodes: Sequence[Episode]) -> DemonstrationSet:
    return DemonstrationSet(tuple(episodes), task.name, None, "corrupted", digest_episodes(episodes))


if __name__ == "__main__":
    main()
