"""What is found of sound and of corrupted demonstrations, and the numbers behind it by hand."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regrasp.cli import main
from regrasp.demonstrations import DemonstrationSet, read_demonstrations, write_demonstrations
from regrasp.demonstrations.dataset import digest_episodes
from regrasp.demonstrations.inspection.consistency import consistency
from regrasp.demonstrations.inspection.coverage import coverage
from regrasp.demonstrations.inspection.departure import departure, lag_errors, lag_of
from regrasp.demonstrations.inspection.findings import Finding, findings, inspect, verdict
from regrasp.demonstrations.inspection.observed import scale_of
from regrasp.demonstrations.replay import replay
from regrasp.episode import Episode
from regrasp.scale import Scale
from regrasp.tasks import TASKS

TASK = TASKS["planar-turn"]
FILE = Path(__file__).parent.parent / "src" / "regrasp" / "data" / "planar-turn.hdf5"


@pytest.fixture(scope="module")
def sound() -> list[Episode]:
    return list(read_demonstrations(FILE, TASK).episodes[:12])


def found_in(episodes: list[Episode], *teaches: str) -> dict[str, Finding]:
    known = tuple(episodes)
    every = findings(
        inspect(DemonstrationSet(known, TASK.name, None, "made", digest_episodes(known)), TASK, 1), teaches
    )
    return {one.name: one for one in every}


def shuffled(episode: Episode) -> Episode:
    draw = np.random.default_rng(episode.steps)
    rows = np.flatnonzero(draw.random(episode.steps) < 0.2)
    actions = episode.actions.copy()
    actions[rows] = actions[draw.permutation(rows)]
    return replace(episode, actions=actions)


def late(episode: Episode) -> Episode:
    return replace(episode, actions=episode.actions[np.clip(np.arange(episode.steps) - 2, 0, None)])


def limited(episode: Episode) -> Episode:
    return replace(episode, actions=episode.actions.clip(-0.5, 0.5))


def idle(episode: Episode) -> Episode:
    """The hand waits at the end for as long as the episode took."""
    rows = np.clip(np.arange(2 * episode.steps + 1), 0, episode.steps)
    return replace(
        episode,
        actions=episode.actions[np.clip(rows[:-1], 0, episode.steps - 1)],
        rewards=np.zeros(2 * episode.steps),
        observations={name: each[rows] for name, each in episode.observations.items()},
        states=None,
        contact_modes=None,
    )


def test_nothing_is_wrong_with_what_was_recorded_here(sound: list[Episode]) -> None:
    assert {name for name, one in found_in(sound).items() if one.level != "note"} <= {"narrow starts"}


@pytest.mark.parametrize(
    ("corrupt", "name", "level", "evidence"),
    [
        (late, "shifted actions", "fault", "actions of 2 control steps later explain"),
        (limited, "limited actions", "doubt", "sit at exactly the limit of their column"),
        (limited, "departing replays", "fault", "before anything is touched"),
        (shuffled, "failing replays", "doubt", "of 12 episodes succeed when played again"),
        (idle, "idle time", "doubt", "nothing happens in"),
    ],
)
def test_what_is_wrong_is_found(
    sound: list[Episode], corrupt: Callable[[Episode], Episode], name: str, level: str, evidence: str
) -> None:
    found = found_in([corrupt(episode) for episode in sound])
    assert found[name].level == level
    assert evidence in found[name].found
    if level == "fault":
        assert verdict(list(found.values()), "cloning") == "not fit"


def test_a_contact_that_nobody_shows_is_missed(sound: list[Episode]) -> None:
    assert "missing contact" not in found_in(sound, "left+right")
    assert found_in(sound, "left → left")["missing contact"].found == "no episode shows left → left"
    brief = [
        replace(
            episode,
            actions=episode.actions[:3],
            rewards=episode.rewards[:3],
            observations={name: rows[:4] for name, rows in episode.observations.items()},
            states=None,
            contact_modes=None,
        )
        for episode in sound
    ]
    assert found_in(brief)["little contact"].found == "0 of 12 episodes come into stable contact"


def test_few_episodes_and_no_start_states_are_said(sound: list[Episode]) -> None:
    found = found_in([replace(episode, start=None, states=None) for episode in sound[:3]])
    assert found["few episodes"].found == "3 of them"
    assert found["no start states"].uses == ("entering RL",)
    assert verdict(list(found.values()), "entering RL") == "doubtful"
    assert verdict(list(found.values()), "cloning") == "doubtful"


def test_a_departure_is_where_a_replay_leaves_for_good(sound: list[Episode]) -> None:
    scale = scale_of(sound)
    played = replay(TASK, sound[:1], 1)[0]
    assert departure(sound[0], played, scale).step == -1
    seen = {"policy": sound[0].observations["policy"].copy()}
    seen["policy"][0] += 5 * scale.spread.astype(np.float32)  # one odd row
    seen["policy"][9:] += 0.2 * scale.spread.astype(np.float32)
    found = departure(replace(sound[0], observations=seen), played, scale)
    assert found.step == 9
    assert found.size == pytest.approx(0.2, abs=1e-3)
    assert len(found.away) == sound[0].steps + 1


def test_the_lag_of_actions_has_the_smallest_error(sound: list[Episode]) -> None:
    errors = lag_errors(TASK, [late(episode) for episode in sound], scale_of(sound), 1)
    assert min(errors, key=errors.__getitem__) == 2 == lag_of(errors)
    assert lag_of({-1: 0.9, 0: 1.0, 1: 0.6}) == 0, "hardly better is not better"


def made(actions: list[list[float]], seen: list[list[float]], **known: str) -> Episode:
    rows = np.array([*seen, seen[-1]], np.float32)
    return Episode(np.array(actions, np.float32), {"policy": rows}, np.zeros(len(actions)), provenance=known)


def test_ambiguity_is_nought_where_alike_states_have_alike_actions() -> None:
    place = np.linspace(0, 1, 40)
    sure = [made([[x] for x in place], [[x] for x in place], operator=who) for who in ("ann", "ben", "ann")]
    found = consistency(sure)
    assert np.median(found.ambiguity) < 0.25
    assert found.demonstrators == {"ann": 2, "ben": 1}
    torn = [made([[sign * x] for x in place], [[x] for x in place]) for sign in (1, -1)]
    assert np.median(consistency(torn).ambiguity) > 0.9


def test_only_limits_inside_the_interface_are_suspicious() -> None:
    wave = np.sin(np.arange(200))[:, None]
    for limit, share in ((1.0, 0.0), (0.5, 2 / 3)):
        episodes = [made((2 * limit * wave).clip(-limit, limit).tolist(), wave.tolist()) for _ in range(2)]
        assert consistency(episodes).pinned == pytest.approx(share, abs=0.05)


def test_coverage_counts_episodes(sound: list[Episode]) -> None:
    found = coverage(TASK, sound, replay(TASK, sound, 1), scale_of(sound))
    assert len(found.entries) == 12
    assert sum(found.entry_modes.values()) == 12
    assert "no contact" not in {*found.entry_modes, *found.modes}
    assert found.modes["left+right"] >= 11
    assert max(found.transitions.values()) <= 12
    assert found.idle == pytest.approx(0.0, abs=0.02)
    assert 0.0 < (found.starts or 0.0) < 1.0


def test_columns_that_never_move_have_a_spread() -> None:
    assert Scale(np.zeros((5, 2))).size(np.zeros(2)) == 0.0
    assert np.isfinite(Scale(np.full((5, 1), 3.0)).size(np.ones(1)))


def test_the_command_prints_draws_and_exits_by_the_verdict(
    sound: list[Episode], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_demonstrations(tmp_path / "late.hdf5", [replace(late(one), states=None) for one in sound], TASK)
    assert main(["demos", "check", str(FILE), "--teaches", "right+left", "--out", str(tmp_path / "page.html")]) == 0
    shown = capsys.readouterr().out
    assert "For cloning: good." in shown
    assert "Lasting contact" in shown
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.count("<svg") == 6
    assert "These demonstrations are good for cloning and entering RL." in page
    assert main(["demos", "check", str(tmp_path / "late.hdf5"), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["verdicts"]["cloning"] == "not fit"
    assert told["findings"][0]["name"] == "shifted actions"
    assert main(["demos", "check", str(FILE), "--teaches", "thumb"]) == 2
    assert "--teaches: found 'thumb', expected regions joined by +" in capsys.readouterr().err
    assert main(["demos", "check", str(FILE), "--out", str(tmp_path)]) == 2
