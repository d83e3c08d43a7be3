"""Fine-tuning without any demonstration, from the rest posture: `regrasp run --without-demos`."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from regrasp.cli import main
from regrasp.curriculum.phases import Candidate, Event, Ingredients, Snapshot, execute
from regrasp.panel.cases import draw_cases, make_panel, write_panel
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.reinforcement.magnitudes import Magnitudes
from regrasp.reinforcement.on_policy import begin_at_rest
from regrasp.reinforcement.pay import JUDGED, Pay
from regrasp.reinforcement.rollout import Rollout
from regrasp.reinforcement.starts import Starts
from regrasp.seeding import numpy_stream, torch_stream
from regrasp.tasks import TASKS
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Task
from small_run import make_curriculum, weights

SHORT = replace(TASKS["adroit-door"], horizon=60)


def make_policy(task: Task) -> Policy:
    fields = task.observations["policy"].fields
    spec = PolicySpec(fields, task.interface.fields, (32,), "relu", task.interface, task.name)
    return Policy.build(spec, torch_stream(0))


def _events(resumed: Snapshot | None = None) -> list[Event]:
    curriculum = make_curriculum()
    return [copy.deepcopy(e) for e in execute(curriculum, Ingredients(SHORT, None, threads=1), copy.deepcopy(resumed))]


def _candidates(events: list[Event]) -> dict[str, dict[str, bytes]]:
    return {event.name: weights(event.policy) for event in events if isinstance(event, Candidate)}


def test_it_has_no_clone_and_resumes_to_the_bit() -> None:
    whole = _events()
    found = _candidates(whole)
    assert list(found) == ["rl-0004", "rl"]
    assert all(event.parent is None for event in whole if isinstance(event, Candidate))
    for snapshot in (event for event in whole if isinstance(event, Snapshot)):
        for name, again in _candidates(_events(snapshot)).items():
            assert again == found[name], (snapshot.meta, name)


def test_a_policy_at_rest_asks_for_the_rest_posture() -> None:
    policy = make_policy(SHORT)
    begin_at_rest(policy, SHORT.rest, 0.3)
    environment = Environment(SHORT, 3, 1)
    states = SHORT.draw_starts(np.zeros(3, np.int64), numpy_stream(0))
    environment.reset(np.arange(3), states, [SHORT.draw_disturbance("none", numpy_stream(0))] * 3, [0] * 3)
    mean = policy.fixed_mean(environment.observe()["policy"])
    torch.testing.assert_close(mean, torch.tensor(SHORT.rest).expand(3, -1), atol=0.1, rtol=0)
    torch.testing.assert_close(policy.head.std(), torch.full((28,), 0.3))


def _segment(
    terms: tuple[str, ...], correlation: float = 0.0, steps: int = 5
) -> tuple[Rollout, torch.Tensor, torch.Tensor]:
    policy = make_policy(SHORT)
    starts = Starts(SHORT, None, Magnitudes(()), 0.0, numpy_stream(1))
    rollout = Rollout(Environment(SHORT, 4, 1), starts, torch_stream(1), Pay(terms), correlation)
    rollout.begin(0.0)
    segment, _ = rollout.collect(policy, steps, 0.0)
    mean = torch.stack([policy.fixed_mean(row) for row in segment.observation])
    return segment.reward, (segment.action - mean) / policy.head.std().detach()


def test_only_the_named_reward_terms_count() -> None:
    whole, _ = _segment(())
    every, _ = _segment(tuple(SHORT.rewards))
    one, _ = _segment(("reach",))
    torch.testing.assert_close(whole, every)
    assert not torch.allclose(whole, one)
    assert bool((one < 0).all()), "reach is minus a distance"


def test_the_sparse_reward_is_the_judges_success_and_counts_only_where_it_is_named() -> None:
    task = TASKS["adroit-door"]
    opened = task.draw_starts(np.zeros(2, np.int64), np.random.default_rng(0))
    opened[1, task.scene.joint_column("door_hinge")] = 1.5
    environment = Environment(task, 2, 1)
    environment.reset(np.arange(2), opened, [task.draw_disturbance("none", np.random.default_rng(0))] * 2, [0, 1])
    environment.judgement.touched[:] = True  # a door that stands open by itself is no success
    step = environment.step(torch.zeros(2, task.interface.fields.size))
    assert Pay((JUDGED,)).reward(environment, step).tolist() == [0.0, 1.0]
    torch.testing.assert_close(Pay().reward(environment, step), step.reward)


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_noise_is_as_correlated_as_asked(correlation: float) -> None:
    _, noise = _segment((), correlation, steps=200)
    flat = noise.flatten(1)
    found = (flat[1:] * flat[:-1]).mean() / flat.square().mean()
    assert float(found) == pytest.approx(correlation, abs=0.05)
    assert float(flat[50:].std()) == pytest.approx(1.0, abs=0.1)


def test_the_command_works_in_a_folder_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = TASKS["adroit-door"]
    write_panel(make_panel(task, draw_cases(task, {"none": 2}, 0, "panel")), tmp_path / "panel.json")
    (tmp_path / "small.toml").write_text(make_curriculum(4).to_toml().replace("unused.json", "panel.json"))
    command = ["run", str(tmp_path / "small.toml"), "--out", str(tmp_path / "run"), "--without-demos", "--json"]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["run"] == str(tmp_path / "run" / "without-demos")
    assert list(found["results"]) == ["rl"]
    assert found["gate"] is None
    assert main([*command, "--demos", "some.hdf5"]) == 2
    assert "--without-demos" in capsys.readouterr().err


@pytest.mark.parametrize("setting", ["reward_terms=['speed']", "noise_correlation=1.5"])
def test_settings_that_make_no_sense(tmp_path: Path, capsys: pytest.CaptureFixture[str], setting: str) -> None:
    task = TASKS["adroit-door"]
    write_panel(make_panel(task, draw_cases(task, {"none": 2}, 0, "panel")), tmp_path / "panel.json")
    (tmp_path / "small.toml").write_text(make_curriculum(4).to_toml().replace("unused.json", "panel.json"))
    asked = ["run", str(tmp_path / "small.toml"), "--out", str(tmp_path / "run"), "--without-demos"]
    assert main([*asked, "--set", f"rl.{setting}"]) == 2
    assert setting.partition("=")[0] in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
