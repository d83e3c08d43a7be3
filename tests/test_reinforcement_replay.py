"""Replay and batched critics: against returns worked out by hand, and separate modules."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from regrasp.reinforcement.critics import Critics, follow, products_in, target_of
from regrasp.reinforcement.replay import Replay, Steps, windows
from regrasp.seeding import torch_stream


def steps_of(reward: list[list[float]], ended: list[list[int]], final: list[list[int]], first: int = 0) -> Steps:
    """(T, B) of rewards; what is seen is 10·t + world, counted from `first`."""
    shape = len(reward), len(reward[0])
    seen = (10.0 * torch.arange(first, first + shape[0])[:, None] + torch.arange(shape[1]))[:, :, None]
    blank = torch.zeros(*shape, 2)
    flags = [torch.tensor(each, dtype=torch.bool) for each in (final, ended)]
    return Steps(seen, blank, blank, torch.tensor(reward), seen + 0.5, flags[0], flags[1])


def test_returns_over_three_steps_by_hand() -> None:
    # World 0 times out after its second step, world 1 terminates after its third.
    rewards = [[1.0, 8.0], [2.0, 4.0], [3.0, 2.0], [5.0, 1.0], [7.0, 3.0]]
    ended = [[0, 0], [1, 0], [0, 1], [0, 0], [0, 0]]
    final = [[0, 0], [0, 0], [0, 1], [0, 0], [0, 0]]
    found = windows(steps_of(rewards, ended, final), 3, 0.5)
    expected = [
        # world 0, world 1 at each of the three steps whose windows are complete
        (1 + 0.5 * 2, 0.25, 10.5), (8 + 0.5 * 4 + 0.25 * 2, 0.0, 21.5),
        (2, 0.5, 10.5), (4 + 0.5 * 2, 0.0, 21.5),
        (3 + 0.5 * 5 + 0.25 * 7, 0.125, 40.5), (2, 0.0, 21.5),
    ]  # fmt: skip
    assert found.seen.flatten().tolist() == [0, 1, 10, 11, 20, 21]
    torch.testing.assert_close(found.reward, torch.tensor([row[0] for row in expected]))
    assert found.discount.tolist() == [row[1] for row in expected]
    assert found.next_seen.flatten().tolist() == [row[2] for row in expected]


def pieces(lengths: list[int], generator: np.random.Generator) -> Iterator[Steps]:
    begun = 0
    for length in lengths:
        ended = generator.random((length, 2)) < 0.3
        final = ended & (generator.random((length, 2)) < 0.5)
        yield steps_of(generator.normal(size=(length, 2)).tolist(), ended.tolist(), final.tolist(), begun)
        begun += length


def test_the_replay_joins_segments_and_goes_on_from_what_it_saved() -> None:
    parts = list(pieces([2, 1, 4, 3, 2], np.random.default_rng(0)))
    whole = parts[0]
    for part in parts[1:]:
        whole = part.after(whole)
    replay, again = (Replay(100, 3, 0.9) for _ in range(2))
    for part in parts[:3]:
        replay.add(part)
    again.restore({name: value.clone() for name, value in replay.save().items()})
    for part in parts[3:]:
        replay.add(part)
        again.add(part)
    expected = windows(whole, 3, 0.9)
    assert replay.size == len(expected) == 20
    for kept in (replay, again):
        for name, value in vars(expected).items():
            torch.testing.assert_close(getattr(kept.all(), name), value)
    sampled = (kept.sample(7, torch_stream(1)).seen for kept in (replay, again))
    assert torch.equal(*sampled)


def test_the_oldest_make_room() -> None:
    replay = Replay(5, 1, 0.9)
    for first in range(4):
        replay.add(steps_of([[0.0, 0.0]], [[0, 0]], [[0, 0]], first))
    assert replay.size == 5
    assert sorted(replay.all().seen.flatten().tolist()) == [11, 20, 21, 30, 31]
    with pytest.raises(ValueError, match="nothing was added"):
        Replay(5, 1, 0.9).sample(1, torch_stream(0))


def test_batched_critics_are_separate_networks() -> None:
    critics = Critics(5, 2, (7, 6), 3, torch_stream(0))
    seen, action = torch.randn(4, 5, generator=torch_stream(1)), torch.randn(4, 2, generator=torch_stream(2))
    found = critics(seen, action)
    for one in range(3):
        layers: list[nn.Module] = []
        for place, (weight, bias) in enumerate(zip(critics.weights, critics.biases, strict=True)):
            linear = nn.Linear(weight.shape[1], weight.shape[2])
            linear.load_state_dict({"weight": weight[one].T, "bias": bias[one, 0]})
            last = place == len(critics.weights) - 1
            layers += [linear] if last else [linear, nn.LayerNorm(weight.shape[2]), nn.ReLU()]
        own = nn.Sequential(*layers)(torch.cat([seen, action], 1)).squeeze(1)
        torch.testing.assert_close(found[one], own)
        torch.testing.assert_close(critics(seen, action, slice(one, one + 1))[0], own)


def test_bfloat16_says_nearly_the_same_and_changes_no_weight() -> None:
    fine, coarse = (Critics(40, 8, (64, 64), 2, torch_stream(0), one) for one in (torch.float32, torch.bfloat16))
    seen, action = torch.randn(128, 40, generator=torch_stream(1)), torch.rand(128, 8, generator=torch_stream(2))
    slopes = []
    for critics in (fine, coarse):
        value = critics(seen, action)
        assert value.dtype == torch.float32
        found = torch.autograd.grad((value - 1.0).square().sum(), list(critics.parameters()))
        assert {each.dtype for each in (*found, *critics.parameters())} == {torch.float32}
        slopes.append(torch.cat([each.flatten() for each in found]))
    torch.testing.assert_close(coarse(seen, action), fine(seen, action), atol=0.01, rtol=0.0)
    assert not torch.equal(coarse(seen, action), fine(seen, action))
    assert torch.cosine_similarity(*slopes, dim=0) > 0.999
    torch.testing.assert_close(coarse(seen, action, slice(1, 2))[0], coarse(seen, action)[1])


def test_what_is_computed_in_is_said_or_goes_by_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [products_in(each) for each in ("float32", "bfloat16")] == [torch.float32, torch.bfloat16]
    for able, expected in (({"avx512_bf16": True}, torch.bfloat16), ({"avx2": True}, torch.float32)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able)
        assert products_in("auto") is expected


def test_the_smaller_of_two_critics_counts() -> None:
    seen, action = torch.randn(6, 5, generator=torch_stream(1)), torch.randn(6, 2, generator=torch_stream(2))
    two = Critics(5, 2, (7,), 2, torch_stream(0))
    assert torch.equal(two.lowest(seen, action, torch_stream(3)), two(seen, action).amin(0))
    four = Critics(5, 2, (7,), 4, torch_stream(0))
    values = four(seen, action)
    pairs = [values[[a, b]].amin(0) for a in range(4) for b in range(a)]
    drawn = {
        next(k for k, pair in enumerate(pairs) if torch.allclose(pair, found))
        for found in lowest_of(four, seen, action)
    }
    assert len(drawn) > 3


def lowest_of(critics: Critics, seen: Tensor, action: Tensor) -> list[Tensor]:
    generator = torch_stream(3)
    return [critics.lowest(seen, action, generator) for _ in range(30)]


def test_the_target_follows() -> None:
    critics = Critics(3, 1, (4,), 2, torch_stream(0))
    target = target_of(critics)
    before = target.weights[0].clone()
    with torch.no_grad():
        critics.weights[0] += 1.0
    follow(target, critics, 0.25)
    torch.testing.assert_close(target.weights[0], before + 0.25)
    assert not any(value.requires_grad for value in target.parameters())
