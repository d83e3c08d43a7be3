"""Demonstration sets: what fits the task is taken, what does not is refused, and the arrays and facts are right."""

import pickle
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from regrasp.demonstrations import (
    Storage,
    digest_episodes,
    read_demonstrations,
    start_states,
    summarise,
    transitions,
    write_demonstrations,
)
from regrasp.episode import Episode
from regrasp.errors import InputError
from regrasp.tasks import find_task

TASK = find_task("adroit-door")
HUMAN = Path(__file__).parents[2] / "shared" / "data" / "adroit-door-human.pickle"
STATE = 63


def make_episode(steps: int = 4, seed: int = 0) -> Episode:
    draw = np.random.default_rng(seed)
    sizes = {group: observation.fields.size for group, observation in TASK.observations.items()}
    return Episode(
        actions=2 * draw.standard_normal((steps, 28), dtype=np.float32),
        observations={g: draw.standard_normal((steps + 1, n), dtype=np.float32) for g, n in sizes.items()},
        rewards=draw.normal(size=steps),
        states=draw.normal(size=(steps + 1, STATE)),
    )


def write_pickle(path: Path, widths: tuple[int, int] = (39, 28)) -> Path:
    start = {"qpos": np.zeros(30), "qvel": np.zeros(30), "door_body_pos": np.ones(3)}
    record = {"observations": np.ones((5, widths[0])), "actions": np.ones((5, widths[1])), "rewards": np.ones(5)}
    path.write_bytes(pickle.dumps([record | {"init_state_dict": start}]))
    return path


def test_written_and_read_again(tmp_path: Path) -> None:
    episodes = [make_episode(3 + i, i) for i in range(3)]
    path = tmp_path / "demos.hdf5"
    write_demonstrations(path, episodes, TASK)
    demonstrations = read_demonstrations(path, TASK)
    assert demonstrations.task == "adroit-door"
    assert demonstrations.interface_digest == TASK.interface.digest
    assert (demonstrations.source, demonstrations.format) == ("demos.hdf5", "robomimic")
    assert demonstrations.digest == digest_episodes(episodes)
    assert demonstrations.episodes[2].rewards.tobytes() == episodes[2].rewards.tobytes()
    np.testing.assert_array_equal(start_states(demonstrations), [e.states[0] for e in episodes if e.states is not None])


def test_transitions_are_every_step_clipped(tmp_path: Path) -> None:
    episodes = [make_episode(3 + i, i) for i in range(3)]
    write_demonstrations(tmp_path / "demos.hdf5", episodes, TASK)
    demonstrations = read_demonstrations(str(tmp_path / "demos.hdf5"), TASK)
    observation, action = transitions(demonstrations)
    assert (observation.shape, action.shape) == ((12, 39), (12, 28))
    assert observation.dtype == action.dtype == torch.float32
    assert action.abs().max() == 1
    row = 3 + 4 + 2
    np.testing.assert_array_equal(observation[row], episodes[2].observations["policy"][2])
    np.testing.assert_array_equal(action[row], episodes[2].actions[2].clip(-1, 1))
    assert np.abs(demonstrations.episodes[2].actions).max() > 1


def test_digest_is_of_the_content_alone() -> None:
    episode = make_episode()
    digest = digest_episodes([episode])
    assert digest_episodes([replace(episode, provenance={"file": "other"})]) == digest
    reordered = dict(reversed(list(episode.observations.items())))
    assert digest_episodes([replace(episode, observations=reordered)]) == digest
    actions = episode.actions.copy()
    actions[-1, -1] = np.nextafter(actions[-1, -1], np.float32(9))
    changed: list[dict[str, Any]] = [
        {"actions": actions}, {"terminated": True}, {"rewards": -episode.rewards}, {"states": None, "start": None},
        {"contact_modes": np.zeros(5, np.uint8)}, {"terminal_observed": False},
    ]  # fmt: skip
    digests = {digest_episodes([replace(episode, **change)]) for change in changed}
    assert len(digests | {digest, digest_episodes([episode, episode])}) == len(changed) + 2


def test_facts_are_counted_by_hand(tmp_path: Path) -> None:
    episodes = [replace(make_episode(n), rewards=np.full(n, 2.0)) for n in (1, 2, 5)]
    for episode in episodes:
        episode.actions[:] = 0.5
    episodes[2].actions[0, :7] = -1.5
    episodes[2].actions[1, 0] = 1.25
    write_demonstrations(tmp_path / "demos.hdf5", episodes, TASK)
    facts = summarise(read_demonstrations(tmp_path / "demos.hdf5", TASK)).to_json()
    assert facts == {
        "episodes": 3, "steps": 8, "length_min": 1, "length_median": 2.0, "length_max": 5,
        "action_min": -1.5, "action_max": 1.25, "outside_share": 8 / (8 * 28), "outside_steps_share": 2 / 8,
        "return_min": 2.0, "return_median": 4.0, "return_max": 10.0, "with_start": 3, "with_states": 3,
        "objects": {}, "marks": {},
    }  # fmt: skip


@pytest.mark.skipif(not HUMAN.exists(), reason="the human demonstrations are not part of the package")
def test_human_demonstrations_have_the_published_facts() -> None:
    demonstrations = read_demonstrations(HUMAN, TASK)
    facts = summarise(demonstrations)
    assert (facts.episodes, facts.length_min, facts.length_max) == (25, 223, 300)
    assert facts.outside_share == pytest.approx(0.056, abs=5e-4)
    assert max(-facts.action_min, facts.action_max) == pytest.approx(1.37, abs=5e-3)
    assert (facts.with_start, facts.with_states) == (25, 0)
    assert start_states(demonstrations).shape == (25, TASK.scene.state_size)
    assert demonstrations.interface_digest is None


def test_pickle_of_another_width_is_refused(tmp_path: Path) -> None:
    path = write_pickle(tmp_path / "demos.pickle")
    assert read_demonstrations(path, TASK).source == "demos.pickle"
    write_pickle(path, (39, 26))
    with pytest.raises(InputError, match=r"episode 0, actions: found 26 columns, expected 28 of adroit-door\."):
        read_demonstrations(path, TASK)
    write_pickle(path, (46, 28))
    with pytest.raises(InputError, match=r"episode 0, observations policy: found 46 columns, expected 39 of"):
        read_demonstrations(path, TASK)


def test_file_of_another_task_or_interface_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "demos.hdf5"
    faster = replace(TASK, interface=replace(TASK.interface, rate=50.0))
    write_demonstrations(path, [make_episode()], faster)
    found = (
        f"found action interface {faster.interface.digest[:12]}, expected {TASK.interface.digest[:12]} of adroit-door"
    )
    with pytest.raises(InputError, match=found):
        read_demonstrations(path, TASK)
    write_demonstrations(path, [make_episode()], replace(TASK, name="adroit-pen"))
    with pytest.raises(
        InputError, match=r"attribute task: found demonstrations of 'adroit-pen', expected 'adroit-door'"
    ):
        read_demonstrations(path, TASK)


def test_other_observations_or_states_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "demos.hdf5"
    write_demonstrations(path, [make_episode()], TASK)
    with h5py.File(path, "r+") as file:
        text = file["data"].attrs["observation_fields"].decode()
        changed = re.sub(r'"unit": "\w+"', '"unit": "deg"', text, count=1)
        file["data"].attrs["observation_fields"] = np.bytes_(changed)
    with pytest.raises(InputError, match=r"observation_fields, policy: found Fields\(.*deg.*expected Fields\("):
        read_demonstrations(path, TASK)
    other = replace(make_episode(), states=np.zeros((5, 60)))
    write_demonstrations(path, [make_episode(), other], TASK)
    with pytest.raises(InputError, match=r"data/demo_1, states: found 60 columns, expected 63 of adroit-door"):
        read_demonstrations(path, TASK)


def test_file_by_others_without_the_policys_observations(tmp_path: Path) -> None:
    path = tmp_path / "demos.hdf5"
    with h5py.File(path, "w") as file:
        file["data/demo_0/actions"], file["data/demo_0/rewards"] = np.zeros((2, 28)), np.zeros(2)
        file["data/demo_0/obs/object"] = np.zeros((2, 10))
    with pytest.raises(InputError, match=r"data/demo_0: found observations object, expected the group 'policy'"):
        read_demonstrations(path, TASK)
    with h5py.File(path, "r+") as file:
        file["data/demo_0/obs/policy"] = np.zeros((2, 39))
    demonstrations = read_demonstrations(path, TASK)
    with pytest.raises(InputError, match=r"demos.hdf5: found no start state in any episode"):
        start_states(demonstrations)


def test_demonstrations_the_size_of_the_embedded_ones_stay_below_three_megabytes(tmp_path: Path) -> None:
    episodes = [make_episode(200, seed) for seed in range(20)]
    storage = Storage(states_dtype="float32", gzip=True, next_obs=False)
    write_demonstrations(tmp_path / "demos.hdf5", episodes, TASK, storage)
    assert (tmp_path / "demos.hdf5").stat().st_size < 3_000_000  # of noise, which gzip cannot shrink
