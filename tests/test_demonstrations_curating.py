"""What curation leaves out, and that what it did can be read, edited and done again."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regrasp.cli import main
from regrasp.demonstrations import digest_episodes, read_demonstrations, write_demonstrations
from regrasp.demonstrations.inspection.curating import (
    EDGE,
    Fate,
    Rules,
    apply_fates,
    farthest_first,
    judge_fates,
)
from regrasp.demonstrations.replay import replay
from regrasp.episode import Episode
from regrasp.tasks import TASKS

TASK = TASKS["planar-turn"]
FILE = Path(__file__).parent.parent / "src" / "regrasp" / "data" / "planar-turn.hdf5"


@pytest.fixture(scope="module")
def sound() -> list[Episode]:
    return list(read_demonstrations(FILE, TASK).episodes[:7])


def waiting(episode: Episode, steps: int) -> Episode:
    """The hand holds still for a while at the end: the same is observed and commanded again."""
    rows = np.clip(np.arange(episode.steps + steps + 1), 0, episode.steps)
    return replace(
        episode,
        actions=episode.actions[np.clip(rows[:-1], 0, episode.steps - 1)],
        rewards=np.concatenate([episode.rewards, np.zeros(steps)]),
        observations={name: each[rows] for name, each in episode.observations.items()},
        states=None,
        contact_modes=None,
    )


def test_nothing_is_left_out_of_sound_demonstrations(sound: list[Episode]) -> None:
    fates = judge_fates(TASK, sound, Rules(success=True, duplicates=True, idle=True, outliers=True), 1)
    assert fates == [Fate(0, episode.steps) for episode in sound]
    kept = list(apply_fates(TASK, sound, fates, 1))
    assert digest_episodes(kept) == digest_episodes(sound)
    assert [episode.provenance["curated_from"] for episode in kept] == [str(place) for place in range(7)]


def test_each_rule_leaves_out_its_own(sound: list[Episode]) -> None:
    lame = replace(sound[1], actions=0 * sound[1].actions)
    poor = replace(sound[2], rewards=sound[2].rewards - 1000.0)
    late = waiting(sound[3], 30)
    everything = [sound[0], lame, poor, late, *sound[4:], sound[0]]
    rules = Rules(success=True, duplicates=True, idle=True, outliers=True)
    fates = judge_fates(TASK, everything, rules, 1)
    assert [fate.why for fate in fates[4:7]] == [""] * 3
    assert fates[1] == Fate(0, 0, "does not succeed when played again")
    assert fates[2].why.startswith("its return")
    assert "is below" in fates[2].why
    assert fates[3].kept
    assert fates[3].last - sound[3].steps <= EDGE
    assert fates[3].why == f"{late.steps - fates[3].last} idle control steps at its end"
    assert fates[7] == Fate(0, 0, "repeats episode 0")
    assert judge_fates(TASK, everything, Rules(), 1) == [Fate(0, episode.steps) for episode in everything]


def test_what_is_repeated_does_not_say_what_an_outlier_is(sound: list[Episode]) -> None:
    """Returns of 0 to 6, the two best ones ten times more: to that crowd, all the others are outliers."""
    scored = [replace(one, rewards=np.full(one.steps, place / one.steps)) for place, one in enumerate(sound)]
    fates = judge_fates(TASK, [*scored, *scored[5:] * 10], Rules(duplicates=True, outliers=True), 1)
    assert [fate.kept for fate in fates] == [True] * 7 + [False] * 20


def test_a_balance_keeps_the_first_of_every_contact(sound: list[Episode]) -> None:
    fates = judge_fates(TASK, sound, Rules(balance=1), 1)
    names = {fate.why.split(" by ")[1].split(",")[0] for fate in fates if not fate.kept}
    assert sum(fate.kept for fate in fates) < 7
    assert all(fate.why.startswith("1 others enter contact by ") for fate in fates if not fate.kept)
    assert fates[0].kept
    assert names


def test_a_spread_keeps_what_lies_at_the_edge_and_covers_what_is_between() -> None:
    points = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [9.9], [10.0]])
    assert farthest_first(points, 1) == [3], "nearest to the mean, 4.3"
    assert farthest_first(points, 3) == [3, 0, 6]
    assert sorted(farthest_first(points, 7)) == list(range(7))
    assert sorted(farthest_first(np.zeros((4, 2)), 3)) == [0, 1, 2], "all alike: any will do, none twice"


def test_a_spread_counts_what_other_rules_leave(sound: list[Episode]) -> None:
    crowd = [*sound, *sound[:3]]
    fates = judge_fates(TASK, crowd, Rules(duplicates=True, spread=7), 1)
    assert [fate.kept for fate in fates] == [True] * 7 + [False] * 3
    near = [replace(one, observations={"policy": one.observations["policy"] * np.float32(1.0001)}) for one in sound[:3]]
    fates = judge_fates(TASK, [*sound, *near], Rules(spread=7), 1)
    assert [fates[place].kept + fates[place + 7].kept for place in range(3)] == [1, 1, 1], "one of those that are near"
    assert all(fate.kept for fate in fates[3:7])
    assert {fate.why for fate in fates if not fate.kept} == {"7 others begin farther apart"}


def test_a_part_begins_in_the_state_that_it_begins_in(sound: list[Episode]) -> None:
    whole = replay(TASK, sound[:1], 1)[0].episode
    blind = replace(sound[0], states=None, contact_modes=None)
    (part,) = apply_fates(TASK, [blind], [Fate(4, sound[0].steps - 3)], 1)
    assert whole.states is not None
    np.testing.assert_array_equal(part.start, whole.states[4])
    assert part.steps == sound[0].steps - 7
    assert len(part.observations["policy"]) == part.steps + 1
    assert (part.truncated, part.terminated) == (True, False)
    again = replay(TASK, [part], 1)[0].episode
    # Sensors of a state that was set are of that state, of a running world 2 ms older: so the first row may differ.
    np.testing.assert_allclose(again.observations["policy"][1:], part.observations["policy"][1:], atol=1e-4)
    assert all(0 <= step < part.steps for step in part.marks.values())


def test_the_command_says_why_and_its_record_can_be_edited(
    sound: list[Episode], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "all.hdf5", tmp_path / "some.hdf5"
    write_demonstrations(source, [*sound, replace(sound[1], actions=0 * sound[1].actions, states=None)], TASK)
    before = source.read_bytes()
    assert main(["demos", "curate", str(source), str(out), "--success"]) == 0
    shown = capsys.readouterr().out
    assert "7 of 8 episodes" in shown
    assert "does not succeed when played again" in shown
    assert source.read_bytes() == before
    assert len(read_demonstrations(out, TASK).episodes) == 7
    fates = tmp_path / "some.hdf5.fates.json"
    record = json.loads(fates.read_text())
    record["episodes"][7] |= {"last": 5, "why": "kept by hand"}
    fates.write_text(json.dumps(record))
    again = tmp_path / "again.hdf5"
    assert main(["demos", "curate", str(source), str(again), "--again", str(fates), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kept"]["episodes"] == 8
    assert read_demonstrations(again, TASK).episodes[7].steps == 5
    again.unlink()
    (tmp_path / "again.hdf5.fates.json").unlink()
    record["episodes"][0]["last"] = 10_000
    fates.write_text(json.dumps(record))
    assert main(["demos", "curate", str(source), str(again), "--again", str(fates)]) == 2
    assert "episodes 0: found 0 to 10000, expected control steps from 0 to" in capsys.readouterr().err
    assert main(["demos", "curate", str(FILE), str(again), "--again", str(fates)]) == 2
    assert "fates of demonstrations" in capsys.readouterr().err


def test_nothing_that_is_there_is_replaced(
    sound: list[Episode], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "all.hdf5", tmp_path / "some.hdf5"
    fates = tmp_path / "some.hdf5.fates.json"
    write_demonstrations(source, sound, TASK)
    before = source.read_bytes()
    assert main(["demos", "curate", str(source), str(source), "--idle"]) == 2
    assert f"{source}: found something of that name, expected a new name" in capsys.readouterr().err
    assert source.read_bytes() == before
    assert main(["demos", "curate", str(source), str(out), "--idle"]) == 0
    kept, said = out.read_bytes(), fates.read_bytes()
    assert main(["demos", "curate", str(source), str(out), "--duplicates"]) == 2
    assert f"{out}: found something of that name, expected a new name" in capsys.readouterr().err
    assert out.read_bytes() == kept
    out.unlink()
    assert main(["demos", "curate", str(source), str(out), "--duplicates"]) == 2
    assert f"{fates}: found something of that name, expected a new name" in capsys.readouterr().err
    assert main(["demos", "curate", str(source), str(out), "--again", str(fates)]) == 0, "it may be applied"
    assert fates.read_bytes() == said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "found no rule, expected at least one rule"),
        (["--success", "--again", "x.json"], "found rules and --again"),
        (["--balance", "0"], "--balance: found 0"),
        (["--spread", "0"], "--spread: found 0, expected a whole number, at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.hdf5"
    assert main(["demos", "curate", str(FILE), str(out), *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
