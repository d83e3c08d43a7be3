"""The phases in order, and the same end from every snapshot."""

import copy
from dataclasses import replace

import pytest

from regrasp.curriculum.phases import Candidate, Event, GateDecided, Ingredients, Snapshot, Stopped, execute
from regrasp.curriculum.schema import Curriculum
from regrasp.demonstrations import DemonstrationSet, digest_episodes
from regrasp.policies.progress import Progress
from regrasp.tasks import TASKS
from small_run import make_curriculum, make_episodes, weights

SHORT = replace(TASKS["adroit-door"], horizon=60)


@pytest.fixture(scope="module")
def given() -> Ingredients:
    episodes = tuple(make_episodes(SHORT))
    return Ingredients(
        SHORT, DemonstrationSet(episodes, SHORT.name, None, "made", digest_episodes(episodes)), threads=1
    )


@pytest.fixture(scope="module")
def whole(given: Ingredients) -> list[Event]:
    return _events(make_curriculum(), given)


def _events(curriculum: Curriculum, given: Ingredients, resumed: Snapshot | None = None) -> list[Event]:
    """Copies, because the phases go on changing what they have yielded."""
    return [copy.deepcopy(event) for event in execute(curriculum, given, copy.deepcopy(resumed))]


def _candidates(events: list[Event]) -> dict[str, dict[str, bytes]]:
    return {event.name: weights(event.policy) for event in events if isinstance(event, Candidate)}


def test_phases_come_in_order(whole: list[Event]) -> None:
    kinds = [type(event).__name__ for event in whole]
    assert list(_candidates(whole)) == ["bc", "rl-0004", "rl"]
    assert [event.forced for event in whole if isinstance(event, GateDecided)] == [False, True]
    assert kinds.index("Candidate") < len(kinds) - 1
    iterations = [event.step for event in whole if isinstance(event, Progress) and event.phase == "rl"]
    assert iterations == list(range(1, 8))


def test_fine_tuning_moves_the_policy_only_after_the_warm_up(whole: list[Event]) -> None:
    updates = [event.values["policy_updates"] for event in whole if isinstance(event, Progress) and event.phase == "rl"]
    assert updates[0] == 0
    assert max(updates) > 0
    found = _candidates(whole)
    assert found["bc"] != found["rl-0004"] != found["rl"]


def test_every_snapshot_leads_to_the_same_end(given: Ingredients, whole: list[Event]) -> None:
    snapshots = [event for event in whole if isinstance(event, Snapshot)]
    assert {snapshot.phase for snapshot in snapshots} == {"bc", "rl"}
    for snapshot in snapshots:
        resumed = _events(make_curriculum(), given, snapshot)
        expected = _candidates(whole)
        for name, found in _candidates(resumed).items():
            assert found == expected[name], (snapshot.phase, snapshot.meta, name)


def test_another_thread_count_gives_the_same_weights(given: Ingredients, whole: list[Event]) -> None:
    again = _events(make_curriculum(), replace(given, threads=2))
    assert _candidates(again) == _candidates(whole)


def test_a_closed_gate_stops_the_run_and_says_what_would_help(given: Ingredients) -> None:
    curriculum = make_curriculum()
    curriculum = replace(curriculum, gate=replace(curriculum.gate, force=False))
    events = _events(curriculum, given)
    assert isinstance(events[-1], Stopped)
    assert "contact entry" in events[-1].reason
    assert "gate.force" in events[-1].reason
    assert list(_candidates(events)) == ["bc"], "the clone is worth keeping and judging all the same"
