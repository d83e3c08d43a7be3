"""The numbers behind the drawings, and the drawings' own rules."""

import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest

import report_example as example
from regrasp.panel.statistics import rate_from_counts
from regrasp.report.drawing import canvas, to_jpeg, to_svg
from regrasp.report.figures import RateRow, frequent_modes, mode_codes, mode_shares, modes_figure, rates_figure
from regrasp.report.learning import curve_figure, curves, stretches
from regrasp.store.curves import CurvePoint
from regrasp.trial import Trial


def trial(*modes: int) -> Trial:
    return replace(example.trials(False, 0)[0], modes=bytes(modes))


def test_mode_codes_end_where_trials_end() -> None:
    codes = mode_codes([trial(0, 1, 3), trial(2)])
    assert codes.tolist() == [[0, 1, 3], [2, -1, -1]]


def test_mode_shares_count_steps_in_contact_only() -> None:
    assert mode_shares([trial(0, 0, 1, 3), trial(3, 3)]) == {1: 0.25, 3: 0.75}
    assert mode_shares([trial(0, 0)]) == {}


def test_frequent_modes_weigh_policies_equally() -> None:
    # 100 steps of mode 1 against 4 of mode 2: as shares of each policy's contact both are 1.
    assert frequent_modes([[trial(*[1] * 100)], [trial(2, 2, 2, 4)]]) == [1, 2, 4]


def test_drawings_are_xml_in_the_colours_of_the_page() -> None:
    rows = [RateRow("a < b & c", {"cloned": rate_from_counts(3, 10), "fine-tuned": rate_from_counts(0, 0)})]
    svg = rates_figure(rows, "one", 'says "x" & <y>')
    root = ET.fromstring(svg.replace("xlink:", ""))
    assert root.get("aria-label") == 'says "x" & <y>'
    assert "a < b & c" in "".join(root.itertext())
    assert "var(--before)" in svg
    assert "#0404" not in svg
    assert root.get("width") is None
    assert all(element.get("id", "one-").startswith("one-") for element in root.iter())


def test_drawing_leaves_matplotlib_as_it_was() -> None:
    before = dict(mpl.rcParams)
    modes_figure([trial(0, 1, 3)], [1, 3], 100.0, "modes", "")
    assert dict(mpl.rcParams) == before


def test_pictures_become_jpeg() -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    assert to_jpeg(pixels).startswith("data:image/jpeg;base64,/9j/")


def test_axis_of_learning_runs_through_the_phases() -> None:
    progress = [CurvePoint("bc", step, 4, 0, {"loss": 1.0}, 0.0) for step in (1, 2, 3, 4)]
    progress += [CurvePoint("rl", step, 4, 100 * step, {"loss": 1.0}, 0.0) for step in (1, 2, 3, 4)]
    cloning, tuning = stretches(progress)
    assert (cloning.left, cloning.right, tuning.right) == pytest.approx((0.0, 0.5, 1.0))
    assert (cloning.end, tuning.end) == (4, 400)
    assert cloning.place(progress[1]) == pytest.approx(0.25)
    assert tuning.place(progress[7]) == pytest.approx(1.0)


def test_second_round_of_a_phase_begins_where_the_first_ended() -> None:
    phases = ["bc", "bc", "gate", "bc", "bc"]
    progress = [CurvePoint(phase, step, 4, 0, {}, 0.0) for phase, step in zip(phases, (1, 2, 0, 3, 4), strict=True)]
    first, _, second = stretches(progress)
    assert (first.begin, first.end, second.begin, second.end) == (0, 2, 2, 4)
    assert second.place(progress[3]) == pytest.approx((second.left + second.right) / 2)


def test_curves_tell_the_story_first_and_drop_what_was_never_finite() -> None:
    progress = [*example.progress(), CurvePoint("rl", 121, 121, 10, {"broken": math.nan}, 0.0)]
    told, others = curves(progress)
    assert [curve.names for curve in told] == [
        ("success", "contact_entry"),
        ("return",),
        ("loss",),
        ("lambda_bc",),
        ("kl",),
        ("disturbed",),
    ]
    assert [curve.names[0] for curve in others] == ["learning_rate", "entropy", "clip_fraction"]


def test_curve_marks_phases_and_gate() -> None:
    progress = example.progress()
    told, _ = curves(progress)
    svg = curve_figure(told[1], stretches(progress), "return", "")
    for words in ("cloning", "gate", "fine-tuning", "4\N{NARROW NO-BREAK SPACE}k updates", "steps"):
        assert f">{words}" in svg or words in svg


def test_canvas_of_one_name_gives_one_text() -> None:
    texts = []
    for _ in range(2):
        with canvas(80) as (figure, axes):
            axes.plot([0, 1], [0, 1])
            texts.append(to_svg(figure, "same", ""))
    assert texts[0] == texts[1]
