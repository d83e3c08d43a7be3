"""Suspect `reward` on constructed trials: it holds for a style fault alone; its tests against SciPy's and by chance."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import scipy

from regrasp.panel.suspects import OTHER_STYLE, RESAMPLES, StyleChange, suspect_reward
from regrasp.trial import Trial
from test_panel_audit import trial

REGIONS = ("thumb", "index", "palm")
THUMB, INDEX, BOTH, PALM = 1, 2, 3, 4
CASES = 40


def policy(modes: Sequence[int], successes: int, reward: float, count: int = CASES) -> list[Trial]:
    """Every trial shows these modes; the first cases succeed, and rewards differ a little from case to case."""
    return [
        trial(case, case < successes, modes=bytes(modes), total_reward=reward + 0.01 * case**1.5)
        for case in range(count)
    ]


def ask_reward(before: Sequence[Trial], after: Sequence[Trial]) -> StyleChange:
    return suspect_reward(before, after, "success_held", REGIONS)


HAND = [0] * 10 + [THUMB] * 60 + [BOTH] * 30
PALMED = [0] * 10 + [PALM] * 60 + [BOTH] * 30
CLONED = policy(HAND, 30, 10.0)


def test_another_style_for_more_reward_and_less_success_holds() -> None:
    found = ask_reward(CLONED, policy(PALMED, 10, 20.0))
    assert found.holds
    assert found.distance == pytest.approx(np.sqrt(2 / 3))
    assert found.p == 1 / (1 + RESAMPLES)
    assert found.distance > found.chance
    assert found.appeared == {"palm": (0.0, 2 / 3)}
    assert found.vanished == {"thumb": (2 / 3, 0.0)}
    assert [rate.count for rate in found.success] == [30, 10]
    assert (found.test.only_a, found.test.only_b) == (20, 0)
    assert found.reward[0] == np.mean([one.total_reward for one in CLONED])
    assert found.reward[1] == pytest.approx(found.reward[0] + 10)
    assert found.reward_p < 1e-6
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["appeared"] == {"palm": [0.0, 2 / 3]}


@pytest.mark.parametrize(
    ("after", "another_style"),
    [
        # The same style, whatever success and reward do.
        (policy(HAND, 10, 20.0), False),
        # What good fine-tuning brings: another style, more reward and more success, or as much.
        (policy(PALMED, 40, 20.0), True),
        (policy(PALMED, 30, 20.0), True),
        # A regression for less reward, or for the same: the reward is not to blame.
        (policy(PALMED, 10, 5.0), True),
        (policy(PALMED, 10, 10.0), True),
        # One step of a hundred with another region: sure to be a change, and no other style.
        (policy([*HAND[:-1], PALM], 10, 20.0), False),
    ],
)
def test_it_does_not_hold_unless_all_of_its_evidence_does(after: list[Trial], another_style: bool) -> None:
    found = ask_reward(CLONED, after)
    assert not found.holds
    assert (found.distance >= OTHER_STYLE) is another_style


def test_a_small_change_of_style_is_significant_and_not_another() -> None:
    found = ask_reward(CLONED, policy([*HAND[:-1], PALM], 10, 20.0))
    assert found.p < 0.05
    assert 0 < found.distance < OTHER_STYLE
    assert (found.appeared, found.vanished) == ({}, {})


def test_a_policy_against_itself_and_one_without_contact() -> None:
    found = ask_reward(CLONED, CLONED)
    assert (found.distance, found.p, found.reward_p, found.test.p, found.holds) == (0.0, 1.0, 1.0, 1.0, False)
    nothing = ask_reward(policy([0] * 100, 0, 0.0), policy([0] * 100, 0, 0.0))
    assert (nothing.distance, nothing.appeared, nothing.holds) == (0.0, {}, False)


def wavering(seed: int, count: int, lean: float = 0.0) -> list[Trial]:
    """Trials whose styles differ a lot from each other: each is mostly one contact mode."""
    random = np.random.default_rng(seed)
    rows = []
    for case in range(count):
        favourite = random.choice([THUMB, INDEX, PALM], p=[0.4 + lean, 0.3, 0.3 - lean])
        modes = np.where(random.random(50) < 0.9, favourite, BOTH).astype(np.uint8).tobytes()
        rows.append(trial(case, bool(random.random() < 0.5), modes=modes, total_reward=float(random.normal())))
    return rows


@pytest.mark.parametrize("lean", [0.0, 0.15, 0.3])
def test_the_permutation_test_is_scipys(lean: float) -> None:
    before, after = wavering(1, 10), wavering(2, 10, lean)
    rows = [np.frombuffer(one.modes, np.uint8) for one in [*before, *after]]

    def distance(first: np.ndarray, second: np.ndarray) -> float:
        shares = [np.bincount(np.concatenate([rows[i] for i in side]), minlength=9)[1:] for side in (first, second)]
        return float(scipy.spatial.distance.jensenshannon(*shares, base=2))

    places = np.arange(10), np.arange(10, 20)
    # All 1024 swaps.
    exact = scipy.stats.permutation_test(
        places, distance, permutation_type="samples", alternative="greater", n_resamples=np.inf
    )
    found = ask_reward(before, after)
    assert found.distance == pytest.approx(exact.statistic)
    error = np.sqrt(exact.pvalue * (1 - exact.pvalue) / RESAMPLES)
    assert found.p == pytest.approx(exact.pvalue, abs=4 * error + 2 / RESAMPLES)
    low, high = np.quantile(exact.null_distribution, [0.93, 0.97])
    assert low <= found.chance <= high


def test_the_signed_rank_test_is_wilcoxons() -> None:
    before, after = wavering(3, 9), wavering(4, 9)
    gains = np.array([b.total_reward - a.total_reward for a, b in zip(before, after, strict=True)])
    found = ask_reward(before, after).reward_p
    assert found == scipy.stats.wilcoxon(gains, alternative="greater").pvalue
    # By its definition: all signs of the ranks are as likely.
    ranks = scipy.stats.rankdata(np.abs(gains))
    sums = np.array([np.dot(signs, ranks) for signs in product((0, 1), repeat=9)])
    assert found == pytest.approx(float((sums >= ranks[gains > 0].sum()).mean()))
    assert ask_reward(after, before).reward_p == pytest.approx(float((sums >= ranks[gains < 0].sum()).mean()))


PAIRS = 200


def by_chance(tests: int) -> int:
    """Of so many tests at 5 %, no more than this come out but once in a thousand times."""
    return int(scipy.stats.binom.ppf(0.999, tests, 0.05))


def test_honest_pairs_are_not_accused() -> None:
    honest = [ask_reward(wavering(2 * pair, 16), wavering(2 * pair + 1, 16)) for pair in range(PAIRS)]
    assert sum(found.holds for found in honest) <= 0.05 * PAIRS
    # Chance alone brings styles this far apart, so it is the test that keeps them from being accused.
    assert np.mean([found.distance >= OTHER_STYLE for found in honest]) > 0.3
    for part in ("p", "reward_p"):
        ps = np.array([getattr(found, part) for found in honest])
        assert (ps < 0.05).sum() <= by_chance(PAIRS)
        assert scipy.stats.kstest(ps, "uniform", alternative="greater").pvalue > 0.001


def test_a_regression_for_more_reward_in_the_same_style_is_not_accused() -> None:
    held = 0
    for pair in range(PAIRS // 2):
        before = [replace(one, success_held=True) for one in wavering(2 * pair, 16)]
        after = wavering(2 * pair + 1, 16)
        worse = [replace(one, success_held=one.case < 4, total_reward=one.total_reward + 9) for one in after]
        held += ask_reward(before, worse).holds
    assert held <= by_chance(PAIRS // 2)


def test_trials_that_broke_down_show_neither_style_nor_reward() -> None:
    before, after = list(CLONED), policy(PALMED, 10, 20.0)
    sound = ask_reward(before[:-2], after[:-2])
    after[-2:] = [
        replace(one, failure="diverged", total_reward=np.inf, modes=bytes([INDEX] * 100)) for one in after[-2:]
    ]
    found = ask_reward(before, after)
    assert (found.distance, found.reward, found.appeared) == (sound.distance, sound.reward, sound.appeared)
    assert found.success[1].n == CASES
    json.dumps(found.to_json(), allow_nan=False)
    nothing = ask_reward([replace(one, failure="diverged") for one in before], after)
    assert (nothing.holds, nothing.reward) == (False, (0.0, 0.0))
