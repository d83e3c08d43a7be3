"""Audits of constructed trials: hacks are caught by name, honest rewards are not; statistics against SciPy's."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy

from regrasp.panel.audit import HACKS, Rules, audit, chance_of_more, looks, rank_correlation
from regrasp.trial import Trial

STEPS = 100
RULES = Rules("success_held", STEPS, ("penetration", "teleported"))
HELD = 30
"""Control steps in success of a trial that succeeds."""


def trial(case: int = 0, held: bool = False, **changes: Any) -> Trial:
    """A trial that turned, came near, and was in success if it was held."""
    row: dict[str, Any] = {
        "case": case, "object": "disc", "disturbance": "none", "magnitude": 0.0, "seed": case, "source": "simulation",
        "success": held, "success_at_end": held, "success_held": held, "first_success": 40 if held else -1,
        "contact_entry": 10, "disturbed_at": -1, "lost_at": -1, "recovered_at": -1, "slip": 0.0, "total_reward": 0.0,
        "steps": STEPS, "violations": (), "failure": "", "modes": b"\1" * STEPS, "travel": 0.2, "peak_speed": 0.5,
        "peak_force": 3.0, "near_steps": 60.0, "turned": 1.6, "turning": 1.8, "success_steps": HELD if held else 0,
        "close_steps": 20, "reward_at_end": 0.0,
    }  # fmt: skip
    return Trial(**(row | changes))


def drawn(random: np.random.Generator, held: bool, case: int, much: str = "") -> Trial:
    """A trial whose quantities are drawn independently, and one of them large if the policy learned to make it so."""
    scale = dict.fromkeys(HACKS, 1.0) | {much: 4.0}
    turned = float(random.uniform(0.2, 1.7))
    return trial(
        case,
        held,
        near_steps=float(random.uniform(10, 25) * scale["nearness"]),
        close_steps=int(random.integers(2, 20) * scale["partial_success"]),
        turned=turned,
        turning=turned + float(random.uniform(0.1, 1.5) * scale["unsigned_rotation"]),
        travel=float(random.uniform(0.1, 0.3) * scale["speed"]),
    )


PAID: dict[str, Callable[[Trial], float]] = {
    "nearness": lambda one: 0.5 * one.near_steps,
    "partial_success": lambda one: 1.0 * one.close_steps + 0.5 * one.success_steps,
    "unsigned_rotation": lambda one: 7.0 * one.turning,
    "speed": lambda one: 40.0 * one.travel,
}
HONEST: Callable[[Trial], float] = lambda one: 2.0 * one.success_steps + one.turned + 0.05 * one.near_steps  # noqa: E731


def policy(reward: Callable[[Trial], float], rate: float, seed: int, much: str = "", count: int = 120) -> list[Trial]:
    """`count` trials of a policy that succeeds at a rate, paid by a reward and ±10 % that nothing here explains."""
    random = np.random.default_rng(seed)
    trials = [drawn(random, bool(random.random() < rate), case, much) for case in range(count)]
    noise = random.uniform(0.9, 1.1, count)
    return [
        replace(one, total_reward=float(reward(one) * factor), reward_at_end=float(reward(one) / STEPS))
        for one, factor in zip(trials, noise, strict=True)
    ]


@pytest.mark.parametrize("hack", HACKS)
@pytest.mark.parametrize("beside", [True, False])
def test_a_hack_is_caught_by_its_name(hack: str, beside: bool) -> None:
    hacked, cloned = policy(PAID[hack], 0.3, 1, hack), policy(PAID[hack], 0.6, 2)
    found = audit(hacked, cloned if beside else None, RULES)
    assert found.verdict == hack
    assert found.named_rate.count == len(found.named) > 10
    assert max(found.follows, key=lambda name: found.follows[name].value or 0.0) == hack


@pytest.mark.parametrize("seed", range(5))
def test_an_honest_reward_is_not_accused(seed: int) -> None:
    tuned, cloned = policy(HONEST, 0.75, seed), policy(HONEST, 0.5, seed + 100)
    for trials, reference in ((tuned, cloned), (tuned, None), (cloned, None)):
        found = audit(trials, reference, RULES)
        assert found.verdict == "none_found"
        assert found.named == ()
        assert (found.auc.low or 0.0) > 0.99


def test_a_few_rich_failures_are_named_and_accuse_nobody() -> None:
    honest = policy(HONEST, 0.75, 0, count=500)
    rich = [replace(one, total_reward=500.0) for one in honest if not one.success_held][:5]
    cases = {one.case for one in rich}
    found = audit([one for one in honest if one.case not in cases] + rich, None, RULES)
    assert {one.case for one in found.named} == cases
    assert found.verdict == "none_found"


def test_a_reward_that_follows_nothing_known_is_a_hack_without_a_name() -> None:
    random = np.random.default_rng(0)
    trials = [replace(one, total_reward=float(random.random())) for one in policy(HONEST, 0.5, 3)]
    assert audit(trials, None, RULES).verdict == "unnamed"


def test_success_that_the_judge_refuses_is_no_hack_of_the_reward() -> None:
    honest = policy(HONEST, 0.75, 0)
    inside = [
        replace(one, success_held=False, success=False, success_at_end=False, violations=("penetration",))
        if one.success_held and one.case % 3 == 0
        else one
        for one in honest
    ]
    found = audit(inside, None, RULES)
    assert found.verdict == "impossible_physics"
    assert found.named_rate.count == 0
    assert found.refused_rate.count == len(found.named) > 5
    assert all("penetration" in one.looks for one in found.named)
    assert found.outcomes["refused as impossible"]["n"] > 5


def test_without_successes_nobody_knows_what_success_is_paid() -> None:
    failing = policy(PAID["speed"], 0.0, 1, "speed")
    found = audit(failing, None, RULES)
    assert (found.verdict, found.paid, found.named) == ("undecided", (0, None), ())
    assert (found.auc.value, found.correlation.value) == (None, None)
    assert audit(failing, policy(PAID["speed"], 0.6, 2), RULES).verdict == "speed"
    nine = [replace(one, success_held=one.case < 9) for one in failing]
    assert audit(nine, None, RULES).verdict == "undecided"
    ten = [replace(one, success_held=one.case < 10) for one in failing]
    assert audit(ten, None, RULES).verdict == "speed"


def test_broken_simulations_and_unknown_quantities_are_left_out() -> None:
    trials = policy(HONEST, 0.75, 0)
    broken = [trial(999, total_reward=float("inf"), failure="diverged at step 3", travel=float("nan"))]
    assert audit([*trials, *broken], None, RULES) == replace(audit(trials, None, RULES), trials=121)
    # As a bench would give them.
    unknown = [replace(one, travel=float("nan"), turning=float("nan")) for one in trials]
    found = audit(unknown, None, RULES)
    assert (found.follows["speed"].value, found.follows["unsigned_rotation"].value) == (None, None)
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["verdict"] == "none_found"


PAID_TRIALS = [trial(case, held=True, reward_at_end=1.0) for case in range(20)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"near_steps": 0.0, "modes": bytes(STEPS)}, ()),
        ({"success_steps": 3}, ("success once but never held",)),
        ({}, ("near but never in success",)),
        ({"modes": bytes(STEPS), "close_steps": 51}, ("near but never in success",)),
        ({"modes": bytes(STEPS), "reward_at_end": 1.0}, ("timed out in a high-reward state",)),
        ({"modes": bytes(60), "steps": 60, "reward_at_end": 1.0}, ("fast",)),
        ({"modes": bytes(STEPS), "turned": 0.0, "turning": 2.0}, ("spun",)),
        ({"modes": bytes(STEPS), "travel": 0.3, "violations": ("sign_flip",)}, ("fast", "sign flip")),
        ({"success_steps": 50, "reward_at_end": 1.0, "violations": ("penetration",)}, ("penetration",)),
    ],
)
def test_what_a_named_trial_looks_like(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert looks(trial(99, **changes), PAID_TRIALS, RULES) == expected


def test_rank_correlation_is_spearmans() -> None:
    random = np.random.default_rng(0)
    first = random.integers(0, 9, 80).astype(float)
    second = first + random.normal(0, 4, 80)
    found = rank_correlation(first, second)
    expected = scipy.stats.spearmanr(first, second)
    assert found.value == pytest.approx(expected.statistic, abs=1e-12)
    assert found.low is not None
    assert found.high is not None
    assert found.low < expected.statistic < found.high
    # Fisher's transformation gives nearly the same interval.
    low, high = np.tanh(np.arctanh(expected.statistic) + np.array([-1.96, 1.96]) / np.sqrt(77))
    assert (found.low, found.high) == (pytest.approx(low, abs=0.06), pytest.approx(high, abs=0.06))
    assert rank_correlation(np.ones(5), np.arange(5.0)).value is None


def test_the_auc_is_the_share_of_pairs() -> None:
    # 6 > 1, 2, 5; 4 > 1, 2; 5 > 1, 2 and a tie: 7.5 of 9 pairs.
    found = chance_of_more(np.array([6.0, 4.0, 5.0]), np.array([1.0, 2.0, 5.0]))
    assert found.value == pytest.approx(7.5 / 9)
    random = np.random.default_rng(1)
    more, less = random.normal(1, 1, 60), random.normal(0, 1, 40)
    expected = scipy.stats.mannwhitneyu(more, less).statistic / 2400
    found = chance_of_more(more, less)
    assert found.value == pytest.approx(expected)
    assert found.low is not None
    assert found.high is not None
    assert found.low < expected < found.high
    assert chance_of_more(np.array([1.0]), less).value is None


def test_the_same_trials_give_the_same_audit() -> None:
    trials = policy(PAID["speed"], 0.3, 1, "speed")
    assert audit(trials, None, RULES) == audit(list(trials), None, RULES)
