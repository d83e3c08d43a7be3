"""`regrasp demos`: demonstration files, looked into and recorded."""

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tyro.conf import Positional

from regrasp.cli.output import console, emit, progress, require_writable, table
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.demonstrations.recording import Attempt
    from regrasp.tasks.task import Task

PATIENCE = 20
"""Attempts per demonstration asked for, after which too few successes end the recording."""


def info(file: Positional[Path], task: str = "adroit-door", threads: int = 0, json: bool = False) -> None:
    """Show what is in a demonstration file, whether it fits the task, and how it replays.

    Reads DAPG's pickles (without executing anything in them) and HDF5 files of robomimic's layout. Episodes that have
    their start state are played again on today's engine, and the task's judge looks at the result.

    Args:
        file: the demonstration file.
        task: name of the task that it should fit.
        threads: engine threads for the replay; 0 uses every core.
        json: print one JSON object instead of tables.
    """
    from regrasp.cli.fidelity import replay_facts
    from regrasp.demonstrations import read_demonstrations, summarise
    from regrasp.tasks import find_task

    asked = find_task(task)
    demonstrations = read_demonstrations(file, asked)
    facts = summarise(demonstrations).to_json()
    data: dict[str, Any] = {"file": str(file), "format": demonstrations.format, "task": task, "fits": True}
    data |= {"digest": demonstrations.digest, **facts, "replay": replay_facts(demonstrations, asked, threads)}
    title = f"{file}: {data['format']}, fits {task}, digest {demonstrations.digest}"
    emit(data, json, title, table("Recorded", ["", ""], _recorded(facts)), *_replayed(data["replay"]))


def _recorded(facts: dict[str, Any]) -> list[list[str]]:
    def spread(name: str, form: str) -> str:
        return " / ".join(f"{facts[f'{name}_{part}']:{form}}" for part in ("min", "median", "max"))

    outside = f"{facts['outside_share']:.2%} of components, in {facts['outside_steps_share']:.1%} of steps"
    return [
        ["episodes", str(facts["episodes"])],
        ["control steps", str(facts["steps"])],
        ["control steps per episode (min / median / max)", spread("length", "g")],
        ["return (min / median / max)", spread("return", ".1f")],
        ["action range", f"{facts['action_min']:.3f} to {facts['action_max']:.3f}"],
        ["actions outside [-1, 1], clipped for learning", outside],
        ["episodes with a start state / with all states", f"{facts['with_start']} / {facts['with_states']}"],
    ]


def _replayed(facts: dict[str, Any] | None) -> list[Any]:
    if facts is None:
        return ["No episode has a start state, so nothing can be replayed."]
    from regrasp.panel.statistics import Rate
    from regrasp.report.wording import counted, outcome, span

    rates = {name: Rate(**facts[name]) for name in ("contact_entry", "success", "success_at_end", "success_held")}
    rows = [[outcome(name), counted(rate), span(rate.low, rate.high)] for name, rate in rates.items()]
    differences = [[place, f"{d['median']:.2g}", f"{d['max']:.2g}"] for place, d in facts["difference"].items()]
    return [
        table("Replayed on this engine, as the task's judge sees it", ["", "episodes", "95 % interval"], rows),
        table("Absolute difference of replay and recording", ["", "median", "max"], differences),
    ]


def record(
    policy: Path,
    out: Path,
    task: str = "adroit-door",
    episodes: int = 25,
    noise: float | None = None,
    noise_factor: float = 1.0,
    seed: int = 0,
    tail: int = 50,
    all: bool = False,
    threads: int = 0,
    json: bool = False,
) -> None:
    """Record demonstrations: noisy attempts of a policy, successes unless told otherwise.

    Attempts start where the task starts, undisturbed; each ends some steps after its first success. The file keeps
    states, observations, actions, rewards and contact modes, and says which policy, noise, seed and command made it.
    The same arguments give the same file.

    Args:
        policy: folder of the checkpoint that acts.
        out: the demonstration file to write (HDF5, robomimic's layout), as demos.hdf5.
        task: name of the task.
        episodes: number of demonstrations to record.
        noise: standard deviation of the noise on every action, in halves of its range; left out, the policy's own.
        noise_factor: what the policy's own noise is multiplied by, if --noise is left out.
        seed: of start states and noise.
        tail: control steps to keep after the first success.
        all: keep attempts that do not succeed, too.
        threads: engine threads; 0 uses every core. The result is the same for any number.
        json: print one JSON object instead of sentences.
    """
    import numpy as np

    from regrasp import __version__
    from regrasp.cli.judging import open_checkpoint
    from regrasp.demonstrations import Storage, read_demonstrations, write_demonstrations
    from regrasp.demonstrations.recording import RecordingConfig, record_attempts

    _check_counts(episodes, tail, seed, noise_factor if noise is None else noise)
    require_writable(out)
    checkpoint = open_checkpoint(policy)
    if checkpoint.task.name != task:
        raise InputError(policy, "task", repr(checkpoint.task.name), repr(task))
    own = checkpoint.policy.head.std().detach().numpy() * noise_factor
    spread = np.asarray(own if noise is None else np.full_like(own, noise), np.float32)
    provenance = {
        "policy": checkpoint.manifest.digest,
        "noise": f"{noise:g} on every action" if noise is not None else f"{noise_factor:g} × the policy's own",
        "seed": str(seed),
        "command": shlex.join(["regrasp", *sys.argv[1:]]),
        "regrasp": __version__,
    }
    attempts = record_attempts(
        checkpoint.policy, checkpoint.task, RecordingConfig(spread, seed, tail, threads), provenance
    )
    kept, made = _collect(attempts, checkpoint.task, episodes, all)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_demonstrations(out, kept, checkpoint.task, Storage("float32", gzip=True, next_obs=False))
    data = {"file": str(out), "episodes": len(kept), "attempts": made, "steps": sum(e.steps for e in kept)}
    data |= {"bytes": out.stat().st_size, "digest": read_demonstrations(out, checkpoint.task).digest, **provenance}
    emit(
        data,
        json,
        f"{out}: {len(kept)} episodes of {made} attempts, {data['steps']} control steps, {data['bytes']} bytes",
    )


def _check_counts(episodes: int, tail: int, seed: int, noise: float) -> None:
    for option, value, least in (("--episodes", episodes, 1), ("--tail", tail, 0), ("--seed", seed, 0)):
        if value < least:
            raise InputError(option, "", str(value), f"a whole number, at least {least}")
    if not 0 <= noise <= 2:
        raise InputError("--noise", "", str(noise), "a number between 0 and 2")


def _collect(attempts: "Iterable[Attempt]", task: "Task", episodes: int, everything: bool) -> tuple[list[Any], int]:
    """The episodes to keep, and the number of attempts that were made for them."""
    kept, made = [], 0
    with progress("episodes", console()) as bar:
        work = bar.add_task("recording", total=episodes, unit="episodes")
        for attempt in attempts:
            made += 1
            if everything or getattr(attempt, task.judge.primary):
                kept.append(attempt.episode)
                bar.advance(work)
            if len(kept) == episodes:
                return kept, made
            if made >= PATIENCE * episodes:
                break
    raise InputError(
        "demos record", "", f"{len(kept)} successes in {made} attempts", f"{episodes}; less noise, or --all"
    )
