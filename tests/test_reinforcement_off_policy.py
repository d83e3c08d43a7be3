"""Off-policy updates on a few rows, the phase in a run, resumed from every snapshot, and how divergence ends it."""

import copy
import math
import pickle
from dataclasses import replace

import pytest
import torch

from regrasp import cli
from regrasp.cli import main
from regrasp.curriculum.off_policy_phase import begin_off_policy
from regrasp.curriculum.phases import Candidate, Event, Ingredients, Snapshot, execute
from regrasp.curriculum.schema import Curriculum
from regrasp.demonstrations import DemonstrationSet, digest_episodes
from regrasp.errors import InputError
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.policies.progress import Progress
from regrasp.reinforcement.critics import Critics, target_of
from regrasp.reinforcement.demonstrated import play_again
from regrasp.reinforcement.diverged import Diverged, check_value, check_weights
from regrasp.reinforcement.magnitudes import Magnitudes
from regrasp.reinforcement.off_policy import OffPolicyTuning, fine_tune_off_policy
from regrasp.reinforcement.off_policy_config import OffPolicyConfig
from regrasp.reinforcement.off_policy_update import fit_critics, improve_actor, target_values
from regrasp.reinforcement.pay import Pay
from regrasp.reinforcement.proposal import Proposals
from regrasp.reinforcement.replay import Transitions
from regrasp.reinforcement.starts import Starts
from regrasp.reinforcement.update import Demonstrations
from regrasp.seeding import numpy_stream, torch_stream
from regrasp.tasks import TASKS
from small_run import make_curriculum, make_episodes, weights

SHORT = replace(TASKS["adroit-door"], horizon=60)
TINY = OffPolicyConfig(
    control_steps=360, worlds=3, segment=4, report_every=36, warmup_steps=72, critic_warmup=4, updates_per_step=0.2,
    batch=8, actor_every=2, return_steps=3, averaging=0.5, capacity=200, critic_hidden=(16,), check_every=4,
)  # fmt: skip


def small_policy() -> Policy:
    fields = SHORT.observations["policy"].fields
    return Policy.build(
        PolicySpec(fields, SHORT.interface.fields, (16,), "relu", SHORT.interface, SHORT.name), torch_stream(0)
    )


def rows_of(policy: Policy, count: int = 32) -> Transitions:
    draw = torch_stream(4)
    seen, following = (torch.randn(count, 39, generator=draw) for _ in range(2))
    action = torch.randn(count, 28, generator=draw).clamp(-1, 1)
    reward = torch.randn(count, generator=draw)
    return Transitions(seen, action, policy.act(seen), reward, following, (torch.arange(count) % 2) * 0.9)


def test_targets_end_where_nothing_follows_and_see_the_clipped_action() -> None:
    policy = small_policy()
    rows = rows_of(policy)
    target = target_of(Critics(39, 28, (8,), 2, torch_stream(0)))
    found = target_values(target, policy, rows, 0.0, torch_stream(5))
    assert torch.equal(found[::2], rows.reward[::2])
    value = target(rows.next_seen, policy.act(rows.next_seen)).amin(0)
    torch.testing.assert_close(found[1::2], (rows.reward + 0.9 * value)[1::2])


@pytest.mark.parametrize("products", [torch.float32, torch.bfloat16])
def test_updates_lower_the_critics_loss_and_raise_what_the_actor_is_worth(products: torch.dtype) -> None:
    policy = small_policy()
    rows = rows_of(policy)
    critics = Critics(39, 28, (32,), 2, torch_stream(0), products)
    optimiser = torch.optim.Adam(critics.parameters(), lr=3e-3)
    losses = [fit_critics(critics, optimiser, rows.seen, rows.action, rows.reward, 0)["loss"] for _ in range(60)]
    assert losses[-1] < 0.2 * losses[0]
    demonstrations = Demonstrations(rows.seen, rows.proposal, torch.full((28,), 0.1))

    def tune(weight: float) -> tuple[float, float]:
        actor = copy.deepcopy(policy)
        steps = torch.optim.Adam(actor.parameters(), lr=3e-3)
        generator = torch_stream(6)
        for _ in range(40):
            found = improve_actor(actor, critics, steps, rows, demonstrations, weight, 0.3, generator, 0)
        return critics(rows.seen, actor.act(rows.seen)).mean().item(), found["from_clone"]

    before = critics(rows.seen, rows.proposal).mean().item()
    (free, strayed), (held, near) = tune(0.5), tune(20.0)
    assert before < held < free
    assert near < 0.3 * strayed


def test_what_is_not_finite_is_named() -> None:
    policy = small_policy()
    rows = rows_of(policy)
    critics = Critics(39, 28, (8,), 2, torch_stream(0))
    optimiser = torch.optim.Adam(critics.parameters(), lr=1e-3)
    with pytest.raises(Diverged, match=r"the critics' loss is nan after 17 updates; .*critic_learning_rate.* helps"):
        fit_critics(critics, optimiser, rows.seen, rows.action, rows.reward * math.nan, 17)
    large = Critics(39, 28, (8,), 2, torch_stream(0))
    with torch.no_grad():
        large.biases[-1] += 1e4
    optimiser = torch.optim.Adam(large.parameters())
    with pytest.raises(Diverged, match="mean value"):
        fit_critics(large, optimiser, rows.seen, rows.action, rows.reward, 0)
    with pytest.raises(Diverged, match="the sum of weights is inf after 3 updates; less helps"):
        check_weights("the sum of weights", [torch.ones(2), torch.tensor([1.0, -math.inf])], 3, "less")
    check_value("a value", 1.0, 1.0, 0, "nothing")
    error = Diverged("a loss", math.nan, 3, "less")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_the_command_ends_with_one_and_the_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def diverge(*_: object, **__: object) -> None:
        raise Diverged("a loss", math.nan, 3, "less")

    monkeypatch.setattr(cli, "_application", diverge)
    assert main(["run"]) == 1
    assert capsys.readouterr().err.startswith("regrasp: learning diverged: a loss is nan after 3 updates; less helps")


@pytest.fixture(scope="module")
def given() -> Ingredients:
    episodes = tuple(make_episodes(SHORT))
    return Ingredients(
        SHORT, DemonstrationSet(episodes, SHORT.name, None, "made", digest_episodes(episodes)), threads=1
    )


def curriculum_of() -> Curriculum:
    return replace(make_curriculum(), fine_tuning="off_policy", off_policy=TINY)


def events_of(given: Ingredients, resumed: Snapshot | None = None) -> list[Event]:
    """Copies, because the phases go on changing what they have yielded."""
    return [copy.deepcopy(event) for event in execute(curriculum_of(), given, copy.deepcopy(resumed))]


def candidates(events: list[Event]) -> dict[str, dict[str, bytes]]:
    return {event.name: weights(event.policy) for event in events if isinstance(event, Candidate)}


@pytest.fixture(scope="module")
def whole(given: Ingredients) -> list[Event]:
    return events_of(given)


def test_a_run_has_the_checkpoints_and_records_that_the_other_has(whole: list[Event]) -> None:
    assert list(candidates(whole)) == ["bc", "rl-0004", "rl-0008", "rl"]
    records = [event for event in whole if isinstance(event, Progress) and event.phase == "rl"]
    assert [record.step for record in records] == list(range(1, 11))
    assert records[-1].control_steps == 360
    assert records[-1].values["updates"] == TINY.due(360) == 4 + int(288 * 0.2)
    names = {
        "loss",
        "lambda_bc",
        "simulation_s",
        "learning_s",
        "disturbed_share",
        "proposal_share",
        "episodes",
        "noise",
    }
    assert names <= set(records[-1].values)
    assert records[0].values["proposal_share"] == 1.0, "the clone alone acts at first"
    assert any(0.0 < record.values["proposal_share"] < 1.0 for record in records)
    assert candidates(whole)["rl"] != candidates(whole)["rl-0008"]


def test_every_snapshot_leads_to_the_same_end(given: Ingredients, whole: list[Event]) -> None:
    snapshots = [event for event in whole if isinstance(event, Snapshot) and event.phase == "rl"]
    assert len(snapshots) >= 4
    for snapshot in snapshots:
        for name, found in candidates(events_of(given, snapshot)).items():
            assert found == candidates(whole)[name], (snapshot.meta, name)


def begun(given: Ingredients, policy: Policy) -> OffPolicyTuning:
    assert given.demonstrations is not None
    episodes = given.demonstrations.episodes
    compared = Demonstrations(torch.zeros(4, 39), torch.zeros(4, 28), torch.full((28,), 0.1))
    shown = play_again(SHORT, episodes, Pay(), 1)
    starts = Starts(SHORT, None, Magnitudes(()), 0.0, numpy_stream(3, "rl"))
    return begin_off_policy(curriculum_of(), SHORT, policy, 1, shown, starts, compared)


def test_a_broken_reward_stops_learning_where_it_enters(given: Ingredients) -> None:
    state = begun(given, small_policy())
    state.taught.reward[:] = math.nan
    with pytest.raises(Diverged, match="the critics' loss is nan after 0 updates"):
        list(fine_tune_off_policy(state))
    assert all(bool(value.isfinite().all()) for value in state.policy.parameters())


def test_demonstrations_come_as_whole_windows(given: Ingredients) -> None:
    state = begun(given, small_policy())
    # Two episodes of 40 steps each: every step begins a window, and those at the end are bootstrapped.
    assert len(state.taught) == 80
    assert bool((state.taught.discount > 0).all())
    last = state.demonstrated.next_critic_input[-1]
    assert torch.equal(state.taught.next_seen[-6:], last.repeat(3, 1))


def test_the_critics_choose_who_acts(given: Ingredients) -> None:
    state = begun(given, small_policy())
    state.rollout.begin(0.0)
    proposals = Proposals(state.clone, state.policy, state.critics, state.rollout)
    observation = state.rollout.seen()[:, :39]
    assert torch.equal(proposals.fixed_mean(observation), state.clone.act(observation))
    proposals.alone = False
    with torch.no_grad():
        state.policy.head.linear.bias += 0.3
    seen, own, cloned = state.rollout.seen(), state.policy.act(observation), state.clone.act(observation)
    preferred = state.critics(seen, cloned).amin(0) > state.critics(seen, own).amin(0)
    assert torch.equal(proposals.fixed_mean(observation), torch.where(preferred[:, None], cloned, own))
    assert (proposals.decisions, proposals.cloned) == (3, int(preferred.sum()))
    torch.testing.assert_close(proposals.std(observation)[-1], state.policy.head.std().detach())
    torch.testing.assert_close(proposals.std(observation)[0] * 3, state.policy.head.std().detach())


def test_demonstrations_that_cannot_be_played_again_are_refused(given: Ingredients) -> None:
    with pytest.raises(InputError, match="no demonstrations"):
        list(execute(curriculum_of(), replace(given, demonstrations=None)))


def test_a_curriculum_that_does_not_name_it_is_what_it_was() -> None:
    plain = make_curriculum()
    assert plain.fine_tuning == "on_policy"
    assert not {"fine_tuning", "off_policy"} & set(plain.identity)
    assert replace(plain, off_policy=TINY).digest == plain.digest
    assert {"fine_tuning", "off_policy"} <= set(curriculum_of().identity)
