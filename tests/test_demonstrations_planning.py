"""Planning: the spline and weighting arithmetic, and attempts that depend on nothing but seed, number and settings."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from regrasp.demonstrations.planner import (
    Planner,
    Sampling,
    action_at,
    combined,
    draw_noise,
    excess,
    perturbed,
    shifted,
)
from regrasp.demonstrations.planning import PlanningConfig, draw_beginning, led, plan_attempts
from regrasp.demonstrations.recording import Attempt
from regrasp.demonstrations.replay import replay
from regrasp.errors import InputError
from regrasp.simulation.batch import Worlds
from regrasp.simulation.disturbance import NONE
from regrasp.simulation.readings import Readings
from regrasp.tasks.adroit_door import TASK as DOOR
from regrasp.tasks.environment import Environment

TASK = replace(DOOR, horizon=8)
ACTIONS = TASK.interface.fields.size
SMALL = Sampling(candidates=6, horizon=4, knots=3, every=2)


class Constant:
    """Asks for the same place of every joint's range."""

    interface_digest = TASK.interface.digest

    def __init__(self, value: float) -> None:
        self.value = value

    def begin(self, count: int, worlds: Sequence[int] | None = None) -> None:
        pass

    def act(self, observation: torch.Tensor) -> torch.Tensor:
        return torch.full((len(observation), ACTIONS), self.value)


def plan(numbers: Iterable[int], prior: Constant | None = None, **settings: object) -> dict[int, Attempt]:
    config = PlanningConfig(**{"sampling": SMALL, "seed": 3, "abreast": 2, "threads": 1} | settings)  # type: ignore[arg-type]
    return dict(plan_attempts(TASK, config, numbers, {"method": "test"}, prior))


def same(one: Attempt, other: Attempt) -> None:
    assert one.episode.marks == other.episode.marks
    assert one.episode.provenance == other.episode.provenance
    for name in ("states", "actions", "rewards", "contact_modes"):
        np.testing.assert_array_equal(getattr(one.episode, name), getattr(other.episode, name))


def test_splines_are_straight_between_knots_and_hold_their_end() -> None:
    knots = torch.tensor([[0.0], [2.0], [1.0]])
    found = [float(action_at(knots, step, 2.0)) for step in range(7)]
    assert found == [0.0, 1.0, 2.0, 1.5, 1.0, 1.0, 1.0]
    assert shifted(knots, 2, 2.0).flatten().tolist() == [2.0, 1.0, 1.0]
    assert shifted(knots, 1, 2.0).flatten().tolist() == [1.0, 1.5, 1.0]
    several = torch.randn(4, 5, 3, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(action_at(several, 1.0, 2.0), several[:, :, :2].mean(2))


def test_candidates_hold_the_plan_the_way_home_and_noise() -> None:
    plan, home = torch.zeros(2, 3, 4), torch.ones(4)
    noise = torch.full((2, 5, 3, 4), 0.25)
    candidates = perturbed(plan, home, noise)
    assert candidates.shape == (2, 7, 3, 4)
    assert (candidates[:, 0] == 0).all()
    assert (candidates[:, 1] == 0.5).all()
    assert (candidates[:, 2:] == 0.25).all()


def test_noise_has_its_width_and_share() -> None:
    sampling = Sampling(candidates=302, knots=5, noise=0.2, columns=0.35)
    noise = draw_noise(sampling, 20, np.random.default_rng(0))
    assert noise.shape == (300, 5, 20)
    assert (noise != 0).mean() == pytest.approx(0.35, abs=0.01)
    for place, scale in enumerate((0.1, 0.35, 1.0)):
        drawn = noise[place::3]
        assert drawn[drawn != 0].std() == pytest.approx(0.2 * scale, rel=0.03)


def test_the_new_plan_is_the_softmax_mean_of_the_best() -> None:
    candidates = torch.arange(5.0, dtype=torch.float64)[None, :, None, None]
    scores = torch.tensor([[3.0, 1.0, 1.2, 2.0, torch.inf]], dtype=torch.float64)
    above, typical = excess(scores)
    torch.testing.assert_close(above, torch.tensor([[2.0, 0.0, 0.2, 1.0, 2.0]], dtype=torch.float64))
    assert float(typical) == 1.0
    sampling = Sampling(best=3, temperature=0.5, clear=0.5)
    weights = torch.softmax(-torch.tensor([0.0, 0.2, 1.0], dtype=torch.float64) / 0.5, 0)
    expected = float((weights * torch.tensor([1.0, 2.0, 3.0])).sum())
    assert float(combined(candidates, scores, sampling)) == pytest.approx(expected)
    assert float(combined(candidates, scores, replace(sampling, clear=0.1))) == 1.0
    assert float(combined(candidates, torch.full((1, 5), torch.inf), sampling)) <= 4.0


def test_copies_go_where_the_worlds_go() -> None:
    environment = Environment(TASK, 2, 1)
    starts = TASK.draw_starts(np.zeros(2, np.int64), np.random.default_rng(0))
    environment.reset(np.arange(2), starts, [NONE] * 2, [0] * 2)
    action = torch.linspace(-0.5, 0.5, ACTIONS).repeat(2, 1)
    for _ in range(3):
        environment.step(action)
    copies = Worlds(TASK.scene, 4, 1)
    copies.copy_from(environment.worlds, np.array([0, 0, 1, 1]))
    offset, scale = TASK.control_map
    copies.ctrl[:] = (action[:1] * scale + offset).numpy()
    environment.step(action)
    copies.step(np.array([1, 3]))
    assert not copies.diverged.any()
    np.testing.assert_array_equal(copies.states()[[1, 3]], environment.worlds.states())
    assert (copies.states()[[0, 2]] != environment.worlds.states()).any()


def test_attempts_do_not_depend_on_what_is_planned_beside_them() -> None:
    alone = plan([1], abreast=1, disturbed=1.0)[1]
    for settings in ({"abreast": 3}, {"abreast": 2, "threads": 2}):
        same(plan([0, 1, 2], disturbed=1.0, **settings)[1], alone)
    assert not np.array_equal(plan([1], seed=4)[1].episode.actions, alone.episode.actions)


def test_attempts_are_what_their_actions_do() -> None:
    attempts = plan(range(3))
    assert sorted(attempts) == [0, 1, 2]
    ordered = [attempts[number] for number in range(3)]
    for attempt, again in zip(ordered, replay(TASK, [one.episode for one in ordered], threads=1), strict=True):
        assert attempt.episode.steps == TASK.horizon
        assert attempt.episode.object == "door"
        assert (attempt.episode.truncated, attempt.episode.terminated) == (True, False)
        assert again.episode.states is not None
        np.testing.assert_array_equal(attempt.episode.states, again.episode.states)
        np.testing.assert_array_equal(attempt.episode.observations["policy"], again.episode.observations["policy"])
        assert attempt.episode.marks == again.episode.marks


def test_plans_cost_less_than_standing_still() -> None:
    # The only reward within reach of eight steps is a palm nearer to the handle, and stillness.
    (planned,) = plan([0], sampling=Sampling(candidates=16, horizon=8, knots=3)).values()
    still = replay(TASK, [replace(planned.episode, actions=np.tile(np.float32(TASK.rest), (8, 1)))], threads=1)[0]
    assert planned.episode.rewards.sum() > still.episode.rewards.sum()


def test_a_prior_is_followed_as_far_as_leaving_it_costs() -> None:
    prior = Constant(0.1)
    near = plan([0], prior, sampling=replace(SMALL, prior_weight=1e6))[0].episode.actions
    far = plan([0], prior, sampling=replace(SMALL, prior_weight=0.0))[0].episode.actions
    np.testing.assert_allclose(near, 0.1, atol=1e-3)
    assert np.abs(far - 0.1).max() > 0.05


def test_a_prior_leads_to_where_attempts_begin() -> None:
    config = PlanningConfig(seed=3, lead=5)
    one = replace(draw_beginning(TASK, config, 0), lead=5)
    (moved,) = led(TASK, Constant(0.1), [one], threads=1)
    environment = Environment(TASK, 1, 1)
    environment.reset(np.arange(1), one.state[None], [NONE], [0])
    for _ in range(5):
        environment.step(torch.full((1, ACTIONS), 0.1))
    np.testing.assert_array_equal(moved.state, environment.worlds.states()[0].astype(np.float32))
    (unmoved,) = led(TASK, Constant(0.1), [replace(one, lead=0)], threads=1)
    np.testing.assert_array_equal(unmoved.state, one.state)


def test_beginnings_are_disturbed_as_often_as_asked() -> None:
    config = PlanningConfig(disturbed=0.4, kinds=("push", "slip"))
    kinds = [draw_beginning(TASK, config, number).disturbance.kind for number in range(400)]
    assert set(kinds) == {"none", "push", "slip"}
    assert 1 - kinds.count("none") / 400 == pytest.approx(0.4, abs=0.07)


def test_an_attempt_ends_after_its_success() -> None:
    def always(readings: Readings) -> torch.Tensor:
        return torch.ones(len(readings.qpos), dtype=torch.bool)

    judge = replace(TASK.judge, success=always, touching=always, primary="success_held", held_steps=5, stable_steps=1)
    config = PlanningConfig(SMALL, tail=4, abreast=1, threads=1)
    ((_, attempt),) = plan_attempts(replace(DOOR, judge=judge), config, [0], {})
    assert attempt.success_held
    # Success lasts longer than `held_steps` at the sixth step.
    assert attempt.episode.steps == 6 + 4


def test_idle_worlds_keep_their_plans() -> None:
    planner, environment = Planner(TASK, SMALL, 2, threads=1), Environment(TASK, 2, 1)
    starts = TASK.draw_starts(np.zeros(2, np.int64), np.random.default_rng(0))
    environment.reset(np.arange(2), starts, [NONE] * 2, [0] * 2)
    observation = environment.observe()["policy"]
    before = planner.action(0, observation)
    planner.improve(environment, [np.random.default_rng(0), None])
    after = planner.action(0, observation)
    assert not torch.equal(after[0], before[0])
    torch.testing.assert_close(after[1], before[1])


@pytest.mark.parametrize(
    ("setting", "value"), [("candidates", 2), ("horizon", 1), ("knots", 1), ("every", 0), ("noise", -1.0), ("best", 0)]
)
def test_impossible_sampling_is_refused(setting: str, value: float) -> None:
    with pytest.raises(InputError, match=setting):
        Sampling(**{setting: value})


def test_impossible_settings_are_refused() -> None:
    for setting, value in (("disturbed", 1.5), ("abreast", 0), ("tail", -1), ("lead", -1)):
        with pytest.raises(InputError, match=setting):
            PlanningConfig(**{setting: value})
    with pytest.raises(InputError, match="'flood'"):
        plan([0], kinds=("flood",))
    stranger = Constant(0.0)
    stranger.interface_digest = "0" * 64
    with pytest.raises(InputError, match="action interface"):
        plan([0], stranger)
