"""Solids that object families are made of: outlines in the plane, prisms over them, hulls of random corners."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from regrasp.simulation.shapes import Part, Vector

QUARTER_X = (0.70711, 0.70711, 0.0, 0.0)
"""A quarter turn about x: the part's y axis becomes z."""
QUARTER_Y = (0.70711, 0.0, 0.70711, 0.0)
"""A quarter turn about y: the part's z axis becomes x."""


def rounded(values: Iterable[float]) -> tuple[float, ...]:
    """Five significant digits: what an object file holds, the same on every machine."""
    return tuple(float(f"{value:.5g}") + 0.0 for value in values)


def vector(values: Iterable[float]) -> Vector:
    """Three numbers, rounded."""
    x, y, z = rounded(values)
    return x, y, z


def box(half: Iterable[float], position: Iterable[float] = (0.0, 0.0, 0.0)) -> Part:
    """A box of half extents (3,)."""
    return Part("box", rounded(half), vector(position))


def polygon(corners: int) -> NDArray[np.float64]:
    """(corners, 2) corners on the unit circle, an edge towards −y."""
    angles = 2 * np.pi * (np.arange(corners) + 0.5) / corners - np.pi / 2
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def fitted(outline: NDArray[np.float64], half: NDArray[np.float64]) -> NDArray[np.float64]:
    """An outline (n, 2), stretched and moved until it fills the rectangle of half extents (2,)."""
    lower, upper = outline.min(0), outline.max(0)
    return np.asarray((2 * outline - lower - upper) / (upper - lower) * half)


def prism(outline: NDArray[np.float64], half_height: float) -> Part:
    """The hull of an outline (n, 2) [m] below and above the middle."""
    return hull((x, y, z) for z in (-half_height, half_height) for x, y in outline)


def hull(points: Iterable[Iterable[float]]) -> Part:
    """The convex hull of points [m] as a mesh."""
    return Part("mesh", (), vertices=tuple(vector(point) for point in points))


def random_hull(half: NDArray[np.float64], generator: np.random.Generator) -> Part:
    """The hull of three rings of random corners in the box of half extents (3,); its bottom and top are flat."""
    rings = []
    for height, least, most in ((-1.0, 0.7, 0.95), (generator.uniform(-0.3, 0.3), 0.95, 1.1), (1.0, 0.5, 0.9)):
        count = int(generator.integers(5, 8))
        angles = 2 * np.pi * (np.arange(count) + generator.uniform(-0.3, 0.3, count)) / count + generator.uniform(0, 6)
        radius = generator.uniform(least, most, count)
        rings.append(np.stack([radius * np.cos(angles), radius * np.sin(angles), np.full(count, height)], axis=1))
    points = np.concatenate(rings)
    points[:, :2] = fitted(points[:, :2], half[:2])
    points[:, 2] *= half[2]
    return hull(points)
