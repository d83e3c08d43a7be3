"""Recovery curves against values worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

import report_example as example
from regrasp.panel.survival import recovery_curve
from regrasp.trial import Trial

LOST = replace(example.trials(True, 1)[0], disturbance="push", disturbed_at=90, lost_at=100, recovered_at=-1, steps=300)


def recovered(after: int) -> Trial:
    return replace(LOST, recovered_at=100 + after)


def test_curve_is_kaplan_and_meiers() -> None:
    late = replace(LOST, lost_at=285)  # the trial ends 15 steps later: censored there
    curve = recovery_curve([recovered(10), late, recovered(20), LOST], 100.0, 50)
    assert curve.losses == 4
    assert curve.recoveries == 2
    assert curve.seconds == pytest.approx([0.1, 0.15, 0.2, 0.5])
    assert curve.share == pytest.approx([1 / 4, 1 / 4, 1 - 3 / 4 * 1 / 2, 1 - 3 / 8])
    assert curve.median == pytest.approx(0.2)
    assert np.all(curve.low[:3] <= curve.share[:3])
    assert np.all(curve.share[:3] <= curve.high[:3])


def test_drop_is_at_risk_for_the_whole_window() -> None:
    fell = replace(LOST, steps=110)
    assert recovery_curve([recovered(20), fell], 100.0, 50, horizon=300).share[-1] == pytest.approx(0.5)
    assert recovery_curve([recovered(20), fell], 100.0, 50).share[-1] == pytest.approx(1.0)


def test_only_losses_under_disturbances_count() -> None:
    own = replace(LOST, disturbance="none")
    assert recovery_curve([own, replace(LOST, lost_at=-1)], 100.0, 50).losses == 0


@pytest.mark.parametrize("rows", [[], [LOST], [recovered(10)]])
def test_few_losses_make_a_curve_without_a_warning(rows: list[Trial]) -> None:
    curve = recovery_curve(rows, 100.0, 50)
    assert len(curve.share) == len(curve.low) == len(curve.seconds)
    assert curve.losses == len(rows)
