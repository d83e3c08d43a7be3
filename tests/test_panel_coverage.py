"""Distances from demonstrated contact states against brute force, and recordings against layouts worked out by hand."""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from regrasp.panel.coverage import ContactManifold, Moment, last_contact, next_recordings
from regrasp.scale import FLAT
from test_panel_audit import trial

COLUMNS, REGIONS = 4, 3


@dataclass(frozen=True)
class Taught:
    """States of three demonstrations, one after another, as `ContactManifold` takes them."""

    observed: NDArray[np.float64]
    modes: NDArray[np.uint8]
    episodes: NDArray[np.int64]

    @property
    def manifold(self) -> ContactManifold:
        return ContactManifold(self.observed, self.modes, self.episodes, REGIONS)


@pytest.fixture
def taught() -> Taught:
    random = np.random.default_rng(0)
    observed = random.normal(5.0, [0.1, 1.0, 3.0, 50.0], (90, COLUMNS))
    return Taught(observed, random.integers(0, 8, 90).astype(np.uint8), np.repeat(np.arange(3), 30))


def distances(taught: Taught, observed: NDArray[np.float64], mode: int, without: int | None = None) -> list[float]:
    """From every demonstrated contact state, of all episodes but one: root of the two means of squares."""
    touching = taught.modes > 0
    spread = taught.observed[touching].std(axis=0)
    found = []
    for own, held, episode in zip(taught.observed, taught.modes, taught.episodes, strict=True):
        if held and episode != without:
            columns = float((((observed - own) / spread) ** 2).mean())
            wrong = bin(int(held) ^ mode).count("1") / REGIONS
            found.append((columns + wrong) ** 0.5)
    return found


def test_a_demonstrated_state_is_at_distance_zero(taught: Taught) -> None:
    touching = taught.modes > 0
    found = taught.manifold.distance(taught.observed[touching], taught.modes[touching])
    np.testing.assert_allclose(found, 0.0, atol=1e-12)


def test_distances_are_those_of_brute_force(taught: Taught) -> None:
    random = np.random.default_rng(1)
    states = random.normal(5.0, [0.2, 2.0, 6.0, 100.0], (40, COLUMNS))
    modes = random.integers(1, 8, 40).astype(np.uint8)
    expected = [min(distances(taught, state, int(mode))) for state, mode in zip(states, modes, strict=True)]
    np.testing.assert_allclose(taught.manifold.distance(states, modes), expected)


def test_the_reach_is_that_of_brute_force(taught: Taught) -> None:
    rows = zip(taught.observed, taught.modes, taught.episodes, strict=True)
    nearest = [min(distances(taught, state, int(mode), without=int(own))) for state, mode, own in rows if mode]
    assert taught.manifold.reach == pytest.approx(np.quantile(nearest, 0.95))
    assert 0 < taught.manifold.reach < max(nearest)


def test_states_among_each_other(taught: Taught) -> None:
    states, modes = taught.observed[:6], np.array([1, 1, 2, 7, 7, 4], np.uint8)
    found = taught.manifold.apart(states, modes)
    spread = taught.observed[taught.modes > 0].std(axis=0)
    for (a, b), value in np.ndenumerate(found):
        wrong = bin(int(modes[a]) ^ int(modes[b])).count("1") / REGIONS
        assert value == pytest.approx(
            (float(((states[a] - states[b]) / spread) ** 2 @ np.full(4, 0.25)) + wrong) ** 0.5
        )


def line(*places: float) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """States in two columns that say the same, touched by the first region."""
    return np.array([[place, place] for place in places]), np.ones(len(places), np.uint8)


@pytest.fixture
def unit() -> ContactManifold:
    """Two demonstrations that each show -1 and 1: a spread of 1 in both columns."""
    return ContactManifold(*line(-1, 1, -1, 1), np.array([0, 0, 1, 1]), REGIONS)


def test_one_spread_off_in_every_column_is_distance_one(unit: ContactManifold) -> None:
    np.testing.assert_allclose(unit.distance(*line(1, 2, 4, -1.5)), [0, 1, 3, 0.5], atol=1e-12)
    assert unit.reach == 0


def test_every_wrong_region_raises_the_distance(unit: ContactManifold) -> None:
    states = np.ones((4, 2))
    found = unit.distance(states, np.array([0b001, 0b011, 0b111, 0b110], np.uint8))
    np.testing.assert_allclose(found, [0, np.sqrt(1 / 3), np.sqrt(2 / 3), 1], atol=1e-12)


def test_only_states_in_contact_are_shown(taught: Taught) -> None:
    free = int(np.flatnonzero(taught.modes == 0)[0])
    found = taught.manifold
    assert found.distance(taught.observed[free : free + 1], np.array([1], np.uint8))[0] > 0.01
    assert dict(found.modes) == {mode: int((taught.modes == mode).sum()) for mode in range(1, 8)}


def test_fewer_than_two_episodes_in_contact_have_no_reach(taught: Taught) -> None:
    with pytest.raises(ValueError, match="fewer than two"):
        ContactManifold(taught.observed, taught.modes, np.zeros(90, np.int64), REGIONS)
    one = np.where(taught.episodes == 1, taught.modes, 0).astype(np.uint8)
    with pytest.raises(ValueError, match="fewer than two"):
        ContactManifold(taught.observed, one, taught.episodes, REGIONS)
    with pytest.raises(ValueError, match="fewer than two"):
        ContactManifold(taught.observed, np.zeros(90, np.uint8), taught.episodes, REGIONS)


@pytest.mark.parametrize("constant", [0.7, -1000.0])
def test_rounding_of_a_constant_column_is_no_distance(constant: float) -> None:
    random = np.random.default_rng(0)
    observed = random.normal(size=(40, 2)).astype(np.float32)
    near = np.array([constant, np.nextafter(np.float32(constant), np.float32(0))], np.float32)
    observed[:, 1] = near[random.integers(0, 2, 40)]
    modes, episodes = np.ones(40, np.uint8), np.repeat([0, 1], 20)
    manifold = ContactManifold(observed, modes, episodes, REGIONS)
    seen = observed.copy()
    seen[:, 1] = near[1] * np.float32(1 - 1e-6)
    np.testing.assert_allclose(manifold.distance(seen, modes), 0.0, atol=1e-3)
    seen[:, 1] = constant * (1 + 3 * FLAT)
    assert (manifold.distance(seen, modes) > 1).all()


@pytest.mark.parametrize(
    ("modes", "success", "changes", "expected"),
    [
        ([0, 0, 0, 0], False, {}, None),
        ([0, 0, 0, 0], True, {"first_success": 2}, None),
        ([], False, {}, None),
        ([0, 1, 2, 0], False, {}, 2),
        # Lost at step 3, and touched again afterwards.
        ([0, 1, 0, 0, 2, 2], False, {"lost_at": 3}, 1),
        ([1, 1, 1, 1, 2, 2], False, {"lost_at": 3}, 2),
        ([0, 0, 0, 1, 1], False, {"lost_at": 3}, None),
        # It succeeded at step 2, in contact or after it.
        ([1, 1, 4, 2, 2], True, {"first_success": 2}, 2),
        ([1, 1, 0, 2, 2], True, {"first_success": 2}, 1),
        # It is not known when it succeeded.
        ([1, 1, 0, 2, 2], True, {"lost_at": 3}, 4),
        # Lost on the way to a success, or successful for too short a time to count.
        ([1, 1, 0, 2, 2], True, {"first_success": 4, "lost_at": 2}, 4),
        ([1, 1, 0, 2, 2], False, {"first_success": 1}, 4),
        ([1, 1, 0, 2, 2], False, {"first_success": 1, "lost_at": 3}, 1),
    ],
)
def test_the_last_contact(modes: list[int], success: bool, changes: dict[str, Any], expected: int | None) -> None:
    assert last_contact(trial(modes=bytes(modes), **changes), success) == expected


def moment(case: int, place: float, mode: int = 1) -> Moment:
    return Moment(trial(case), False, np.zeros(2), np.array([place, place]), mode, distance=9.0)


@pytest.fixture
def spaced() -> ContactManifold:
    """Every state of one demonstration is 1 from the other's, and 1 is the reach."""
    manifold = ContactManifold(*line(0, 10, 1, 11), np.array([0, 0, 1, 1]), REGIONS)
    assert manifold.apart(*line(0, 1))[0, 1] == pytest.approx(manifold.reach)
    return manifold


CHAIN = [moment(10, 100.0), moment(11, 100.8), moment(12, 101.6), moment(13, 102.4)]
PAIR = [moment(20, 200.0), moment(21, 200.5)]
OTHER = [moment(30, 100.8, mode=2)]


def test_recordings_cover_the_most_that_is_left(spaced: ContactManifold) -> None:
    found = next_recordings(spaced, [*OTHER, *PAIR, *CHAIN], 9)
    # 11 and 12 lie near three each; once the first is chosen, the end of the chain is worth less than the pair.
    assert [(one.moment.trial.case, one.covers) for one in found] == [
        (11, (10, 11, 12)),
        (20, (20, 21)),
        (30, (30,)),
        (13, (13,)),
    ]


@pytest.mark.parametrize("count", range(6))
def test_no_more_recordings_than_asked_for_or_needed(spaced: ContactManifold, count: int) -> None:
    failed = [*OTHER, *PAIR, *CHAIN]
    found = next_recordings(spaced, failed, count)
    assert len(found) == min(count, 4)
    assert found == next_recordings(spaced, failed, 9)[:count]


def test_without_failures_there_is_nothing_to_record(spaced: ContactManifold) -> None:
    assert next_recordings(spaced, [], 5) == []


@pytest.mark.parametrize("seed", range(5))
def test_three_recordings_cover_nearly_what_the_best_three_would(spaced: ContactManifold, seed: int) -> None:
    places = np.random.default_rng(seed).uniform(100, 112, 25)
    found = next_recordings(spaced, [moment(case, place) for case, place in enumerate(places)], 3)
    near = np.abs(places[:, None] - places) <= 1
    best = max(int(near[list(three)].any(0).sum()) for three in combinations(range(25), 3))
    covered = [case for one in found for case in one.covers]
    assert len(covered) == len(set(covered))
    assert len(covered) == near[[one.moment.trial.case for one in found]].any(0).sum()
    assert (1 - 1 / np.e) * best <= len(covered) <= best


def test_nothing_is_recorded_with_a_forbidden_object(spaced: ContactManifold) -> None:
    forbidden = {one.trial.case: replace(one, trial=replace(one.trial, object="held")) for one in CHAIN[1:]}
    failed = [*OTHER, *PAIR, *(forbidden.get(one.trial.case, one) for one in CHAIN)]
    found = next_recordings(spaced, failed, 9, {"held"})
    assert all(one.moment.trial.object != "held" for one in found)
    # What lies beside the one that is allowed is covered all the same.
    assert (10, 11) in [one.covers for one in found]
    assert next_recordings(spaced, list(forbidden.values()), 9, {"held"}) == []


def test_a_choice_may_lie_within_an_earlier_one(spaced: ContactManifold) -> None:
    # Around 0 lie five and, 0.9 beside it, 1; around that one two more, which lie too far from each other.
    places = {0: (0.0, 0.0), 1: (0.9, 0.0), 2: (1.35, 0.8), 3: (1.35, -0.8)}
    places |= {number: (-0.9, 0.1 * (number - 6)) for number in range(4, 9)}
    failed = [replace(moment(case, 0.0), observed=np.sqrt(2.0) * np.array(at)) for case, at in places.items()]
    found = next_recordings(spaced, failed, 2)
    assert [(one.moment.trial.case, one.covers) for one in found] == [(0, (0, 1, 4, 5, 6, 7, 8)), (1, (2, 3))]
