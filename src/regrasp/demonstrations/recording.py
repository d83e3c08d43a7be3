"""Recording: an actor's noisy attempts at a task, some of them disturbed, as demonstrations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from regrasp.actor import Actor
from regrasp.demonstrations.disturbed import described
from regrasp.demonstrations.playing import Judged, Played, play
from regrasp.episode import Episode
from regrasp.seeding import derive, numpy_stream
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Disturbance, Task

WORLDS = 32
"""Attempts side by side."""

Attempt = Judged
"""One attempt and what the judge found in the part that was kept; a dropped or diverged one succeeded in nothing."""


@dataclass(frozen=True)
class RecordingConfig:
    """How attempts are made.

    Attributes:
        noise: (A,) standard deviation of the Gaussian noise on each action, in units of the action range's half width.
        seed: of objects, disturbances, start states and noise; attempt i depends on it and on i alone.
        tail: control steps kept after the first success, after the success that is held if it must be unbroken, and
            after the recovery of a disturbed attempt; one without success lasts until it is dropped, or the horizon.
        threads: of the engine, 0 for every core.
        disturbed: share of attempts that are disturbed.
        kinds: of disturbances, each as likely as any other; all of the task's if empty.
    """

    noise: NDArray[np.float32]
    seed: int = 0
    tail: int = 50
    threads: int = 0
    disturbed: float = 0.0
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Drawn:
    """What is drawn for each of n attempts: object, disturbance, the seed of its noise, start state (n, S)."""

    objects: NDArray[np.int64]
    disturbances: list[Disturbance]
    seeds: list[int]
    starts: NDArray[np.float64]


def record_attempts(
    actor: Actor, task: Task, config: RecordingConfig, provenance: Mapping[str, str]
) -> Iterator[Attempt]:
    """Attempts at the training objects from the task's own starts, without end.

    `provenance` goes into every episode, with the attempt's number and its disturbance.
    """
    first = 0
    while True:
        numbers = range(first, first + WORLDS)
        # The older name alone draws starts and noise, so that what it drew before there were objects stays the same.
        streams = [numpy_stream(config.seed, "recording", number) for number in numbers]
        drawn = _draw(task, config, numbers, streams)
        played = _play(actor, task, config, drawn, streams)
        for row, number in enumerate(numbers):
            own = described(drawn.disturbances[row], drawn.seeds[row])
            name = task.objects[drawn.objects[row]]
            yield _attempt(task, config, played, row, name, {**provenance, "attempt": str(number), **own})
        first += WORLDS


def _draw(
    task: Task, config: RecordingConfig, numbers: Sequence[int], streams: Sequence[np.random.Generator]
) -> _Drawn:
    chosen = [numpy_stream(config.seed, "recording, object", number) for number in numbers]
    objects = np.concatenate([task.draw_objects(1, stream) for stream in chosen])
    starts = [task.draw_starts(objects[row : row + 1], stream) for row, stream in enumerate(streams)]
    return _Drawn(
        objects=objects,
        disturbances=[_disturbance(task, config, number) for number in numbers],
        seeds=[derive(config.seed, "recording, sensor noise", number) for number in numbers],
        # Rounded, so that a file that stores states in float32 holds the very state that the attempt began in.
        starts=np.concatenate(starts).astype(np.float32).astype(np.float64),
    )


def _disturbance(task: Task, config: RecordingConfig, number: int) -> Disturbance:
    stream = numpy_stream(config.seed, "recording, disturbance", number)
    kinds = config.kinds or tuple(task.disturbances)
    if stream.random() >= config.disturbed:
        return Disturbance()
    return task.draw_disturbance(kinds[stream.integers(len(kinds))], stream)


def _play(
    actor: Actor, task: Task, config: RecordingConfig, drawn: _Drawn, streams: Sequence[np.random.Generator]
) -> Played:
    count = len(streams)
    environment = Environment(task, count, config.threads)
    environment.reset(np.arange(count), drawn.starts, drawn.disturbances, drawn.seeds, drawn.objects)

    actor.begin(count)

    def noisy(t: int, observation: torch.Tensor) -> torch.Tensor:
        noise = np.stack([stream.standard_normal(len(config.noise), np.float32) for stream in streams]) * config.noise
        return (actor.act(observation) + torch.from_numpy(noise)).clamp(-1.0, 1.0)

    return play(environment, noisy, task.horizon)


def _attempt(
    task: Task, config: RecordingConfig, played: Played, row: int, name: str, provenance: Mapping[str, str]
) -> Attempt:
    over = (played.found["dropped"][:, row] >= 0) | played.found["diverged"][:, row]
    last = _first(over)
    end = min(task.horizon, _end(task, played, row, config.tail), last + 1)
    ended = end == last + 1
    episode = Episode(
        actions=played.actions[:end, row],
        observations={},
        rewards=played.rewards[:end, row],
        object=name,
        terminated=ended,
        truncated=not ended,
        provenance=provenance,
    )
    attempt = played.fill(episode, row)
    return replace(attempt, success=False, success_at_end=False, success_held=False) if ended else attempt


def _end(task: Task, played: Played, row: int, tail: int) -> int:
    """Control steps to keep, unless the horizon or a drop comes first."""
    found = {name: values[:, row] for name, values in played.found.items()}
    if task.judge.unbroken:
        held = _first(found["success_held"])
        end = max(held + 1, held - task.judge.held_steps + 1 + tail)
    else:
        end = _first(found["success"] >= 0) + 1 + tail
    recovered = _first(found["recovered"] >= 0)
    if found["disturbed"][-1] >= 0 and recovered < len(found["recovered"]):
        end = max(end, recovered + 1 + tail)
    return end


def _first(true: NDArray[np.bool_]) -> int:
    """Place of the first true value, or the number of values if there is none."""
    return int(true.argmax()) if true.any() else len(true)
