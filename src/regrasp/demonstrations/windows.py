"""Windows of observations and chunks of actions, as rows of all control steps one after another."""

from collections.abc import Sequence

import torch
from torch import Tensor


def window_rows(steps: Sequence[int], window: int) -> Tensor:
    """For every control step the rows of the latest observations (N, W), the latest one last.

    An episode's first observation also stands for those before it, as a policy's memory has it.

    Args:
        steps: control steps of each episode; they sum up to N.
        window: W.
    """
    first, _, now = _places(steps)
    return torch.maximum(now[:, None] + torch.arange(1 - window, 1), first[:, None])


def chunk_rows(steps: Sequence[int], chunk: int) -> Tensor:
    """For every control step the rows of its action and of those after it (N, H); an episode's last one is repeated.

    Args:
        steps: control steps of each episode; they sum up to N.
        chunk: H.
    """
    _, last, now = _places(steps)
    return torch.minimum(now[:, None] + torch.arange(chunk), last[:, None])


def _places(steps: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Of every control step: the first and the last row of its episode, and its own (N,)."""
    counts = torch.tensor(steps, dtype=torch.int64)
    ends = counts.cumsum(0)
    return (ends - counts).repeat_interleave(counts), (ends - 1).repeat_interleave(counts), torch.arange(sum(steps))
