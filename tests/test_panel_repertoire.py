"""What was taught, reproduced, dropped and discovered, on sequences of contact modes that were made by hand."""

import json
from itertools import groupby

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from regrasp.contact import stretches
from regrasp.panel.repertoire import Known, Modes, Shown, repertoire, shown_in
from test_panel_audit import trial

REGIONS = ("thumb", "index", "palm")
THUMB, INDEX, BOTH, PALM, THUMB_PALM = 1, 2, 3, 4, 5
STABLE = 3


def sequence(*parts: int, steps: int = STABLE) -> Modes:
    """Each mode for so many control steps, one after another."""
    return np.repeat(np.array(parts, np.uint8), steps)


def by_name(items: tuple[Known, ...]) -> dict[str, Known]:
    return {one.name: one for one in items}


@pytest.mark.parametrize(
    ("modes", "stable_steps", "expected"),
    [
        ([], 3, []),
        ([1, 1], 3, []),
        ([1, 1, 1], 3, [1]),
        ([0, 0, 0, 1, 1, 1], 3, [0, 1]),
        ([1, 1, 1, 2, 2, 3, 3, 3], 3, [1, 3]),
        # A bounce in between does not end a stretch.
        ([0, 0, 0, 1, 1, 1, 2, 2, 1, 1, 1, 3, 3, 3], 3, [0, 1, 3]),
        ([1, 0, 1, 0, 0, 0, 255, 255, 255, 0], 3, [0, 255]),
        ([1, 2, 2, 1], 1, [1, 2, 1]),
    ],
)
def test_stretches_by_hand(modes: list[int], stable_steps: int, expected: list[int]) -> None:
    assert stretches(np.array(modes, np.uint8), stable_steps) == expected


@given(st.lists(st.sampled_from([0, 1, 2, 255]), max_size=40), st.integers(1, 4))
def test_stretches_are_the_long_groups(modes: list[int], stable_steps: int) -> None:
    long = [mode for mode, group in groupby(modes) if len(list(group)) >= stable_steps]
    assert stretches(np.array(modes, np.uint8), stable_steps) == [mode for mode, _ in groupby(long)]


def test_what_trials_show() -> None:
    modes = bytes(range(10))
    shown = shown_in(
        [
            trial(modes=modes),
            trial(modes=modes, lost_at=4),
            trial(modes=modes, lost_at=4, recovered_at=7),
            trial(modes=modes, recovered_at=7),
        ]
    )
    assert [part.tolist() for part in shown.whole] == [list(range(10))] * 4
    assert [part.tolist() for part in shown.after_loss] == [[4, 5, 6, 7, 8, 9]]
    assert [part.tolist() for part in shown.correcting] == [[4, 5, 6, 7]]
    assert shown_in([]) == Shown([], [], [])


def test_taught_reproduced_dropped_and_discovered() -> None:
    demonstrations = Shown([sequence(THUMB), sequence(THUMB, INDEX), sequence(BOTH)])
    cloned = Shown([sequence(THUMB, INDEX)] * 20 + [sequence(THUMB)] * 20)
    recoveries = [sequence(PALM, THUMB)] * 2 + [sequence(THUMB_PALM)]
    tuned = Shown([sequence(THUMB, PALM)] * 39 + [sequence(INDEX)], recoveries)
    found = repertoire(demonstrations, cloned, tuned, REGIONS, STABLE)
    modes = by_name(found.modes)
    assert list(modes) == ["thumb", "palm", "index", "thumb+index"], "the most frequent first"
    assert modes["thumb"] == Known("thumb", 2, 40, 39, 2, True, True, False, False)
    assert modes["index"] == Known("index", 1, 20, 1, 0, True, True, True, False)
    assert modes["thumb+index"] == Known("thumb+index", 1, 0, 0, 0, True, False, False, False)
    assert modes["palm"] == Known("palm", 0, 0, 39, 2, False, False, False, True)
    transitions = by_name(found.transitions)
    assert transitions["thumb → index"] == Known("thumb → index", 1, 20, 0, 0, True, True, True, False)
    assert transitions["thumb → palm"] == Known("thumb → palm", 0, 0, 39, 0, False, False, False, False)
    assert found.of["demonstrations"] == 3
    assert (found.of["cloned"], found.of["tuned"]) == (40, 40)


def test_one_recovery_or_a_contact_outside_recoveries_discovers_nothing() -> None:
    everywhere = [sequence(THUMB_PALM)] * 10
    tuned = Shown([*everywhere, sequence(PALM), sequence(PALM)], [sequence(PALM)])
    found = by_name(repertoire(Shown([sequence(THUMB)]), Shown([]), tuned, REGIONS, STABLE).modes)
    assert (found["palm"].tuned, found["palm"].recoveries, found["palm"].discovered) == (2, 1, False)
    assert (found["thumb+palm"].tuned, found["thumb+palm"].discovered) == (10, False)
    twice = Shown(tuned.whole, [sequence(PALM)] * 2)
    assert by_name(repertoire(Shown([sequence(THUMB)]), Shown([]), twice, REGIONS, STABLE).modes)["palm"].discovered
    taught = repertoire(Shown([sequence(PALM)]), Shown([]), twice, REGIONS, STABLE)
    assert not by_name(taught.modes)["palm"].discovered


@pytest.mark.parametrize(
    ("cloned", "tuned", "expected"),
    [
        ((20, 40), (1, 40), True),
        # Exactly a tenth of before.
        ((20, 40), (2, 40), False),
        ((20, 40), (10, 400), True),
        # Fisher's p is 0.087, then 0.033.
        ((4, 10), (0, 10), False),
        ((5, 10), (0, 10), True),
        ((10, 10), (0, 0), False),
        ((0, 10), (0, 10), False),
    ],
)
def test_dropped_is_rare_and_significantly_so(cloned: tuple[int, int], tuned: tuple[int, int], expected: bool) -> None:
    def shown(count: int, of: int) -> Shown:
        return Shown([sequence(INDEX)] * count + [sequence(THUMB)] * (of - count))

    found = repertoire(Shown([sequence(INDEX)]), shown(*cloned), shown(*tuned), REGIONS, STABLE)
    assert by_name(found.modes)["index"].dropped is expected
    table = [[count, of - count] for count, of in (cloned, tuned)]
    if expected:
        assert scipy.stats.fisher_exact(table).pvalue < 0.05
    untaught = repertoire(Shown([sequence(THUMB)]), shown(*cloned), shown(*tuned), REGIONS, STABLE)
    assert not any(one.dropped for one in untaught.modes if one.name == "index")


def test_corrections_lie_between_a_loss_and_its_recovery() -> None:
    # thumb, then lost: no contact, index, and recovered with both; palm comes later.
    modes = sequence(THUMB, 0, INDEX, BOTH, PALM).tobytes()
    lost, again = STABLE, 4 * STABLE - 1
    recovered = trial(modes=modes, lost_at=lost, recovered_at=again)
    tuned = shown_in([recovered, recovered, trial(modes=modes, lost_at=lost), trial(modes=modes)])
    cloned = shown_in([trial(modes=modes, lost_at=lost)])
    taught = Shown([sequence(0, INDEX)], [], [sequence(0, INDEX)])
    found = repertoire(taught, cloned, tuned, REGIONS, STABLE)
    corrections = by_name(found.corrections)
    assert set(corrections) == {"no contact → index", "index → thumb+index"}
    assert corrections["no contact → index"] == Known("no contact → index", 1, 0, 2, 2, True, False, False, False)
    assert corrections["index → thumb+index"] == Known("index → thumb+index", 0, 0, 2, 2, False, False, False, True)
    assert set(by_name(found.transitions)) == {*corrections, "thumb → no contact", "thumb+index → palm"}
    assert by_name(found.transitions)["thumb+index → palm"].recoveries == 2
    assert by_name(found.transitions)["thumb → no contact"].recoveries == 0
    recoveries = {name: count for name, count in found.of.items() if name.endswith("_recoveries")}
    assert recoveries == {"demonstrations_recoveries": 1, "cloned_recoveries": 0, "tuned_recoveries": 2}


def test_a_touch_that_may_be_a_bounce_is_shown_by_nobody() -> None:
    short = Shown([sequence(THUMB, INDEX, steps=STABLE - 1)])
    found = repertoire(short, short, short, REGIONS, STABLE)
    assert (found.modes, found.transitions, found.corrections) == ((), (), ())
    assert repertoire(Shown([]), Shown([]), Shown([]), REGIONS, STABLE).modes == ()


def test_as_plain_data() -> None:
    shown = Shown([sequence(THUMB, INDEX)])
    found = repertoire(shown, shown, shown, REGIONS, STABLE)
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert {"modes", "transitions", "corrections", "of"} <= set(data)
    assert [one["name"] for one in data["modes"]] == ["thumb", "index"]
    assert data["transitions"] == [vars(one) for one in found.transitions]
