"""The power of McNemar's exact test against simulated comparisons, its inverses against each other."""

import numpy as np
import pytest
import scipy

from regrasp.panel.paired import mcnemar_exact
from regrasp.panel.power import Shares, cases_needed, power, shares, smallest_difference, weakest


@pytest.mark.parametrize(
    ("cases", "rate", "difference", "discordant"),
    [(120, 0.8, -0.15, None), (60, 0.5, 0.2, None), (400, 0.8, 0.05, 0.1), (1000, 0.3, 0.05, None)],
)
def test_power_is_the_share_of_simulated_comparisons_that_reject(
    cases: int, rate: float, difference: float, discordant: float | None
) -> None:
    """Whole pairs are drawn and given to SciPy's binomial test; nothing of the computation is used."""
    pairs = shares(rate, difference, discordant)
    assert pairs is not None
    generator, repeats = np.random.default_rng(1), 20_000
    table = generator.multinomial(cases, [pairs.only_a, pairs.only_b, 1 - pairs.discordant], size=repeats)
    tables, times = np.unique(table[:, :2], axis=0, return_counts=True)
    p = np.array([scipy.stats.binomtest(int(a), int(a + b)).pvalue if a + b else 1.0 for a, b in tables])
    rejected = times[p < 0.05].sum() / repeats
    assert power(cases, pairs) == pytest.approx(rejected, abs=4 * np.sqrt(0.25 / repeats))


def test_power_of_a_table_worked_by_hand() -> None:
    """Six pairs that all differ: only 6 : 0 and 0 : 6 reach p < 0.05."""
    assert power(6, Shares(0.3, 0.7)) == pytest.approx(0.3**6 + 0.7**6)
    assert power(5, Shares(0.3, 0.7)) == 0
    assert mcnemar_exact([0] * 6, [1] * 6).p < 0.05 < mcnemar_exact([0] * 5, [1] * 5).p
    assert power(100, Shares(0.0, 0.0)) == 0


def test_under_no_difference_it_is_at_most_the_level() -> None:
    assert all(power(n, Shares(q, q)) <= 0.05 for n in (10, 100, 1000, 100_000) for q in (0.02, 0.2, 0.5))


def test_independent_outcomes() -> None:
    found = shares(0.8, -0.05)
    assert found is not None
    assert (found.only_a, found.only_b) == pytest.approx((0.2, 0.15))
    assert shares(0.8, 0.3) is None


def test_a_share_of_differing_pairs_that_cannot_be() -> None:
    assert shares(0.8, 0.05, 0.02) is None, "a difference needs at least as many differing pairs"
    assert shares(0.9, 0.0, 0.5) is None, "A fails in a tenth, so B alone cannot succeed in a quarter"
    found = shares(0.8, 0.05, 0.05)
    assert found is not None
    assert (found.only_a, found.only_b) == pytest.approx((0.0, 0.05))


def test_cases_needed_is_the_smallest_number() -> None:
    needed = cases_needed(0.8, 0.05)
    assert needed is not None
    found, before = weakest(needed, 0.8, 0.05), weakest(needed - 1, 0.8, 0.05)
    assert found is not None
    assert before is not None
    assert before < 0.8 <= found
    # Lachin's (1981) normal approximation of the unconditional test, without continuity correction, asks for 1,095.
    assert 1095 < needed < 1095 * 1.06
    assert cases_needed(0.8, 0.05, discordant=0.1) == 337
    surer = cases_needed(0.8, 0.05, wanted=0.9)
    assert surer is not None
    assert surer > needed
    assert cases_needed(0.95, 0.97) is None


def test_the_smallest_difference_undoes_it() -> None:
    needed = cases_needed(0.8, 0.05)
    assert needed is not None
    assert smallest_difference(needed, 0.8) == pytest.approx(0.05, abs=2e-4)
    assert smallest_difference(5, 0.8) is None
    few, many = smallest_difference(100, 0.8), smallest_difference(1000, 0.8)
    assert few is not None
    assert many is not None
    assert few > many > 0
    with_fewer = smallest_difference(1000, 0.8, discordant=0.1)
    assert with_fewer is not None
    assert with_fewer < many
