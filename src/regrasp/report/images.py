"""Sheets of pictures as PNG: places in inches, the page's colours on light paper."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from regrasp.report.style import STYLE

COLOURS = dict(re.findall(r"--([\w-]+):(#\w+)", STYLE.partition("@media")[0]))
"""The page's light colours by name: `ink`, `muted`, `line`, `before`, `after`, `good`, `bad`, …"""
RESOLUTION = 130
"""Pixels per inch."""
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": COLOURS["ink"],
    "text.parse_math": False,
    "axes.edgecolor": COLOURS["line"],
    "axes.facecolor": "none",
    "xtick.color": COLOURS["muted"],
    "ytick.color": COLOURS["muted"],
}


class Sheet:
    """A page to put pictures, text and axes on; (x, y) are inches from its upper left corner."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._figure = Figure(figsize=(width, height), facecolor=COLOURS["card"])

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Axes whose frame has its upper left corner at (x, y)."""
        bottom = 1 - (y + height) / self.height
        return self._figure.add_axes((x / self.width, bottom, width / self.width, height / self.height))

    def picture(self, x: float, y: float, width: float, height: float, pixels: NDArray[np.uint8]) -> None:
        """(H, W, 3) RGB."""
        axes = self.axes(x, y, width, height)
        axes.imshow(pixels, aspect="auto", interpolation="antialiased")
        axes.set_axis_off()

    def text(self, x: float, y: float, text: str, **style: Any) -> None:
        """One line, its top at y."""
        self._figure.text(x / self.width, 1 - y / self.height, text, va="top", **style)

    def to_png(self) -> bytes:
        """The page; the same content gives the same bytes."""
        buffer = io.BytesIO()
        self._figure.savefig(buffer, format="png", dpi=RESOLUTION, metadata={"Software": None})
        return buffer.getvalue()


@contextmanager
def sheet(width: float, height: float) -> Iterator[Sheet]:
    """A page in the report's style, to draw on and to save inside."""
    with mpl.rc_context(_STYLE):
        yield Sheet(width, height)
