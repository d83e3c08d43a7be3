"""Episodes at a glance: pictures in a row, and under them on one time line who touched when and what happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from regrasp.report.images import COLOURS, Sheet, sheet

_MARKS = {
    "contact_entry": ("contact entry", "after"),
    "disturbed": ("disturbed", "before"),
    "lost": ("lost", "bad"),
    "recovered": ("recovered", "good"),
    "success": ("success", "good"),
    "dropped": ("dropped", "bad"),
}
"""Mark → its label and the name of its colour."""
# All in inches.
_LEFT, _RIGHT, _EDGE, _FRAME, _GAP = 0.75, 0.35, 0.12, 1.4, 0.05
_TITLE, _REGION, _LABEL, _TICKS, _BETWEEN = 0.3, 0.15, 0.16, 0.3, 0.2
_LETTER = 0.075


@dataclass(frozen=True)
class EpisodeStrip:
    """One episode to draw.

    Attributes:
        title, note: its name, and what else to say in the same line.
        frames: (time [s], (H, W, 3) RGB), evenly spaced from the first to the last state.
        regions: names of the contact regions.
        touching: (T + 1, R) bool, which region touches in each state; evenly spaced, as the frames are.
        marks: mark → time [s].
    """

    title: str
    note: str
    frames: Sequence[tuple[float, NDArray[np.uint8]]]
    regions: Sequence[str]
    touching: NDArray[np.bool_]
    marks: Mapping[str, float]

    @property
    def width(self) -> float:
        """Of all its pictures [in]."""
        return len(self.frames) * (_FRAME + _GAP) - _GAP

    @property
    def picture_height(self) -> float:
        """[in]."""
        rows, columns = self.frames[0][1].shape[:2]
        return float(_FRAME * rows / columns)

    @property
    def seconds(self) -> float:
        """From its first state to its last."""
        return self.frames[-1][0]

    @property
    def inches_per_second(self) -> float:
        """The time line begins under the middle of the first picture and ends under that of the last."""
        return (self.width - _FRAME) / self.seconds

    @property
    def labels(self) -> list[tuple[float, int, str, str]]:
        """Time, level above the time line, label and colour of each mark; no label meets another or another's line."""
        placed: list[tuple[float, int, str, str]] = []
        for name, time in sorted(self.marks.items(), key=lambda item: item[1], reverse=True):
            label, colour = _MARKS.get(name, (name.replace("_", " "), "ink"))
            reach = time + (len(label) + 2) * _LETTER / self.inches_per_second
            level = 1 + max((level for other, level, *_ in placed if other <= reach), default=-1)
            placed.append((time, level, label, COLOURS[colour]))
        return placed

    @property
    def height(self) -> float:
        """Of everything [in]."""
        levels = 1 + max((level for _, level, *_ in self.labels), default=-1)
        bars = len(self.regions) * _REGION
        return _TITLE + self.picture_height + (levels + 0.7) * _LABEL + bars + _TICKS


def draw_strips(strips: Sequence[EpisodeStrip]) -> bytes:
    """The episodes one under the other, as PNG."""
    width = _EDGE + _LEFT + max(strip.width for strip in strips) + _RIGHT
    height = sum(strip.height + _BETWEEN for strip in strips) - _BETWEEN + 2 * _EDGE
    with sheet(width, height) as page:
        y = _EDGE
        for strip in strips:
            _draw(page, strip, y)
            y += strip.height + _BETWEEN
        return page.to_png()


def _draw(page: Sheet, strip: EpisodeStrip, y: float) -> None:
    page.text(_EDGE, y, strip.title, weight="bold", fontsize=11)
    page.text(_EDGE + _LEFT + 0.35, y + 0.02, strip.note, color=COLOURS["muted"])
    left, top = _EDGE + _LEFT, y + _TITLE
    for place, (_, pixels) in enumerate(strip.frames):
        page.picture(left + place * (_FRAME + _GAP), top, _FRAME, strip.picture_height, pixels)
    bars = len(strip.regions) * _REGION
    begin = y + strip.height - _TICKS - bars
    axes = page.axes(left + _FRAME / 2, begin, strip.width - _FRAME, bars)
    _bars(axes, strip)
    for time, level, label, colour in strip.labels:
        above = (level + 0.6) * _LABEL / _REGION
        axes.plot([time, time], [len(strip.regions), -above], color=colour, linewidth=1.3, clip_on=False, zorder=3)
        shift = 0.04 / strip.inches_per_second
        axes.text(time + shift, -above, label, color=colour, fontsize=8.5, va="center", weight="bold")


def _bars(axes: Axes, strip: EpisodeStrip) -> None:
    rows, count = strip.touching.shape
    period = strip.seconds / (rows - 1)
    for region in range(count):
        edges = np.flatnonzero(np.diff(strip.touching[:, region], prepend=False, append=False))
        spans = edges.reshape(-1, 2) - 0.5
        inside = np.clip(spans, 0, rows - 1) * period
        axes.broken_barh([(a, b - a) for a, b in inside], (region + 0.15, 0.7), color=COLOURS["after"], linewidth=0)
    axes.set_xlim(0, strip.seconds)
    axes.set_ylim(count, 0)
    axes.set_yticks(np.arange(count) + 0.5, strip.regions, fontsize=8.5)
    times = [time for time, _ in strip.frames]
    axes.set_xticks(times, [f"{time:.2f} s" for time in times], fontsize=8.5)
    axes.tick_params(length=0, pad=3)
    axes.grid(axis="x", color=COLOURS["line"], linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
