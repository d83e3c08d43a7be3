"""What fine-tuning can do beside its default: begin near the end, widen its noise by state, teach the critic first."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from regrasp.curriculum.phases import Candidate, Event, Ingredients, Snapshot, execute
from regrasp.curriculum.taught import played, recorded
from regrasp.demonstrations import DemonstrationSet
from regrasp.demonstrations.dataset import digest_episodes
from regrasp.errors import InputError
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.policies.progress import Progress
from regrasp.reinforcement.critic import Critic
from regrasp.reinforcement.demonstrated import Demonstrated
from regrasp.reinforcement.exploring import WIDEST, Exploring
from regrasp.reinforcement.pay import Pay
from regrasp.reinforcement.returns import teach_critic
from regrasp.reinforcement.reverse import EPISODES, STEP, Reverse
from regrasp.reinforcement.update import Batch, Rewards, surrogate
from regrasp.seeding import numpy_stream, torch_stream
from regrasp.tasks import TASKS
from small_run import make_curriculum, make_episodes, weights

SHORT = replace(TASKS["adroit-door"], horizon=30)
OPTIONS = {
    "demonstration_starts_from": "end_first",
    "state_dependent_noise": True,
    "critic_taught": 3,
    "adaptive_steps": True,
}


@pytest.fixture(scope="module")
def taught() -> DemonstrationSet:
    episodes = tuple(make_episodes(SHORT))
    return DemonstrationSet(episodes, SHORT.name, None, "made", digest_episodes(episodes))


def test_episodes_begin_at_the_end_of_each_demonstration_first() -> None:
    reverse = Reverse(np.array([10, 40, 1]))
    rows = reverse.draw(600, numpy_stream(0))
    assert set(rows.tolist()) == {9, 46, 47, 48, 49, 50}
    assert 140 <= (rows == 9).sum() <= 260, "every demonstration as often, however long"
    reverse.before[:] = 0.0
    assert set(reverse.draw(600, numpy_stream(0)).tolist()) == {0, 10, 11, 12, 13, 50}


def test_a_demonstration_is_walked_back_where_three_of_four_succeed_and_no_further_than_its_start() -> None:
    reverse = Reverse(np.array([10, 10, 10]))
    good, poor = [True, True, False, True], [True, False, False, True]
    reverse.note([0] * EPISODES + [1] * EPISODES + [-1] * EPISODES, [*good, *poor, *good])
    assert reverse.before == pytest.approx([1 - 2 * STEP, 1 - STEP, 1 - STEP])
    assert reverse.values() == {"reverse/before": pytest.approx(1 - 4 / 3 * STEP)}
    reverse.note([2] * 3, [True] * 3)
    again = Reverse(np.array([10, 10, 10]))
    again.restore({name: value.copy() for name, value in reverse.save().items()})
    for one in (reverse, again):
        one.note([2], [False])
        assert one.before[2] == pytest.approx(1 - 2 * STEP)
        one.note([0] * 80, [True] * 80)
        assert one.before[0] == 0.0


def small_policy() -> Policy:
    spec = PolicySpec(
        SHORT.observations["policy"].fields, SHORT.interface.fields, (16,), "relu", SHORT.interface, SHORT.name
    )
    return Policy.build(spec, torch_stream(0, "policy"))


def test_noise_by_state_begins_as_the_policys_own_and_stays_within_its_bound() -> None:
    policy = small_policy()
    plain, by_state = Exploring(policy), Exploring(policy, by_state=True)
    seen = torch.randn(5, 39, generator=torch_stream(1))
    assert plain.std(seen).shape == (28,)
    torch.testing.assert_close(by_state.std(seen), plain.std(seen).expand(5, 28), rtol=0, atol=0)
    assert by_state.noise is not None
    with torch.no_grad():
        by_state.noise.linear.weight.normal_(0.0, 20.0, generator=torch_stream(2))
    found = by_state.std(seen) / plain.std(seen)
    assert len(found.unique(dim=0)) == 5
    assert 1 / WIDEST - 1e-6 <= found.min() < 0.5 < 2.0 < found.max() <= WIDEST + 1e-6


def test_noise_widens_where_wide_draws_were_good_and_the_body_does_not_learn_from_it() -> None:
    exploring = Exploring(small_policy(), by_state=True)
    policy = exploring.policy
    observation = torch.randn(400, 39, generator=torch_stream(1))
    with torch.no_grad():
        draw = torch.randn(400, 28, generator=torch_stream(2))
        std = policy.head.std()
        action = policy.head(policy.body(observation)) + std * draw
        log_prob = -(0.5 * draw.square() + std.log()).sum(1)
    wide = draw.square().sum(1)
    advantage = torch.where(observation[:, 0] > 0, wide - 28, 28 - wide)
    loss, kl = surrogate(exploring, Batch(observation, action, action, log_prob, advantage, advantage), 0.2)
    assert kl.item() == pytest.approx(0.0, abs=1e-5)
    assert exploring.noise is not None
    optimiser = torch.optim.SGD(exploring.noise.parameters(), lr=0.05)
    for _ in range(30):
        optimiser.zero_grad()
        loss, _ = surrogate(exploring, Batch(observation, action, action, log_prob, advantage, advantage), 0.2)
        loss.backward()
        optimiser.step()
    std = exploring.std(observation).mean(1)
    assert std[observation[:, 0] > 0.5].mean() > 1.02 * std[observation[:, 0] < -0.5].mean()
    features = policy.body(observation)
    (gradient,) = torch.autograd.grad(exploring.width(features).sum(), features, allow_unused=True)
    assert gradient is None


def shown_by_hand() -> Demonstrated:
    """Three episodes of at most 3 steps: held success at the end, merely over, and a drop after 2 steps."""
    reward = torch.tensor([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [20.0, 1.0, 9.0]])
    ended = torch.tensor([[0, 0, 0], [0, 0, 1], [1, 1, 1]], dtype=torch.bool)
    settled, terminated = torch.zeros(2, 3, 3, dtype=torch.bool)
    settled[2, 0] = terminated[1, 2] = True
    valid = torch.ones(3, 3, dtype=torch.bool)
    valid[2, 2] = False
    seen = torch.arange(9.0).view(3, 3, 1)
    return Demonstrated(seen, seen + 3.0, torch.zeros(3, 3, 28), reward, terminated, settled, ended, valid)


def scaled(*rewards: float) -> Tensor:
    return Rewards(20.0, 0.9, 0.0).scaled(torch.tensor(rewards))


def test_a_critic_learns_what_demonstrations_earned() -> None:
    critic = Critic(1, (64,), torch_stream(0))
    optimiser = torch.optim.Adam(critic.parameters(), lr=3e-3)
    losses = teach_critic(critic, optimiser, shown_by_hand(), Rewards(20.0, 0.9, 0.0), 1500, torch_stream(1))
    assert losses[-1] < 0.01 * losses[0]
    with torch.no_grad():
        value = critic(torch.arange(9.0)[:, None])
        ahead = critic(torch.tensor([[10.0]]))  # where the second recording merely ends
        ahead = ahead.clamp(scaled(0.0).item(), scaled(20.0).item() / (1 - 0.9)).item()
    lasting = scaled(20.0).item() / (1 - 0.9)
    one, two = scaled(1.0).item(), scaled(2.0).item()
    wanted = [0.81 * lasting, one + 0.9 * (one + 0.9 * (one + 0.9 * ahead)), two + 0.9 * two]
    torch.testing.assert_close(value[:3], torch.tensor(wanted), atol=0.03, rtol=0)
    assert value[6].item() == pytest.approx(lasting, abs=0.03)
    assert critic.normaliser.mean.item() == pytest.approx(3.5), "the row behind the drop is nobody's"


def test_a_critic_cannot_be_taught_without_demonstrations_that_can_be_played(taught: DemonstrationSet) -> None:
    with pytest.raises(InputError, match="no demonstrations"):
        played(None, SHORT, Pay(), 1, None)
    blind = replace(taught, episodes=tuple(replace(one, start=None, states=None) for one in taught.episodes))
    with pytest.raises(InputError, match=r"made: found no start state in any episode, .* can play again"):
        played(blind, SHORT, Pay(), 1, None)
    curriculum = make_curriculum()
    curriculum = replace(curriculum, rl=replace(curriculum.rl, critic_taught=1))
    with pytest.raises(InputError, match="no demonstrations"):
        list(execute(curriculum, Ingredients(SHORT, None, 1)))


def test_recorded_states_know_their_demonstrations(taught: DemonstrationSet) -> None:
    found = recorded(taught, SHORT, 1)
    assert found is not None
    assert found.lengths.tolist() == [40, 40]
    assert found.demonstrations(np.array([0, 39, 40, 79])).tolist() == [0, 0, 1, 1]


def events_of(taught: DemonstrationSet, changes: dict[str, object], resumed: Snapshot | None = None) -> list[Event]:
    """Copies, because the phases go on changing what they have yielded."""
    curriculum = make_curriculum()
    curriculum = replace(curriculum, rl=replace(curriculum.rl, **changes))
    run = execute(curriculum, Ingredients(SHORT, taught, 1), copy.deepcopy(resumed))
    return [copy.deepcopy(event) for event in run]


def ends(events: list[Event]) -> dict[str, dict[str, bytes]]:
    return {event.name: weights(event.policy) for event in events if isinstance(event, Candidate)}


@pytest.mark.parametrize("changes", [{name: value} for name, value in OPTIONS.items()], ids=OPTIONS)
def test_every_snapshot_leads_to_the_same_end(taught: DemonstrationSet, changes: dict[str, object]) -> None:
    whole = events_of(taught, changes)
    plain = events_of(taught, {})
    assert ends(whole)["bc"] == ends(plain)["bc"]
    assert ends(whole)["rl"] != ends(plain)["rl"]
    assert set(ends(whole)["rl"]) == set(ends(plain)["rl"]), "what acts afterwards has the form it always has"
    snapshots = [event for event in whole if isinstance(event, Snapshot) and event.phase == "rl"]
    assert len(snapshots) >= 3
    for snapshot in snapshots:
        for name, found in ends(events_of(taught, changes, snapshot)).items():
            assert found == ends(whole)[name], (snapshot.meta, name)


def test_where_episodes_begin_is_among_the_curves(taught: DemonstrationSet) -> None:
    events = events_of(taught, {"demonstration_starts_from": "end_first"})
    records = [event.values for event in events if isinstance(event, Progress) and event.phase == "rl"]
    assert records[0]["reverse/before"] == pytest.approx(1.0 - STEP)
    assert all("reverse/before" in record for record in records)
