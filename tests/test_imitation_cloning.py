"""Cloning against a textbook Adam, against uninterrupted runs, and on a target that it must learn."""

import hashlib
import math
import re
from pathlib import Path

import pytest
import torch

from regrasp.actor import ActionInterface
from regrasp.errors import InputError
from regrasp.fields import Field, Fields
from regrasp.imitation.cloning import CloningConfig, CloningState, clone, cosine
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.policies.tensors import read_tensors, tensor_bytes, write_tensors
from regrasp.seeding import torch_stream

CONFIG = CloningConfig(updates=60, batch_size=32, hidden=(16,), report_every=20)


def fresh_policy(seed: int = 0) -> Policy:
    action = Fields([Field("a", 3, "1")])
    interface = ActionInterface(action, (-1.0,) * 3, (1.0,) * 3, 100.0)
    return Policy.build(
        PolicySpec(Fields([Field("o", 5, "m")]), action, CONFIG.hidden, "relu", interface, "some-task"),
        torch_stream(seed),
    )


def demonstrated(rows: int = 500) -> tuple[torch.Tensor, torch.Tensor]:
    observations = 4.0 * torch.randn(rows, 5, generator=torch_stream(7)) + 2.0
    actions = torch.tanh(0.1 * observations[:, :3] - 0.1 * observations[:, 2:])
    return observations, actions


def digest(policy: Policy) -> str:
    return hashlib.sha256(tensor_bytes(policy.state_dict())).hexdigest()


def cloned(seed: int = 0, config: CloningConfig = CONFIG, rounds: int = 1) -> Policy:
    policy, state = fresh_policy(), CloningState()
    for round_index in range(rounds):
        list(clone(policy, *demonstrated(), config, seed, state, round_index))
    return policy


def test_it_learns_what_was_demonstrated() -> None:
    config = CloningConfig(updates=600, batch_size=64, learning_rate=5e-3, observation_noise=0.0, report_every=100)
    policy, (observations, actions) = fresh_policy(), demonstrated()
    losses = [record.values["loss"] for record in clone(policy, observations, actions, config, 0)]
    assert losses[-1] < 0.05 * losses[0]
    held_out = 4.0 * torch.randn(200, 5, generator=torch_stream(8)) + 2.0
    expected = torch.tanh(0.1 * held_out[:, :3] - 0.1 * held_out[:, 2:])
    assert (policy.act(held_out) - expected).square().mean() < 0.2 * expected.var()


def test_observation_noise_is_in_standard_deviations_of_each_column() -> None:
    """With a mean that copies one column, the loss is the variance of the noise on it."""
    config = CloningConfig(updates=200, batch_size=512, learning_rate=1e-12, observation_noise=0.3, report_every=200)
    policy, (observations, _) = fresh_policy(), demonstrated()
    policy.normaliser.fit(observations)
    policy.body = torch.nn.Identity()
    policy.head.linear = torch.nn.Linear(5, 3)
    with torch.no_grad():
        policy.head.linear.weight.copy_(torch.eye(5)[:3] * 0.1)
        policy.head.linear.bias.zero_()
    actions = policy.mean(observations).detach()
    (record,) = clone(policy, observations, actions, config, 0)
    assert record.values["loss"] == pytest.approx((0.1 * 0.3) ** 2, rel=0.02)


def test_the_first_updates_are_those_of_adam_written_out() -> None:
    config = CloningConfig(updates=4, batch_size=32, learning_rate=1e-2, report_every=3)
    policy, reference, (observations, actions) = fresh_policy(), fresh_policy(), demonstrated()
    next(clone(policy, observations, actions, config, 5))
    reference.normaliser.fit(observations)
    reference.double()
    trained = [p for name, p in reference.named_parameters() if name != "head.log_std"]
    first, second = [torch.zeros_like(p) for p in trained], [torch.zeros_like(p) for p in trained]
    for update in range(3):
        generator = torch_stream(5, "cloning", update)
        rows = torch.randint(500, (32,), generator=generator)
        noise = torch.randn(32, 5, generator=generator)
        inputs = reference.normaliser(observations.double())[rows] + 0.1 * noise
        loss = (reference.head(reference.body(inputs)) - actions[rows]).square().mean()
        rate = 1e-2 * (1 + math.cos(math.pi * update / 4)) / 2
        for i, gradient in enumerate(torch.autograd.grad(loss, trained)):
            first[i] = 0.9 * first[i] + 0.1 * gradient
            second[i] = 0.999 * second[i] + 0.001 * gradient**2
            corrected = (first[i] / (1 - 0.9 ** (update + 1)), second[i] / (1 - 0.999 ** (update + 1)))
            trained[i].data -= rate * corrected[0] / (corrected[1].sqrt() + 1e-8)
    for name, value in policy.state_dict().items():
        torch.testing.assert_close(value.double(), reference.state_dict()[name], atol=2e-5, rtol=1e-3)


def test_the_same_seed_gives_the_same_bytes_and_touches_no_global_stream() -> None:
    before = torch.random.get_rng_state()
    assert digest(cloned(0)) == digest(cloned(0)) != digest(cloned(1))
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_bytes_do_not_depend_on_the_number_of_threads() -> None:
    before, alone = torch.get_num_threads(), digest(cloned())
    torch.set_num_threads(2)
    try:
        assert digest(cloned()) == alone
    finally:
        torch.set_num_threads(before)


def test_the_bytes_do_not_depend_on_how_often_it_reports() -> None:
    often = CloningConfig(updates=60, batch_size=32, hidden=(16,), report_every=7)
    assert digest(cloned(config=often)) == digest(cloned())


@pytest.mark.parametrize("kill_after", [0, 1, 2, 3, 4])
def test_killed_and_continued_equals_uninterrupted(tmp_path: Path, kill_after: int) -> None:
    policy, state = fresh_policy(), CloningState()
    rounds = [clone(policy, *demonstrated(), CONFIG, 0, state, r) for r in range(2)]
    for _ in range(kill_after):
        next(rounds[0] if state.updates < 60 else rounds[1])
    weights = {f"policy.{name}": value for name, value in policy.state_dict().items()}
    write_tensors(tmp_path / "state", weights | state.to_tensors())

    kept, other = read_tensors(tmp_path / "state"), fresh_policy(seed=99)
    other.load_state_dict({n.removeprefix("policy."): t for n, t in kept.items() if n.startswith("policy.")})
    again, steps = CloningState.from_tensors(kept), []
    for r in range(kill_after // 3, 2):
        steps += [record.step for record in clone(other, *demonstrated(), CONFIG, 0, again, r)]
    assert steps == [20, 40, 60, 80, 100, 120][kill_after:]
    assert digest(other) == digest(cloned(rounds=2))


def test_a_complete_round_yields_nothing_and_changes_nothing() -> None:
    policy, state = fresh_policy(), CloningState()
    list(clone(policy, *demonstrated(), CONFIG, 0, state))
    before = digest(policy)
    assert list(clone(policy, *demonstrated(), CONFIG, 0, state)) == []
    assert digest(policy) == before


def test_records_count_updates_over_all_rounds() -> None:
    policy, state = fresh_policy(), CloningState()
    records = [r for index in range(2) for r in clone(policy, *demonstrated(), CONFIG, 0, state, index)]
    assert [(r.phase, r.step, r.steps, r.control_steps) for r in records[2:4]] == [
        ("bc", 60, 60, 0),
        ("bc", 80, 120, 0),
    ]
    assert ["residual" in r.values for r in records] == [False, False, True] * 2


def test_every_round_has_its_own_half_cosine() -> None:
    rates = [cosine(CONFIG, update) for update in range(120)]
    assert rates[:60] == rates[60:]
    assert rates[0] == 1e-3
    assert rates[30] == pytest.approx(0.5e-3)
    assert 0.0 < rates[59] < 1e-6
    assert rates[:60] == sorted(rates[:60], reverse=True)


def test_the_width_becomes_the_residual_of_each_action() -> None:
    policy, (observations, actions) = cloned(), demonstrated()
    residual = (actions - policy.mean(observations)).detach().square().mean(dim=0).sqrt()
    torch.testing.assert_close(policy.head.std().detach(), residual, rtol=1e-4, atol=1e-6)


def test_a_state_outside_the_round_or_of_another_policy_is_refused() -> None:
    policy, state = fresh_policy(), CloningState()
    with pytest.raises(ValueError, match="round 1 spans updates 60 to 120, the state is at 0"):
        next(clone(policy, *demonstrated(), CONFIG, 0, state, 1))
    next(clone(policy, *demonstrated(), CONFIG, 0, state))
    del state.moments["head.linear.bias.first"]
    with pytest.raises(ValueError, match=r"head\.linear\.bias\.first"):
        next(clone(policy, *demonstrated(), CONFIG, 0, state))


@pytest.mark.parametrize(
    ("observations", "actions", "message"),
    [
        (torch.zeros(0, 5), torch.zeros(0, 3), "N > 0"),
        (torch.zeros(4, 6), torch.zeros(4, 3), r"\(4, 6\)"),
        (torch.zeros(4, 5), torch.zeros(3, 3), r"\(3, 3\)"),
        (torch.full((4, 5), float("inf")), torch.zeros(4, 3), "finite"),
        (torch.zeros(4, 5), torch.full((4, 3), float("nan")), "inside"),
        (torch.zeros(4, 5), torch.full((4, 3), 1.1), "inside"),
    ],
)
def test_demonstrations_that_do_not_fit_are_refused(
    observations: torch.Tensor, actions: torch.Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        next(clone(fresh_policy(), observations, actions, CONFIG, 0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("updates", 0),
        ("batch_size", -1),
        ("learning_rate", 0.0),
        ("observation_noise", -0.1),
        ("report_every", 0),
        ("hidden", ()),
        ("hidden", (8, 0)),
    ],
)
def test_settings_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(InputError, match=re.escape(f"cloning settings: {name}: found {value}, expected")):
        CloningConfig(**{name: value})  # type: ignore[arg-type]


def test_an_unknown_activation_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"found 'gelu', .* \(valid names: relu, tanh, elu, silu\)"):
        CloningConfig(activation="gelu")
