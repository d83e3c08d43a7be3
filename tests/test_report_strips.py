"""Strips of episodes: labels that never meet, and bars where the contacts are."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

from regrasp.report.images import COLOURS, RESOLUTION
from regrasp.report.strips import EpisodeStrip, draw_strips

NAMES = ("contact_entry", "disturbed", "lost", "recovered", "success", "dropped")


def make(marks: dict[str, float], touching: np.ndarray | None = None) -> EpisodeStrip:
    white = np.full((30, 40, 3), 255, np.uint8)
    rows = np.zeros((101, 2), bool) if touching is None else touching
    frames = [(time, white) for time in np.linspace(0, 2, 8).tolist()]
    return EpisodeStrip("Episode 0", "", frames, ("thumb", "palm"), rows, marks)


@given(st.dictionaries(st.sampled_from(NAMES), st.floats(0, 2)))
def test_no_label_meets_another_label_or_the_line_of_another_mark(marks: dict[str, float]) -> None:
    strip = make(marks)
    labels = strip.labels
    assert sorted(time for time, *_ in labels) == sorted(marks.values())
    assert strip.height >= make({}).height
    for one, other in combinations(sorted(labels), 2):
        # The left one's label reaches to the right at its level; the right one's line rises up to its own.
        text = len(one[2]) * 0.075 / strip.inches_per_second
        assert one[1] > other[1] or other[0] > one[0] + text or (one[0] == other[0] and one[1] != other[1])


def test_bars_and_marks_are_where_they_belong(tmp_path: Path) -> None:
    touching = np.zeros((101, 2), bool)
    touching[50:76, 0] = True
    strip = make({"lost": 1.0}, touching)
    path = tmp_path / "strip.png"
    path.write_bytes(draw_strips([strip]))
    picture = (imread(path)[..., :3] * 255).round().astype(int)
    left = 0.12 + 0.75 + 1.4 / 2

    def columns(colour: str) -> np.ndarray:
        wanted = [int(COLOURS[colour][i : i + 2], 16) for i in (1, 3, 5)]
        found = (np.abs(picture - wanted).max(-1) <= 2).sum(0)
        return (np.flatnonzero(found) / RESOLUTION - left) / strip.inches_per_second

    bar = columns("after")
    assert (bar.min(), bar.max()) == pytest.approx((0.99, 1.51), abs=0.01)
    assert columns("bad").min() == pytest.approx(1.0, abs=0.01)


def test_the_same_strips_give_the_same_bytes() -> None:
    strips = [make({"success": 1.0}), make({})]
    assert draw_strips(strips) == draw_strips(strips)
