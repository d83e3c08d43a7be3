"""`regrasp demos plan`: demonstrations from the simulator alone."""

import json as text
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regrasp.cli.output import console, emit, require_writable, table
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.actor import Actor
    from regrasp.cli.planning import Request
    from regrasp.demonstrations.recording import Attempt
    from regrasp.episode import Episode
    from regrasp.tasks.task import Task


def plan(
    out: Path,
    task: str = "cube-reorient",
    episodes: int = 25,
    prior: Path | None = None,
    refine: int = 0,
    disturbed: float = 0.0,
    kinds: tuple[str, ...] = (),
    seed: int = 0,
    candidates: int = 64,
    horizon: int = 10,
    knots: int = 5,
    every: int = 1,
    noise: float = 0.3,
    prior_weight: float = 10.0,
    lead: int = 40,
    tail: int = 10,
    updates: int = 4000,
    all: bool = False,
    abreast: int = 4,
    threads: int = 0,
    json: bool = False,
) -> None:
    """Plan demonstrations from scratch, by trying many motions in copies of the world at every control step.

    Sampling-based model-predictive control: no policy and no data is needed. Every attempt has a train object and a
    start of its own. Attempts that have ended are kept in the folder FILE.part, so that the same command continues
    after a kill; the same arguments give the same episodes.

    Args:
        out: the demonstration file to write (HDF5, robomimic's layout), as demos.hdf5.
        task: name of the task.
        episodes: demonstrations to plan, in every round.
        prior: folder of a checkpoint to plan around; attempts begin in states that it leads to. Left out, the task's
            own sketch of the motion is planned around, if it has one.
        refine: rounds of cloning all episodes so far and planning as many again around the clone.
        disturbed: share of the attempts that are disturbed; the planner is not told.
        kinds: of the disturbances; all of the task's if left out.
        seed: of objects, starts, disturbances and candidates.
        candidates: motions tried at every planning.
        horizon: control steps that a plan reaches ahead.
        knots: of a motion, which is a line from knot to knot.
        every: control steps between two plannings.
        noise: standard deviation of the candidates at their knots, in halves of an action's range.
        prior_weight: what it costs a motion to leave the prior.
        lead: a prior drives alone for up to this many control steps before an attempt begins.
        tail: control steps to keep after the judge's success.
        updates: gradient steps of each cloning.
        all: keep attempts that do not succeed, too.
        abreast: attempts planned side by side. The result is the same for any number.
        threads: engine threads; 0 uses every core. The result is the same for any number.
        json: print one JSON object instead of tables.
    """
    from regrasp.cli.planning import Request
    from regrasp.demonstrations.planner import Sampling
    from regrasp.demonstrations.planning import PlanningConfig
    from regrasp.tasks import find_task

    _check(out, episodes, refine, seed, updates, prior)
    sampling = Sampling(candidates, horizon, knots, every, noise, prior_weight=prior_weight)
    used = lead if prior or refine else 0
    config = PlanningConfig(sampling, seed, disturbed, kinds, tail, used, abreast, threads)
    asked = find_task(task)
    config.require(asked)
    folder = out.with_name(f"{out.name}.part")
    request = Request(asked, config, episodes, all, _provenance(config), folder)
    found, kept, rows = _refined(request, refine, updates) if refine else _once(request, prior)
    data = _written(out, asked, kept) | _counted(asked, found) | {"rounds": rows}
    shown: list[Any] = [
        f"{out}: {len(kept)} episodes of {len(found)} attempts, {data['steps']} control steps, {data['bytes']} bytes",
        f"{data['successes']} of {len(found)} attempts succeeded; {data['recoveries']} of {data['losses']} losses were"
        f" recovered; {sum(row['seconds'] for row in rows) / len(found):.1f} s per attempt",
    ]
    names = [*rows[0]] if refine else []
    cells = [[f"{row[name]:g}" for name in names] for row in rows]
    emit(data, json, *shown, *([table("Clones judged on 100 fresh undisturbed cases", names, cells)] if refine else []))


def _check(out: Path, episodes: int, refine: int, seed: int, updates: int, prior: Path | None) -> None:
    least = (("--episodes", episodes, 1), ("--refine", refine, 0), ("--seed", seed, 0), ("--updates", updates, 1))
    for option, value, low in least:
        if value < low:
            raise InputError(option, "", str(value), f"a whole number, at least {low}")
    if refine and prior:
        raise InputError("--prior", "", str(prior), "none beside --refine, whose clones are the priors")
    require_writable(out)


def _provenance(config: Any) -> dict[str, str]:
    from regrasp import __version__

    settings = {key: value for key, value in asdict(config).items() if key not in ("threads", "abreast")}
    return {
        "method": "planned by sampling-based model-predictive control",
        "settings": text.dumps(settings, sort_keys=True),
        "command": shlex.join(["regrasp", *sys.argv[1:]]),
        "regrasp": __version__,
    }


def _once(request: "Request", prior: Path | None) -> tuple[list["Attempt"], list["Episode"], list[dict[str, float]]]:
    from regrasp.cli.judging import open_checkpoint
    from regrasp.cli.planning import collect, sketch_of

    policy: Actor | None
    policy, digest = sketch_of(request.task)
    if prior is not None:
        checkpoint = open_checkpoint(prior, request.task)
        if checkpoint.policy.spec.design.remembers:
            # Candidates are tried in copies of a world, which have no past that it could remember.
            found = "a policy that remembers what came before"
            raise InputError(prior, "spec", found, "one that acts by its latest observation alone")
        policy, digest = checkpoint.policy, checkpoint.manifest.digest
    planned = collect(request, policy, digest, console())
    return planned.attempts, planned.kept(request.task, request.everything), [{"seconds": planned.seconds}]


def _refined(
    request: "Request", rounds: int, updates: int
) -> tuple[list["Attempt"], list["Episode"], list[dict[str, float]]]:
    from regrasp.cli.planning import refine

    attempts: list[Attempt] = []
    rows: list[dict[str, float]] = []
    kept: list[Episode] = []
    for number, done in enumerate(refine(request, rounds, updates, console())):
        attempts, kept = attempts + done.attempts, done.episodes
        steps = sum(episode.steps for episode in kept)
        row = {"round": number, "attempts": len(done.attempts), "episodes": len(kept), "steps": steps}
        rows.append(row | {"seconds": round(done.seconds, 1), "cloned_successes": done.cloned})
        console().print(", ".join(f"{name} {value:g}" for name, value in rows[-1].items()), markup=False)
    return attempts, kept, rows


def _written(out: Path, task: "Task", kept: "list[Episode]") -> dict[str, Any]:
    from regrasp.cli.planning import forget
    from regrasp.demonstrations import Storage, read_demonstrations, write_demonstrations

    if not kept:
        raise InputError("demos plan", "", "no success", "at least one; or --all")
    write_demonstrations(out, kept, task, Storage("float32", gzip=True, next_obs=False))
    forget(out.with_name(f"{out.name}.part"))
    head = {"file": str(out), "episodes": len(kept), "steps": sum(episode.steps for episode in kept)}
    return head | {"bytes": out.stat().st_size, "digest": read_demonstrations(out, task).digest}


def _counted(task: "Task", attempts: "list[Attempt]") -> dict[str, int]:
    marks = [attempt.episode.marks for attempt in attempts]
    return {
        "attempts": len(attempts),
        "successes": sum(getattr(attempt, task.judge.primary) for attempt in attempts),
        "losses": sum("lost" in own for own in marks),
        "recoveries": sum("recovered" in own for own in marks),
    }
