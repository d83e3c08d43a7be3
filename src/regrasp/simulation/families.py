"""Object families of each kind of task: whole families, or pairings of head and handle, are kept for `held_out`.

All lengths are in metres. The z axis points up when an object rests; a tool's runs along its handle, a disc's along its
axle. The origin is the middle of the bounding box, of a tool's handle, or of a disc.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from regrasp.seeding import numpy_stream
from regrasp.simulation.shapes import Part, Shape, solid_of
from regrasp.simulation.solids import box, fitted, polygon, prism, random_hull, rounded, vector
from regrasp.simulation.tool_families import tool_families

SEED = 3
"""What the shipped object files were drawn from."""

Half = NDArray[np.float64]
Draw = np.random.Generator
Build = Callable[[Half, Draw], tuple[Part, ...]]


@dataclass(frozen=True)
class Recipe:
    """How the objects of one kind of task are drawn.

    Attributes:
        first: the plain object that the list begins with, one of its family's train objects.
        lower, upper: half extents (3,) are drawn between them [m].
        families: split → family → (how many, its builder from half extents).
        mass: range [kg].
        offset: furthest that the centre of mass lies from that of a solid body [m].
    """

    first: Shape
    lower: tuple[float, float, float]
    upper: tuple[float, float, float]
    families: Mapping[str, Mapping[str, tuple[int, Build]]]
    mass: tuple[float, float]
    offset: float


def shapes_of(kind: str) -> tuple[Shape, ...]:
    """What the shipped object file of a kind of task holds."""
    return draw_shapes(kind, numpy_stream(SEED, "objects", kind))


def draw_shapes(kind: str, generator: Draw) -> tuple[Shape, ...]:
    """The objects of a kind of task, one of `KINDS`: 24 to train on, then 12 held out."""
    recipe = KINDS[kind]
    shapes = [recipe.first]
    for split, families in recipe.families.items():
        for family, (count, build) in families.items():
            for number in range(1 + (family == recipe.first.family), count + 1):
                named = Shape(f"{family}_{number}", family, split, (), 1.0, 1.0)
                shapes.append(_draw_one(recipe, named, build, generator))
    return tuple(shapes)


def _draw_one(recipe: Recipe, named: Shape, build: Build, generator: Draw) -> Shape:
    parts = build(generator.uniform(recipe.lower, recipe.upper), generator)
    solid = replace(named, parts=tuple(_five_digits(part) for part in parts))
    direction = generator.normal(size=3)
    # An ellipsoid rests on a point: a far centre of mass would tip it.
    length = generator.uniform(0.0, recipe.offset) * (0.25 if named.family == "ellipsoid" else 1.0)
    offset = vector(direction / np.linalg.norm(direction) * length)
    mass, friction = generator.uniform(recipe.mass[0], recipe.mass[1]), generator.uniform(0.8, 1.2)
    density, friction = rounded((mass / solid_of(solid).mass, friction))
    return replace(solid, density=density, friction=friction, centre_of_mass=offset)


def _five_digits(part: Part) -> Part:
    return replace(part, size=rounded(part.size), position=vector(part.position))


def _box(half: Half, _: Draw) -> tuple[Part, ...]:
    return (box(half),)


def _cylinder(half: Half, _: Draw) -> tuple[Part, ...]:
    return (Part("cylinder", (half[0], half[2])),)


def _ellipsoid(half: Half, generator: Draw) -> tuple[Part, ...]:
    # Wider than high, so that it rests on its broad side.
    x, y, z = generator.uniform((0.026, 0.026, 0.02), (0.03, 0.03, 0.021))
    return (Part("ellipsoid", (x, y, z)),)


def _prism(corners: int) -> Build:
    return lambda half, _: (prism(fitted(polygon(corners), half[:2]), half[2]),)


def _cut_triangle(half: Half, generator: Draw) -> tuple[Part, ...]:
    cut, corners = generator.uniform(0.12, 0.2), polygon(3)
    outline = [corners[k] + cut * (corners[k - step] - corners[k]) for k in range(3) for step in (1, 2)]
    return (prism(fitted(np.array(outline), half[:2]), half[2]),)


def _l_shape(half: Half, generator: Draw) -> tuple[Part, ...]:
    x, y, z = half
    arm_x, arm_y = generator.uniform(0.4, 0.55, size=2) * (x, y)
    return box((x, arm_y, z), (0, arm_y - y, 0)), box((arm_x, y - arm_y, z), (arm_x - x, arm_y, 0))


def _t_shape(half: Half, generator: Draw) -> tuple[Part, ...]:
    x, y, z = half
    stem, bar = generator.uniform(0.4, 0.55, size=2) * (x, y)
    return box((x, bar, z), (0, y - bar, 0)), box((stem, y - bar, z), (0, -bar, 0))


def _hull_of_l(half: Half, generator: Draw) -> tuple[Part, ...]:
    a, b = generator.uniform(-0.2, 0.1, size=2)
    return (prism(np.array([(-1, -1), (1, -1), (1, b), (a, 1), (-1, 1)]) * half[:2], half[2]),)


def _hull_of_t(half: Half, generator: Draw) -> tuple[Part, ...]:
    stem, bar = generator.uniform((0.4, -0.1), (0.55, 0.2))
    outline = np.array([(-stem, -1), (stem, -1), (1, bar), (1, 1), (-1, 1), (-1, bar)])
    return (prism(outline * half[:2], half[2]),)


def _capped_box(half: Half, generator: Draw) -> tuple[Part, ...]:
    x, y, z = half
    radius = generator.uniform(0.4, 0.5) * x
    caps = (Part("capsule", (radius, z - radius), (side * (x - radius), 0.0, 0.0)) for side in (-1, 1))
    return box((x - radius, y, z)), *caps


def _random_hull(half: Half, generator: Draw) -> tuple[Part, ...]:
    return (random_hull(half, generator),)


def _regular(corners: int) -> Build:
    return lambda half, _: (prism(half[0] * polygon(corners), half[2]),)


def _ellipse(least: float, most: float) -> Build:
    def build(half: Half, generator: Draw) -> tuple[Part, ...]:
        stretch = np.sqrt(generator.uniform(least, most))
        return (prism(half[0] * polygon(24) * (stretch, 1 / stretch), half[2]),)

    return build


def _rounded_square(half: Half, generator: Draw) -> tuple[Part, ...]:
    circle = polygon(32)
    outline = np.sign(circle) * np.abs(circle) ** generator.uniform(0.4, 0.55)
    return (prism(0.92 * half[0] * outline, half[2]),)


_CUBES: dict[str, dict[str, tuple[int, Build]]] = {
    "train": {
        "box": (5, _box),
        "cylinder": (4, _cylinder),
        "hexagonal_prism": (4, _prism(6)),
        "ellipsoid": (3, _ellipsoid),
        "l_shape": (4, _l_shape),
        "hull": (4, _random_hull),
    },
    "held_out": {
        "t_shape": (2, _t_shape),
        "triangular_prism": (2, _cut_triangle),
        "pentagonal_prism": (2, _prism(5)),
        "capped_box": (2, _capped_box),
        "hull_of_l": (2, _hull_of_l),
        "hull_of_t": (2, _hull_of_t),
    },
}
_DISCS: dict[str, dict[str, tuple[int, Build]]] = {
    "train": {
        "cylinder": (8, _cylinder),
        "prism_12": (4, _regular(12)),
        "prism_10": (4, _regular(10)),
        "prism_8": (4, _regular(8)),
        "near_circle": (4, _ellipse(1.03, 1.08)),
    },
    "held_out": {
        "prism_6": (3, _regular(6)),
        "prism_7": (3, _regular(7)),
        "ellipse": (3, _ellipse(1.13, 1.18)),
        "rounded_square": (3, _rounded_square),
    },
}
_CUBE = Shape("cube", "box", "train", (box((0.025, 0.025, 0.025)),), 640.0, 1.0)
_DISC = Shape("disc", "cylinder", "train", (Part("cylinder", (0.04, 0.01)),), 900.0, 1.0)
_MALLET_PARTS = (Part("cylinder", (0.015, 0.07)), box((0.03, 0.02, 0.018), (0.0, 0.0, 0.088)))
_MALLET = Shape("mallet", "round_block", "train", _MALLET_PARTS, 850.0, 1.0)

KINDS: dict[str, Recipe] = {
    "cube-reorient": Recipe(_CUBE, (0.02, 0.02, 0.02), (0.03, 0.03, 0.0275), _CUBES, (0.05, 0.12), 0.004),
    "tool-pickup": Recipe(_MALLET, (0.012, 0.012, 0.06), (0.02, 0.02, 0.09), tool_families(), (0.1, 0.3), 0.005),
    "planar-turn": Recipe(_DISC, (0.035, 0.035, 0.01), (0.045, 0.045, 0.01), _DISCS, (0.06, 0.15), 0.003),
}
"""Kind of task → how its objects are drawn."""
