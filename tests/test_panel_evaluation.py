"""Trials: a case's row is the same alone, in any order and on any threads; and the row says what happened."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from door_states import GRASP_ACTION, GRASP_STATE
from regrasp.contact import modes
from regrasp.errors import InputError
from regrasp.panel import evaluation
from regrasp.panel.cases import Case
from regrasp.panel.evaluation import evaluate, record
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.seeding import numpy_stream, torch_stream
from regrasp.simulation.disturbance import NONE, Disturbance
from regrasp.tasks import TASKS
from regrasp.tasks.environment import Environment
from regrasp.trial import Trial

TASK = dataclasses.replace(TASKS["adroit-door"], horizon=80)


@dataclasses.dataclass
class Holder:
    """Holds the handle, with a trembling that depends on what it sees."""

    interface_digest: str = TASK.interface.digest

    def act(self, observation: torch.Tensor) -> torch.Tensor:
        return torch.tensor(GRASP_ACTION, dtype=torch.float32) + 0.1 * torch.sin(9 * observation[:, :28])


@pytest.fixture(scope="module")
def policy() -> Policy:
    fields = TASK.observations["policy"].fields
    spec = PolicySpec(fields, TASK.interface.fields, (32, 32), "tanh", TASK.interface, TASK.name)
    return Policy.build(spec, torch_stream(0))


def make_cases() -> tuple[Case, ...]:
    """One case of each kind, all but one with the hand on the handle."""
    generator = numpy_stream(0)
    kinds = ("none", *TASK.disturbances)
    cases = [
        Case(i, TASK.object, i, TASK.draw_disturbance(kind, generator), tuple(GRASP_STATE))
        for i, kind in enumerate(kinds)
    ]
    start = tuple(map(float, TASK.draw_starts(np.zeros(1, np.int64), generator)[0]))
    return (*cases, Case(len(cases), TASK.object, 99, NONE, start))


CASES = make_cases()


def rows_of(actor: Policy | Holder, cases: tuple[Case, ...], threads: int = 1) -> list[Trial]:
    return [trial for rows in evaluate(actor, TASK, cases, threads) for trial in rows]


@pytest.fixture(scope="module")
def rows(policy: Policy) -> list[Trial]:
    return rows_of(policy, CASES)


@pytest.fixture(scope="module")
def held() -> list[Trial]:
    return rows_of(Holder(), CASES)


def test_rows_come_in_the_order_of_the_cases(rows: list[Trial]) -> None:
    assert [row.case for row in rows] == [case.number for case in CASES]
    assert [row.disturbance for row in rows] == [case.disturbance.kind for case in CASES]
    assert [row.magnitude for row in rows] == [case.disturbance.magnitude for case in CASES]
    assert [row.seed for row in rows] == [case.seed for case in CASES]


def test_a_row_is_the_same_alone(policy: Policy, rows: list[Trial]) -> None:
    assert [rows_of(policy, (case,))[0] for case in CASES] == rows


def test_a_row_is_the_same_in_any_order(policy: Policy, rows: list[Trial]) -> None:
    assert rows_of(policy, CASES[::-1])[::-1] == rows
    order = [5, 0, 8, 2, 7, 1, 6, 3, 4]
    assert rows_of(policy, tuple(CASES[i] for i in order)) == [rows[i] for i in order]


@pytest.mark.parametrize("threads", [0, 2, 3])
def test_a_row_is_the_same_on_any_threads(policy: Policy, rows: list[Trial], threads: int) -> None:
    assert rows_of(policy, CASES, threads) == rows


def test_a_row_is_the_same_in_any_batch(policy: Policy, rows: list[Trial], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "WORLDS", 4)
    parts = list(evaluate(policy, TASK, CASES))
    assert [len(part) for part in parts] == [4, 4, 1]
    assert [row for part in parts for row in part] == rows


def test_a_recording_shows_the_trial_that_was_judged(policy: Policy, rows: list[Trial]) -> None:
    for number in (1, 5):
        trial, states = record(policy, TASK, CASES[number])
        assert trial == rows[number]
        assert states.shape == (TASK.horizon + 1, TASK.scene.state_size)
        np.testing.assert_array_equal(states[0], CASES[number].state)


def test_a_row_says_what_happened(held: list[Trial]) -> None:
    """The rows against the environment, stepped by hand."""
    for number in (0, 1, 6):
        case, row = CASES[number], held[number]
        environment = Environment(TASK, 1, 1)
        environment.reset(np.arange(1), np.array([case.state]), [case.disturbance], [case.seed])
        observation = environment.observe()["policy"]
        reward, seen = 0.0, []
        for _ in range(TASK.horizon):
            step = environment.step(Holder().act(observation))
            observation = step.observations["policy"]
            reward += float(step.reward[0])
            seen.append(int(modes(environment.touching)[0]))
        assert row.modes == bytes(seen)
        assert row.total_reward == pytest.approx(reward, rel=1e-12)
        assert row.slip == float(environment.slip[0])
        assert row.contact_entry == int(environment.entry.entry[0]) == 0
        assert row.steps == TASK.horizon
        assert row.source == "simulation"
        assert row.failure == ""


def test_when_disturbances_act(held: list[Trial]) -> None:
    kinds = {row.disturbance: row for row in held[:-1]}
    assert kinds["none"].disturbed_at == -1
    for kind in ("friction", "actuator", "latency", "sensor_noise"):
        assert kinds[kind].disturbed_at == 0
    for case in CASES:
        if case.disturbance.duration and held[case.number].contact_entry >= 0:
            wanted = held[case.number].contact_entry + TASK.judge.stable_steps + case.disturbance.delay
            assert held[case.number].disturbed_at == wanted
    apart = held[-1]
    assert (apart.contact_entry, apart.disturbed_at, apart.lost_at) == (-1, -1, -1)
    assert set(apart.modes) == {0}


def test_success_is_success_of_the_state(policy: Policy) -> None:
    """A door that stands open counts at every step, and as untouched when nobody touched it."""
    state = TASK.draw_starts(np.zeros(1, np.int64), numpy_stream(0))[0]
    state[TASK.scene.joint_column("door_hinge")] = 1.5
    trial = rows_of(policy, (Case(7, "door", 0, NONE, tuple(map(float, state))),))[0]
    assert (trial.case, trial.first_success) == (7, 0)
    assert trial.success
    assert trial.success_held
    assert trial.success_at_end
    assert trial.violations == ("untouched_success",)


def diverging(start: np.ndarray, disturbance: Disturbance) -> Trial:
    return rows_of(Holder(), (CASES[0], Case(1, "door", 0, disturbance, tuple(map(float, start)))))[1]


class TestDivergence:
    """A trial whose simulation broke down failed, says so, and shows nothing of what came after."""

    @pytest.fixture(autouse=True)
    def elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)  # the engine appends its warnings to a file in the current folder

    def test_from_the_start(self) -> None:
        state = GRASP_STATE.copy()
        state[TASK.scene.joint_column("door_hinge")] = 1.5
        state[40] = 1e11
        trial = diverging(state, NONE)
        assert trial.failure == "diverged at step 0"
        assert not any([trial.success, trial.success_at_end, trial.success_held])
        assert (trial.first_success, trial.contact_entry, trial.lost_at, trial.recovered_at) == (-1, -1, -1, -1)

    def test_after_success(self) -> None:
        ajar = dataclasses.replace(TASK.judge, success=lambda readings: readings.joint("door_hinge") > 0.005)
        task = dataclasses.replace(TASK, judge=ajar)
        push = Disturbance("push", 1e12, (1.0, 0.0, 0.0), delay=20, duration=5)
        cases = [Case(0, "door", 0, NONE, tuple(GRASP_STATE)), Case(1, "door", 0, push, tuple(GRASP_STATE))]
        sound, broken = next(evaluate(Holder(), task, cases, 1))
        assert (sound.first_success, sound.success, sound.failure) == (0, True, "")
        assert broken.failure == f"diverged at step {TASK.judge.stable_steps + 20}"
        assert not any([broken.success, broken.success_at_end, broken.success_held])
        assert broken.first_success == -1

    def test_after_contact(self) -> None:
        trial = diverging(GRASP_STATE, Disturbance("push", 1e12, (1.0, 0.0, 0.0), delay=7, duration=5))
        began = TASK.judge.stable_steps + 7
        assert trial.failure == f"diverged at step {began}"
        assert not trial.success
        assert (trial.contact_entry, trial.lost_at, trial.recovered_at, trial.disturbed_at) == (0, -1, -1, -1)

    def test_others_do_not_notice(self, held: list[Trial]) -> None:
        wild = Case(1, "door", 0, Disturbance("push", 1e12, (1.0, 0.0, 0.0), delay=7, duration=5), tuple(GRASP_STATE))
        assert rows_of(Holder(), (CASES[0], wild, CASES[2]))[::2] == [held[0], held[2]]


def test_another_action_interface_is_refused() -> None:
    with pytest.raises(InputError, match="actor: action interface: found other"):
        rows_of(Holder("other"), CASES[:1])


def test_a_state_of_another_scene_is_refused() -> None:
    short = dataclasses.replace(CASES[1], state=CASES[1].state[:-1])
    with pytest.raises(InputError, match="panel: case 1: state: found 62 numbers, expected 63 for adroit-door"):
        rows_of(Holder(), (CASES[0], short))
