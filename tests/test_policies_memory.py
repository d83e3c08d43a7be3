"""What a policy remembers, worked by hand: windows, chunks, ensembles, and worlds that begin anew."""

import math

import numpy as np
import pytest
import torch

from regrasp.actor import ActionInterface
from regrasp.demonstrations.windows import chunk_rows, window_rows
from regrasp.fields import Field, Fields
from regrasp.policies.design import Design
from regrasp.policies.memory import Memory
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.seeding import torch_stream


class Counting:
    """Decides, at its n-th call, the chunk 10n, 10n + 1, … for every world; keeps the windows that it was shown."""

    def __init__(self, chunk: int) -> None:
        self.chunk = chunk
        self.seen: list[list[list[float]]] = []

    def __call__(self, windows: torch.Tensor) -> torch.Tensor:
        self.seen.append(windows[:, :, 0].tolist())
        chunk = 10.0 * len(self.seen) + torch.arange(self.chunk)
        return chunk[None, :, None].repeat(len(windows), 1, 1)


def acted(memory: Memory, decide: Counting, *shown: list[float]) -> list[list[float]]:
    """What is acted where worlds show one number each, step after step."""
    return [memory.act(torch.tensor(row)[:, None], decide)[:, 0].tolist() for row in shown]


def test_a_window_begins_with_its_first_observation_repeated() -> None:
    memory, decide = Memory(Design(window=3), 2, 1, 1), Counting(1)
    acted(memory, decide, [1.0, 5.0], [2.0, 6.0], [3.0, 7.0], [4.0, 8.0])
    assert [seen[0] for seen in decide.seen] == [[1, 1, 1], [1, 1, 2], [1, 2, 3], [2, 3, 4]]
    assert [seen[1] for seen in decide.seen] == [[5, 5, 5], [5, 5, 6], [5, 6, 7], [6, 7, 8]]


def test_of_a_chunk_the_first_actions_are_acted() -> None:
    memory, decide = Memory(Design(chunk=4, execute=3), 1, 1, 1), Counting(4)
    assert acted(memory, decide, *[[0.0]] * 7) == [[10], [11], [12], [20], [21], [22], [30]]


def test_with_execute_1_a_chunk_is_decided_at_every_step() -> None:
    memory, decide = Memory(Design(chunk=4), 1, 1, 1), Counting(4)
    assert acted(memory, decide, *[[0.0]] * 3) == [[10], [20], [30]]


def test_an_ensemble_weighs_all_that_was_decided_for_now_the_oldest_most() -> None:
    memory, decide = Memory(Design(chunk=3, ensemble=True), 1, 1, 1), Counting(3)
    w = [math.exp(-0.01 * i) for i in range(3)]
    expected = [
        10.0,
        (w[0] * 11 + w[1] * 20) / (w[0] + w[1]),
        (w[0] * 12 + w[1] * 21 + w[2] * 30) / sum(w),
        (w[0] * 22 + w[1] * 31 + w[2] * 40) / sum(w),
    ]
    assert np.ravel(acted(memory, decide, *[[0.0]] * 4)).tolist() == pytest.approx(expected, rel=1e-6)


def test_a_world_that_begins_anew_forgets_and_the_others_do_not() -> None:
    memory, decide = Memory(Design(window=2, chunk=4, execute=2), 2, 1, 1), Counting(4)
    assert acted(memory, decide, [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]) == [[10, 10], [11, 11], [20, 20]]
    memory.forget([1])
    # World 0 goes on with the chunk 20; world 1 asks for one of its own, from a window that is all of its first.
    assert acted(memory, decide, [4.0, 9.0]) == [[21, 30]]
    assert decide.seen[-1] == [[9.0, 9.0]]
    assert acted(memory, decide, [5.0, 8.0], [6.0, 7.0]) == [[40, 31], [41, 50]]
    assert decide.seen[-2:] == [[[4.0, 5.0]], [[8.0, 7.0]]]


def test_an_ensemble_forgets_what_was_decided_before_the_start() -> None:
    memory, decide = Memory(Design(chunk=3, ensemble=True), 2, 1, 1), Counting(3)
    acted(memory, decide, [0.0, 0.0], [float("nan")] * 2)
    memory.forget(np.array([0]))
    assert acted(memory, decide, [0.0, 0.0])[0] == pytest.approx(
        [30.0, (12 + 21 * math.exp(-0.01) + 30 * math.exp(-0.02)) / (1 + math.exp(-0.01) + math.exp(-0.02))]
    )


def policy_of(design: Design) -> Policy:
    action = Fields([Field("a", 2, "1")])
    interface = ActionInterface(action, (-1.0,) * 2, (1.0,) * 2, 50.0)
    spec = PolicySpec(Fields([Field("o", 3, "m")]), action, (8,), "relu", interface, "some-task", design)
    return Policy.build(spec, torch_stream(0))


def test_a_policy_acts_its_own_clipped_chunks_over_its_own_windows() -> None:
    policy, shown = policy_of(Design(window=2, chunk=3, execute=2)), torch.randn(3, 4, 3, generator=torch_stream(1))
    with torch.no_grad():
        policy.head.linear.weight.mul_(5.0)
    policy.begin(4)
    found = [policy.act(observation) for observation in shown]
    first = policy.mean(torch.stack([shown[0], shown[0]], dim=1)).detach().view(4, 3, 2).clamp(-1, 1)
    later = policy.mean(torch.stack([shown[1], shown[2]], dim=1)).detach().view(4, 3, 2).clamp(-1, 1)
    torch.testing.assert_close(torch.stack(found), torch.stack([first[:, 0], first[:, 1], later[:, 0]]))


def test_begin_tells_how_many_worlds_and_which_are_at_their_start() -> None:
    policy, shown = policy_of(Design(chunk=3, execute=3)), torch.randn(3, 4, 3, generator=torch_stream(1))
    with pytest.raises(ValueError, match="no world, not 4"):
        policy.act(shown[0])
    policy.begin(4)
    first = policy.act(shown[0])
    with pytest.raises(ValueError, match="4 worlds, not 2"):
        policy.act(shown[0, :2])
    with pytest.raises(ValueError, match="4 worlds, not 2"):
        policy.begin(2, [0])
    policy.begin(4, [2])
    again = policy.act(shown[0])
    assert torch.equal(again[2], first[2])
    assert not torch.equal(again[0], first[0])
    policy.begin(4)
    assert torch.equal(policy.act(shown[0]), first)


def test_a_policy_without_memory_needs_no_beginning() -> None:
    policy = policy_of(Design())
    alone = policy.act(torch.ones(2, 3))
    policy.begin(7)
    assert torch.equal(policy.act(torch.ones(2, 3)), alone)


def test_windows_and_chunks_stay_inside_their_episodes() -> None:
    assert window_rows((3, 2), 3).tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 2], [3, 3, 3], [3, 3, 4]]
    assert chunk_rows((3, 2), 3).tolist() == [[0, 1, 2], [1, 2, 2], [2, 2, 2], [3, 4, 4], [4, 4, 4]]
    assert window_rows((2,), 1).tolist() == chunk_rows((2,), 1).tolist() == [[0], [1]]


def test_what_is_learned_from_is_what_is_acted_upon() -> None:
    """A policy's memory lays out the very windows that cloning cuts from an episode."""
    rows = torch.arange(6.0)[:, None]
    memory, decide = Memory(Design(window=4), 1, 1, 1), Counting(1)
    for row in rows:
        memory.act(row[None], decide)
    assert [seen[0] for seen in decide.seen] == rows[window_rows((6,), 4)][..., 0].tolist()
