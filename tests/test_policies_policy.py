"""Bodies, heads, normaliser and policy against numpy in float64, and against themselves in other batches."""

import time

import numpy as np
import pytest
import torch

from regrasp.actor import ActionInterface
from regrasp.fields import Field, Fields
from regrasp.policies.bodies import MLP
from regrasp.policies.heads import LOG_STD_LIMITS
from regrasp.policies.normaliser import LIMIT, Normaliser
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.policies.progress import Progress
from regrasp.seeding import torch_stream


def make_policy(
    hidden: tuple[int, ...] = (32, 16),
    activation: str = "relu",
    observation: int = 39,
    actions: int = 28,
    seed: int = 0,
) -> Policy:
    action = Fields([Field("targets", actions, "rad")])
    interface = ActionInterface(action, (-1.0,) * actions, (1.0,) * actions, 100.0)
    columns = Fields([Field("position", observation - 3, "rad"), Field("palm", 3, "m")])
    policy = Policy.build(PolicySpec(columns, action, hidden, activation, interface, "some-task"), torch_stream(seed))
    policy.normaliser.fit(3.0 * torch.randn(50, observation, generator=torch_stream(seed, "data")) + 1.0)
    return policy


def reference_mean(policy: Policy, observation: torch.Tensor) -> np.ndarray:
    weights = {name: value.double().numpy() for name, value in policy.state_dict().items()}
    x = (observation.double().numpy() - weights["normaliser.mean"]) / weights["normaliser.std"]
    x = np.clip(x, -LIMIT, LIMIT)
    for layer in range(len(policy.spec.hidden)):
        x = x @ weights[f"body.layers.{2 * layer}.weight"].T + weights[f"body.layers.{2 * layer}.bias"]
        x = np.tanh(x) if policy.spec.activation == "tanh" else np.maximum(x, 0.0)
    return np.asarray(x @ weights["head.linear.weight"].T + weights["head.linear.bias"])


def observations(rows: int, seed: int = 1) -> torch.Tensor:
    return 2.0 * torch.randn(rows, 39, generator=torch_stream(seed, "observations"))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_mean_is_the_network_that_the_state_dict_describes(activation: str) -> None:
    policy, x = make_policy(activation=activation), observations(9)
    np.testing.assert_allclose(policy.mean(x).detach().numpy(), reference_mean(policy, x), atol=1e-5)


def test_act_is_the_mean_clipped_and_without_gradient() -> None:
    policy = make_policy()
    with torch.no_grad():
        policy.head.linear.weight.mul_(20.0)
    action = policy.act(observations(200))
    expected = np.clip(reference_mean(policy, observations(200)), -1.0, 1.0)
    np.testing.assert_allclose(action.numpy(), expected, atol=1e-4)
    assert action.shape == (200, 28)
    assert action.abs().max() == 1.0
    assert not action.requires_grad


@pytest.mark.parametrize(("hidden", "activation"), [((256, 256), "relu"), ((100, 33), "tanh"), ((512,), "silu")])
@pytest.mark.parametrize("threads", [1, 2])
def test_each_row_of_act_depends_on_itself_alone(hidden: tuple[int, ...], activation: str, threads: int) -> None:
    policy, x = make_policy(hidden, activation), observations(200)
    before = torch.get_num_threads()
    alone = torch.cat([policy.act(x[i : i + 1]) for i in range(200)])
    torch.set_num_threads(threads)
    try:
        for rows in (1, 2, 3, 7, 31, 64, 65, 200):
            assert torch.equal(policy.act(x[:rows]), alone[:rows])
        for seed in range(10):
            order = torch.randperm(200, generator=torch_stream(seed))
            assert torch.equal(policy.act(x[order]), alone[order])
    finally:
        torch.set_num_threads(before)


def test_a_row_is_not_touched_by_a_broken_neighbour() -> None:
    policy, x = make_policy(), observations(5)
    alone = policy.act(x)
    x[3] = float("nan")
    assert torch.equal(policy.act(x)[[0, 1, 2, 4]], alone[[0, 1, 2, 4]])


def test_an_empty_batch_gives_an_empty_batch() -> None:
    assert make_policy().act(observations(0)).shape == (0, 28)


def test_act_on_64_worlds_takes_less_than_a_millisecond() -> None:
    policy, x = make_policy((256, 256)), observations(64)
    best = float("inf")
    for _ in range(100):
        start = time.perf_counter()
        policy.act(x)
        best = min(best, time.perf_counter() - start)
    assert best < 1e-3


def test_distribution_is_the_gaussian_written_out() -> None:
    policy, x = make_policy(), observations(6)
    with torch.no_grad():
        policy.head.log_std.uniform_(-2.0, 0.0, generator=torch_stream(3))
    action = torch.rand(6, 28, generator=torch_stream(4)) * 2 - 1
    std = policy.head.log_std.detach().double().exp().numpy()
    z = (action.double().numpy() - reference_mean(policy, x)) / std
    expected = (-0.5 * z**2 - np.log(std) - 0.5 * np.log(2 * np.pi)).sum(axis=1)
    distribution = policy.distribution(x)
    np.testing.assert_allclose(distribution.log_prob(action).detach().numpy(), expected, rtol=1e-5)
    entropy = (0.5 * np.log(2 * np.pi * np.e) + np.log(std)).sum()
    np.testing.assert_allclose(distribution.entropy().detach().numpy(), np.full(6, entropy), rtol=1e-5)


def test_the_width_of_the_head_stays_inside_its_limits() -> None:
    head = make_policy().head
    with torch.no_grad():
        head.log_std.fill_(-100.0)
        head.log_std[0] = 100.0
    assert head.std().log().tolist() == pytest.approx([LOG_STD_LIMITS[1]] + [LOG_STD_LIMITS[0]] * 27)


def test_weights_come_from_the_generator_alone() -> None:
    torch.manual_seed(1)
    first = make_policy(seed=5).state_dict()
    before = torch.random.get_rng_state()
    second, other = make_policy(seed=5).state_dict(), make_policy(seed=6).state_dict()
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["body.layers.0.weight"], other["body.layers.0.weight"])


def test_normaliser_agrees_with_numpy_and_leaves_constant_columns_alone() -> None:
    data = torch.randn(1000, 4, generator=torch_stream(0)) * torch.tensor([1.0, 100.0, 1e-3, 0.0]) + 7.0
    normaliser = Normaliser(4)
    normaliser.fit(data)
    rows = data.double().numpy()
    np.testing.assert_allclose(normaliser.mean.numpy(), rows.mean(0), rtol=1e-6)
    np.testing.assert_allclose(normaliser.std.numpy()[:3], rows.std(0)[:3], rtol=1e-6)
    assert normaliser.std[3] == 1.0
    assert torch.equal(normaliser(data)[:, 3], torch.zeros(1000))


def test_normaliser_bounds_what_a_broken_sensor_can_do() -> None:
    assert Normaliser(2)(torch.tensor([[1e9, -1e9]])).tolist() == [[LIMIT, -LIMIT]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (torch.zeros(0, 2), "N > 0"),
        (torch.zeros(3, 5), r"\(3, 5\)"),
        (torch.tensor([[0.0, float("nan")]]), "finite"),
    ],
)
def test_normaliser_refuses_data_it_cannot_use(data: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Normaliser(2).fit(data)


@pytest.mark.parametrize("columns", [1, 38])
def test_an_observation_of_another_width_is_refused(columns: int) -> None:
    with pytest.raises(ValueError, match=f"expected 39 columns, found {columns}"):
        make_policy().act(torch.zeros(3, columns))


@pytest.mark.parametrize(
    ("sizes", "activation", "message"),
    [((3,), "relu", "two positive"), ((3, 0), "relu", "two positive"), ((3, 2), "gelu", "relu, tanh, elu, silu")],
)
def test_a_body_that_cannot_be_built_says_why(sizes: tuple[int, ...], activation: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MLP(sizes, activation, torch_stream(0))


def test_a_body_is_linear_at_its_end_unless_asked() -> None:
    x = torch.randn(50, 3, generator=torch_stream(1))
    assert MLP((3, 8, 5), "relu", torch_stream(0))(x).min() < 0.0
    assert MLP((3, 8, 5), "relu", torch_stream(0), activate_last=True)(x).min() == 0.0


def test_a_spec_comes_back_from_its_json() -> None:
    spec = make_policy().spec
    assert PolicySpec.from_json(spec.to_json()) == spec


def test_a_policy_needs_the_interfaces_columns_and_a_hidden_layer() -> None:
    spec = make_policy().spec
    other = PolicySpec(spec.observation, Fields([Field("x", 2, "1")]), (8,), "relu", spec.interface, "some-task")
    with pytest.raises(ValueError, match="the interface takes"):
        Policy.build(other, torch_stream(0))
    with pytest.raises(ValueError, match="hidden layer"):
        make_policy(hidden=())


def test_progress_records_are_values() -> None:
    assert Progress("bc", 1, 2) == Progress("bc", 1, 2, 0, {})
