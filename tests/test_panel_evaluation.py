"""Trials: a case's row is the same alone, in any order and on any threads; and the row says what happened."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from door_states import GRASP_ACTION, GRASP_STATE, PULL_ACTION, PULL_STATE
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
from regrasp.tasks.task import Task
from regrasp.trial import Trial

TASK = dataclasses.replace(TASKS["adroit-door"], horizon=80)


@dataclasses.dataclass
class Holder:
    """Holds the handle, with a trembling that depends on what it sees."""

    interface_digest: str = TASK.interface.digest

    def begin(self, count: int, worlds: Sequence[int] | None = None) -> None:
        pass

    def act(self, observation: torch.Tensor) -> torch.Tensor:
        return torch.tensor(GRASP_ACTION, dtype=torch.float32) + 0.1 * torch.sin(9 * observation[:, :28])


@dataclasses.dataclass
class Puller:
    """Pulls the door open, from `PULL_STATE` on."""

    interface_digest: str = TASK.interface.digest

    def begin(self, count: int, worlds: Sequence[int] | None = None) -> None:
        pass

    def act(self, observation: torch.Tensor) -> torch.Tensor:
        return torch.tensor(PULL_ACTION, dtype=torch.float32).repeat(len(observation), 1)


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
        Case(i, "door", i, TASK.draw_disturbance(kind, generator), tuple(GRASP_STATE)) for i, kind in enumerate(kinds)
    ]
    start = tuple(map(float, TASK.draw_starts(np.zeros(1, np.int64), generator)[0]))
    return (*cases, Case(len(cases), "door", 99, NONE, start))


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
    order = [5, 0, 8, 2, 10, 7, 1, 6, 3, 9, 4]
    assert rows_of(policy, tuple(CASES[i] for i in order)) == [rows[i] for i in order]


@pytest.mark.parametrize("threads", [0, 2, 3])
def test_a_row_is_the_same_on_any_threads(policy: Policy, rows: list[Trial], threads: int) -> None:
    assert rows_of(policy, CASES, threads) == rows


def test_a_row_is_the_same_in_any_batch(policy: Policy, rows: list[Trial], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "WORLDS", 4)
    parts = list(evaluate(policy, TASK, CASES))
    assert [len(part) for part in parts] == [4, 4, 3]
    assert [row for part in parts for row in part] == rows


def test_a_recording_shows_the_trial_that_was_judged(policy: Policy, rows: list[Trial]) -> None:
    for number in (1, 5):
        trial, states = record(policy, TASK, CASES[number])
        assert trial == rows[number]
        assert states.shape == (TASK.horizon + 1, TASK.scene.state_size)
        np.testing.assert_array_equal(states[0], CASES[number].state)


def test_a_row_says_what_happened(held: list[Trial]) -> None:
    """The rows against the environment, stepped by hand."""
    for number in (0, 1, 2, 6, 8):
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
    for kind in ("friction", "mass", "actuator", "latency", "sensor_noise"):
        assert kinds[kind].disturbed_at == 0
    for case in CASES:
        if case.disturbance.duration and held[case.number].contact_entry >= 0:
            wanted = held[case.number].contact_entry + TASK.judge.stable_steps + case.disturbance.delay
            assert held[case.number].disturbed_at == wanted
    apart = held[-1]
    assert (apart.contact_entry, apart.disturbed_at, apart.lost_at) == (-1, -1, -1)
    assert set(apart.modes) == {0}


def test_success_is_success_of_the_state(policy: Policy) -> None:
    """A door that stands ajar counts at every step, but not if nobody ever touched it."""
    ajar = dataclasses.replace(TASK.judge, success=lambda readings: readings.joint("door_hinge") > 0.15)
    task = dataclasses.replace(TASK, judge=ajar)
    away = TASK.draw_starts(np.zeros(1, np.int64), numpy_stream(0))[0]
    away[TASK.scene.joint_column("door_hinge")] = 1.5
    cases = [Case(7 + i, "door", 0, NONE, tuple(map(float, state))) for i, state in enumerate((PULL_STATE, away))]
    touched, untouched = next(evaluate(policy, task, cases, 1))
    for trial, counts in ((touched, True), (untouched, False)):
        assert trial.first_success == 0
        assert (trial.success, trial.success_at_end, trial.success_held) == (counts,) * 3
    assert (touched.case, touched.violations) == (7, ())
    assert (untouched.case, untouched.violations) == (8, ("untouched_success",))


def dropping(angle: float, horizon: int = 80) -> Task:
    """The door, whose trials end as dropped where the hinge passes an angle."""
    judge = dataclasses.replace(TASK.judge, dropped=lambda readings: readings.joint("door_hinge") > angle)
    return dataclasses.replace(TASK, judge=judge, horizon=horizon)


class TestDrop:
    """A trial ends where the object is dropped; nothing after that is in its row."""

    PULLED = Case(0, "door", 0, Disturbance("push", 1.0, (1.0, 0.0, 0.0), delay=2, duration=3), tuple(PULL_STATE))

    @pytest.fixture
    def whole(self) -> Trial:
        return next(evaluate(Puller(), dropping(9.0), [self.PULLED], 1))[0]

    def test_the_row_is_cut_at_the_drop(self, whole: Trial) -> None:
        trial, states = record(Puller(), dropping(0.9), self.PULLED)
        hinge = states[1:, TASK.scene.joint_column("door_hinge")]
        ended = int(np.flatnonzero(hinge > 0.9)[0])
        assert 10 < ended < 70
        assert trial.steps == len(trial.modes) == ended + 1
        assert trial.modes == whole.modes[: ended + 1]
        assert whole.steps == 80
        assert not any([trial.success, trial.success_at_end, trial.success_held, trial.recovered])
        assert trial.lost_at == ended
        assert trial.failure == ""
        assert 0 < trial.slip < whole.slip
        environment = Environment(TASK, 1, 1)
        environment.reset(np.arange(1), PULL_STATE[None], [self.PULLED.disturbance], [0])
        action = torch.tensor(PULL_ACTION, dtype=torch.float32)[None]
        rewards = [float(environment.step(action).reward[0]) for _ in range(ended + 1)]
        assert trial.total_reward == pytest.approx(sum(rewards), rel=1e-12)

    def test_a_drop_at_the_last_step_is_a_whole_trial(self, whole: Trial) -> None:
        ended = next(evaluate(Puller(), dropping(0.9), [self.PULLED], 1))[0].steps
        trial = next(evaluate(Puller(), dropping(0.9, horizon=ended), [self.PULLED], 1))[0]
        assert trial.steps == ended
        assert trial.lost_at == ended - 1

    def test_the_row_does_not_depend_on_the_batch(self) -> None:
        task = dropping(0.9)
        away = dataclasses.replace(CASES[-1], number=1)
        cases = [away, self.PULLED, CASES[-1], dataclasses.replace(self.PULLED, number=3, seed=5)]
        together = next(evaluate(Puller(), task, cases, 2))
        assert together == [next(evaluate(Puller(), task, [case], 1))[0] for case in cases]
        assert [row.steps == 80 for row in together] == [True, False, True, False]

    def test_success_before_a_drop_was_success_once_alone(self) -> None:
        judge = dataclasses.replace(dropping(0.9).judge, success=lambda readings: readings.joint("door_hinge") > 0.15)
        task = dataclasses.replace(TASK, judge=dataclasses.replace(judge, held_steps=5))
        trial = next(evaluate(Puller(), task, [self.PULLED], 1))[0]
        assert trial.first_success == 0
        assert trial.steps > 10
        assert (trial.success, trial.success_at_end, trial.success_held) == (True, False, False)


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
        assert trial.violations == ()

    def test_a_drop_after_it_shortens_nothing(self) -> None:
        push = Disturbance("push", 1e12, (1.0, 0.0, 0.0), delay=7, duration=5)
        judge = dataclasses.replace(TASK.judge, dropped=lambda readings: (readings.qpos[:, :28] == 0).all(1))
        case = Case(0, "door", 0, push, tuple(GRASP_STATE))
        trial = next(evaluate(Holder(), dataclasses.replace(TASK, judge=judge), [case], 1))[0]
        assert trial.failure == f"diverged at step {TASK.judge.stable_steps + 7}"
        assert trial.steps == TASK.horizon

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


def test_an_object_of_another_task_is_refused() -> None:
    other = dataclasses.replace(CASES[1], object="cube")
    with pytest.raises(InputError, match=r"panel: case 1: object: found 'cube', .*valid names: door"):
        rows_of(Holder(), (CASES[0], other))
