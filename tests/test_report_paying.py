"""Whether demonstrations pay, from learning curves made by hand."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

import report_example as example
from regrasp.panel.statistics import Rate, rate_from_counts
from regrasp.report.page import render_page
from regrasp.report.paying import Paying, course, weigh
from regrasp.report.record import Alone, RunRecord
from regrasp.report.verdict import verdict
from regrasp.report.without import how_to_find_out, paying, paying_data, paying_lines
from regrasp.store.curves import CurvePoint

THIN = "\N{NARROW NO-BREAK SPACE}"
CLONE = rate_from_counts(25, 100)


def curve(checks: Mapping[int, float], iterations: int = 10, of: int = 10) -> list[CurvePoint]:
    """1000 control steps per iteration; success at some of them."""
    return [
        CurvePoint("rl", i, of, 1000 * i, {"kl": 0.0} | ({"success_held": checks[i]} if i in checks else {}), 0.0)
        for i in range(1, iterations + 1)
    ]


def weighed(
    loop: list[CurvePoint], alone: list[CurvePoint], clone: Rate | None = CLONE, cases: int = 64
) -> tuple[Paying, str]:
    found = weigh(course(loop, "success_held", cases, clone), course(alone, "success_held", cases), "held success")
    return found, found.sentence.replace(THIN, " ")


def test_fewer_samples_for_the_same_success_pay() -> None:
    found, sentence = weighed(curve({4: 0.75, 8: 0.9, 10: 1.0}), curve({4: 0.1, 8: 0.5, 10: 0.75}))
    assert (found.answer, found.target, found.steps_with, found.steps_without) == ("pay", 0.75, 4000, 10000)
    assert found.ratio == pytest.approx(0.4)
    assert sentence == (
        "The demonstrations pay: the best without them is held success 75 % (48/64) after 10 k control steps; "
        "the loop had that after 4 k control steps, 0.4 times as many."
    )


def test_the_first_of_equal_checks_is_the_best() -> None:
    found, _ = weighed(curve({8: 0.75}), curve({4: 0.75, 10: 0.75}))
    assert (found.steps_without, found.steps_with, found.ratio) == (4000, 8000, 2.0)


def test_more_samples_do_not_pay() -> None:
    found, sentence = weighed(curve({4: 0.5, 8: 0.75}), curve({4: 0.75}))
    assert found.answer == "do not pay"
    assert sentence.startswith("The demonstrations do not pay here: the best without them is held success 75 % (48/64)")


def test_never_reaching_it_does_not_pay_unless_the_loop_is_shorter() -> None:
    found, sentence = weighed(curve({4: 0.5, 8: 0.5}), curve({4: 0.75}))
    assert (found.answer, found.steps_with, found.ratio) == ("do not pay", None, None)
    assert "which the loop has not reached in its 10 k control steps" in sentence
    assert weighed(curve({2: 0.5}, iterations=3), curve({4: 0.75}))[0].answer == "undecided"


def test_the_same_check_is_undecided() -> None:
    found, sentence = weighed(curve({4: 0.9}), curve({4: 0.75}))
    assert (found.answer, found.ratio) == ("undecided", 1.0)
    assert "at the same check" in sentence


def test_nothing_beyond_the_clone_pays_only_if_the_counts_show_it() -> None:
    found, sentence = weighed(curve({4: 0.5, 10: 1.0}), curve({4: 0.0, 10: 0.125}))
    assert (found.answer, found.steps_with, found.ratio) == ("pay", 0, None)
    assert sentence == (
        "The demonstrations pay: without demonstrations held success is at best 12.5 % (8/64) in 10 k control steps; "
        "the clone alone has 25 % (25/100), and the loop 100 % (64/64) after 10 k control steps."
    )
    found, sentence = weighed(curve({4: 0.2}), curve({4: 0.0, 10: 0.1875}))
    assert found.answer == "undecided"
    assert sentence.endswith("at best 18.8 % (12/64) in 10 k control steps; the clone alone has 25 % (25/100).")


def test_success_of_the_loop_counts_only_within_as_many_samples() -> None:
    short = curve({2: 0.1875}, iterations=3, of=3)
    assert weighed(curve({4: 0.25, 10: 1.0}), short)[0].answer == "undecided"


def test_unfinished_and_unchecked_runs_are_undecided() -> None:
    found, sentence = weighed(curve({4: 0.75}), curve({8: 0.5}, iterations=9))
    assert found.answer == "undecided"
    assert "has not finished; so far it has held success 50 %" in sentence
    assert weighed(curve({4: 0.75}), curve({}))[0].answer == "undecided"
    assert weighed(curve({4: 1.0}), curve({4: 0.0}, iterations=9))[0].answer == "undecided"


def test_without_a_clone_the_first_check_is_the_first_point() -> None:
    found, _ = weighed(curve({2: 0.1, 4: 0.8}), curve({8: 0.1}), clone=None)
    assert (found.answer, found.steps_with) == ("pay", 2000)


def beside(checks: Mapping[int, float]) -> RunRecord:
    """The example's run (6400 control steps per iteration, 14 % at the start) beside one without demonstrations."""
    points = [
        CurvePoint("rl", i, 120, 6400 * i, {"success_held": checks[i]} if i in checks else {}, 0.0)
        for i in range(1, 121)
    ]
    record = example.finished()
    own = [
        replace(point, values=dict(point.values) | {"success_held": point.values["success"]})
        if "success" in point.values
        else point
        for point in record.progress
        if isinstance(point, CurvePoint)
    ]
    curriculum = {"task": "adroit-door", "rl": {"check_cases": 64}}
    alone = Alone(points, {"simulation": 300.0}, record.cloned, record.comparison)
    return replace(record, progress=own, curriculum=curriculum, alone=alone)


def test_the_page_says_it_first_and_draws_both_runs() -> None:
    record = beside({40: 0.1, 80: 0.5, 120: 0.75})
    page = render_page(record).replace(THIN, " ")
    answer = "The demonstrations pay: the best without them is held success 75 % (48/64)"
    assert page.index(verdict(record).sentence[:40]) < page.index(answer) < page.index('class="tiles"')
    assert 'id="paying"' in page
    assert 'href="#paying"' in page
    assert "Wall clock: 5 min 21 s with them, 5 min 0 s without." in page
    data = paying_data(record)
    assert data is not None
    assert data["answer"] == "pay"
    assert data["wall_s"] == {"with": 320.6, "without": 300.0}
    assert data["panel"]["without"]["n"] == len(example.trials(False, 1))


def test_a_page_without_the_other_run_says_how_to_get_it() -> None:
    record = example.finished()
    assert paying(record) is None
    (line,) = paying_lines(record)
    assert line.endswith("regrasp run curricula/adroit-door.toml --out runs/door --seed 0 --without-demos")
    assert "--without-demos" in render_page(record)
    assert 'id="paying"' not in render_page(record)


def test_a_run_that_had_no_demonstrations_says_so() -> None:
    record = replace(example.finished(), cloned=None, comparison=None, gate=None, demonstrated=False)
    assert verdict(record).sentence.startswith(
        "Fine-tuning without any demonstration, from the rest posture, ends with"
    )
    assert paying_lines(record) == []
    assert "--without-demos" not in render_page(record)


def test_other_settings_are_named_and_nothing_is_concluded() -> None:
    record = beside({40: 0.1})
    assert record.alone is not None
    other = replace(record, alone=replace(record.alone, differs="seed 2 in place of 0"))
    found = paying(other)
    assert found is not None
    assert found.answer == "undecided"
    assert "(seed 2 in place of 0)" in found.sentence


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("", "regrasp run CURRICULUM --out RUN --without-demos"),
        ("regrasp run a.toml --demos=x --out o --json", "regrasp run a.toml --out o --without-demos"),
    ],
)
def test_the_command_is_the_runs_own(command: str, expected: str) -> None:
    assert how_to_find_out(command) == expected
