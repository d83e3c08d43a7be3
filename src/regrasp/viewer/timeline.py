"""An episode's time line as a picture: how hard each contact region presses and touches, and what happened when."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

_LEFT, _WIDTH, _ROW, _GAP, _LABEL, _TICKS = 52, 300, 16, 4, 11, 14
"""Pixels: column of names, drawing, row of a region, between rows, line of a mark's label, line of the times."""
_LETTER = 5.2
_TOUCH, _FORCE, _NOW = "#f6cdb8", "#cf4f1c", "#1c4fd8"
_COLOURS = {
    "disturbed": "#b45309",
    "lost": "#b91c1c",
    "dropped": "#b91c1c",
    "recovered": "#15803d",
    "success": "#15803d",
}
_INK = "#444"


def draw(
    regions: Sequence[str],
    touching: NDArray[np.bool_],
    forces: NDArray[np.float64],
    marks: Mapping[str, int],
    period: float,
    row: int,
) -> str:
    """An SVG picture.

    Args:
        regions: names of the R contact regions.
        touching: (T + 1, R), pale where a region touches.
        forces: (T + 1, R) how hard it presses [N]; all regions on one scale.
        marks: mark → row of the state in which it shows.
        period: between two states [s].
        row: the state that is shown, drawn as a line.
    """
    last = max(len(touching) - 1, 1)
    labels = _labels(marks, last)
    top = (1 + max((level for *_, level in labels), default=-1)) * _LABEL + 4
    bottom = top + len(regions) * (_ROW + _GAP)
    strongest = float(forces.max(initial=0.0))
    parts = []
    for number, region in enumerate(regions):
        base = top + number * (_ROW + _GAP) + _ROW
        parts.append(_text(_LEFT - 4, base - 4, region, _INK, "end"))
        parts += _bands(touching[:, number], base, last)
        parts.append(_area(forces[:, number] / max(strongest, 1e-9), base, last))
    names = []
    for name, at, level in labels:
        colour, x, y = _COLOURS.get(name, _INK), _x(at, last), top - 4 - level * _LABEL
        parts.append(_line(x, y - 2, bottom, colour, 1))
        end = x > _LEFT + _WIDTH * 0.6
        names.append(_text(x + (-2 if end else 2), y, name.replace("_", " "), colour, "end" if end else "start"))
    # Over the lines of the others, which would cross them out.
    parts += names
    parts.append(_line(_x(row, last), top - 2, bottom, _NOW, 2))
    parts.append(_text(_LEFT, bottom + 10, "0 s", _INK))
    parts.append(_text(_LEFT + _WIDTH, bottom + 10, f"{last * period:.1f} s", _INK, "end"))
    parts.append(_text(_LEFT + _WIDTH / 2, bottom + 10, f"highest {strongest:.1f} N", _INK, "middle"))
    size = f"{_LEFT + _WIDTH + 6} {bottom + _TICKS}"
    words = "Contacts, contact forces and marks over time"
    return f'<svg viewBox="0 0 {size}" width="100%" role="img" aria-label="{words}">{"".join(parts)}</svg>'


def _x(row: float, last: int) -> float:
    return round(_LEFT + _WIDTH * row / last, 1)


def _labels(marks: Mapping[str, int], last: int) -> list[tuple[str, int, int]]:
    """Mark, row and level above the drawing, so that no two labels meet."""
    placed: list[tuple[str, int, int]] = []
    for name, at in sorted(marks.items(), key=lambda item: item[1]):
        x, reach = _x(at, last), (len(name) + 2) * _LETTER
        near = [level for _, other, level in placed if abs(_x(other, last) - x) < 2 * reach]
        placed.append((name, at, next(level for level in range(len(placed) + 1) if level not in near)))
    return placed


def _bands(touching: NDArray[np.bool_], base: float, last: int) -> list[str]:
    """Rectangles over the stretches in which a region touches."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], touching, [False]]).astype(np.int8)))
    rectangles = []
    for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        left, right = _x(first, last), _x(min(end, last), last)
        size = f'width="{max(right - left, 1):.1f}" height="{_ROW}"'
        rectangles.append(f'<rect x="{left}" y="{base - _ROW}" {size} fill="{_TOUCH}"/>')
    return rectangles


def _area(shares: NDArray[np.float64], base: float, last: int) -> str:
    """A filled curve of values in [0, 1], one point per state."""
    points = [f"{_x(row, last)},{base - _ROW * share:.1f}" for row, share in enumerate(shares.tolist())]
    return f'<polygon points="{_LEFT},{base} {" ".join(points)} {_LEFT + _WIDTH},{base}" fill="{_FORCE}"/>'


def _line(x: float, y: float, to: float, colour: str, width: float) -> str:
    return f'<line x1="{x}" x2="{x}" y1="{y}" y2="{to}" stroke="{colour}" stroke-width="{width}"/>'


def _text(x: float, y: float, text: str, colour: str, anchor: str = "start") -> str:
    where = f'x="{x}" y="{y}" text-anchor="{anchor}"'
    halo = 'paint-order="stroke" stroke="white" stroke-width="3"'
    return f'<text {where} font-size="10" font-family="sans-serif" fill="{colour}" {halo}>{escape(text)}</text>'
