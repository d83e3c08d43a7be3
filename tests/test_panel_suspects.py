"""Suspects `disturbances` and `demonstrations` on constructed trials: each holds where its fault was put in."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy

from regrasp.panel.coverage import Moment
from regrasp.panel.repertoire import Shown
from regrasp.panel.statistics import Facts
from regrasp.panel.suspects import FEWEST, suspect_demonstrations, suspect_disturbances
from regrasp.trial import Trial
from test_panel_audit import trial
from test_panel_suspects_reward import BOTH, INDEX, PALM, REGIONS, THUMB, ask_reward

KNOWN = Facts(envelopes={"push": (0.0, 1.0)})
CALM = {"disturbance": "none", "magnitude": 0.0}
SOFT, GENTLE, HARD = ({"disturbance": "push", "magnitude": size, "disturbed_at": 20} for size in (0.25, 0.5, 2.0))
LOST, REGAINED = {"lost_at": 30}, {"lost_at": 30, "recovered_at": 40}
Group = tuple[int, bool, dict[str, Any]]


def rows(*groups: Group) -> list[Trial]:
    """So many trials of each group, numbered from 0."""
    flat = [(held, changes) for count, held, changes in groups for _ in range(count)]
    return [trial(case, held, **changes) for case, (held, changes) in enumerate(flat)]


FAULTY = rows((20, True, CALM), (5, True, SOFT), (15, True, GENTLE | REGAINED), (80, False, HARD | LOST))


def test_losses_outside_the_envelope_hold() -> None:
    before = rows((20, True, CALM), (5, False, SOFT | LOST), (15, False, GENTLE), (79, False, HARD | LOST))
    before.append(trial(119, True, **HARD))
    found = suspect_disturbances(before, FAULTY, "success_held", KNOWN, {})
    assert found.holds is True
    assert (found.losses.count, found.losses.n) == (80, 95)
    assert [(rate.count, rate.n) for rate in (found.inside, found.outside)] == [(40, 40), (0, 80)]
    assert found.p == pytest.approx(scipy.stats.fisher_exact([[40, 0], [0, 80]]).pvalue)
    assert found.unsolved == tuple(range(40, 119))
    assert found.unsolved_outside == 79
    recovery = {name: [(rate.count, rate.n) for rate in pair] for name, pair in found.recovery.items()}
    assert recovery == {
        "push 0.25": [(0, 5), (0, 0)],
        "push 0.5": [(0, 0), (15, 15)],
        "push outside the envelope": [(0, 79), (0, 80)],
    }
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["holds"] is True


@pytest.mark.parametrize(
    ("after", "facts", "expected"),
    [
        (FAULTY, KNOWN, True),
        # Nobody said what a bench shows.
        (FAULTY, Facts(), None),
        # What is not named is nothing that a bench shows.
        (FAULTY, Facts(envelopes={}), True),
        # As hard as that, and as well done.
        (rows((20, True, CALM), (20, True, GENTLE | LOST), (80, True, HARD | REGAINED)), KNOWN, False),
        # Failures outside, and losses inside.
        (rows((90, True, GENTLE | REGAINED), (20, False, HARD | LOST)), KNOWN, False),
        # 15 of 25 losses outside may be half of them.
        (rows((20, True, CALM), (10, True, GENTLE | LOST), (15, False, HARD | LOST)), KNOWN, False),
        (rows((20, True, CALM), (20, True, GENTLE), (FEWEST - 1, False, HARD | LOST)), KNOWN, None),
        (rows((20, True, CALM), (20, True, GENTLE), (FEWEST, False, HARD | LOST)), KNOWN, True),
        # Few losses, and nothing that a bench would not see.
        (rows((20, True, CALM), (20, False, GENTLE), (3, False, GENTLE | LOST)), KNOWN, False),
        # What an undisturbed policy loses is its own doing.
        (rows((20, False, CALM | LOST), (FEWEST, False, HARD)), KNOWN, None),
    ],
)
def test_disturbances_are_suspect_where_losses_are_outside(
    after: list[Trial], facts: Facts, expected: bool | None
) -> None:
    assert suspect_disturbances(after, after, "success_held", facts, {}).holds is expected


@pytest.mark.parametrize(
    ("span", "outside"),
    [((0.2, 0.8), 0), ((0.5, 1.5), 0.5), ((-1.0, 3.0), 0.75), ((2.0, 3.0), 1), ((2.0, 2.0), 1), ((0.5, 0.5), 0)],
)
def test_the_share_of_training_that_no_bench_shows(span: tuple[float, float], outside: float) -> None:
    found = suspect_disturbances(FAULTY, FAULTY, "success_held", KNOWN, {"push": span, "flood": (0.0, 1.0)})
    assert found.trained == {"push": pytest.approx(outside), "flood": 1.0}


def moments(failed: Sequence[float], succeeded: Sequence[float] = ()) -> list[Moment]:
    """Last contacts at these distances from the demonstrations."""
    where = [(False, far) for far in failed] + [(True, far) for far in succeeded]
    return [Moment(trial(case), won, np.zeros(1), np.zeros(1), 1, far) for case, (won, far) in enumerate(where)]


def recoveries(*parts: tuple[int, dict[int, int]]) -> Shown:
    """So many recoveries each, after a loss in these modes for so many control steps."""
    after = [np.repeat(list(own), list(own.values())).astype(np.uint8) for n, own in parts for _ in range(n)]
    return Shown(after, after, after)


NONE = Shown([])
TAUGHT = (THUMB, INDEX)


def test_failures_outside_the_demonstrations_hold() -> None:
    found = suspect_demonstrations(moments([2.0] * 11 + [0.5], [0.25, 0.5, 3.0]), 1.0, TAUGHT, NONE, REGIONS)
    assert found.holds is True
    assert [(rate.count, rate.n) for rate in (found.failed, found.succeeded, found.unseen)] == [
        (11, 12),
        (1, 3),
        (0, 0),
    ]
    assert (found.reach, found.distance, found.unseen_modes) == (1.0, (2.0, 0.5), {})
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["distance"] == [2.0, 0.5]


@pytest.mark.parametrize(
    ("failed", "shown", "expected"),
    [
        ([2.0] * FEWEST, NONE, True),
        ([2.0] * (FEWEST - 1), NONE, None),
        ([], NONE, None),
        # At the reach is not beyond it; and 7 of 12 may be half of them.
        ([1.0] * 12, NONE, False),
        ([2.0] * 7 + [0.5] * 5, NONE, False),
        # Recoveries that rely on what was never shown, with failures inside or hardly any.
        ([0.5] * 12, recoveries((12, {0: 90, PALM: 30, THUMB: 29})), True),
        ([], recoveries((12, {PALM: 3})), True),
        ([], recoveries((FEWEST - 1, {PALM: 3})), None),
        # Half of the steps in contact is not most of them; nor is a known contact for long and a new one in passing.
        ([], recoveries((12, {PALM: 30, THUMB: 30})), False),
        ([], recoveries((12, {PALM: 5, INDEX: 30})), False),
        ([], recoveries((12, {0: 30})), False),
        ([], recoveries((7, {PALM: 30}), (5, {THUMB: 30})), False),
    ],
)
def test_demonstrations_are_suspect_where_most_lies_outside(
    failed: list[float], shown: Shown, expected: bool | None
) -> None:
    assert suspect_demonstrations(moments(failed), 1.0, TAUGHT, shown, REGIONS).holds is expected


def test_modes_that_no_demonstration_shows_are_counted_by_recovery() -> None:
    shown = recoveries((3, {BOTH: 9, THUMB: 1}), (4, {PALM: 1, THUMB: 5}), (2, {0: 5, INDEX: 5}))
    found = suspect_demonstrations([], 1.0, TAUGHT, shown, REGIONS)
    assert list(found.unseen_modes.items()) == [("palm", 4), ("thumb+index", 3)]
    assert (found.unseen.count, found.unseen.n) == (3, 9)
    assert found.distance == (None, None)


def test_an_honest_run_is_not_accused_of_anything() -> None:
    before = rows((40, True, CALM), (15, False, CALM), (20, True, GENTLE | REGAINED), (20, False, GENTLE | LOST))
    after = [replace(one, success_held=True, total_reward=9.0, modes=b"\3" * 100) for one in before]
    near = moments([0.4] * 30 + [1.5] * 5, [0.3] * 60)
    holds = (
        ask_reward(before, after).holds,
        suspect_disturbances(before, after, "success_held", KNOWN, {}).holds,
        suspect_demonstrations(near, 1.0, TAUGHT, recoveries((20, {THUMB: 9})), REGIONS).holds,
    )
    assert holds == (False, False, False)
