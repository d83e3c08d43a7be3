"""Every body with every head, alone and with windows and chunks: one contract for all of them."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from regrasp.actor import ActionInterface
from regrasp.errors import InputError
from regrasp.fields import Field, Fields, digest_of
from regrasp.imitation.cloning import CloningConfig, CloningState, clone
from regrasp.policies.checkpoint import load_checkpoint, save_checkpoint
from regrasp.policies.design import BODIES, HEADS, Design
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.policies.tensors import read_tensors, tensor_bytes, write_tensors
from regrasp.seeding import torch_stream

WINDOWS = {"mlp": (1, 3), "transformer": (3,)}
AHEAD: tuple[dict[str, Any], ...] = ({}, {"chunk": 4, "execute": 2}, {"chunk": 3, "ensemble": True})
DESIGNS = [
    Design(body, window, head, **ahead)  # type: ignore[arg-type]
    for body in BODIES
    for window in WINDOWS[body]
    for head in HEADS
    for ahead in AHEAD
] + [Design(head="flow", sampled=True), Design("transformer", 3, "flow", 4, 2, sampled=True)]
ACTION = Fields([Field("a", 3, "1")])
INTERFACE = ActionInterface(ACTION, (-1.0,) * 3, (1.0,) * 3, 50.0)
CONFIG = CloningConfig(updates=30, batch_size=32, learning_rate=3e-3, hidden=(16, 16), report_every=15)
STEPS = (40, 25, 35)
every = pytest.mark.parametrize(
    "design",
    DESIGNS,
    ids=lambda d: f"{d.body}{d.window}-{d.head}{d.chunk}.{d.execute}{'e' * d.ensemble}{'s' * d.sampled}",
)


def spec_of(design: Design) -> PolicySpec:
    return PolicySpec(Fields([Field("o", 5, "m")]), ACTION, CONFIG.hidden, "relu", INTERFACE, "some-task", design)


def build(design: Design, seed: int = 0) -> Policy:
    return Policy.build(spec_of(design), torch_stream(seed))


def demonstrated() -> tuple[torch.Tensor, torch.Tensor]:
    time = torch.cat([torch.linspace(0, 3, steps) + 0.4 * number for number, steps in enumerate(STEPS)])
    observations = torch.stack([time.sin(), time.cos(), (2 * time).sin(), time, time**2], dim=1)
    return observations, 0.8 * torch.stack([time.cos(), (1.5 * time).sin(), (time - 2).tanh()], dim=1)


def cloned(design: Design, seed: int = 0, updates: int = 10, **more: Any) -> Policy:
    policy = build(design, seed)
    list(clone(policy, *demonstrated(), replace(CONFIG, updates=updates, **more), seed, steps=STEPS))
    return policy


def digest(policy: Policy) -> str:
    return hashlib.sha256(tensor_bytes(policy.state_dict())).hexdigest()


def acted(policy: Policy, observations: torch.Tensor) -> torch.Tensor:
    """Observations (T, B, O) in a row → actions (T, B, A)."""
    policy.begin(observations.shape[1])
    return torch.stack([policy.act(observation) for observation in observations])


def some_observations(worlds: int, steps: int = 6) -> torch.Tensor:
    return torch.randn(steps, worlds, 5, generator=torch_stream(9)) + 1.0


@every
def test_the_loss_falls_and_what_is_acted_resembles_what_was_shown(design: Design) -> None:
    policy, (observations, actions) = build(design), demonstrated()
    config = replace(CONFIG, updates=280, observation_noise=0.0, report_every=40)
    losses = [r.values["loss"] for r in clone(policy, observations, actions, config, 0, steps=STEPS)]
    assert losses[-1] < losses[0] - 0.4 * abs(losses[0])
    episode = acted(policy, observations[: STEPS[0], None])[:, 0]
    # What a sampled flow acts is spread around what was shown; its weights are those of the flow tested beside it.
    assert design.sampled or (episode - actions[: STEPS[0]]).square().mean() < 0.15 * actions.var()
    assert policy.head.std().max() < 0.6


@every
def test_a_checkpoint_comes_back_to_the_bit(design: Design, tmp_path: Path) -> None:
    policy = cloned(design)
    first = save_checkpoint(policy, tmp_path / "bc", {"phase": "bc"})
    loaded, manifest = load_checkpoint(tmp_path / "bc")
    assert (loaded.spec, manifest.spec.design, manifest.digest) == (policy.spec, design, first)
    assert digest(loaded) == digest(policy)
    assert torch.equal(acted(loaded, some_observations(3)), acted(policy, some_observations(3)))
    assert save_checkpoint(loaded, tmp_path / "again", {"phase": "bc"}) == first


@every
def test_the_same_seed_gives_the_same_weights(design: Design) -> None:
    before = torch.random.get_rng_state()
    assert digest(cloned(design)) == digest(cloned(design)) != digest(cloned(design, seed=1))
    assert torch.equal(before, torch.random.get_rng_state())


@every
def test_a_world_alone_is_that_world_among_others_to_the_bit(design: Design) -> None:
    policy, observations = cloned(design), some_observations(130)
    together = acted(policy, observations)
    assert together.shape == (6, 130, 3)
    assert together.abs().max() <= 1.0
    for world in (0, 1, 63, 64, 129):
        assert torch.equal(acted(policy, observations[:, world : world + 1])[:, 0], together[:, world])
    order = torch.randperm(130, generator=torch_stream(2))
    assert torch.equal(acted(policy, observations[:, order]), together[:, order])
    broken = observations.clone()
    broken[:, 5] = float("nan")
    assert torch.equal(acted(policy, broken)[:, 6:], together[:, 6:])


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("head", HEADS)
def test_wide_rows_depend_on_themselves_alone(body: Any, head: Any) -> None:
    """Large products are split differently from small ones."""
    action = Fields([Field("a", 28, "1")])
    interface = ActionInterface(action, (-1.0,) * 28, (1.0,) * 28, 50.0)
    design = Design(body, 8, head, 8)
    spec = PolicySpec(Fields([Field("o", 39, "m")]), action, (100, 100), "silu", interface, "some-task", design)
    policy, before = Policy.build(spec, torch_stream(0)), torch.get_num_threads()
    windows = torch.randn(130, 8, 39, generator=torch_stream(1))
    whole = policy.fixed_mean(windows)
    assert torch.equal(torch.cat([policy.fixed_mean(windows[row : row + 1]) for row in range(0, 130, 7)]), whole[::7])
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            order = torch.randperm(130, generator=torch_stream(threads))[: 130 - 31 * threads]
            assert torch.equal(policy.fixed_mean(windows[order]), whole[order])
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    "design", [Design("transformer", 3, "flow", 4, 2), Design("mlp", 3, "mixture", 3, ensemble=True)]
)
@pytest.mark.parametrize("kill_after", [1, 2, 3])
def test_killed_and_continued_equals_uninterrupted(design: Design, kill_after: int, tmp_path: Path) -> None:
    whole, policy = build(design), build(design)
    state, other_state = CloningState(), CloningState()
    for number in range(2):
        list(clone(whole, *demonstrated(), CONFIG, 0, other_state, number, STEPS))
    rounds = [clone(policy, *demonstrated(), CONFIG, 0, state, number, STEPS) for number in range(2)]
    for _ in range(kill_after):
        next(rounds[0] if state.updates < CONFIG.updates else rounds[1])
    weights = {f"policy.{name}": value for name, value in policy.state_dict().items()}
    write_tensors(tmp_path / "state", weights | state.to_tensors())
    kept, again = read_tensors(tmp_path / "state"), build(design, 99)
    again.load_state_dict({n.removeprefix("policy."): t for n, t in kept.items() if n.startswith("policy.")})
    left = CloningState.from_tensors(kept)
    for number in range(kill_after // 2, 2):
        list(clone(again, *demonstrated(), CONFIG, 0, left, number, STEPS))
    assert digest(again) == digest(whole)


def test_a_mixture_keeps_apart_what_a_mean_confuses() -> None:
    """Left or right are shown, straight ahead never is."""
    observations = torch.randn(400, 5, generator=torch_stream(3))
    side = torch.where(torch.rand(400, generator=torch_stream(4)) < 0.7, 0.5, -0.5)
    actions = side[:, None] * torch.ones(3)
    found = {}
    for head in ("gaussian", "mixture"):
        policy = build(Design(head=head))  # type: ignore[arg-type]
        list(clone(policy, observations, actions, replace(CONFIG, updates=300), 0, steps=(400,)))
        found[head] = policy.act(torch.randn(50, 5, generator=torch_stream(5)))
    assert found["gaussian"].max() < 0.45
    torch.testing.assert_close(found["mixture"], torch.full((50, 3), 0.5), atol=0.1, rtol=0.0)


def test_a_flow_carries_noise_to_what_was_shown() -> None:
    """On either side of the noise lies one of two actions: both are found, in the shares that were shown."""
    observations = torch.zeros(400, 5)
    actions = torch.where(torch.arange(400) % 4 < 3, 0.5, -0.5)[:, None] * torch.ones(3)
    policy = Policy.build(replace(spec_of(Design(head="flow")), hidden=(64,)), torch_stream(0))
    config = CloningConfig(updates=600, batch_size=128, learning_rate=1e-2, observation_noise=0.0)
    list(clone(policy, observations, actions, config, 0, steps=(400,)))
    head: Any = policy.head
    features = policy.features(observations)
    with torch.no_grad():
        point = torch.randn(400, 3, generator=torch_stream(6))
        for step in range(10):
            point = point + head.velocity(features, point, torch.full((400, 1), step / 10)) / 10
    found = head.scale.restored(point)
    torch.testing.assert_close(policy.act(observations), torch.full((400, 3), 0.5), atol=0.05, rtol=0.0)
    near = torch.minimum((found - 0.5).abs(), (found + 0.5).abs()).amax(1) < 0.15
    assert near.float().mean() > 0.85
    assert (found[:, 0] > 0).float().mean() == pytest.approx(0.75, abs=0.08)


def test_a_sampled_flow_begins_at_noise_that_follows_from_the_observation() -> None:
    policy, zero = cloned(Design(head="flow", sampled=True)), cloned(Design(head="flow"))
    assert digest(policy) == digest(zero)
    head: Any = policy.head
    seen = torch.randn(20000, 5, generator=torch_stream(3))
    noise = head.noise(seen)
    assert len(noise.unique(dim=0)) == 1024
    assert torch.equal(noise, torch.cat([head.noise(part) for part in seen.split(999)]))
    assert not torch.equal(head.noise(torch.nextafter(seen[:1], seen[:1] + 1)), noise[:1])
    near = torch.stack([torch.linspace(0.1, 0.10001, 300), *torch.ones(4, 300)], dim=1)
    assert head.noise(near).std(0).min() > 0.8
    assert (noise.mean(0).abs().max(), noise.std()) == (pytest.approx(0, abs=0.1), pytest.approx(1, abs=0.05))
    few = seen[:7]
    with torch.no_grad():
        expected = head.carried(policy.features(few), head.noise(few)).clamp(-1, 1)
    torch.testing.assert_close(policy.act(few), expected)
    torch.testing.assert_close(head.carried(policy.features(few), torch.zeros(7, 3)), zero.mean(few))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"body": "rnn"}, "no body 'rnn'; valid names: mlp, transformer"),
        ({"head": "diffusion"}, "no head 'diffusion'; valid names: gaussian, mixture, flow"),
        ({"window": 0}, "window must be a whole number from 1 to 64, not 0"),
        ({"chunk": 65}, "chunk must be a whole number from 1 to 64, not 65"),
        ({"chunk": 2.0}, "chunk must be a whole number"),
        ({"ensemble": 1}, "ensemble must be true or false, not 1"),
        ({"chunk": 4, "execute": 5}, "execute must not be above chunk"),
        ({"ensemble": True}, "ensemble needs a chunk of 2 or more"),
        ({"chunk": 4, "execute": 2, "ensemble": True}, "ensemble needs .* execute 1"),
        ({"body": "transformer"}, "a transformer needs a window of 2 or more"),
        ({"head": "mixture", "sampled": True}, "sampled needs the head flow: a mixture decides without noise"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        Design(**change)
    save_checkpoint(build(Design()), tmp_path / "bc", {})
    rewrite(tmp_path / "bc", change)
    with pytest.raises(InputError, match=f"manifest.json: spec: found no policy can be made of it .*{message}"):
        load_checkpoint(tmp_path / "bc")


@pytest.mark.parametrize(("hidden", "expected"), [((16, 32), "equal"), ((18, 18), "multiple of 4"), ((), "at least")])
def test_widths_that_a_body_cannot_have_are_refused(hidden: tuple[int, ...], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        Policy.build(replace(spec_of(Design("transformer", 3)), hidden=hidden), torch_stream(0))
    with pytest.raises(ValueError, match=expected):
        CloningConfig(hidden=hidden, design=Design("transformer", 3))


def test_the_weights_of_another_design_are_refused(tmp_path: Path) -> None:
    save_checkpoint(build(Design()), tmp_path / "bc", {})
    rewrite(tmp_path / "bc", {"head": "flow"})
    with pytest.raises(InputError, match=r"no tensor head\.field\.layers\.0\.bias"):
        load_checkpoint(tmp_path / "bc")


def rewrite(folder: Path, change: dict[str, Any]) -> None:
    """A manifest that is consistent in itself but describes another policy."""
    content = json.loads((folder / "manifest.json").read_text())
    content["spec"] |= change
    content["digest"] = digest_of({key: value for key, value in content.items() if key != "digest"})
    (folder / "manifest.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def test_the_default_design_is_described_as_before_there_were_others() -> None:
    """So a checkpoint made then, and the same policy saved today, have one digest."""
    assert sorted(spec_of(Design()).to_json()) == ["action", "activation", "hidden", "interface", "observation", "task"]
    other = spec_of(Design("transformer", 4, "flow", 8, 4))
    assert PolicySpec.from_json(json.loads(json.dumps(other.to_json()))) == other


def test_only_a_gaussian_has_a_distribution() -> None:
    assert build(Design(chunk=4)).distribution(torch.zeros(2, 5)).log_prob(torch.zeros(2, 12)).shape == (2,)
    with pytest.raises(ValueError, match="head 'flow' has no Gaussian"):
        build(Design(head="flow")).distribution(torch.zeros(1, 5))
