"""Experience kept for off-policy learning: n-step transitions of all worlds in arrays of a fixed size."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Steps:
    """T control steps of B worlds in order; every tensor is (T, B, …).

    Attributes:
        seen: (T, B, P) what the critics see when the action is chosen.
        action: (T, B, A) as applied, in [-1, 1].
        proposal: (T, B, A) what the clone would have done.
        reward: (T, B) of the step, scaled.
        next_seen: after the step, before any reset.
        final: (T, B) bool, nothing is bootstrapped after this step: it terminated, or its worth is in its reward.
        ended: (T, B) bool, the world was reset after this step, for whatever reason; a time-out is bootstrapped.
    """

    seen: Tensor
    action: Tensor
    proposal: Tensor
    reward: Tensor
    next_seen: Tensor
    final: Tensor
    ended: Tensor

    def part(self, first: int, last: int) -> "Steps":
        """Steps `first` to `last`, without the last."""
        return Steps(*(getattr(self, one.name)[first:last] for one in fields(self)))

    def after(self, earlier: "Steps") -> "Steps":
        """`earlier` and these behind it."""
        return Steps(*(torch.cat([getattr(earlier, one.name), getattr(self, one.name)]) for one in fields(self)))


@dataclass(frozen=True)
class Transitions:
    """N transitions; every tensor is (N, …).

    Attributes:
        seen, action, proposal: as in `Steps`.
        reward: the discounted sum over the window.
        next_seen: at the window's end.
        discount: factor on the value at the window's end; 0 where nothing follows.
    """

    seen: Tensor
    action: Tensor
    proposal: Tensor
    reward: Tensor
    next_seen: Tensor
    discount: Tensor

    def rows(self, index: Tensor) -> "Transitions":
        """Some of them."""
        return Transitions(*(getattr(self, one.name).index_select(0, index) for one in fields(self)))

    def beside(self, others: "Transitions") -> "Transitions":
        """These, then the others."""
        return Transitions(*(torch.cat([getattr(self, one.name), getattr(others, one.name)]) for one in fields(self)))

    def __len__(self) -> int:
        return len(self.reward)


def windows(steps: Steps, length: int, discount: float) -> Transitions:
    """n-step returns (Sutton 1988; in deep learning Hessel et al. 2018): a window ends early where its episode does.

    Args:
        steps: T of them. The last `length` - 1 only complete the windows of those before.
        length: n, at least 1.
        discount: γ.

    Returns:
        (T - n + 1) · B transitions, in order of time, then world.
    """
    begins = max(0, len(steps.reward) - length + 1)
    reward = torch.zeros_like(steps.reward[:begins])
    running = torch.ones_like(reward, dtype=torch.bool)
    last = torch.arange(begins)[:, None].expand(reward.shape).clone()
    for ahead in range(length):
        reward += discount**ahead * running * steps.reward[ahead : begins + ahead]
        last += running if ahead else 0
        running = running & ~steps.ended[ahead : begins + ahead]
    taken = last - torch.arange(begins)[:, None] + 1
    world = torch.arange(reward.shape[1]).expand(reward.shape)
    return Transitions(
        seen=steps.seen[:begins].flatten(0, 1),
        action=steps.action[:begins].flatten(0, 1),
        proposal=steps.proposal[:begins].flatten(0, 1),
        reward=reward.flatten(),
        next_seen=steps.next_seen[last, world].flatten(0, 1),
        discount=(discount**taken * ~steps.final[last, world]).flatten().to(reward.dtype),
    )


class Replay:
    """The latest transitions of B worlds, drawn uniformly.

    Args:
        capacity: transitions kept; the oldest make room.
        length: n of the n-step returns.
        discount: γ.
    """

    def __init__(self, capacity: int, length: int, discount: float) -> None:
        self.capacity, self.length, self.discount = capacity, length, discount
        self.size = 0
        self._next = 0
        self._kept: Transitions | None = None
        self._waiting: Steps | None = None

    def add(self, steps: Steps) -> None:
        """Steps that follow those added before, world by world; windows not yet complete wait for the next."""
        joined = steps if self._waiting is None else steps.after(self._waiting)
        complete = windows(joined, self.length, self.discount)
        self._waiting = joined.part(len(complete) // joined.reward.shape[1], len(joined.reward))
        self._store(complete)

    def _store(self, new: Transitions) -> None:
        if self._kept is None:
            self._kept = _empty(new, self.capacity)
        places = torch.arange(self._next, self._next + len(new)) % self.capacity
        for one in fields(Transitions):
            getattr(self._kept, one.name)[places] = getattr(new, one.name)
        self._next = int(self._next + len(new)) % self.capacity
        self.size = min(self.size + len(new), self.capacity)

    def sample(self, count: int, generator: torch.Generator) -> Transitions:
        """`count` of them, with replacement.

        Raises:
            ValueError: there are none yet.
        """
        if self._kept is None or not self.size:
            raise ValueError("nothing was added yet")
        return self._kept.rows(torch.randint(self.size, (count,), generator=generator))

    def all(self) -> Transitions:
        """Everything kept, in the order of the arrays.

        Raises:
            ValueError: there are none yet.
        """
        if self._kept is None:
            raise ValueError("nothing was added yet")
        return Transitions(*(getattr(self._kept, one.name)[: self.size] for one in fields(Transitions)))

    def save(self) -> dict[str, Tensor]:
        """Everything that the next sample and the next addition depend on; shares memory with the replay."""
        saved = {"place": torch.tensor([self.size, self._next])}
        for part, rows in (("kept", self.all() if self._kept else None), ("waiting", self._waiting)):
            saved |= {f"{part}/{one.name}": getattr(rows, one.name) for one in fields(rows)} if rows else {}
        return saved

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        """Continue from what `save` returned."""
        self.size, self._next = (int(number) for number in saved["place"])
        self._kept = self._waiting = None
        if "kept/reward" in saved:
            kept = Transitions(**{one.name: saved[f"kept/{one.name}"] for one in fields(Transitions)})
            self._kept = _empty(kept, self.capacity)
            for one in fields(Transitions):
                getattr(self._kept, one.name)[: self.size] = getattr(kept, one.name)
        if "waiting/reward" in saved:
            self._waiting = Steps(**{one.name: saved[f"waiting/{one.name}"].clone() for one in fields(Steps)})


def _empty(like: Transitions, capacity: int) -> Transitions:
    shapes = {one.name: getattr(like, one.name) for one in fields(Transitions)}
    return replace(like, **{name: value.new_zeros(capacity, *value.shape[1:]) for name, value in shapes.items()})
