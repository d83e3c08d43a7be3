"""What a policy remembers between control steps: the latest observations, and the chunks that it is acting."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from regrasp.policies.design import Design

FADING = 0.01
"""m of the weights exp(-m·i) in an ensemble; i is 0 for the oldest decision (Zhao et al. 2023, ACT, who use 0.01)."""


class Memory:
    """Of `count` worlds that act side by side; all are at their start.

    Args:
        design: window, chunk and what is acted of it.
        count: B.
        observed: O.
        acted: A.
    """

    def __init__(self, design: Design, count: int, observed: int, acted: int) -> None:
        self._design = design
        self._seen = torch.zeros(count, design.window, observed)
        # The newest chunk first; in an ensemble, as many as still have something to say about now.
        self._chunks = torch.zeros(count, design.chunk if design.ensemble else 1, design.chunk, acted)
        self._steps = torch.zeros(count, dtype=torch.int64)
        self._weights = torch.tensor([math.exp(-FADING * i) for i in range(design.chunk)])

    @property
    def count(self) -> int:
        """B."""
        return len(self._steps)

    def forget(self, worlds: Sequence[int]) -> None:
        """The named worlds are at their start."""
        rows = torch.as_tensor(worlds, dtype=torch.int64)
        self._steps[rows] = 0
        self._chunks[rows] = 0.0

    def tensors(self) -> dict[str, Tensor]:
        """Everything remembered, copied."""
        return {"seen": self._seen.clone(), "chunks": self._chunks.clone(), "steps": self._steps.clone()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from `tensors`, of as many worlds."""
        self._seen, self._chunks, self._steps = (tensors[name].clone() for name in ("seen", "chunks", "steps"))

    def act(
        self, observation: Tensor, decide: Callable[[Tensor], Tensor], worlds: Sequence[int] | None = None
    ) -> Tensor:
        """The next action of every world (B, A), or of those named (b, A), while the others stand still.

        Args:
            observation: (B, O) or (b, O) what these worlds show now.
            decide: windows (N, W, O) → chunks (N, H, A); asked for those worlds alone whose chunk is used up.
            worlds: which, all if None.
        """
        rows = torch.arange(self.count) if worlds is None else torch.as_tensor(worlds, dtype=torch.int64)
        self._see(observation, rows)
        place = self._steps[rows] % self._design.execute
        due = rows[place == 0]
        if len(due):
            self._chunks[due] = self._chunks[due].roll(1, dims=1)
            self._chunks[due, 0] = decide(self._seen[due])
        action = self._ensemble(rows) if self._design.ensemble else self._chunks[rows, 0, place]
        self._steps[rows] += 1
        return action

    def _see(self, observation: Tensor, rows: Tensor) -> None:
        """The latest observation last; before a world's first one, that one stands."""
        self._seen[rows] = torch.cat([self._seen[rows, 1:], observation[:, None]], dim=1)
        first = self._steps[rows] == 0
        self._seen[rows[first]] = observation[first, None]

    def _ensemble(self, rows: Tensor) -> Tensor:
        """Weighted mean of all that was decided for now; added one by one, so that a row does not depend on others."""
        oldest = self._steps[rows].clamp(max=self._design.chunk - 1)
        total, action = torch.zeros(len(rows)), torch.zeros_like(self._chunks[rows, 0, 0])
        for age in range(self._design.chunk):
            weight = self._weights[(oldest - age).clamp(min=0)] * (age <= oldest)
            total += weight
            action += weight[:, None] * self._chunks[rows, age, age]
        return action / total[:, None]
