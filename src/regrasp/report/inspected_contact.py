"""On the page of a demonstration set: from which directions contact is entered."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from regrasp.report.drawing import LINE, MUTED, canvas, to_svg
from regrasp.report.figures import MODE_COLORS, OTHER_COLOR
from regrasp.report.markup import Html, figure, section, table, tag

Directions = Mapping[str, NDArray[np.float64]]
"""Contact region → (n, 3) unit vectors."""


def approach_section(frames: Mapping[str, Directions], spreads: Sequence[Sequence[str]]) -> Html:
    """The section.

    Args:
        frames: `object` and `world` → directions in it; empty if no episode comes into contact from somewhere.
        spreads: per frame, its name, mean direction, mean resultant length, widest angle.
    """
    if not frames:
        said = "No replay comes into contact from somewhere."
        return section("approach", "Approach directions", tag("p", said))
    said = "How every region that touches at contact entry moves relative to the object, in the 0.1 s before it."
    drawings = []
    for name, directions in frames.items():
        caption = f"Directions of motion in the {name}'s frame, one point per episode and touching region."
        caption += " Equal areas of the picture are equal parts of the sphere; above is +z, in the middle +x."
        drawings.append(figure(_sphere(name, directions, caption), caption))
    head = ["frame", "mean direction", "mean resultant length", "widest angle from it"]
    note = "A mean resultant length of 1 is one direction for all (Mardia and Jupp 2000)."
    found = table("How the directions spread", head, spreads)
    return section(
        "approach", "Approach directions", tag("p", said), tag("div", *drawings, class_="sides"), found, tag("p", note)
    )


def _sphere(name: str, directions: Directions, description: str) -> str:
    """Azimuth against z, which is Lambert's cylindrical projection: it keeps areas."""
    with canvas(210) as (drawing, axes):
        for place, (region, units) in enumerate(directions.items()):
            color = MODE_COLORS[place] if place < len(MODE_COLORS) else OTHER_COLOR
            label = region if place < len(MODE_COLORS) else "_"
            azimuth = np.rad2deg(np.arctan2(units[:, 1], units[:, 0]))
            axes.plot(azimuth, units[:, 2], "o", color=color, markersize=5, alpha=0.75, label=label)
        axes.set_xlim(-180, 180)
        axes.set_ylim(-1.05, 1.05)
        axes.set_xticks([-180, -90, 0, 90, 180], ["−x", "−y", "+x", "+y", "−x"])
        levels = [-90, -45, 0, 45, 90]
        axes.set_yticks(np.sin(np.deg2rad(levels)).tolist(), [f"{level}°" for level in levels])
        axes.axhline(0, color=LINE, linewidth=0.7)
        axes.grid(visible=True)
        axes.set_xlabel("direction in the plane of x and y", color=MUTED)
        axes.set_ylabel("above it", color=MUTED)
        drawing.legend(loc="outside upper left", ncols=2, handletextpad=0.2, columnspacing=1.0, borderpad=0)
        return to_svg(drawing, f"approach-{name}", description)
