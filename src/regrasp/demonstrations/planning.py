"""Demonstrations planned from scratch: many attempts side by side, each planned step by step as it happens."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.actor import Actor
from regrasp.contact import modes
from regrasp.demonstrations.disturbed import described
from regrasp.demonstrations.planner import Planner, Sampling
from regrasp.demonstrations.playing import Played, recorded_groups
from regrasp.demonstrations.playing import _findings as findings
from regrasp.demonstrations.recording import Attempt
from regrasp.episode import Episode
from regrasp.errors import InputError
from regrasp.seeding import derive, numpy_stream
from regrasp.simulation.disturbance import EVENTS, NONE
from regrasp.tasks.environment import Environment, Step
from regrasp.tasks.task import Disturbance, Task


@dataclass(frozen=True)
class PlanningConfig:
    """How attempts are planned.

    Attributes:
        sampling: how a plan is improved.
        seed: of objects, starts, disturbances and candidates; attempt i depends on it and on i alone.
        disturbed: share of the attempts that are disturbed.
        kinds: of the disturbances, each as likely as any other; without any, all of the task's.
        tail: control steps kept after success by the judge's headline, once a disturbance is over.
        lead: a prior drives alone for up to this many control steps; the attempt begins in the state that it leads to.
        abreast: attempts planned side by side; no result depends on it.
        threads: of the engine, 0 for every core.
    """

    sampling: Sampling = field(default_factory=Sampling)
    seed: int = 0
    disturbed: float = 0.0
    kinds: tuple[str, ...] = ()
    tail: int = 10
    lead: int = 0
    abreast: int = 4
    threads: int = 0

    def __post_init__(self) -> None:
        for name, least in (("tail", 0), ("lead", 0), ("abreast", 1), ("threads", 0)):
            if getattr(self, name) < least:
                raise InputError("planning settings", name, repr(getattr(self, name)), f"at least {least}")
        if not 0.0 <= self.disturbed <= 1.0:
            raise InputError("planning settings", "disturbed", repr(self.disturbed), "a share from 0 to 1")

    def require(self, task: Task) -> None:
        """Refuses a task that does not have these kinds of disturbances."""
        for kind in self.kinds:
            if kind not in task.disturbances:
                expected = f"a disturbance of {task.name}"
                raise InputError("planning settings", "kinds", repr(kind), expected, task.disturbances)


@dataclass(frozen=True)
class Beginning:
    """Where one attempt begins and what will happen to it."""

    number: int
    object: int
    state: NDArray[np.float64]
    disturbance: Disturbance
    seed: int
    lead: int


def draw_beginning(task: Task, config: PlanningConfig, number: int) -> Beginning:
    """The beginning of attempt `number`: a train object, its start state, a disturbance or none."""
    stream = numpy_stream(config.seed, "planning", number)
    objects = task.draw_objects(1, stream)
    # Rounded, so that a file that stores states in float32 holds the very state that the attempt began in.
    state = task.draw_starts(objects, stream)[0].astype(np.float32).astype(np.float64)
    lead = int(stream.integers(config.lead + 1))
    kinds = config.kinds or tuple(task.disturbances)
    disturbance = NONE
    if stream.random() < config.disturbed:
        disturbance = task.draw_disturbance(kinds[int(stream.integers(len(kinds)))], stream)
    return Beginning(number, int(objects[0]), state, disturbance, derive(config.seed, "planning", number), lead)


def led(task: Task, actor: Actor, beginnings: Sequence[Beginning], threads: int) -> list[Beginning]:
    """The beginnings moved to where an actor, undisturbed, has led them after `lead` control steps.

    A beginning from which it dropped the object on the way stays where it was.
    """
    count = len(beginnings)
    environment = Environment(task, count, threads)
    states, objects = np.stack([one.state for one in beginnings]), np.array([one.object for one in beginnings])
    environment.reset(np.arange(count), states, [NONE] * count, [0] * count, objects)
    actor.begin(count)
    observation = environment.observe()["policy"]
    for elapsed in range(1, max(one.lead for one in beginnings) + 1):
        step = environment.step(actor.act(observation))
        observation = step.observations["policy"]
        due = np.array([one.lead == elapsed for one in beginnings]) & ~step.terminated.numpy()
        states[due] = environment.worlds.states()[due].astype(np.float32)
    return [replace(one, state=state) for one, state in zip(beginnings, states, strict=True)]


class _Track:
    """What one attempt leaves behind while it goes on, in one world of the environment."""

    def __init__(self, beginning: Beginning, config: PlanningConfig, environment: Environment, row: int) -> None:
        self.beginning = beginning
        self.candidates = numpy_stream(config.seed, "candidates", beginning.number)
        self._environment, self._row, self._groups = environment, row, recorded_groups(environment.task)
        self._settled = 0
        self._steps: dict[str, list[NDArray[Any]]] = {"actions": [], "rewards": [], "states": [], "contact_modes": []}
        self._seen: dict[str, list[NDArray[Any]]] = {group: [] for group in self._groups}
        self._see(environment.observe(), environment.readings.touching())

    def append(self, action: Tensor, step: Step) -> None:
        """Keep what one control step showed."""
        own = slice(self._row, self._row + 1)
        self._steps["actions"].append(action[own].numpy().copy())
        self._steps["rewards"].append(step.reward[own].numpy().astype(np.float64))
        self._see(step.observations, self._environment.touching)
        self._settled = (self._settled + 1) * self._calm()

    def _see(self, observations: Mapping[str, Tensor], touching: Tensor) -> None:
        own = slice(self._row, self._row + 1)
        self._steps["states"].append(self._environment.worlds.states()[own])
        self._steps["contact_modes"].append(modes(touching[own]).numpy())
        for group in self._groups:
            self._seen[group].append(observations[group][own].numpy().copy())

    def _calm(self) -> bool:
        """Success, held at this step, and no disturbance to come or at work."""
        judgement, disturbance, row = self._environment.judgement, self.beginning.disturbance, self._row
        began = int(self._environment.disturbances.began[row])
        past = len(self._steps["actions"]) - disturbance.duration
        over = disturbance.kind not in EVENTS or 0 <= began <= past
        primary = getattr(judgement, judgement.judge.primary)
        return bool(primary[row]) and bool(judgement.held[row]) and over

    def settled(self, tail: int) -> bool:
        """Nothing more is to be seen."""
        return self._settled > tail

    def attempt(self, terminated: bool, provenance: Mapping[str, str]) -> Attempt:
        """The attempt as it stands; one that was dropped, or whose simulation broke down, succeeded in nothing."""
        one, task, own = self.beginning, self._environment.task, slice(self._row, self._row + 1)
        arrays = {name: np.stack(rows) for name, rows in self._steps.items()}
        last = {name: values[None, own] for name, values in findings(self._environment).items()}
        seen = {group: np.stack(rows) for group, rows in self._seen.items()}
        found = {name: np.repeat(values, len(arrays["actions"]), axis=0) for name, values in last.items()}
        episode = Episode(
            actions=arrays["actions"][:, 0],
            observations={},
            rewards=arrays["rewards"][:, 0],
            object=task.objects[one.object],
            terminated=terminated,
            truncated=not terminated,
            provenance={**provenance, "attempt": str(one.number), **described(one.disturbance, one.seed)},
        )
        attempt = Played(**arrays, observations=seen, found=found).fill(episode, 0)
        return replace(attempt, success=False, success_at_end=False, success_held=False) if terminated else attempt


def plan_attempts(
    task: Task,
    config: PlanningConfig,
    numbers: Iterable[int],
    provenance: Mapping[str, str],
    prior: Actor | None = None,
) -> Iterator[tuple[int, Attempt]]:
    """Plan the attempts of these numbers; yields (number, attempt) as they end, which is not always in order.

    Raises:
        InputError: a prior's actions mean something else than the task's, or the task has no such disturbance.
    """
    config.require(task)
    yield from plan_from(task, config, _beginnings(task, config, iter(numbers), prior), provenance, prior)


def plan_from(
    task: Task,
    config: PlanningConfig,
    beginnings: Iterator[Beginning],
    provenance: Mapping[str, str],
    prior: Actor | None = None,
) -> Iterator[tuple[int, Attempt]]:
    """As `plan_attempts`, from beginnings that somebody else drew, with their disturbances."""
    if prior is not None and prior.interface_digest != task.interface.digest:
        expected = f"{task.interface.digest[:12]} of {task.name}"
        raise InputError("prior", "action interface", prior.interface_digest[:12], expected)
    table = _Table(task, config, prior)
    while table.fill(beginnings):
        table.plan()
        for step in range(config.sampling.every):
            yield from table.step(step, provenance)
        table.planner.advance()


def _beginnings(task: Task, config: PlanningConfig, numbers: Iterator[int], prior: Actor | None) -> Iterator[Beginning]:
    for number in numbers:
        one = draw_beginning(task, config, number)
        yield one if prior is None or not one.lead else led(task, prior, [one], threads=1)[0]


class _Table:
    """The worlds in which attempts happen; a world whose attempt has ended takes the next one."""

    def __init__(self, task: Task, config: PlanningConfig, prior: Actor | None) -> None:
        self.planner = Planner(task, config.sampling, config.abreast, prior, config.threads)
        self._config = config
        self._environment = Environment(task, config.abreast, config.threads)
        self._tracks: list[_Track | None] = [None] * config.abreast
        self._observation = torch.zeros(0)

    def fill(self, waiting: Iterator[Beginning]) -> bool:
        """Begin attempts in idle worlds; whether any is going on."""
        idle = [row for row, track in enumerate(self._tracks) if track is None]
        fresh = list(zip(idle, waiting, strict=False))
        if fresh:
            rows, begin = np.array([row for row, _ in fresh]), [one for _, one in fresh]
            states, objects = np.stack([one.state for one in begin]), np.array([one.object for one in begin])
            disturbances, seeds = [one.disturbance for one in begin], [one.seed for one in begin]
            self._environment.reset(rows, states, disturbances, seeds, objects)
            self.planner.restart(rows)
            for row, one in fresh:
                self._tracks[row] = _Track(one, self._config, self._environment, row)
            self._observation = self._environment.observe()["policy"]
        return any(track is not None for track in self._tracks)

    def plan(self) -> None:
        """New plans for all attempts going on."""
        self.planner.improve(self._environment, [track.candidates if track else None for track in self._tracks])

    def step(self, ahead: int, provenance: Mapping[str, str]) -> Iterator[tuple[int, Attempt]]:
        """One control step, `ahead` of the latest planning; yields attempts that end with it."""
        action = self.planner.action(ahead, self._observation)
        step = self._environment.step(action)
        self._observation = step.observations["policy"]
        for row, track in enumerate(self._tracks):
            if track is None:
                continue
            track.append(action, step)
            terminated = bool(step.terminated[row])
            if terminated or bool(step.truncated[row]) or track.settled(self._config.tail):
                self._tracks[row] = None
                yield track.beginning.number, track.attempt(terminated, provenance)
