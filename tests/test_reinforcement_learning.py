"""Advantages, losses and segments against numbers worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from regrasp.policies.policy import Policy, PolicySpec
from regrasp.reinforcement.advantage import generalised_advantage
from regrasp.reinforcement.config import OnPolicyConfig
from regrasp.reinforcement.critic import Critic
from regrasp.reinforcement.demonstration_term import demonstration_loss, demonstration_weight
from regrasp.reinforcement.diverged import Diverged
from regrasp.reinforcement.exploring import Exploring
from regrasp.reinforcement.magnitudes import Magnitudes
from regrasp.reinforcement.on_policy import FineTuning, fine_tune
from regrasp.reinforcement.pay import SETTLED_MARGIN, Pay
from regrasp.reinforcement.rollout import Rollout, critic_input
from regrasp.reinforcement.starts import Recorded, Starts
from regrasp.reinforcement.update import Batch, Rewards, make_batch, surrogate
from regrasp.seeding import numpy_stream, torch_stream
from regrasp.simulation.objects import ObjectPool
from regrasp.tasks import TASKS
from regrasp.tasks.environment import Environment

TASK = replace(TASKS["adroit-door"], horizon=30)


def column(*values: float) -> Tensor:
    """(T, 1) for one world."""
    return torch.tensor(values, dtype=torch.float64)[:, None]


def flags(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.bool)[:, None]


def test_advantages_by_hand() -> None:
    # γ = λ = 0.5: δ = (1 + 0.5·2 - 1, 0 + 0.5·4 - 2, 2 + 0.5·8 - 4) = (1, 0, 2); A₂ = 2, A₁ = 0.25·2, A₀ = 1 + 0.25·0.5
    found = generalised_advantage(
        column(1, 0, 2), column(1, 2, 4), column(2, 4, 8), flags(0, 0, 0), flags(0, 0, 0), 0.5, 0.5
    )
    torch.testing.assert_close(found, column(1.125, 0.5, 2.0))


def test_a_time_out_is_bootstrapped_and_a_termination_is_not() -> None:
    arguments = (column(1, 1), column(0, 0), column(10, 10))
    timed_out = generalised_advantage(*arguments, flags(0, 0), flags(1, 0), 0.9, 1.0)
    terminated = generalised_advantage(*arguments, flags(1, 0), flags(1, 0), 0.9, 1.0)
    torch.testing.assert_close(timed_out, column(10.0, 10.0))  # nothing leaks over the reset
    torch.testing.assert_close(terminated, column(1.0, 10.0))


def small_policy() -> Policy:
    spec = PolicySpec(
        TASK.observations["policy"].fields, TASK.interface.fields, (16,), "relu", TASK.interface, TASK.name
    )
    return Policy.build(spec, torch_stream(0, "policy"))


def batch_of(policy: Policy, rows: int, shift: float = 0.0) -> Batch:
    """Actions drawn from the policy itself, all good by 1; `shift` falsifies the stored log probabilities."""
    observation = torch.randn(rows, policy.spec.observation.size, generator=torch_stream(1))
    with torch.no_grad():
        mean = policy.head(policy.body(observation))
        draw = torch.randn(mean.shape, generator=torch_stream(2))
        log_prob = -(0.5 * draw.square() + policy.head.std().log()).sum(1) - shift
    action = mean + policy.head.std().detach() * draw
    ones = torch.ones(rows)
    return Batch(observation, torch.zeros(rows, 1), action, log_prob, ones, ones)


def test_surrogate_of_the_policy_that_acted() -> None:
    policy = small_policy()
    loss, kl = surrogate(Exploring(policy), batch_of(policy, 8), clip=0.2)
    assert loss.item() == pytest.approx(-1.0, abs=1e-5)
    assert kl.item() == pytest.approx(0.0, abs=1e-5)


def test_surrogate_is_clipped_and_its_divergence_estimated() -> None:
    policy = small_policy()
    loss, kl = surrogate(Exploring(policy), batch_of(policy, 8, shift=1.0), clip=0.2)  # every ratio is e
    assert loss.item() == pytest.approx(-1.2, abs=1e-5)
    assert kl.item() == pytest.approx(math.e - 1 - 1, abs=1e-4)


def test_demonstration_term() -> None:
    policy = small_policy()
    observation = torch.randn(5, policy.spec.observation.size, generator=torch_stream(3))
    width = torch.full((28,), 0.1)
    with torch.no_grad():
        mean = policy.head(policy.body(observation))
    assert demonstration_loss(policy, observation, mean, width).item() == 0.0
    assert demonstration_loss(policy, observation, mean + 0.1, width).item() == pytest.approx(0.5, abs=1e-4)
    assert demonstration_weight(0.1, 0.5, 3) == pytest.approx(0.0125)


def test_rewards_are_compressed_and_success_for_ever_is_worth_one() -> None:
    rewards = Rewards(largest=20.0, discount=0.99, decay=0.95)
    forever = rewards.scaled(torch.tensor([20.0])).item() / (1 - 0.99)
    assert forever == pytest.approx(1.0, abs=1e-5)
    scaled = rewards.scaled(torch.tensor([-0.3, 0.0, 2.0]))
    expected = torch.tensor([-math.log(1.3), 0.0, math.log(3.0)]) * 0.01 / math.log(21.0)
    torch.testing.assert_close(scaled, expected)


def test_the_share_of_recorded_starts_falls_to_zero() -> None:
    config = OnPolicyConfig(demonstration_starts=0.5, demonstration_starts_until=0.5)
    assert [config.starts_share(k / 10) for k in (0, 1, 5, 9)] == pytest.approx([0.5, 0.4, 0.0, 0.0])


def make_rollout(worlds: int, disturbed: float = 0.0) -> Rollout:
    marked = TASK.draw_starts(np.zeros(3, np.int64), np.random.default_rng(0))
    marked[:, -1] = 0.5  # no start of the task's own has its frame so high
    magnitudes = Magnitudes(("push", "latency"))
    starts = Starts(
        TASK,
        Recorded(marked, np.zeros(3, np.int64), np.array([1, 2])),
        magnitudes,
        disturbed,
        numpy_stream(0, "starts"),
    )
    return Rollout(Environment(TASK, worlds, threads=1), starts, torch_stream(0, "noise"))


def test_the_noise_falls_to_its_final_value_and_no_further() -> None:
    rollout = make_rollout(2)
    policy = small_policy()
    with torch.no_grad():
        policy.head.log_std[:] = math.log(0.3)
        policy.head.log_std[0] = math.log(0.06)
    config = OnPolicyConfig(iterations=4, segment=2, worlds=2, minibatch=4, epochs=1, final_noise=0.1, critic_warmup=9)
    critic = Critic(39 + rollout.environment.privileged_size, (8,), torch_stream(5))
    state = FineTuning(policy, critic, rollout, None, config, 0)
    seen = [policy.head.std()[:2].tolist() for _ in fine_tune(state)]
    assert [one[1] for one in seen] == pytest.approx([0.25, 0.2, 0.15, 0.1])
    assert [one[0] for one in seen] == pytest.approx([0.06] * 4)


def test_steps_adapt_to_how_far_the_policy_strays() -> None:
    def rates(rate: float, adaptive: bool, pace: float = 1.0) -> list[float]:
        rollout, epochs = make_rollout(2), 4
        config = OnPolicyConfig(
            iterations=4, segment=4, worlds=2, minibatch=8, epochs=epochs, critic_warmup=1, learning_rate=rate,
            final_learning_rate=rate, kl_stop=0.01, adaptive_steps=adaptive,
        )  # fmt: skip
        critic = Critic(39 + rollout.environment.privileged_size, (8,), torch_stream(5))
        records = list(fine_tune(FineTuning(small_policy(), critic, rollout, None, config, 0, pace=pace)))
        planned = [0, *[1 if rate > 0.01 else epochs] * 3]
        assert [record.values["policy_updates"] for record in records] == planned, "the first only warms the critic up"
        return [record.values["learning_rate"] / rate for record in records]

    assert rates(0.1, True) == pytest.approx([1, 1, 1 / 1.5, 1 / 1.5**2])
    assert rates(1e-7, True) == pytest.approx([1, 1, 1.5, 1.5**2])
    assert rates(1e-9, True, 80.0) == pytest.approx([80, 80, 100, 100])
    assert rates(0.1, True, 0.0125) == pytest.approx([0.0125, 0.0125, 0.01, 0.01])
    assert rates(0.1, False) == rates(1e-7, False) == [1, 1, 1, 1]


def test_what_diverges_is_named() -> None:
    rollout = make_rollout(2)
    config = OnPolicyConfig(segment=2, worlds=2, minibatch=2, epochs=3, critic_learning_rate=1e30)
    critic = Critic(39 + rollout.environment.privileged_size, (8,), torch_stream(5))
    state = FineTuning(small_policy(), critic, rollout, None, config, 0)
    with pytest.raises(Diverged, match=r"the critic's loss is (nan|inf) after 6 updates; .*critic_learning_rate helps"):
        list(fine_tune(state))


def test_starts_come_from_demonstrations_as_often_as_asked() -> None:
    starts = make_rollout(1, disturbed=1.0).starts
    placed, begun = starts.draw(400, 0.25)
    recorded = placed.states[:, -1] == 0.5
    assert (recorded == (begun >= 0)).all()
    assert set(begun.tolist()) == {-1, 0, 1}
    assert 60 <= recorded.sum() <= 140
    assert {one.kind for one in placed.disturbances} == {"push", "latency"}
    assert len(set(placed.seeds)) == 400
    assert (starts.draw(50, 0.0)[1] == -1).all()


def test_recorded_states_come_with_their_objects_and_held_out_ones_never() -> None:
    scene = replace(TASK.scene, objects=ObjectPool(("door", "gate", "hatch", "lid"), {}))
    task = replace(TASK, make_scene=lambda: scene, held_out=("gate", "lid"))
    marked = task.draw_starts(np.zeros(6, np.int64), np.random.default_rng(0))
    marked[:, -1] = np.arange(6) + 1.0
    held = np.array([2, 0, 2, 2, 0, 0])
    recorded = Recorded(marked, held, np.array([2, 1, 3]))
    placed, begun = Starts(task, recorded, Magnitudes(()), 0.0, numpy_stream(0)).draw(300, 0.5)
    rows = placed.states[begun >= 0, -1].astype(int) - 1
    assert set(rows) == set(range(6))
    np.testing.assert_array_equal(placed.objects[begun >= 0], held[rows])
    np.testing.assert_array_equal(begun[begun >= 0], np.array([0, 0, 1, 2, 2, 2])[rows])
    assert set(placed.objects[begun < 0].tolist()) == {0, 2}


def test_a_drop_ends_an_episode() -> None:
    """And its value is not bootstrapped."""
    judge = replace(TASK.judge, dropped=lambda readings: readings.fixture_position[:, 2] > 0.4)
    task = replace(TASK, judge=judge)
    high = task.draw_starts(np.zeros(2, np.int64), np.random.default_rng(0))
    high[:, -1] = 0.5
    starts = Starts(
        task, Recorded(high, np.zeros(2, np.int64), np.array([2])), Magnitudes(()), 0.0, numpy_stream(0, "starts")
    )
    rollout = Rollout(Environment(task, 12, threads=1), starts, torch_stream(0, "noise"))
    rollout.begin(0.5)
    frame = rollout.environment.readings.fixture_position[:, 2].clone()
    segment, _ = rollout.collect(Exploring(small_policy()), 1, 0.0)
    assert 0 < int((frame == 0.5).sum()) < 12
    assert segment.terminated[0].tolist() == (frame == 0.5).tolist()
    assert segment.ended[0][segment.terminated[0]].all()


def test_a_segment_is_consistent_and_resets_are_spread() -> None:
    rollout = make_rollout(8)
    rollout.begin(0.0)
    policy = small_policy()
    segment, finished = rollout.collect(Exploring(policy), 40, 0.0)
    assert segment.steps == 320
    assert int(segment.ended.sum()) == finished.episodes >= 8
    assert len(set(torch.nonzero(segment.ended)[:, 0].tolist())) > 3
    # what a step led to is what the next action was chosen in, except across a reset
    goes_on = ~segment.ended[:-1]
    torch.testing.assert_close(
        segment.next_critic_input[:-1][goes_on], segment.critic_input[1:][goes_on], rtol=0, atol=0
    )
    assert segment.critic_input.shape[2] == 39 + rollout.environment.privileged_size
    std = policy.head.std().detach()
    draw = (segment.action - policy.fixed_mean(segment.observation.flatten(0, 1)).view_as(segment.action)) / std
    torch.testing.assert_close(-(0.5 * draw.square() + std.log()).sum(2), segment.log_prob, rtol=1e-4, atol=1e-3)


def test_held_success_ends_an_episode_and_is_worth_what_it_pays_for_ever() -> None:
    rollout = make_rollout(2)
    rollout.begin(0.0)
    policy = small_policy()
    judgement = rollout.environment.judgement
    judgement.successes[1] = judgement.judge.held_steps + SETTLED_MARGIN + 1
    segment, _ = rollout.collect(Exploring(policy), 1, 0.0)
    assert segment.settled[0].tolist() == [False, True]
    assert bool(segment.ended[0, 1])
    critic = Critic(segment.critic_input.shape[2], (8,), torch_stream(5))
    batch = make_batch(segment, policy, critic, Rewards(20.0, 0.99, 0.95))
    scaled = Rewards(20.0, 0.99, 0.95).scaled(segment.reward[0, 1]).item()
    assert scaled != 0.0
    assert batch.target[1].item() == pytest.approx(scaled * (1.0 + 0.99 + 0.99**2 / (1.0 - 0.99)), rel=1e-4)


def test_an_episode_is_settled_as_late_as_is_asked_for() -> None:
    environment = make_rollout(3).environment
    held = environment.judgement.judge.held_steps
    environment.judgement.successes[:] = torch.tensor([held + SETTLED_MARGIN + 1, held + 20, held + 21])
    assert OnPolicyConfig().pay().settled(environment).tolist() == [True, True, True]
    assert OnPolicyConfig(settled_margin=20).pay().settled(environment).tolist() == [False, False, True]


def test_what_the_judge_refuses_ends_and_pays_nothing_for_how_far_it_got() -> None:
    rollout = make_rollout(3)
    rollout.begin(0.0)
    environment = rollout.environment
    environment.judgement.broken["penetration"][1] = True
    step = environment.step(torch.zeros(3, environment.task.interface.fields.size))
    paid = replace(step, terms={name: term + 1.0 for name, term in step.terms.items()})
    sums = torch.stack(list(paid.terms.values())).sum(0).float()
    assert bool((sums > 0).all())
    assert Pay().reward(environment, paid).tolist() == sums.tolist()
    assert not Pay().settled(environment).any()
    strict = Pay(refusal=0.0)
    assert strict.reward(environment, paid).tolist() == [sums[0].item(), 0.0, sums[2].item()]
    assert strict.reward(environment, step)[1] == step.reward[1], "what costs, still costs"
    assert strict.settled(environment).tolist() == [False, True, False]
    assert Pay(refusal=3.0).reward(environment, paid).tolist() == [sums[0].item(), -3.0, sums[2].item()]


def test_the_critic_sees_the_policys_observation_first() -> None:
    seen = {"policy": torch.zeros(2, 3), "privileged": torch.ones(2, 2)}
    assert critic_input(seen).tolist() == [[0, 0, 0, 1, 1]] * 2
