"""Planned attempts, kept one by one in a folder beside the file, so that a killed command loses at most those at work.

`demos plan --refine` alternates planning and cloning: from the second round on, attempts begin in states that the
latest clone leads to, and are planned around what the clone would do.
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from regrasp.actor import Actor
from regrasp.cli.output import progress
from regrasp.demonstrations import DemonstrationSet, digest_episodes, transitions
from regrasp.demonstrations.planning import PlanningConfig, plan_attempts
from regrasp.demonstrations.recording import Attempt
from regrasp.episode import Episode
from regrasp.errors import InputError
from regrasp.imitation.cloning import CloningConfig, clone
from regrasp.panel.cases import draw_cases
from regrasp.panel.evaluation import evaluate
from regrasp.policies.checkpoint import load_checkpoint, save_checkpoint
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.seeding import derive, torch_stream
from regrasp.store.atomic import replacing, sync_folder
from regrasp.tasks.task import Task

PATIENCE = 5
"""Attempts per demonstration asked for, after which too few successes end the planning."""
CASES = 100
"""Fresh undisturbed cases that a clone is judged on."""
_FINDINGS = ("success", "success_at_end", "success_held")
_ARRAYS = ("actions", "rewards", "states", "contact_modes")


@dataclass(frozen=True)
class Planned:
    """Attempts in the order of their numbers, and what they took in all [s], before a kill and after."""

    attempts: list[Attempt]
    seconds: float

    def kept(self, task: Task, everything: bool) -> list[Episode]:
        """Episodes of the attempts that succeeded by the judge's headline, or of all."""
        return [one.episode for one in self.attempts if everything or getattr(one, task.judge.primary)]


class Ledger:
    """A folder with one file per attempt that has ended."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Opens the folder, or makes it; `settings` are what its attempts depend on.

        Raises:
            InputError: its attempts were planned with other settings.
        """
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        head, text = folder / "settings.json", json.dumps(dict(settings), indent=1, sort_keys=True)
        if not head.exists():
            with replacing(head) as file:
                file.write(text.encode())
        found, expected = json.loads(head.read_text()), json.loads(text)
        for name in sorted(found.keys() | expected.keys()):
            if found.get(name) != expected.get(name):
                wanted = f"{expected.get(name)!r} as asked for; delete the folder to begin anew"
                raise InputError(head, name, repr(found.get(name)), wanted)

    def add(self, number: int, attempt: Attempt, seconds: float) -> None:
        """Keep one attempt."""
        episode = attempt.episode
        own = {"object": episode.object, "marks": dict(episode.marks), "terminated": episode.terminated}
        own |= {"provenance": dict(episode.provenance), "seconds": seconds, "contact_entry": attempt.contact_entry}
        own |= {name: getattr(attempt, name) for name in _FINDINGS}
        arrays = {name: getattr(episode, name) for name in _ARRAYS}
        arrays |= {f"observations/{name}": rows for name, rows in episode.observations.items()}
        with replacing(self.folder / f"{number:06}.npz") as file:
            np.savez(file, own=np.array(json.dumps(own)), **arrays)

    def read(self) -> tuple[dict[int, Attempt], float]:
        """All attempts by number, and the seconds they took."""
        found, seconds = {}, 0.0
        for path in sorted(self.folder.glob("*.npz")):
            with np.load(path, allow_pickle=False) as arrays:
                own = json.loads(str(arrays["own"]))
                found[int(path.stem)] = _attempt(own, {name: arrays[name] for name in arrays.files})
            seconds += own["seconds"]
        return found, seconds


def _attempt(own: Mapping[str, Any], arrays: Mapping[str, Any]) -> Attempt:
    observations = {
        name.removeprefix("observations/"): rows for name, rows in arrays.items() if name.startswith("observations/")
    }
    episode = Episode(
        **{name: arrays[name] for name in _ARRAYS},
        observations=observations,
        object=own["object"],
        marks=own["marks"],
        terminated=own["terminated"],
        truncated=not own["terminated"],
        provenance=own["provenance"],
    )
    return Attempt(episode, own["contact_entry"], **{name: own[name] for name in _FINDINGS})


@dataclass(frozen=True)
class Request:
    """What is asked for: `episodes` of a round, successes unless `everything` is to be kept."""

    task: Task
    config: PlanningConfig
    episodes: int
    everything: bool
    provenance: Mapping[str, str]
    folder: Path


def collect(request: Request, prior: Actor | None, prior_digest: str, console: Console) -> Planned:
    """Plans, or takes from the folder, the attempts needed; they do not depend on kills or on how many go abreast.

    Raises:
        InputError: too few attempts succeed.
    """
    ledger = Ledger(request.folder, settings_of(request, prior_digest))
    found, seconds = ledger.read()
    provenance = {**request.provenance, **({"prior": prior_digest} if prior_digest else {})}
    with progress("episodes", console) as bar:
        work = bar.add_task(f"planning {request.folder.name}", total=request.episodes, unit="episodes")
        while True:
            planned = Planned([found[number] for number in sorted(found)], seconds)
            missing = request.episodes - len(planned.kept(request.task, request.everything))
            bar.update(work, completed=request.episodes - missing)
            if missing <= 0:
                return planned
            if len(found) >= PATIENCE * request.episodes:
                raise InputError(
                    "demos plan",
                    "",
                    f"{request.episodes - missing} successes in {len(found)} attempts",
                    "more; or --all",
                )
            for number, attempt, spent in _plan(request, missing, found, provenance, prior):
                ledger.add(number, attempt, spent)
                found[number] = attempt
                seconds += spent
                bar.advance(work, request.everything or getattr(attempt, request.task.judge.primary))


def _plan(
    request: Request, missing: int, found: Mapping[int, Attempt], provenance: Mapping[str, str], prior: Actor | None
) -> Iterator[tuple[int, Attempt, float]]:
    # Attempts that a kill left out come first: what is kept is the same as without the kill.
    numbers = [number for number in range(len(found) + missing) if number not in found][:missing]
    begun = time.perf_counter()
    for number, attempt in plan_attempts(request.task, request.config, numbers, provenance, prior):
        now = time.perf_counter()
        yield number, attempt, now - begun
        begun = now


def settings_of(request: Request, prior_digest: str) -> dict[str, Any]:
    """All that attempts depend on; not how many are asked for or go abreast."""
    own = {name: value for name, value in asdict(request.config).items() if name not in ("abreast", "threads")}
    task = request.task
    scene = {"task": task.name, "scene": task.scene.digest, "judge": task.judge.digest}
    return own | scene | {"interface": task.interface.digest, "prior": prior_digest}


def sketch_of(task: Task) -> tuple[Actor | None, str]:
    """The task's own sketch and its name in provenance, where it has one."""
    sketch = task.sketched
    return sketch, "" if sketch is None else f"sketch {sketch.digest}"


@dataclass(frozen=True)
class Round:
    """One round of planning and cloning: attempts planned, what is kept so far, and how often its clone succeeds."""

    attempts: list[Attempt]
    episodes: list[Episode]
    seconds: float
    cloned: int


def refine(request: Request, rounds: int, updates: int, console: Console) -> Iterator[Round]:
    """Plan, clone, and again around the clone; every round adds `request.episodes` episodes."""
    episodes: list[Episode] = []
    policy: Actor | None
    policy, digest = sketch_of(request.task)
    for number in range(rounds + 1):
        folder = request.folder / f"round-{number}"
        seed = derive(request.config.seed, "refine", number)
        config = replace(request.config, seed=seed, lead=request.config.lead if number else 0)
        own = replace(request, config=config, folder=folder, provenance={**request.provenance, "round": str(number)})
        planned = collect(own, policy, digest, console)
        episodes = episodes + planned.kept(request.task, request.everything)
        policy, digest = cloned(request.task, episodes, folder / "clone", updates, request.config.seed, console)
        cases = draw_cases(request.task, {"none": CASES}, request.config.seed, "planning")
        trials = [trial for chunk in evaluate(policy, request.task, cases, request.config.threads) for trial in chunk]
        successes = sum(getattr(trial, request.task.judge.primary) for trial in trials)
        yield Round(planned.attempts, episodes, planned.seconds, successes)


def cloned(
    task: Task, episodes: list[Episode], folder: Path, updates: int, seed: int, console: Console
) -> tuple[Policy, str]:
    """The clone of these episodes and its digest; one that the folder already has is not made again."""
    data = DemonstrationSet(tuple(episodes), task.name, task.interface.digest, "", digest_episodes(episodes))
    provenance = {"phase": "bc", "demonstrations": data.digest, "updates": updates, "seed": seed}
    if folder.exists():
        policy, manifest = load_checkpoint(folder)
        if dict(manifest.provenance) == provenance:
            return policy, manifest.digest
    config = CloningConfig(updates=updates)
    seen, acted = task.observations["policy"].fields, task.interface.fields
    spec = PolicySpec(seen, acted, config.hidden, config.activation, task.interface, task.name)
    policy = Policy.build(spec, torch_stream(seed, "policy"))
    with progress("updates", console) as bar:
        work = bar.add_task(f"cloning {len(episodes)} episodes", total=updates, unit="updates")
        for record in clone(policy, *transitions(data), config, seed):
            bar.update(work, completed=record.step)
    return policy, save_checkpoint(policy, folder, provenance)


def forget(folder: Path) -> None:
    """Removes the folder of attempts once the file has them."""
    shutil.rmtree(folder)
    sync_folder(folder.parent)
