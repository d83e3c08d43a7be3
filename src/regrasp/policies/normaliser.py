"""Normalisation that travels with the weights, so that training and evaluation cannot disagree about it."""

import torch
from torch import nn

LIMIT = 10.0
"""Normalised values are clipped to ±LIMIT: a sensor gone wild moves the action by a bounded amount."""

SMALLEST_STD = 1e-6
"""A column that varies less than this was constant; its own units are then as good as any (std 1)."""


class Normaliser(nn.Module):
    """(x - mean) / std per column, clipped to ±`LIMIT`; `mean` and `std` are buffers and hence in the state dict.

    Args:
        size: number of columns; mean 0 and std 1 until `fit`.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))

    def fit(self, data: torch.Tensor) -> None:
        """Take mean and standard deviation of the rows of `data` (N, size), in float64, independent of thread count.

        Raises:
            ValueError: another width, no row, or a value that is not finite.
        """
        if data.ndim != 2 or data.shape[1] != self.mean.shape[0] or len(data) == 0:
            raise ValueError(f"expected (N > 0, {self.mean.shape[0]}) data, found {tuple(data.shape)}")
        if not bool(torch.isfinite(data).all()):
            raise ValueError("data to normalise by must be finite")
        # numpy adds rows one after another; torch splits the sum by thread, which changes the last bits
        rows = data.detach().double().cpu().numpy()
        std = torch.from_numpy(rows.std(axis=0)).float()
        self.mean.copy_(torch.from_numpy(rows.mean(axis=0)).float())
        self.std.copy_(torch.where(std > SMALLEST_STD, std, torch.ones_like(std)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Raw (…, size) → normalised (…, size), in standard deviations.

        Raises:
            ValueError: another width (a width of 1 would otherwise be broadcast in silence).
        """
        return self.scaled(x).clamp(-LIMIT, LIMIT)

    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        """As `forward`, not clipped."""
        if x.shape[-1] != self.mean.shape[0]:
            raise ValueError(f"expected {self.mean.shape[0]} columns, found {x.shape[-1]}")
        return (x - self.mean) / self.std

    def restored(self, x: torch.Tensor) -> torch.Tensor:
        """The inverse of `scaled`: (…, size) in standard deviations → (…, size) in its own units."""
        return x * self.std + self.mean
