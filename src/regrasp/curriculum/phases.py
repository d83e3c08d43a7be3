"""The phases in order: clone until the gate opens, then fine-tune. A generator of events; whoever iterates stores them.

Everything here is a function of the curriculum, the demonstrations and the seed. A run that was killed is executed
again from its last `Snapshot` and ends with the same bytes.
"""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from regrasp.curriculum.gate import MeasuredDecision, decide_on_trials
from regrasp.curriculum.off_policy_phase import begin_off_policy
from regrasp.curriculum.schema import Curriculum
from regrasp.curriculum.taught import compared, recorded
from regrasp.demonstrations import DemonstrationSet, control_steps, transitions
from regrasp.imitation.cloning import CloningState, clone
from regrasp.panel.cases import Case, draw_cases
from regrasp.panel.evaluation import evaluate
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.policies.progress import Progress
from regrasp.policies.residual import Residual
from regrasp.reinforcement.critic import Critic
from regrasp.reinforcement.off_policy import OffPolicyTuning, fine_tune_off_policy
from regrasp.reinforcement.on_policy import FineTuning, begin_at_rest, fine_tune
from regrasp.reinforcement.rollout import Rollout
from regrasp.reinforcement.starts import Starts
from regrasp.seeding import numpy_stream, torch_stream
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Task
from regrasp.trial import Trial

SNAPSHOT_EVERY = 5
"""Fine-tuning iterations between two snapshots."""


@dataclass(frozen=True)
class Snapshot:
    """All that the rest of a phase depends on.

    Attributes:
        phase: in progress, `bc` or `rl`.
        meta: `finished`, phase → last step that need not be done again.
        tensors: the phase's state; the clone's weights are among them, as `clone/…`.
    """

    phase: str
    meta: Mapping[str, Any]
    tensors: Mapping[str, Tensor]


@dataclass(frozen=True)
class Candidate:
    """A policy worth keeping as a checkpoint, and what it was made from."""

    name: str
    policy: Policy
    phase: str
    parent: str | None
    control_steps: int
    provenance: Mapping[str, Any]


@dataclass(frozen=True)
class GateDecided:
    """What the gate said after a round of cloning."""

    round: int
    decision: MeasuredDecision
    forced: bool


@dataclass(frozen=True)
class Stopped:
    """The run ends before fine-tuning: why, and what would help."""

    reason: str


@dataclass(frozen=True)
class Spent:
    """Wall clock of one part (`simulation`, `learning`, `evaluation`)."""

    part: str
    seconds: float


Event = Progress | Snapshot | Candidate | GateDecided | Stopped | Spent


@dataclass(frozen=True)
class Ingredients:
    """What a curriculum is executed on; without demonstrations, its fine-tuning begins at the rest posture."""

    task: Task
    demonstrations: DemonstrationSet | None
    threads: int = 0


def execute(curriculum: Curriculum, given: Ingredients, resumed: Snapshot | None = None) -> Iterator[Event]:
    """Run the curriculum from the beginning, or on from a snapshot of the same run."""
    policy = _new_policy(curriculum, given.task)
    tuned = resumed if resumed is not None and resumed.phase == "rl" else None
    if given.demonstrations is None:
        begin_at_rest(policy, given.task.rest, curriculum.rl.initial_noise)
    elif tuned is not None:
        policy.load_state_dict(_cloned(tuned.tensors))
    else:
        closed = yield from _clone_until_open(curriculum, given, given.demonstrations, policy, resumed)
        yield _candidate(curriculum, given, "bc", policy, "bc", None, 0)
        if closed:
            yield Stopped(closed)
        if closed or not curriculum.rl.iterations:
            return
    yield from _fine_tune(curriculum, given, policy, tuned)


def _new_policy(curriculum: Curriculum, task: Task) -> Policy:
    cloning = curriculum.bc.cloning
    spec = PolicySpec(
        observation=task.observations["policy"].fields,
        action=task.interface.fields,
        hidden=cloning.hidden,
        activation=cloning.activation,
        interface=task.interface,
        task=task.name,
        design=cloning.design,
    )
    return Policy.build(spec, torch_stream(curriculum.seed, "policy"))


def _candidate(
    curriculum: Curriculum, given: Ingredients, name: str, policy: Policy, phase: str, parent: str | None, steps: int
) -> Candidate:
    provenance = {
        "phase": phase,
        "curriculum": curriculum.digest,
        "demonstrations": given.demonstrations.digest if given.demonstrations else "none",
        "seed": curriculum.seed,
        "control_steps": steps,
    }
    return Candidate(name, policy, phase, parent, steps, provenance)


def _clone_until_open(
    curriculum: Curriculum, given: Ingredients, taught: DemonstrationSet, policy: Policy, resumed: Snapshot | None
) -> Generator[Event, None, str]:
    """Round after round; gives why the gate stayed closed, or nothing if it opened."""
    settings = curriculum.bc
    (observations, actions), steps = transitions(taught), control_steps(taught)
    state = CloningState()
    if resumed is not None:
        policy.load_state_dict(_cloned(resumed.tensors))
        state = CloningState.from_tensors(dict(resumed.tensors))
    first = max(0, state.updates - 1) // settings.cloning.updates
    for number in range(first, settings.rounds_limit):
        begun = time.perf_counter()
        for progress in clone(policy, observations, actions, settings.cloning, curriculum.seed, state, number, steps):
            yield progress
            yield Spent("learning", time.perf_counter() - begun)
            yield Snapshot("bc", {"finished": {"bc": progress.step}}, _with_clone(state.to_tensors(), policy))
            begun = time.perf_counter()
        decided = yield from _ask_gate(curriculum, given, policy, number)
        if decided.decision.phase == "rl_finetune" or decided.forced:
            return ""
    return _why(decided.decision, settings.rounds_limit)


def _ask_gate(
    curriculum: Curriculum, given: Ingredients, policy: Policy, number: int
) -> Generator[Event, None, GateDecided]:
    cases = draw_cases(given.task, {"none": curriculum.gate.cases}, curriculum.seed, "gate")
    trials, spent = _judge(policy, given, cases)
    yield spent
    decision = decide_on_trials(trials, given.task.judge.primary, curriculum.gate)
    last = number + 1 == curriculum.bc.rounds_limit
    forced = curriculum.gate.force and last and decision.phase == "continue_bc"
    decided = GateDecided(number, decision, forced)
    yield decided
    return decided


def _why(decision: MeasuredDecision, rounds: int) -> str:
    unmet = "; ".join(decision.decision.unmet)
    tried = f"{rounds} round{'s' if rounds > 1 else ''} of cloning"
    return (
        f"after {tried} the gate still says continue_bc ({unmet}). More or better demonstrations, or more rounds "
        "(bc.rounds_limit), would help; gate.force = true starts fine-tuning all the same."
    )


def _judge(policy: Policy, given: Ingredients, cases: Sequence[Case]) -> tuple[list[Trial], Spent]:
    begun = time.perf_counter()
    trials = [trial for rows in evaluate(policy, given.task, cases, given.threads) for trial in rows]
    return trials, Spent("evaluation", time.perf_counter() - begun)


def _fine_tune(curriculum: Curriculum, given: Ingredients, policy: Policy, resumed: Snapshot | None) -> Iterator[Event]:
    clone_weights = {name: value.clone() for name, value in policy.state_dict().items()}
    state = _begin(curriculum, given, _learner(curriculum, policy))
    if resumed is not None:
        state.load(resumed.tensors)
    yield Snapshot("rl", _finished(curriculum, state), _with_weights(state.tensors(), clone_weights))
    checks = draw_cases(given.task, {"none": curriculum.rl.check_cases}, curriculum.seed, "check")
    for progress in fine_tune_off_policy(state) if isinstance(state, OffPolicyTuning) else fine_tune(state):
        yield Spent("simulation", progress.values["simulation_s"])
        yield Spent("learning", progress.values["learning_s"])
        name = _checkpoint_name(state)
        if name:
            trials, spent = _judge(state.policy, given, checks)
            yield spent
            yield _with_check(progress, trials, given.task.judge.primary)
            parent = "bc" if given.demonstrations else None
            yield _candidate(curriculum, given, name, state.policy, "rl", parent, state.control_steps)
        else:
            yield progress
        if name or state.iteration % SNAPSHOT_EVERY == 0:
            yield Snapshot("rl", _finished(curriculum, state), _with_weights(state.tensors(), clone_weights))


def _checkpoint_name(state: FineTuning | OffPolicyTuning) -> str:
    """What the checkpoint after an iteration is called; empty if there is none."""
    if state.iteration == state.config.iterations:
        return "rl"
    return "" if state.iteration % state.config.check_every else f"rl-{state.iteration:04d}"


def _learner(curriculum: Curriculum, policy: Policy) -> Policy:
    """What is fine-tuned: the clone itself, or a correction of it that begins at none."""
    if not curriculum.corrects:
        return policy
    residual = Residual(curriculum.rl.residual_limit, curriculum.rl.residual_hidden or policy.spec.hidden)
    return Policy.correcting(policy, residual, torch_stream(curriculum.seed, "residual"))


def _begin(curriculum: Curriculum, given: Ingredients, policy: Policy) -> FineTuning | OffPolicyTuning:
    config, task, seed = curriculum.rl, given.task, curriculum.seed
    taught, states = compared(given.demonstrations, policy), recorded(given.demonstrations, task, given.threads)
    if curriculum.fine_tuning == "off_policy":
        return begin_off_policy(curriculum, task, policy, given.threads, given.demonstrations, states, taught)
    environment = Environment(task, config.worlds, given.threads)
    inputs, noise = policy.spec.inputs + environment.privileged_size, torch_stream(seed, "rl")
    starts = Starts(task, states, config.magnitudes(), config.disturbed, numpy_stream(seed, "rl"))
    return FineTuning(
        policy=policy,
        critic=Critic(inputs, config.critic_hidden, torch_stream(seed, "critic")),
        rollout=Rollout(environment, starts, noise, config.pay(), config.noise_correlation, policy.base),
        demonstrations=taught,
        config=config,
        seed=seed,
    )


def _with_check(progress: Progress, trials: Sequence[Trial], primary: str) -> Progress:
    found = {
        "contact_entry": sum(trial.entered for trial in trials) / len(trials),
        primary: sum(bool(getattr(trial, primary)) for trial in trials) / len(trials),
    }
    return Progress(progress.phase, progress.step, progress.steps, progress.control_steps, {**progress.values, **found})


def _finished(curriculum: Curriculum, state: FineTuning | OffPolicyTuning) -> dict[str, Any]:
    rounds = curriculum.bc.rounds_limit * curriculum.bc.cloning.updates
    return {"finished": {"bc": rounds, "rl": state.iteration}}


def _with_clone(tensors: Mapping[str, Tensor], policy: Policy) -> dict[str, Tensor]:
    return _with_weights(tensors, policy.state_dict())


def _with_weights(tensors: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {**tensors, **{f"clone/{name}": value for name, value in weights.items()}}


def _cloned(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix("clone/"): value for key, value in tensors.items() if key.startswith("clone/")}
