"""Disturbances grow where they are withstood and shrink where they are not; a scale moves a magnitude towards none."""

import numpy as np
import pytest

from regrasp.reinforcement.magnitudes import EPISODES, SMALLEST, Magnitudes
from regrasp.tasks import TASKS

TASK = TASKS["planar-turn"]


def seen(magnitudes: Magnitudes, kind: str, share: float, decisions: int = 1) -> float:
    for _ in range(decisions):
        stood = round(share * EPISODES)
        magnitudes.note([kind] * EPISODES, [True] * stood + [False] * (EPISODES - stood))
    return magnitudes.of(kind)


def test_a_kind_grows_when_withstood_and_shrinks_when_not_and_leaves_the_others_alone() -> None:
    magnitudes = Magnitudes(("push", "slip"), first=0.5, grow_above=0.6, shrink_below=0.3)
    assert seen(magnitudes, "push", 0.9) == pytest.approx(0.6)
    assert seen(magnitudes, "push", 0.5) == pytest.approx(0.6)
    assert seen(magnitudes, "push", 0.1) == pytest.approx(0.5)
    assert magnitudes.of("slip") == 0.5
    assert seen(magnitudes, "push", 1.0, 20) == 1.0
    assert seen(magnitudes, "push", 0.0, 20) == SMALLEST
    assert magnitudes.values() == {"magnitude/push": SMALLEST, "magnitude/slip": 0.5}


def test_nothing_is_decided_on_few_episodes_or_on_undisturbed_ones() -> None:
    magnitudes = Magnitudes(("push",), first=0.5)
    magnitudes.note(["push"] * (EPISODES - 1) + ["none"] * EPISODES, [True] * (2 * EPISODES - 1))
    assert magnitudes.of("push") == 0.5
    magnitudes.note(["push"], [True])
    assert magnitudes.of("push") == pytest.approx(0.6)


def test_whole_ranges_stay_whole() -> None:
    magnitudes = Magnitudes(("push",))
    assert seen(magnitudes, "push", 0.0, 5) == 1.0


def test_saved_and_restored_it_decides_the_same() -> None:
    first, second = Magnitudes(("push",), 0.5), Magnitudes(("push",), 0.5)
    first.note(["push"] * (EPISODES - 1), [True] * (EPISODES - 1))
    second.restore(first.save())
    for one in (first, second):
        one.note(["push"], [True])
    assert first.of("push") == second.of("push") == pytest.approx(0.6)


@pytest.mark.parametrize("kind", TASK.disturbances)
def test_a_scale_moves_magnitudes_towards_no_disturbance(kind: str) -> None:
    whole, small = (
        [TASK.draw_disturbance(kind, np.random.default_rng(seed), scale) for seed in range(20)] for scale in (1.0, 0.25)
    )
    none = 1.0 if kind in ("slip", "friction", "mass", "actuator") else 0.0
    for one, other in zip(whole, small, strict=True):
        rounding = 0.5 if kind == "latency" else 1e-12
        assert abs(other.magnitude - none) == pytest.approx(0.25 * abs(one.magnitude - none), abs=rounding + 1e-12)
        assert other.direction == one.direction
        assert other.delay == one.delay
        assert other.duration <= one.duration
