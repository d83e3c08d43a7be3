"""A small transformer over the latest observations (Vaswani et al. 2017; normalised first, as Xiong et al. 2020).

Layer normalisation has no weights of its own, as the linear layer behind each one can express them. Attention is
written out rather than fused, so that a row gives the same bits in any batch.
"""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import layer_norm

from regrasp.policies.bodies import MLP, initialised_linear
from regrasp.policies.design import ATTENTION_HEADS

WIDER = 2
"""Width of a block's own hidden layer, in widths of the block."""


class Transformer(nn.Module):
    """Windows of observations → features of the latest one, which has seen all others.

    Args:
        columns: O.
        window: W.
        hidden: one width for every block, all equal and divided by `ATTENTION_HEADS`.
        activation: a key of `regrasp.policies.bodies.ACTIVATIONS`.
        generator: where the initial weights come from.
    """

    def __init__(
        self, columns: int, window: int, hidden: Sequence[int], activation: str, generator: torch.Generator
    ) -> None:
        super().__init__()
        width = hidden[0]
        self.embedding = initialised_linear(columns, width, generator)
        self.positions = nn.Parameter(torch.empty(window, width))
        with torch.no_grad():
            self.positions.normal_(0.0, 1.0 / math.sqrt(width), generator=generator)
        self.blocks = nn.ModuleList(_Block(width, activation, generator) for _ in hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalised observations (…, W, O), the latest one last → features (…, F)."""
        x = self.embedding(x) + self.positions
        for number, block in enumerate(self.blocks, 1):
            # After the last block nobody reads the earlier observations any more.
            x = block(x, x[..., -1:, :] if number == len(self.blocks) else x)
        return _normalised(x.squeeze(-2))


class _Block(nn.Module):
    """Attention, then an MLP, each added to what it reads."""

    def __init__(self, width: int, activation: str, generator: torch.Generator) -> None:
        super().__init__()
        self.asks = initialised_linear(width, width, generator)
        self.answers = initialised_linear(width, 2 * width, generator)
        self.joins = initialised_linear(width, width, generator)
        self.mlp = MLP((width, WIDER * width, width), activation, generator)

    def forward(self, x: torch.Tensor, read: torch.Tensor) -> torch.Tensor:
        """All of a window (…, W, F), and those in it that go on (…, Q, F) → (…, Q, F)."""
        read = read + self._attention(_normalised(x), _normalised(read))
        added: torch.Tensor = self.mlp(_normalised(read))
        return read.add(added)

    def _attention(self, x: torch.Tensor, read: torch.Tensor) -> torch.Tensor:
        keys, values = (_apart(part) for part in self.answers(x).chunk(2, dim=-1))
        queries = _apart(self.asks(read))
        fitting = queries @ keys.transpose(-2, -1) / math.sqrt(queries.shape[-1])
        found = fitting.softmax(-1) @ values
        attended: torch.Tensor = self.joins(found.transpose(-3, -2).flatten(-2))
        return attended


def _apart(x: torch.Tensor) -> torch.Tensor:
    """(…, W, F) → one part for each attention head (…, heads, W, F / heads)."""
    parts: torch.Tensor = x.unflatten(-1, (ATTENTION_HEADS, -1))
    return parts.transpose(-3, -2)


def _normalised(x: torch.Tensor) -> torch.Tensor:
    return layer_norm(x, x.shape[-1:])
