"""From Matplotlib figures to SVG text, and from pixels to data URIs, both for pasting into a page."""

import base64
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imsave
from numpy.typing import NDArray

# Matplotlib draws with these stand-ins; in the page they become CSS variables: one drawing serves light and dark.
_VARIABLES = {"#010101": "ink", "#020202": "muted", "#030303": "line", "#040404": "before", "#050505": "after"}
INK, MUTED, LINE, BEFORE, AFTER = _VARIABLES
WIDTH = 360
"""Natural width of a drawing [CSS pixels]: about a phone's, where its text then has its natural size."""
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "text.color": INK,
    "text.parse_math": False,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11.5,
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "svg.fonttype": "none",
}


@contextmanager
def canvas(height: float) -> Iterator[tuple[Figure, Axes]]:
    """One pair of axes to draw on, `WIDTH` wide and `height` high [CSS pixels], in the page's style."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH / 72, height / 72), layout="constrained")
        yield figure, figure.subplots()


def to_svg(figure: Figure, name: str, description: str) -> str:
    """The drawing as an SVG element that scales with its box.

    Args:
        figure: made inside `canvas`, and still inside it.
        name: unique in the page; every identifier in the SVG carries it, because a page has one name space.
        description: what a reader who cannot see it should know; plain text.
    """
    buffer = io.StringIO()
    # A fixed salt and no date make the same figure the same text.
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    content = re.search(r'viewBox="([^"]*)".*?</defs>(.*)</svg>', buffer.getvalue(), re.DOTALL)
    assert content is not None
    view, text = content.groups()
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    for color, variable in _VARIABLES.items():
        text = text.replace(color, f"var(--{variable})")
    return f'<svg role="img" aria-label="{escape(description)}" viewBox="{view}">{text.strip()}</svg>'


def to_jpeg(pixels: NDArray[np.uint8]) -> str:
    """(H, W, 3) RGB as a JPEG data URI."""
    buffer = io.BytesIO()
    imsave(buffer, pixels, format="jpeg", pil_kwargs={"quality": 82, "optimize": True})
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
