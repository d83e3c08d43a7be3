"""What a person drove is an episode like any other: replayed to the bit, disturbed, marked, appended whole."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

pytest.importorskip("viser", reason="viser (extra viewer) is not installed")

from regrasp.demonstrations import Storage, append_demonstration, read_demonstrations, write_demonstrations
from regrasp.demonstrations.disturbed import disturbance_of
from regrasp.demonstrations.replay import replay
from regrasp.episode import Episode
from regrasp.errors import InputError
from regrasp.store.atomic import alone
from regrasp.tasks import TASKS
from regrasp.viewer.session import Session

TASK = TASKS["planar-turn"]
STORAGE = Storage("float32", gzip=True, next_obs=False)


def session(longest: int = 1000, seed: int = 0, first: int = 0) -> Session:
    return Session(TASK, seed, first, longest, {"policy": "a person, in a test"})


def squeeze(one: Session, steps: int) -> list[np.ndarray]:
    """Closes both fingers from the side; gives the states that this leads through."""
    action = np.array([0.3, -1.0, 0.3, -1.0], np.float32)
    states = [one.state]
    for _ in range(steps):
        one.step(action)
        states.append(one.state)
    return states


def driven(kind: str = "", before: int = 40, after: int = 40, seed: int = 0) -> tuple[Session, list[np.ndarray]]:
    one = session(seed=seed)
    one.begin()
    states = squeeze(one, before)
    if kind:
        assert one.strikes
        one.strike(kind)
        assert not one.strikes
    return one, states + squeeze(one, after)[1:]


@pytest.mark.parametrize("kind", ["", "push", "slip", "drop", "pose_error"])
def test_an_episode_holds_the_very_states_that_were_seen(kind: str) -> None:
    one, states = driven(kind)
    episode = one.played().episode
    assert episode.states is not None
    assert np.array_equal(episode.states, np.stack(states))
    assert episode.contact_modes is not None
    assert (episode.contact_modes > 0).any()
    disturbance, _ = disturbance_of(episode)
    assert disturbance.kind == (kind or "none")
    assert episode.marks.get("disturbed") == (40 if kind else None)
    again = replay(TASK, [episode])[0].episode
    assert np.array_equal(again.observations["policy"], episode.observations["policy"])
    assert {name: step for name, step in episode.marks.items() if name != "mark"} == dict(again.marks)


def test_a_push_moves_the_object_otherwise_than_no_push() -> None:
    (_, pushed), (_, calm) = driven("push"), driven()
    assert np.array_equal(pushed[40], calm[40])
    assert not np.array_equal(pushed[42], calm[42])


def test_nothing_is_done_to_an_object_that_was_not_held() -> None:
    one = session()
    one.strike("push")
    one.begin()
    one.step(np.array(TASK.rest, np.float32))
    one.strike("push")
    assert one.disturbance.kind == "none"
    assert "disturbed" not in one.played().episode.marks


def test_marks_are_where_they_were_made() -> None:
    one = session()
    one.begin()
    one.mark()
    squeeze(one, 5)
    one.mark()
    squeeze(one, 3)
    one.mark()
    marks = one.played().episode.marks
    assert (marks["mark"], marks["mark_2"]) == (4, 7)


def test_attempts_differ_and_the_same_seed_gives_the_same() -> None:
    one, same, other = session(), session(), session(seed=1)
    starts = []
    for each in (one, same, other):
        each.begin()
        squeeze(each, 3)
        each.next()
        assert each.phase == "ready"
        assert each.steps == 0
        starts.append(each.attempt)
    assert np.array_equal(starts[0].start, starts[1].start)
    assert not np.array_equal(starts[0].start, starts[2].start)
    assert np.array_equal(session(first=1).attempt.start, starts[0].start)


def test_it_ends_at_the_longest() -> None:
    one = session(longest=7)
    one.begin()
    squeeze(one, 7)
    assert one.phase == "ended"
    episode = one.played().episode
    assert (episode.steps, episode.terminated, episode.truncated) == (7, False, True)


def test_without_a_control_step_there_is_no_episode() -> None:
    with pytest.raises(ValueError, match="without a control step"):
        session().played()


@pytest.fixture(scope="module")
def episodes() -> list[Episode]:
    return [driven("push", seed=seed)[0].played().episode for seed in range(3)]


def test_appended_one_by_one_or_written_at_once_is_the_same_set(tmp_path: Path, episodes: list[Episode]) -> None:
    one, all_at_once = tmp_path / "one.hdf5", tmp_path / "all.hdf5"
    for episode in episodes:
        append_demonstration(one, episode, TASK, STORAGE)
    write_demonstrations(all_at_once, episodes, TASK, STORAGE)
    found, expected = (read_demonstrations(path, TASK) for path in (one, all_at_once))
    assert found.digest == expected.digest
    assert [e.marks for e in found.episodes] == [e.marks for e in episodes]
    with h5py.File(one) as file:
        assert file["data"].attrs["total"] == sum(e.steps for e in episodes)
        assert file["mask/train"][:].tolist() == [b"demo_0", b"demo_2"]
        assert file["mask/valid"][:].tolist() == [b"demo_1"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.hdf5", "one.hdf5"]


def test_what_was_in_a_file_is_not_written_anew(tmp_path: Path, episodes: list[Episode]) -> None:
    """States that were stored in float64 stay so, though what is added is smaller."""
    path = tmp_path / "mine.hdf5"
    write_demonstrations(path, episodes[:1], TASK)
    before = read_demonstrations(path, TASK).episodes[0]
    append_demonstration(path, episodes[1], TASK, STORAGE)
    after = read_demonstrations(path, TASK).episodes[0]
    assert before.states is not None
    assert after.states is not None
    assert np.array_equal(before.states, after.states)
    with h5py.File(path) as file:
        assert (file["data/demo_0/states"].dtype, file["data/demo_1/states"].dtype) == (np.float64, np.float32)


def test_an_episode_with_other_observations_is_refused_and_changes_nothing(
    tmp_path: Path, episodes: list[Episode]
) -> None:
    path = tmp_path / "mine.hdf5"
    append_demonstration(path, episodes[0], TASK, STORAGE)
    before = path.read_bytes()
    wide = replace(episodes[1], observations={"policy": np.zeros((episodes[1].steps + 1, 3), np.float32)})
    with pytest.raises(InputError, match="3 columns"):
        append_demonstration(path, wide, TASK, STORAGE)
    assert path.read_bytes() == before


KILLING = """
import sys
from pathlib import Path
from regrasp.demonstrations import Storage, append_demonstration, read_demonstrations
from regrasp.tasks import TASKS
task, source, out = TASKS["planar-turn"], *map(Path, sys.argv[1:])
(episode,) = read_demonstrations(source, task).episodes
print("ready", flush=True)
for number in range(1000):
    append_demonstration(out, episode, task, Storage("float32", gzip=True, next_obs=False))
    print(number, flush=True)
"""


def test_killed_at_any_moment_of_a_write_the_file_is_whole(tmp_path: Path, episodes: list[Episode]) -> None:
    source, out = tmp_path / "source.hdf5", tmp_path / "mine.hdf5"
    write_demonstrations(source, episodes[:1], TASK)
    there = 0
    for lines in (2, 5, 9):
        command = [sys.executable, "-c", KILLING, str(source), str(out)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            told = [process.stdout.readline() for _ in range(lines)]
            os.kill(process.pid, signal.SIGKILL)
            rest = process.stdout.read().splitlines()
        reported = there + lines - 1 + len(rest)
        assert told[0] == "ready\n"
        found = read_demonstrations(out, TASK).episodes
        # Every write that was reported is there; the one that was under way may be.
        assert reported <= len(found) <= reported + 1
        there = len(found)
    append_demonstration(out, episodes[1], TASK, STORAGE)
    assert len(read_demonstrations(out, TASK).episodes) == there + 1
    assert not out.with_name(".mine.hdf5.partial").exists()


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "mine.hdf5"
    with alone(path), pytest.raises(InputError, match="another command"), alone(path):
        pass
    with alone(path):
        pass
