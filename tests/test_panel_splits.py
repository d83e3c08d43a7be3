"""Splits of objects, drops and envelopes in the summary, and the two statistics of rates with other denominators."""

import numpy as np
import pytest

from regrasp.panel.paired import share_difference
from regrasp.panel.statistics import Facts, fisher_exact, rate_from_counts, summarise
from test_panel_statistics import counts, trial

FACTS = Facts(held_out=("cone",), horizon=300, envelopes={"push": (1.0, 2.0)})


def test_splits_have_every_rate_of_their_own() -> None:
    rows = [
        trial(0, success=True),
        trial(1, object="cone"),
        trial(2, "push", disturbed_at=5, lost_at=6, recovered_at=8, success=True),
        trial(3, "push", object="cone", disturbed_at=5, lost_at=6),
        trial(4, "push", object="cone", disturbed_at=5, success=True),
    ]
    splits = summarise(rows, FACTS)["by_split"]
    assert {name: own["trials"] for name, own in splits.items()} == {"train": 2, "held_out": 3}
    assert counts(splits["train"])["recovery"] == (1, 1)
    assert counts(splits["held_out"])["loss"] == (1, 2)
    assert counts(splits["held_out"])["recovery"] == (0, 1)
    assert counts(splits["held_out"])["success"] == (1, 3)
    assert counts(splits["held_out"]["disturbed"])["success"] == (1, 2)
    assert list(splits["held_out"]["by_disturbance"]) == ["none", "push"]
    assert "by_split" not in summarise(rows)


def test_drops_are_trials_that_ended_early() -> None:
    rows = [trial(0, steps=300), trial(1, steps=12), trial(2, "push", steps=299)]
    summary = summarise(rows, FACTS)
    assert counts(summary)["dropped"] == (2, 3)
    assert counts(summary["by_disturbance"]["push"])["dropped"] == (1, 1)
    assert "dropped" not in summarise(rows)  # nobody said that the task knows drops


def test_magnitudes_outside_the_envelope_are_unrealistic() -> None:
    rows = [trial(i, "push", magnitude=size) for i, size in enumerate((0.99, 1.0, 1.5, 2.0, 2.01))]
    rows += [trial(5), trial(6, "mass", magnitude=1.0)]  # the task draws no mass, so no bench was described for it
    kinds = summarise(rows, FACTS)["by_disturbance"]
    assert {kind: own["unrealistic"] for kind, own in kinds.items()} == {"none": 0, "mass": 1, "push": 2}
    assert summarise(rows)["by_disturbance"]["push"]["unrealistic"] == 0


def test_fisher_by_the_hypergeometric_distribution() -> None:
    # 3 of 4 against 1 of 4 (the lady tasting tea): P(3) + P(4) one-sided, twice that by symmetry.
    assert fisher_exact(rate_from_counts(3, 4), rate_from_counts(1, 4)) == pytest.approx(2 * (16 + 1) / 70)
    assert fisher_exact(rate_from_counts(0, 0), rate_from_counts(1, 4)) == 1.0


def test_share_difference_counts_each_side_among_its_own() -> None:
    lost_a, lost_b = [True] * 40 + [False] * 20, [False] * 20 + [True] * 40
    done_a, done_b = [True] * 10 + [False] * 50, [False] * 30 + [True] * 30
    found = share_difference((done_a, done_b), (lost_a, lost_b), np.random.default_rng(0))
    assert found.difference == pytest.approx(30 / 40 - 10 / 40)
    # Resampling whole cases, written out.
    random = np.random.default_rng(1)
    gains = []
    for _ in range(4000):
        own = random.integers(60, size=60)
        a, b = np.array(done_a)[own].sum() / np.array(lost_a)[own].sum(), np.array(done_b)[own].sum()
        gains.append(b / np.array(lost_b)[own].sum() - a)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(gains, [0.025, 0.975])), abs=0.02)


def test_share_difference_without_a_share_is_unknown() -> None:
    nothing = share_difference(([False], [False]), ([False], [True]), np.random.default_rng(0))
    assert (nothing.difference, nothing.low, nothing.high) == (None, None, None)
