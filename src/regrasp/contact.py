"""Contact entry, modes, style and slip: pure functions over which regions touch the object at each control step."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

NO_CONTACT = "no contact"


def modes(touching: Tensor) -> Tensor:
    """(..., R) bool → (...) uint8 contact mode; bit i is set when region i touches."""
    weights = 2 ** torch.arange(touching.shape[-1], dtype=torch.uint8)
    return (touching * weights).sum(-1, dtype=torch.uint8)


def regions_of(mode: NDArray[np.uint8], regions: int) -> NDArray[np.bool_]:
    """The inverse of `modes`: (...) uint8 → (..., R) bool."""
    bits: NDArray[np.bool_] = (mode[..., None] >> np.arange(regions)) & 1 == 1
    return bits


def mode_name(mode: int, regions: Sequence[str]) -> str:
    """`thumb+index` of a contact mode; `no contact` of 0."""
    return "+".join(region for bit, region in enumerate(regions) if mode >> bit & 1) or NO_CONTACT


def mode_of(name: str, regions: Sequence[str]) -> int:
    """The inverse of `mode_name`, in any order of regions; ValueError for a region that is none."""
    return sum(1 << regions.index(part) for part in set(name.split("+"))) if name != NO_CONTACT else 0


def stretches(modes: NDArray[np.uint8], stable_steps: int) -> list[int]:
    """The modes, none among them, that last long enough, in order; two of the same kind in a row are one."""
    ends = np.append(np.flatnonzero(np.diff(modes)), len(modes) - 1) if len(modes) else np.empty(0, np.int64)
    lengths = np.diff(ends, prepend=-1)
    kept = modes[ends[lengths >= stable_steps]].tolist()
    return [mode for place, mode in enumerate(kept) if place == 0 or kept[place - 1] != mode]


class ContactEntry:
    """Finds stable contact as steps come in: touching for `stable_steps` consecutive control steps.

    Attributes:
        entry: (B,) int64, first step of the first stable contact, -1 before it.
        run: (B,) int64, consecutive steps in contact up to now.
    """

    def __init__(self, worlds: int, stable_steps: int) -> None:
        self.stable_steps = stable_steps
        self.run = torch.zeros(worlds, dtype=torch.int64)
        self.entry = torch.full((worlds,), -1, dtype=torch.int64)

    def reset(self, worlds: Tensor) -> None:
        """Forget the named worlds."""
        self.run[worlds] = 0
        self.entry[worlds] = -1

    def observe(self, touching: Tensor, step: Tensor) -> None:
        """Take in whether each world touches (B,) at its control step (B,)."""
        self.run = (self.run + 1) * touching
        new = (self.run >= self.stable_steps) & (self.entry < 0)
        self.entry = torch.where(new, step - self.stable_steps + 1, self.entry)

    @property
    def entered(self) -> Tensor:
        """(B,) bool: stable contact has happened."""
        return self.entry >= 0


def style(mode: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Contact style: the distribution (256,) of contact modes over the steps in contact; all zeros without contact."""
    counts: NDArray[np.float64] = np.bincount(mode.ravel(), minlength=256).astype(np.float64)
    counts[0] = 0.0
    counts /= max(counts.sum(), 1.0)
    return counts


def style_distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Jensen–Shannon distance of two styles, in [0, 1] (base 2; Endres and Schindelin 2003)."""
    middle = (first + second) / 2

    def divergence(part: NDArray[np.float64]) -> float:
        seen = part > 0
        return float((part[seen] * np.log2(part[seen] / middle[seen])).sum())

    return float(np.sqrt(max(0.0, (divergence(first) + divergence(second)) / 2)))
