"""Rotations as judges and tasks need them: quaternions are wxyz, of unit length."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def multiply(left: Tensor, right: Tensor) -> Tensor:
    """(B, 4) product of quaternions (B, 4), wxyz."""
    w, x, y, z = left.unbind(1)
    a, b, c, d = right.unbind(1)
    product = (
        w * a - x * b - y * c - z * d,
        w * b + x * a + y * d - z * c,
        w * c - x * d + y * a + z * b,
        w * d + x * c - y * b + z * a,
    )
    return torch.stack(product, dim=1)


def conjugate(quaternion: Tensor) -> Tensor:
    """(B, 4) the opposite rotation."""
    return quaternion * quaternion.new_tensor([1.0, -1.0, -1.0, -1.0])


def two_columns(quaternion: Tensor) -> Tensor:
    """(B, 6) first two columns of the rotation matrices of (B, 4): continuous, unlike angles (Zhou et al. 2019)."""
    w, x, y, z = quaternion.unbind(1)
    first = (1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y))
    second = (2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x))
    return torch.stack([*first, *second], dim=1)


def rotate(quaternion: Tensor, vector: Tensor) -> Tensor:
    """(B, 3) vectors (B, 3) turned by quaternions (B, 4)."""
    axis = quaternion[:, 1:]
    half: Tensor = 2.0 * torch.linalg.cross(axis, vector)
    turned: Tensor = vector + quaternion[:, :1] * half + torch.linalg.cross(axis, half)
    return turned


def from_axis_angle(axis: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 4) quaternions that turn by angles (n,) [rad] about unit axes (n, 3)."""
    return np.concatenate([np.cos(angle / 2)[:, None], axis * np.sin(angle / 2)[:, None]], axis=1)


def random_quaternions(count: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """(n, 4) orientations, uniform over all."""
    draws: NDArray[np.float64] = generator.standard_normal((count, 4))
    draws /= np.linalg.norm(draws, axis=1, keepdims=True)
    return draws
