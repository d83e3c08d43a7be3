"""`regrasp demos record`: a policy's attempts as a demonstration file."""

import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regrasp.cli.output import console, emit, progress, require_writable
from regrasp.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from regrasp.actor import Actor
    from regrasp.demonstrations.recording import Attempt
    from regrasp.episode import Episode
    from regrasp.tasks.task import Task

PATIENCE = 20
"""Attempts per demonstration asked for, after which too few successes end the recording."""


def record(
    out: Path,
    policy: Path | None = None,
    task: str | None = None,
    episodes: int = 25,
    disturbed: float = 0.0,
    kinds: tuple[str, ...] = (),
    recovered: float = 0.0,
    noise: float | None = None,
    noise_factor: float = 1.0,
    seed: int = 0,
    tail: int = 50,
    all: bool = False,
    without_states: bool = False,
    threads: int = 0,
    json: bool = False,
) -> None:
    """Record demonstrations: noisy attempts of a policy, successes unless told otherwise.

    Attempts start where the task starts, with its training objects; each ends some steps after its first success, and
    after the recovery if it was disturbed. The file keeps states, observations, actions, rewards and contact modes,
    marks what happened when, and says which policy, noise, disturbance, seed and command made it. The same arguments
    give the same file.

    Args:
        out: the demonstration file to write (HDF5, robomimic's layout), as demos.hdf5.
        policy: folder of the checkpoint that acts; left out, the task's own sketch of the motion does, if it has one.
        task: name of the task, or the file of one that is not built in; left out, the checkpoint's own.
        episodes: number of demonstrations to record.
        disturbed: share of attempts that are disturbed, from 0 to 1.
        kinds: of disturbances, as push drop; left out, all that the task can draw.
        recovered: share of the episodes that must contain a judged recovery, from 0 to 1; attempts go on until they do.
        noise: standard deviation of the noise on every action, in halves of its range; left out, the policy's own. A
            sketch has none.
        noise_factor: what the policy's own noise is multiplied by, if --noise is left out.
        seed: of objects, disturbances, start states and noise.
        tail: control steps to keep after the first success.
        all: keep attempts that do not succeed, too.
        without_states: leave out the state at every step, which halves the file: whoever needs states (fine-tuning,
            pictures) plays the episodes again from their starts.
        threads: engine threads; 0 uses every core. The result is the same for any number.
        json: print one JSON object instead of sentences.
    """
    from regrasp.demonstrations import Storage, read_demonstrations, write_demonstrations
    from regrasp.demonstrations.recording import RecordingConfig, record_attempts

    _check_counts(episodes, tail, seed)
    _check_shares(noise_factor if noise is None else noise, disturbed, recovered)
    require_writable(out)
    found, actor, digest, own = _open(policy, task)
    _check_kinds(kinds, disturbed, found)
    spread, described = _noise(own, noise, noise_factor)
    provenance = _provenance(digest, described, seed)
    config = RecordingConfig(spread, seed, tail, threads, disturbed, kinds)
    attempts = record_attempts(actor, found, config, provenance)
    kept, made = _collect(attempts, found, episodes, ceil(recovered * episodes), all)
    if without_states:
        kept = [replace(episode, states=None) for episode in kept]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_demonstrations(out, kept, found, Storage("float32", gzip=True, next_obs=False))
    digest = read_demonstrations(out, found).digest
    _tell({"file": str(out)} | _facts(kept, made) | {"bytes": out.stat().st_size, "digest": digest, **provenance}, json)


def _check_counts(episodes: int, tail: int, seed: int) -> None:
    for option, value, least in (("--episodes", episodes, 1), ("--tail", tail, 0), ("--seed", seed, 0)):
        if value < least:
            raise InputError(option, "", str(value), f"a whole number, at least {least}")


def _check_shares(noise: float, disturbed: float, recovered: float) -> None:
    for name, share, most in (("--noise", noise, 2), ("--disturbed", disturbed, 1), ("--recovered", recovered, 1)):
        if not 0 <= share <= most:
            raise InputError(name, "", str(share), f"a number between 0 and {most}")


def _check_kinds(kinds: Sequence[str], disturbed: float, task: "Task") -> None:
    for kind in kinds:
        if kind not in task.disturbances:
            raise InputError("--kinds", "", repr(kind), f"kinds that {task.name} can draw", task.disturbances)
    if kinds and not disturbed:
        raise InputError("--kinds", "", f"{', '.join(kinds)}, and nothing disturbed", "--disturbed above 0 beside it")
    if disturbed and not task.disturbances:
        raise InputError("--disturbed", "", str(disturbed), f"0, because {task.name} can draw no disturbance")


def _open(policy: Path | None, task: str | None) -> "tuple[Task, Actor, str, NDArray[np.float32]]":
    """The task, who acts in it, what that one is called, and the noise of its own on each action (A,)."""
    import numpy as np

    from regrasp.cli.judging import open_checkpoint
    from regrasp.tasks import find_task

    if policy is not None:
        checkpoint = open_checkpoint(policy, task)
        own = checkpoint.policy.head.std().detach().numpy()
        return checkpoint.task, checkpoint.policy, checkpoint.manifest.digest, own
    if task is None:
        raise InputError("--policy", "", "neither a policy nor a task", "--policy, or --task with a sketch of its own")
    found = find_task(task)
    if found.sketched is None:
        raise InputError("--policy", "", "none", f"the folder of a checkpoint; {found.name} has no sketch of its own")
    return found, found.sketched, f"the sketch of {found.name}", np.zeros(found.interface.fields.size, np.float32)


def _noise(own: "NDArray[np.float32]", asked: float | None, factor: float) -> "tuple[NDArray[np.float32], str]":
    """Standard deviation on each action (A,), and how it is described."""
    import numpy as np

    if asked is None:
        return np.asarray(own * factor, np.float32), f"{factor:g} × the policy's own"
    return np.full_like(own, asked, np.float32), f"{asked:g} on every action"


def _provenance(policy: str, noise: str, seed: int) -> dict[str, str]:
    from regrasp import __version__

    return {
        "policy": policy,
        "noise": noise,
        "seed": str(seed),
        "command": shlex.join(["regrasp", *sys.argv[1:]]),
        "regrasp": __version__,
    }


def _collect(
    attempts: "Iterable[Attempt]", task: "Task", episodes: int, recovered: int, everything: bool
) -> tuple[list["Episode"], int]:
    """The episodes to keep, in the order of the attempts, and the number of attempts that were made for them.

    At least `recovered` of them contain a recovery: the others take no more places than these leave.
    """
    kept: list[Episode] = []
    made = others = 0
    with progress("episodes", console()) as bar:
        work = bar.add_task("recording", total=episodes, unit="episodes")
        for attempt in attempts:
            made += 1
            plain = "recovered" not in attempt.episode.marks
            wanted = everything or getattr(attempt, task.judge.primary)
            if wanted and not (plain and others == episodes - recovered):
                kept.append(attempt.episode)
                others += plain
                bar.advance(work)
            if len(kept) == episodes:
                return kept, made
            if made >= PATIENCE * episodes:
                break
    found = f"{len(kept)} such episodes ({len(kept) - others} with a recovery) in {made} attempts"
    expected = f"{episodes} ({recovered}); less noise, fewer with --recovered, or --all"
    raise InputError("demos record", "", found, expected)


def _facts(kept: "Sequence[Episode]", made: int) -> dict[str, int]:
    return {
        "episodes": len(kept),
        "attempts": made,
        "steps": sum(episode.steps for episode in kept),
        "objects": len({episode.object for episode in kept}),
        "disturbed": sum("disturbed" in episode.marks for episode in kept),
        "recovered": sum("recovered" in episode.marks for episode in kept),
    }


def _tell(data: dict[str, Any], json: bool) -> None:
    size = f"{data['steps']} control steps, {data['bytes']} bytes"
    objects = f"{data['objects']} object{'s' if data['objects'] > 1 else ''}"
    emit(
        data,
        json,
        f"{data['file']}: {data['episodes']} episodes of {data['attempts']} attempts with {objects}, {size}",
        f"{data['disturbed']} of them are disturbed, {data['recovered']} contain a judged recovery",
    )
