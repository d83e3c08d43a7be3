"""Rates, tests and intervals against hand-worked numbers and the formulas of their authors."""

import json
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrasp.panel.paired import (
    holm,
    mcnemar_exact,
    paired_difference,
    smallest_decidable,
    smallest_discordant,
)
from regrasp.panel.statistics import (
    Rate,
    by_disturbance,
    loss_and_recovery,
    rate_from_counts,
    rate_of,
    summarise,
    violations,
)
from regrasp.trial import Trial


def trial(case: int = 0, disturbance: str = "none", **changes: Any) -> Trial:
    """An undisturbed trial that entered contact at step 10 and succeeded in nothing."""
    row: dict[str, Any] = {
        "case": case, "object": "door", "disturbance": disturbance, "magnitude": 0.0, "seed": case,
        "source": "simulation", "success": False, "success_at_end": False, "success_held": False, "first_success": -1,
        "contact_entry": 10, "disturbed_at": -1, "lost_at": -1, "recovered_at": -1,
        "slip": 0.0, "total_reward": 0.0, "steps": 300, "violations": (), "failure": "", "modes": b"",
    }  # fmt: skip
    return Trial(**(row | changes))


def wilson(count: int, n: int) -> tuple[float, float]:
    """Wilson (1927), written out, z for 95 %."""
    z, p = 1.959963984540054, count / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return centre - half, centre + half


def table(both: int, only_a: int, only_b: int, neither: int) -> tuple[list[bool], list[bool]]:
    """Two lists of outcomes with this paired table."""
    a = [True] * both + [True] * only_a + [False] * only_b + [False] * neither
    b = [True] * both + [False] * only_a + [True] * only_b + [False] * neither
    return a, b


@pytest.mark.parametrize(("count", "n"), [(0, 10), (1, 1), (7, 10), (10, 10), (78, 100), (599, 600)])
def test_the_interval_is_wilsons(count: int, n: int) -> None:
    rate = rate_from_counts(count, n)
    assert (rate.rate, rate.count, rate.n) == (count / n, count, n)
    assert (rate.low, rate.high) == pytest.approx(wilson(count, n), abs=1e-12)


def test_the_interval_of_the_textbook() -> None:
    # 8 of 10 has the often printed Wilson interval 0.490 … 0.943.
    rate = rate_of([True] * 8 + [False] * 2)
    assert (round(rate.low or 0, 3), round(rate.high or 0, 3)) == (0.490, 0.943)


def test_nothing_counted_is_null_and_not_zero() -> None:
    assert json.dumps(rate_of([]).to_json()) == '{"rate": null, "count": 0, "n": 0, "low": null, "high": null}'


@pytest.mark.parametrize(("count", "n"), [(3, 2), (-1, 2)])
def test_impossible_counts_are_refused(count: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"count {count}"):
        rate_from_counts(count, n)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_a_rate_lies_inside_its_interval(outcomes: list[bool]) -> None:
    rate = rate_of(outcomes)
    assert rate.rate is not None
    assert rate.low is not None
    assert rate.high is not None
    assert 0 <= rate.low <= rate.rate + 1e-12
    assert rate.rate - 1e-12 <= rate.high <= 1


def exact_p(only_a: int, only_b: int) -> float:
    """Two-sided sign test in whole numbers: twice the smaller tail, at most 1."""
    n = only_a + only_b
    tail = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1))
    return float(min(Fraction(1), Fraction(2 * tail, 2**n)))


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (0, 5), (0, 6), (1, 9), (3, 3), (12, 30), (40, 11)])
def test_mcnemar_is_the_sign_test_of_the_differing_pairs(only_a: int, only_b: int) -> None:
    a, b = table(both=5, only_a=only_a, only_b=only_b, neither=4)
    test = mcnemar_exact(a, b)
    assert (test.only_a, test.only_b) == (only_a, only_b)
    assert test.p == pytest.approx(exact_p(only_a, only_b), abs=1e-12)


def test_mcnemar_by_hand() -> None:
    # 1 against 9: p = 2 (1 + 10) / 2^10.
    assert mcnemar_exact(*table(0, 1, 9, 0)).p == pytest.approx(22 / 1024)


def test_outcomes_that_are_no_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="not pairs"):
        mcnemar_exact([True], [True, False])


def test_difference_is_exact_and_its_interval_brackets_it() -> None:
    a, b = table(both=60, only_a=10, only_b=30, neither=100)
    result = paired_difference(a, b, np.random.default_rng(0))
    assert result.difference == 0.1
    # Normal approximation for paired proportions: standard error sqrt((b + c - (b - c)^2 / n)) / n.
    half = 1.96 * math.sqrt(40 - 20**2 / 200) / 200
    assert (result.low, result.high) == pytest.approx((0.1 - half, 0.1 + half), abs=0.008)


def test_difference_is_paired() -> None:
    """Equal outcomes differ by exactly nothing, however uncertain each rate is."""
    a = [True, False] * 20
    result = paired_difference(a, a, np.random.default_rng(0))
    assert (result.difference, result.low, result.high) == (0.0, 0.0, 0.0)


def test_difference_draws_from_its_generator_alone() -> None:
    a, b = table(3, 2, 9, 6)
    first, again = (paired_difference(a, b, np.random.default_rng(7)) for _ in range(2))
    assert first == again


def test_difference_of_too_few_pairs_has_no_interval() -> None:
    assert paired_difference([], [], np.random.default_rng(0)).to_json() == {
        "difference": None,
        "low": None,
        "high": None,
    }
    assert paired_difference([False], [True], np.random.default_rng(0)).to_json() == {
        "difference": 1.0,
        "low": None,
        "high": None,
    }


@pytest.mark.parametrize("alpha", [0.5, 0.1, 0.0625, 0.05, 0.01, 0.001])
def test_smallest_discordant_is_where_the_test_first_reaches_alpha(alpha: float) -> None:
    n = smallest_discordant(alpha)
    assert exact_p(0, n) < alpha <= exact_p(0, n - 1)


def test_smallest_decidable_by_hand() -> None:
    # Six pairs that differ one way give p = 2 / 64 = 0.031, five give 0.0625.
    assert (smallest_decidable(), smallest_decidable(-0.1), smallest_decidable(0.03)) == (6, 60, 200)
    assert smallest_decidable(0.0) is None


@settings(max_examples=100, deadline=None)
@given(st.tuples(*[st.integers(0, 12)] * 4).filter(lambda cells: sum(cells) > 0))
def test_below_the_smallest_decidable_n_no_table_decides(cells: tuple[int, int, int, int]) -> None:
    a, b = table(*cells)
    difference = (sum(b) - sum(a)) / len(a)
    smallest = smallest_decidable(difference)
    if smallest is None or len(a) < smallest:
        assert mcnemar_exact(a, b).p >= 0.05


def test_holm_by_hand() -> None:
    # The example of Holm's procedure with R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm").
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.6, 0.9]) == (1.0, 1.0)
    assert holm([]) == ()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_sharpens_and_keeps_the_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(p <= c <= 1 for p, c in zip(p_values, corrected, strict=True))
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    assert [corrected[i] for i in order] == sorted(corrected)


def sample() -> list[Trial]:
    """Ten trials whose every rate can be counted by eye."""
    return [
        trial(0, success=True, success_at_end=True, success_held=True),
        trial(1, success=True, lost_at=50, recovered_at=60),
        trial(2, contact_entry=-1),
        trial(3, contact_entry=-1, lost_at=7),  # could not lose what it never had: in no denominator
        trial(4, "push", disturbed_at=80, success=True, success_held=True, lost_at=81, recovered_at=90),
        trial(5, "push", disturbed_at=80, lost_at=82),
        trial(6, "push", disturbed_at=80),
        trial(7, "push"),  # the episode was over before the push
        trial(8, "mass", disturbed_at=0, contact_entry=-1),
        trial(9, "mass", disturbed_at=0, lost_at=40),
    ]


def counts(rates: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """(count, n) of every rate."""
    return {name: (rate["count"], rate["n"]) for name, rate in rates.items() if isinstance(rate, dict) and "n" in rate}


def test_summary_by_hand() -> None:
    summary = summarise(sample())
    assert counts(summary) == {
        "success": (3, 10),
        "success_at_end": (1, 10),
        "success_held": (2, 10),
        "contact_entry": (7, 10),
        "loss": (3, 5),
        "recovery": (1, 3),
    }
    kinds = summary["by_disturbance"]
    assert list(kinds) == ["none", "mass", "push"]
    assert counts(kinds["none"])["loss"] == (1, 2)
    assert counts(kinds["none"])["recovery"] == (1, 1)
    assert counts(kinds["push"])["success"] == (1, 4)
    assert counts(kinds["push"])["loss"] == (2, 3)
    assert counts(kinds["push"])["recovery"] == (1, 2)
    assert counts(kinds["mass"])["loss"] == (1, 2)
    assert counts(kinds["mass"])["recovery"] == (0, 1)


def test_summary_has_exactly_the_promised_keys_and_is_json() -> None:
    names = ["success", "success_at_end", "success_held", "contact_entry", "loss", "recovery"]
    summary = json.loads(json.dumps(summarise(sample()), allow_nan=False))
    assert list(summary) == [*names, "by_disturbance"]
    assert all(list(kind) == [*names, "unrealistic"] for kind in summary["by_disturbance"].values())
    assert list(summary["loss"]) == ["rate", "count", "n", "low", "high"]


def test_summary_of_no_trials_is_null() -> None:
    summary = summarise([])
    assert summary["by_disturbance"] == {}
    assert summary["recovery"] == Rate(None, 0, 0, None, None).to_json()


def test_summary_does_not_depend_on_the_order_of_rows() -> None:
    rows: Sequence[Trial] = sample()
    assert json.dumps(summarise(rows)) == json.dumps(summarise(rows[::-1]))


def test_losing_more_often_does_not_flatter_recovery() -> None:
    """Recovery is a share of losses, so it comes with the loss rate it is a share of."""
    steady = [trial(i, "push", disturbed_at=5) for i in range(9)] + [trial(9, "push", disturbed_at=5, lost_at=6)]
    shaky = [trial(i, "push", disturbed_at=5, lost_at=6, recovered_at=8) for i in range(10)]
    assert [(r.count, r.n) for r in loss_and_recovery(steady)] == [(1, 10), (0, 1)]
    assert [(r.count, r.n) for r in loss_and_recovery(shaky)] == [(10, 10), (10, 10)]


def test_kinds_stand_with_the_undisturbed_first() -> None:
    kinds = by_disturbance([trial(0, "slip"), trial(1, "actuator"), trial(2), trial(3, "slip")])
    assert {kind: len(rows) for kind, rows in kinds.items()} == {"none": 1, "actuator": 1, "slip": 2}
    assert list(kinds) == ["none", "actuator", "slip"]


def test_violations_are_counted_by_trial() -> None:
    rows = [trial(0, violations=("a", "b")), trial(1, violations=("b",)), trial(2)]
    assert violations(rows) == {"b": 2, "a": 1}
    assert violations([trial()]) == {}
