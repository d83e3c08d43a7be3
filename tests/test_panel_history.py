"""A history of policies on one panel, against tables that were counted by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from regrasp.errors import InputError
from regrasp.panel.comparison import compare
from regrasp.panel.history import History, history
from regrasp.panel.statistics import Facts
from regrasp.seeding import numpy_stream
from regrasp.trial import Trial
from test_panel_comparison import FACTS, PANEL, trial

CLONED = "1" * 10 + "0" * 20
TUNED = "1" * 30
WORSE = "0" * 8 + "1" * 22


def rows(outcomes: str, disturbance: str = "none") -> list[Trial]:
    """One trial per sign, `1` where the policy could do the case."""
    return [trial(case, sign == "1", disturbance) for case, sign in enumerate(outcomes)]


def made(*outcomes: str, facts: Facts = FACTS) -> History:
    return history([rows(one) for one in outcomes], "success_held", PANEL, facts=facts)


def test_a_regression_in_the_middle_stays_visible() -> None:
    found = made(CLONED, TUNED, WORSE, TUNED)
    first, *others = found.entries
    assert (first.since_first, first.since_previous, first.broken) == (None, None, ())
    assert [entry.side.primary.count for entry in found.entries] == [10, 30, 22, 30]
    steps = [entry.since_previous for entry in others if entry.since_previous]
    assert [step.since for step in steps] == [0, 1, 2]
    assert [(step.test.only_a, step.test.only_b) for step in steps] == [(0, 20), (8, 0), (0, 8)]
    assert [step.p_corrected for step in steps] == pytest.approx([3 * 2 / 2**20, 2 * 2 / 2**8, 2 * 2 / 2**8])
    assert [step.verdict for step in steps] == ["improved", "regressed", "improved"]
    assert [step.difference.difference for step in steps] == pytest.approx([20 / 30, -8 / 30, 8 / 30])
    gains = [entry.since_first.difference for entry in others if entry.since_first]
    assert gains == pytest.approx([20 / 30, 12 / 30, 20 / 30])
    assert [entry.broken for entry in found.entries] == [(), (), tuple(range(8)), ()]
    assert [(place, change.since) for place, change in found.regressions] == [(2, 1)]
    assert (found.since_best.since, found.since_best.verdict, found.tests, found.n) == (1, "undecided", 3, 30)


def test_what_any_earlier_one_could_do_is_broken_and_not_only_what_the_one_before_could() -> None:
    found = made("1100", "0110", "0000", "0011")
    assert [entry.broken for entry in found.entries] == [(), (0,), (0, 1, 2), (0, 1)]


def test_small_steps_downwards_are_seen_against_the_best() -> None:
    found = made(*("0" * lost + "1" * (30 - lost) for lost in (0, 4, 8, 12)))
    assert all(entry.since_previous.verdict == "undecided" for entry in found.entries if entry.since_previous)
    best = found.since_best
    # Against the earlier three it lost 12, 8 and 4 cases.
    assert (best.since, best.verdict, best.p_corrected) == (0, "regressed", pytest.approx(3 * 2 / 2**12))
    assert found.regressions == ((3, best),)


def test_the_best_was_chosen_so_its_p_is_corrected_for_the_choice() -> None:
    alone, chosen = made("1" * 6, "0" * 6), made("1" * 6, "1" * 6, "0" * 6)
    assert (alone.since_best.p_corrected, alone.since_best.verdict) == (pytest.approx(2 / 64), "regressed")
    assert (chosen.since_best.since, chosen.since_best.p_corrected) == (0, pytest.approx(4 / 64))
    assert chosen.regressions == ()


def test_the_best_can_be_the_one_before_and_is_told_once() -> None:
    found = made(CLONED, TUNED, WORSE)
    step = found.entries[2].since_previous
    assert found.since_best.verdict == "regressed"
    assert found.regressions == ((2, step),)


def test_the_best_decides_also_where_its_step_does_not() -> None:
    found = made("1" * 7 + "0" * 3 + "1" * 10, "1" * 10 + "0" * 2 + "1" * 8, "0" * 10 + "1" * 10)
    step = found.entries[2].since_previous
    # The last against the second: 10 cases lost and 2 won, p = 0.039; against the first: 7 and none, p = 0.016.
    assert step is not None
    assert (step.verdict, step.p_corrected) == ("undecided", pytest.approx(2 * step.test.p))
    assert (found.since_best.since, found.since_best.p_corrected) == (1, pytest.approx(step.test.p))
    assert found.regressions == ((2, found.since_best),)


def test_more_steps_ask_for_more() -> None:
    two, three = made("1" * 6 + "0" * 6, "0" * 12), made("1" * 6 + "0" * 6, "0" * 12, "0" * 12)
    assert two.regressions
    assert three.entries[1].since_previous is not None
    assert three.entries[1].since_previous.p_corrected == pytest.approx(2 * 2 / 64)


def test_corrections_are_those_of_statsmodels() -> None:
    generator = numpy_stream(0, "history")
    for _ in range(20):
        count, cases = int(generator.integers(2, 7)), int(generator.integers(2, 60))
        done = generator.random((count, cases)) < generator.random((count, 1))
        found = made(*("".join("01"[int(one)] for one in own) for own in done))

        def p_of(earlier: np.ndarray, later: np.ndarray) -> float:
            table = [
                [(earlier & later).sum(), (earlier & ~later).sum()],
                [(~earlier & later).sum(), (~earlier & ~later).sum()],
            ]
            return float(mcnemar(table, exact=True).pvalue)

        steps = multipletests([p_of(done[i], done[i + 1]) for i in range(count - 1)], method="holm")[1]
        own = [entry.since_previous.p_corrected for entry in found.entries if entry.since_previous]
        assert own == pytest.approx(steps)
        last = multipletests([p_of(one, done[-1]) for one in done[:-1]], method="holm")[1]
        best = found.since_best.since
        assert done[best].sum() == done[:-1].sum(axis=1).max()
        assert found.since_best.p_corrected == pytest.approx(last[best])
        for place, entry in enumerate(found.entries):
            could = [case for case in range(cases) if any(done[before][case] for before in range(place))]
            assert list(entry.broken) == [case for case in could if not done[place][case]]


def test_two_are_what_compare_says_of_them() -> None:
    found, two = made(CLONED, WORSE), compare(rows(CLONED), rows(WORSE), "success_held", PANEL, PANEL)
    step = found.entries[1].since_previous
    assert step is not None
    assert (step.difference, step.test, step.p_corrected) == (two.overall.difference, two.overall.test, step.test.p)
    assert found.entries[1].since_first == step.difference
    assert (step.verdict, found.entries[1].broken) == (two.overall.verdict, two.broken)


def test_loss_and_recovery_are_those_of_the_disturbed_cases() -> None:
    alone = [trial(0, True, lost_at=60)]
    pushed = [trial(1, True, "push", lost_at=60, recovered_at=70), trial(2, False, "push", lost_at=60)]
    found = history([alone + pushed] * 2, "success_held", PANEL, facts=FACTS)
    side = found.entries[0].side
    assert [(rate.count, rate.n) for rate in (side.loss, side.recovery)] == [(2, 2), (1, 2)]
    assert side.dropped is not None
    assert made("1", "1").entries[0].side.recovery.rate is None
    assert made("1", "1", facts=Facts()).entries[0].side.dropped is None


def test_rows_may_come_in_any_order() -> None:
    forwards, backwards = ([rows(one)[::turn] for one in (CLONED, TUNED, WORSE)] for turn in (1, -1))
    assert history(forwards, "success", PANEL) == history(backwards, "success", PANEL)


def test_the_objects_asked_for_are_counted_alone() -> None:
    outcomes = ("0011", "1100", "1110")
    mixed = [
        [replace(one, object="cone") if one.case > 1 else one for one in rows(signs)] for signs in outcomes
    ]  # the last two cases are of the held-out object
    found = history(mixed, "success", PANEL, facts=FACTS, objects="held_out")
    assert (found.n, found.objects) == (2, "held_out")
    assert [entry.side.primary.count for entry in found.entries] == [2, 0, 1]
    assert [entry.broken for entry in found.entries] == [(), (2, 3), (3,)]
    with pytest.raises(InputError, match=r"objects: found held_out, of which the panel has no case"):
        history([rows("01"), rows("11")], "success", PANEL, objects="held_out")


def test_json_has_the_keys_that_programs_rely_on() -> None:
    data = json.loads(json.dumps(made(CLONED, TUNED, WORSE).to_json(), allow_nan=False))
    keys = {"panel", "primary", "objects", "n", "tests", "history", "since_best", "regressions"}
    assert data.keys() == keys
    first, _, last = data["history"]
    assert first["since_previous"] is None
    assert set(first["primary"]) == {"rate", "count", "n", "low", "high"}
    assert last["broken_since"] == list(range(8))
    assert set(last["since_first"]) == {"difference", "low", "high"}
    assert (last["since_previous"]["only_earlier"], last["since_previous"]["verdict"]) == (8, "regressed")
    assert [(one["place"], one["since"]) for one in data["regressions"]] == [(2, 1)]


def test_what_is_no_history_is_refused() -> None:
    with pytest.raises(InputError, match=r"history: checkpoints: found 1, expected at least two"):
        made(CLONED)
    with pytest.raises(InputError, match=r"primary: found 'won', .* \(valid names: success, "):
        history([rows("1")] * 2, "won", PANEL)
    with pytest.raises(InputError, match=r"cases: found 1 cases \(2\) only in A and none only in B"):
        made("111", "111", "11")
    with pytest.raises(InputError, match=r"case 0: found .*'none'.* in A and .*'push'.* in B"):
        history([rows("1"), rows("1"), rows("1", "push")], "success", PANEL)
    with pytest.raises(InputError, match=r"trials of B: found 2 trials of 1 cases"):
        history([rows("1"), rows("1") * 2], "success", PANEL)
