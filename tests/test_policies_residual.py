"""A correction of every design: it begins as none, stays inside its bound, and is one policy in one checkpoint."""

from pathlib import Path
from typing import Any

import pytest
import torch

from regrasp.errors import InputError
from regrasp.policies.checkpoint import load_checkpoint, save_checkpoint
from regrasp.policies.design import Design
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.policies.residual import CorrectionHead, Residual
from regrasp.policies.tensors import tensor_bytes
from regrasp.seeding import torch_stream
from test_policies_combinations import acted, build, cloned, digest, every, rewrite, some_observations, spec_of

LIMIT = 0.3
REMEMBERING = Design("mlp", 3, "flow", 4, 3)


def correcting(base: Policy) -> Policy:
    return Policy.correcting(base, Residual(LIMIT, (16,)), torch_stream(1))


def learned(base: Policy, size: float = 3.0) -> Policy:
    """As if something had been learned, and a lot of it."""
    policy = correcting(base)
    with torch.no_grad():
        policy.head.linear.weight.normal_(0.0, size, generator=torch_stream(2))
    return policy


@every
def test_before_anything_is_learned_it_acts_as_the_clone_to_the_bit(design: Design) -> None:
    base, observations = cloned(design), some_observations(70)
    policy = correcting(base)
    for worlds in (None, [3, 69]):
        for one in (base, policy):
            one.begin(70, worlds)
        for observation in observations:
            assert torch.equal(policy.act(observation), base.act(observation))
    assert torch.equal(policy.std(), base.std())
    assert policy.interface_digest == base.interface_digest


@every
def test_no_action_is_corrected_by_more_than_the_bound(design: Design) -> None:
    base, observations = cloned(design), some_observations(9)
    policy = learned(base)
    away = (acted(policy, observations) - acted(base, observations)).abs()
    assert 0.5 * LIMIT < away.max() <= LIMIT + 1e-6
    assert isinstance(policy.head, CorrectionHead)
    policy.head.bound.fill_(0.01)
    assert (acted(policy, observations) - acted(base, observations)).abs().max() <= 0.01 + 1e-6
    assert acted(policy, 50 * observations).abs().max() <= 1.0


@every
def test_a_checkpoint_of_it_comes_back_to_the_bit(design: Design, tmp_path: Path) -> None:
    policy = learned(cloned(design))
    assert isinstance(policy.head, CorrectionHead)
    policy.head.bound.fill_(0.125)
    first = save_checkpoint(policy, tmp_path / "rl", {"phase": "rl"})
    loaded, manifest = load_checkpoint(tmp_path / "rl")
    assert (loaded.spec, manifest.spec.design, manifest.spec.residual) == (policy.spec, design, Residual(LIMIT, (16,)))
    assert isinstance(loaded.head, CorrectionHead)
    assert (loaded.head.bound.item(), digest(loaded)) == (0.125, digest(policy))
    assert torch.equal(acted(loaded, some_observations(3)), acted(policy, some_observations(3)))
    assert save_checkpoint(loaded, tmp_path / "again", {"phase": "rl"}) == first


@every
def test_a_world_alone_is_that_world_among_others(design: Design) -> None:
    policy, observations = learned(cloned(design), 0.3), some_observations(67)
    together = acted(policy, observations)
    for world in (0, 63, 66):
        assert torch.equal(acted(policy, observations[:, world : world + 1])[:, 0], together[:, world])


@every
def test_worlds_that_begin_later_are_asked_alone(design: Design) -> None:
    policy, observations = cloned(design), some_observations(5)
    whole = acted(policy, observations)
    policy.begin(5)
    policy.act(observations[3])  # of another episode, in all worlds
    policy.begin(5, [1, 4])
    assert torch.equal(policy.act(observations[0][[1, 4]], [1, 4]), whole[0][[1, 4]])
    assert torch.equal(policy.act(observations[1])[[1, 4]], whole[1][[1, 4]])


@every
def test_what_is_remembered_can_be_kept_and_recalled(design: Design) -> None:
    policy, other, observations = learned(cloned(design)), learned(cloned(design)), some_observations(4)
    whole = acted(policy, observations)
    policy.begin(4)
    for observation in observations[:3]:
        policy.act(observation)
    kept = policy.memory()
    acted(policy, observations)  # elsewhere, as when it is judged
    assert bool(kept) == design.remembers
    other.recall(kept)
    for observation, expected in zip(observations[3:], whole[3:], strict=True):
        assert torch.equal(other.act(observation), expected)


def test_the_clone_inside_is_frozen_and_a_copy() -> None:
    base = cloned(REMEMBERING)
    before = digest(base)
    policy = correcting(base)
    learning = {name for name, value in policy.named_parameters() if value.requires_grad}
    assert learning == {name for name, _ in policy.named_parameters() if not name.startswith("base.")}
    inputs = torch.cat([some_observations(8)[0], torch.zeros(8, 3)], dim=1)
    policy.mean(inputs).square().sum().backward()
    with torch.no_grad():
        for value in policy.parameters():
            value.add_(1.0)
    assert digest(base) == before
    assert all(value.requires_grad for value in base.parameters())


def test_it_sees_observations_as_the_clone_does_and_actions_as_they_are() -> None:
    base, policy = cloned(Design()), correcting(cloned(Design()))
    observation, action = some_observations(8)[0], torch.rand(8, 3, generator=torch_stream(4)) * 2 - 1
    seen = policy.normaliser(torch.cat([observation, action], dim=1))
    assert torch.equal(seen, torch.cat([base.normaliser(observation), action], dim=1))
    assert (policy.spec.inputs, base.spec.inputs) == (8, 5)


def test_a_small_correction_does_not_depend_on_the_bound() -> None:
    policy = learned(cloned(Design()), 1e-3)
    features = torch.randn(6, 16 + 3, generator=torch_stream(5))
    assert isinstance(policy.head, CorrectionHead)
    found = []
    for bound in (0.3, 0.6):
        policy.head.bound.fill_(bound)
        found.append(policy.head.correction(features))
    torch.testing.assert_close(*found, rtol=1e-3, atol=1e-6)


def test_the_same_seed_gives_the_same_weights_and_the_default_is_what_it_was() -> None:
    policies = [Policy.correcting(build(Design()), Residual(LIMIT, (8, 8)), torch_stream(seed)) for seed in (0, 0, 1)]
    first, second, other = (tensor_bytes(one.state_dict()) for one in policies)
    assert first == second != other
    assert not any("base" in name or "bound" in name for name in build(Design()).state_dict())
    assert PolicySpec.from_json(policies[0].spec.to_json()) == policies[0].spec
    assert "residual" not in spec_of(Design("mlp", 2)).to_json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"limit": 0.0}, "must be above 0 and at most 2, not 0.0"),
        ({"limit": 3}, "must be above 0 and at most 2, not 3"),
        ({"hidden": []}, "at least one hidden layer"),
        ({"hidden": [0]}, "positive widths"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    given = {"limit": LIMIT, "hidden": [16]} | change

    def make() -> Policy:
        residual = Residual(given["limit"], tuple(given["hidden"]))
        return Policy.correcting(build(Design()), residual, torch_stream(0))

    with pytest.raises(ValueError, match=message):
        make()
    save_checkpoint(correcting(build(Design())), tmp_path / "rl", {})
    rewrite(tmp_path / "rl", {"residual": given})
    with pytest.raises(InputError, match=r"manifest.json: spec: found no policy can be made of it .*" + message):
        load_checkpoint(tmp_path / "rl")


def test_weights_without_the_clone_are_refused(tmp_path: Path) -> None:
    save_checkpoint(build(Design()), tmp_path / "bc", {})
    rewrite(tmp_path / "bc", {"residual": {"limit": LIMIT, "hidden": [16]}})
    with pytest.raises(InputError, match=r"model.safetensors: found no tensor base\.body"):
        load_checkpoint(tmp_path / "bc")
