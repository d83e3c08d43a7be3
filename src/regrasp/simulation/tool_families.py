"""Tools: a handle along z with its middle in the origin, and a head on its upper end.

Held-out tools have a head that no training tool has, or a pairing of head and handle that is never seen in training.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from regrasp.simulation.shapes import Part
from regrasp.simulation.solids import QUARTER_X, QUARTER_Y, box, fitted, polygon, prism, random_hull

Half = NDArray[np.float64]
Draw = np.random.Generator
Build = Callable[[Half, Draw], tuple[Part, ...]]
Head = Callable[[Draw], tuple[Part, ...]]
"""A head on a plane: its lowest point at z = 0."""

_SUNK = 0.004  # so far a round end goes into what it carries [m]


def _block(generator: Draw) -> tuple[Part, ...]:
    x, y, z = generator.uniform((0.02, 0.015, 0.012), (0.03, 0.025, 0.022))
    return (box((x, y, z), (0, 0, z)),)


def _barrel(generator: Draw) -> tuple[Part, ...]:
    radius, length = generator.uniform((0.015, 0.02), (0.022, 0.03))
    return (Part("cylinder", (radius, length), (0.0, 0.0, radius), QUARTER_Y),)


def _ball(generator: Draw) -> tuple[Part, ...]:
    x, y, z = generator.uniform((0.018, 0.018, 0.015), (0.028, 0.028, 0.025))
    return (Part("ellipsoid", (x, y, z), (0.0, 0.0, z - _SUNK)),)


def _nut(generator: Draw) -> tuple[Part, ...]:
    radius, height = generator.uniform((0.02, 0.01), (0.03, 0.02))
    return (replace(prism(radius * polygon(6), height), position=(0.0, 0.0, height)),)


def _crossbar(generator: Draw) -> tuple[Part, ...]:
    radius, reach = generator.uniform((0.008, 0.026), (0.012, 0.03))
    return (Part("capsule", (radius, reach - radius), (0.0, 0.0, radius), QUARTER_Y),)


def _blade(generator: Draw) -> tuple[Part, ...]:
    x, height, thickness = generator.uniform((0.022, 0.016, 0.006), (0.03, 0.025, 0.01))
    outline = fitted(np.array([(-1.0, -0.5), (-1.0, 0.5), (1.0, -1.0), (1.0, 1.0)]), np.array([x, height]))
    return (replace(prism(outline, thickness), position=(0.0, 0.0, height), quaternion=QUARTER_X),)


def _rock(generator: Draw) -> tuple[Part, ...]:
    half = generator.uniform((0.02, 0.018, 0.018), (0.03, 0.026, 0.026))
    return (replace(random_hull(half, generator), position=(0.0, 0.0, half[2])),)


def _fork(generator: Draw) -> tuple[Part, ...]:
    x, y, bridge, prong = generator.uniform((0.022, 0.01, 0.006, 0.012), (0.03, 0.014, 0.009, 0.018))
    prongs = (box((0.006, y, prong), (side * (x - 0.006), 0, 2 * bridge + prong)) for side in (-1, 1))
    return box((x, y, bridge), (0, 0, bridge)), *prongs


def _round(half: Half) -> Part:
    return Part("cylinder", (half[0], half[2]))


def _square(half: Half) -> Part:
    return box(half)


def _capsule(half: Half) -> Part:
    # The middle stays the origin; the head sinks in a little.
    return Part("capsule", (half[0], half[2] - half[0]))


def _hexagonal(half: Half) -> Part:
    return prism(fitted(polygon(6), half[:2]), half[2])


SEEN_HEADS: dict[str, Head] = {"block": _block, "barrel": _barrel, "ball": _ball, "nut": _nut}
NEW_HEADS: dict[str, Head] = {"crossbar": _crossbar, "blade": _blade, "rock": _rock, "fork": _fork}
HANDLES: dict[str, Callable[[Half], Part]] = {
    "round": _round,
    "square": _square,
    "capsule": _capsule,
    "hexagonal": _hexagonal,
}


def tool_families() -> dict[str, dict[str, tuple[int, Build]]]:
    """Split → family `<handle>_<head>` → (how many, builder from the handle's half extents)."""
    train: dict[str, tuple[int, Build]] = {}
    held_out: dict[str, tuple[int, Build]] = {}
    for row, (head, build_head) in enumerate(SEEN_HEADS.items()):
        for column, handle in enumerate(HANDLES):
            # One pairing per head and per handle is kept from training.
            split, count = (held_out, 1) if column == 3 - row else (train, 2)
            split[f"{handle}_{head}"] = (count, _tool(handle, build_head))
    for name, handle in _new_pairs():
        held_out[f"{handle}_{name}"] = (1, _tool(handle, NEW_HEADS[name]))
    return {"train": train, "held_out": held_out}


def _new_pairs() -> Iterator[tuple[str, str]]:
    handles = list(HANDLES)
    for row, name in enumerate(NEW_HEADS):
        yield name, handles[row]
        yield name, handles[(row + 2) % 4]


def _tool(handle: str, build_head: Head) -> Build:
    def build(half: Half, generator: Draw) -> tuple[Part, ...]:
        lift = half[2] - _SUNK * (handle == "capsule")
        heads = build_head(generator)
        lifted = (replace(part, position=(*part.position[:2], part.position[2] + lift)) for part in heads)
        return HANDLES[handle](half), *lifted

    return build
