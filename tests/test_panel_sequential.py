"""Stopping early: how often it errs when looked at all the time, how soon it sees a difference, worked by hand."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from regrasp.panel.cases import Case, make_panel
from regrasp.panel.sequential import decide, log_wealth, order, share_won
from regrasp.simulation.disturbance import NONE
from regrasp.tasks import TASKS

CASES = 1000


def draw(
    rate_a: float, rate_b: float, shared: float, generator: np.random.Generator, cases: int = CASES
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Outcomes of two policies; in a share of the cases both depend on how hard the case is, and on nothing else."""
    hard = generator.random(cases)
    own = generator.random((2, cases))
    level = np.where(generator.random(cases) < shared, hard, own)
    return level[0] < rate_a, level[1] < rate_b


@pytest.mark.parametrize(("rate", "shared"), [(0.5, 0.0), (0.8, 0.0), (0.8, 0.7), (0.2, 0.5), (0.97, 0.3)])
def test_no_difference_is_decided_in_at_most_one_of_twenty(rate: float, shared: float) -> None:
    """2,000 comparisons of 1,000 cases, each looked at after every single case."""
    generator = np.random.default_rng(3)
    false = sum(decide(*draw(rate, rate, shared, generator)).verdict != "undecided" for _ in range(2000))
    assert false <= 100
    assert rate == 0.97 or false > 10, "a test that never decides shows nothing"


def test_looking_anew_at_each_chunk_with_the_plain_test_errs_more() -> None:
    """Why the wealth is needed: a coin's two-sided 5 % bound is crossed far oftener at one of many looks."""
    generator, false = np.random.default_rng(3), 0
    for _ in range(500):
        a, b = draw(0.5, 0.5, 0.0, generator)
        won, pairs = np.cumsum(b & ~a)[63::64], np.cumsum(a ^ b)[63::64]
        false += bool((np.abs(won - pairs / 2) > 1.96 * np.sqrt(pairs) / 2).any())
    assert false > 75


@pytest.mark.parametrize(("rates", "verdict"), [((0.5, 0.75), "improved"), ((0.9, 0.7), "regressed")])
def test_a_real_difference_stops_early(rates: tuple[float, float], verdict: str) -> None:
    generator = np.random.default_rng(5)
    found = [decide(*draw(*rates, 0.3, generator)) for _ in range(200)]
    assert sum(one.verdict == verdict for one in found) >= 198
    assert np.median([one.n for one in found]) < 200


def test_the_confidence_sequence_covers_at_all_looks_together() -> None:
    generator, share = np.random.default_rng(8), 0.7
    missed = 0
    for _ in range(1000):
        won = np.cumsum(generator.random(400) < share)
        lost = np.arange(1, 401) - won
        against = log_wealth(lost, won) - np.arange(1, 401) * math.log(2)
        against -= won * math.log(share) + lost * math.log(1 - share)
        outside = against >= math.log(20)
        missed += bool(outside.any())
        # The interval is where the same bet has not won 20-fold.
        at = 399
        low, high = share_won(int(lost[at]), int(won[at]))
        assert bool(outside[at]) == (not low < share < high)
    assert 0 < missed <= 50


def test_wealth_worked_by_hand() -> None:
    """One pair: the mixture expects either side, so the bet wins nothing. Two alike: 3/8 against 1/4."""
    assert np.exp(log_wealth([0, 1, 0, 2, 1], [1, 0, 2, 0, 1])) == pytest.approx([1, 1, 1.5, 1.5, 0.5])
    # 7 : 0 is 2^7 · 429/2048, the first of its kind beyond 20.
    assert np.exp(log_wealth(0, 7)) == pytest.approx(2**7 * 429 / 2048)
    assert np.exp(log_wealth(0, 6)) < 20


def test_the_first_crossing_decides_whatever_follows() -> None:
    short = decide([0] * 7, [1] * 7)
    assert (short.n, short.only_a, short.only_b, short.verdict) == (7, 0, 7, "improved")
    assert short.low > 0.5
    assert decide([0] * 7 + [1] * 200, [1] * 7 + [0] * 200) == short
    mirrored = decide([1] * 7, [0] * 7)
    assert mirrored.verdict == "regressed"
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - short.high, 1 - short.low))
    nothing = decide([], [])
    assert (nothing.n, nothing.e, nothing.low, nothing.high, nothing.verdict) == (0, 1, 0, 1, "undecided")
    with pytest.raises(ValueError, match="not pairs"):
        decide([1], [1, 0])


def test_the_order_is_the_panels_own_and_mixes() -> None:
    task = TASKS["planar-turn"]
    panel = make_panel(task, [Case(0, "x", seed, NONE, (0.0,)) for seed in range(200)])
    numbers = [case.number for case in order(panel)]
    assert numbers == [case.number for case in order(panel)]
    assert sorted(numbers) == list(range(200))
    assert 60 < np.mean(numbers[:50]) < 140
    other = make_panel(task, panel.cases[:-1])
    assert [case.number for case in order(other)] != [number for number in numbers if number < 199]
