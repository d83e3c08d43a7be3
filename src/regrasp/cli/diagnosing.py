"""What `diagnose`, `demos advise` and the report look at: a run's demonstrations and trials, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regrasp.cli.judging import Checkpoint, facts_of, judged_trials, open_checkpoint
from regrasp.cli.opening import Run, demonstrations_of
from regrasp.cli.output import console
from regrasp.curriculum.schema import read_curriculum
from regrasp.demonstrations.replay import with_contact
from regrasp.episode import Episode
from regrasp.errors import InputError
from regrasp.panel.coverage import ContactManifold, Moment, last_contact
from regrasp.panel.evaluation import watch
from regrasp.panel.repertoire import Repertoire, Shown, expected, item_name, repertoire, shown_in
from regrasp.panel.statistics import OUTCOMES
from regrasp.store.database import Database
from regrasp.tasks.task import Task
from regrasp.trial import Trial


@dataclass(frozen=True)
class Judged:
    """A checkpoint of a run and its rows on the run's panel, in the order of the cases."""

    checkpoint: Checkpoint
    trials: list[Trial]


def judged_policies(run: Run, names: Sequence[str], threads: int = 0) -> list[Judged]:
    """The run's checkpoints of these names, judged on all of its panel; rows that are missing are made and kept.

    Raises:
        InputError: the run has no such checkpoint.
    """
    found = []
    with Database(run.folder.database) as store:
        made = {row.name for row in store.checkpoints()}
        missing = [name for name in names if name not in made]
        if missing:
            there = f"only {', '.join(sorted(made))}" if made else "none"
            wanted = f"one named {missing[0]}, as a run keeps it that went to its end"
            raise InputError(run.folder.path, "checkpoints", there, wanted)
        for name in names:
            checkpoint = open_checkpoint(run.folder.checkpoint(name), run.task)
            found.append(Judged(checkpoint, judged_trials(checkpoint, run.panel, threads, store, console())))
    return found


def taught_episodes(run: Run, file: Path | None, threads: int = 0) -> list[Episode]:
    """The run's demonstrations that show contact modes, recorded or replayed."""
    return with_contact(run.task, demonstrations_of(run, file).episodes, threads)


def shown_by(episodes: Sequence[Episode]) -> Shown:
    """What demonstrations show; a recovery is one that they are marked with."""
    rows = [(episode.contact_modes, episode.marks) for episode in episodes if episode.contact_modes is not None]
    recovered = [
        (modes, marks["lost"], marks["recovered"]) for modes, marks in rows if {"lost", "recovered"} <= marks.keys()
    ]
    return Shown(
        [modes for modes, _ in rows],
        [modes[lost:] for modes, lost, _ in recovered],
        [modes[lost : again + 1] for modes, lost, again in recovered],
    )


def repertoire_of(task: Task, taught: Sequence[Episode], cloned: Sequence[Trial], tuned: Sequence[Trial]) -> Repertoire:
    """What was taught, reproduced, dropped and discovered."""
    return repertoire(shown_by(taught), shown_in(cloned), shown_in(tuned), task.regions, task.judge.stable_steps)


def repertoire_and_expected(run: Run, cloned: Sequence[Trial], tuned: Sequence[Trial]) -> dict[str, Any]:
    """As plain data, what was taught and discovered in a run, and what its curriculum expected.

    Raises:
        InputError: the run's demonstrations are not where it read them.
    """
    found = repertoire_of(run.task, taught_episodes(run, None), cloned, tuned)
    file = run.folder.path / "curriculum.toml"
    asked = read_curriculum(file) if file.exists() else None
    teaches, discovers = (
        [item_name(name, run.task.regions) for name in (getattr(asked, part) if asked else ())]
        for part in ("teaches", "discovers")
    )
    return found.to_json() | {"expected": [one.to_json() for one in expected(found, teaches, discovers)]}


def manifold_of(task: Task, taught: Sequence[Episode]) -> ContactManifold | None:
    """The demonstrations' contact states; None if they show too little contact for any."""
    rows = [(episode.observations["policy"], episode.contact_modes) for episode in taught]
    known = [(seen, modes) for seen, modes in rows if modes is not None]
    if not known:
        return None
    episodes = np.concatenate([np.full(len(modes), number) for number, (_, modes) in enumerate(known)])
    seen, modes = (np.concatenate(parts) for parts in zip(*known, strict=True))
    try:
        return ContactManifold(seen, modes, episodes, len(task.regions))
    except ValueError:
        return None


def last_contacts(run: Run, policy: Judged, manifold: ContactManifold, threads: int = 0) -> list[Moment]:
    """The last contact of every trial that a bench could see and in which there was any, played again."""
    facts, success = facts_of(run.task), OUTCOMES[run.task.judge.primary]
    known = {trial.case for trial in policy.trials if facts.realistic(trial) and not trial.failure}
    cases = [case for case in run.panel.cases if case.number in known]
    moments = []
    for chunk in watch(policy.checkpoint.policy, run.task, cases, threads):
        for trial, seen in chunk:
            step = last_contact(trial, success(trial))
            if step is not None:
                # Row 0 is the start, so what a control step led to is seen in the row after it.
                moments.append((trial, success(trial), seen[0], seen[step + 1], trial.modes[step]))
    if not moments:
        return []
    states, modes = np.stack([one[3] for one in moments]), np.array([one[4] for one in moments], np.uint8)
    apart = manifold.distance(states, modes)
    return [Moment(*one, distance=float(far)) for one, far in zip(moments, apart, strict=True)]
