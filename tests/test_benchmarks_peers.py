"""Other methods beside ours: their parts against other people's formulas, and the benchmark from command to table."""

import json
import math
from dataclasses import replace
from pathlib import Path

import beside_peers
import numpy as np
import pytest
import torch
from peers import dapg, methods, npg, rlpd, tanh_gaussian
from peers.given import Given
from peers.measuring import Budget, Point, followed
from peers.showing import rows
from peers.worlds import ResettingWorlds
from torch.distributions import Independent, Normal, TransformedDistribution
from torch.distributions.transforms import TanhTransform

from regrasp.curriculum.schema import locate, read_curriculum
from regrasp.demonstrations import read_demonstrations, transitions
from regrasp.panel.cases import draw_cases
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.reinforcement.critics import Critics
from regrasp.reinforcement.replay import Transitions
from regrasp.tasks import TASKS

FILE = Path(__file__).parent.parent / "curricula" / "planar-turn.toml"
TASK = TASKS["planar-turn"]


@pytest.fixture(scope="module")
def given() -> Given:
    curriculum = read_curriculum(FILE)
    taught = read_demonstrations(locate(FILE, curriculum.demonstrations or ""), TASK)
    return Given(TASK, curriculum, taught, 0, 1)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def small_policy() -> Policy:
    spec = PolicySpec(
        TASK.observations["policy"].fields, TASK.interface.fields, (6,), "tanh", TASK.interface, TASK.name
    )
    return Policy.build(spec, generator())


def random_transitions(count: int, seen: int, actions: int) -> Transitions:
    draw = generator()
    wide, narrow, one = (torch.randn(count, width, generator=draw) for width in (seen, actions, 1))
    return Transitions(wide, narrow.tanh(), narrow[:, :0], one[:, 0], wide.flip(0), torch.full((count,), 0.99))


def test_conjugate_gradient_solves_what_solve_solves() -> None:
    half = torch.randn(12, 12, generator=generator(), dtype=torch.float64)
    matrix, wanted = half @ half.T + torch.eye(12, dtype=torch.float64), half[0]
    found = npg.conjugate_gradient(lambda vector: matrix @ vector, wanted, iterations=40)
    torch.testing.assert_close(found, torch.linalg.solve(matrix, wanted), rtol=1e-4, atol=1e-5)


def test_the_fisher_product_is_that_of_the_scores_covariance() -> None:
    policy = small_policy()
    seen = torch.randn(5, policy.spec.observation.size, generator=generator())
    weights = list(policy.parameters())
    std = policy.head.std().detach()
    expected = torch.zeros(sum(weight.numel() for weight in weights))
    vector = torch.randn(len(expected), generator=generator())
    for row in seen:
        mean = policy.head(policy.body(row))
        for action, width in zip(mean, std, strict=True):
            slope = npg.flat(torch.autograd.grad(action, weights, retain_graph=True, materialize_grads=True))
            expected += slope * slope.dot(vector) / width.square() / len(seen)
    place = 0
    for weight in weights:
        if weight is policy.head.log_std:
            expected[place : place + weight.numel()] += 2.0 * vector[place : place + weight.numel()]
        place += weight.numel()
    found = npg.fisher_product(policy, seen, weights)(vector)
    torch.testing.assert_close(found, expected + npg.DAMPING * vector, rtol=1e-4, atol=1e-4)


def test_a_natural_step_is_as_long_as_asked_for() -> None:
    policy = small_policy()
    seen = torch.randn(400, policy.spec.observation.size, generator=generator())
    before = Normal(policy.head(policy.body(seen)).detach(), policy.head.std().detach())
    advantage = torch.randn(400, generator=generator())
    action = before.sample()
    gain = (Normal(policy.head(policy.body(seen)), policy.head.std()).log_prob(action).sum(1) * advantage).mean()
    npg.natural_step(policy, seen, gain, 0.002)
    after = Normal(policy.head(policy.body(seen)).detach(), policy.head.std().detach())
    divergence = torch.distributions.kl_divergence(before, after).sum(1).mean().item()
    assert divergence == pytest.approx(0.001, rel=0.2)


def test_demonstrations_count_less_from_iteration_to_iteration() -> None:
    found = [dapg.demonstrated_weight(dapg.PUBLISHED, iteration, 4.0) for iteration in (0, 1, 20)]
    assert found == pytest.approx([0.4, 0.38, 0.4 * 0.95**20])


def test_a_squashed_gaussians_density_is_that_of_torch() -> None:
    mean, log_std, draw = (torch.randn(50, 3, generator=generator()) for _ in range(3))
    before = mean + log_std.exp() * draw
    squashed = TransformedDistribution(Normal(mean, log_std.exp()), TanhTransform(cache_size=1))
    action = TanhTransform(cache_size=1)(before)
    moderate = before.abs().amax(1) < 4.0  # beyond, torch's own inverse runs out of digits
    expected = Independent(squashed, 1).log_prob(action)[moderate]
    found = tanh_gaussian.log_density(before, draw, log_std)[moderate]
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_targets_are_the_smaller_value_of_two_critics_out_of_all(threads: int) -> None:
    config = rlpd.RlpdConfig(critics=5, hidden=(16,))
    rows = random_transitions(40, 7, 3)
    learner = rlpd.Learner(config, rows, 0, threads)
    assert sum(one.critics.count for one in learner.ensembles) == 5
    learner.actor.log_std.weight.data.zero_()
    learner.actor.log_std.bias.data.fill_(-20.0)
    seen, action = learner.actor.normaliser(rows.next_seen), learner.actor.mode(rows.next_seen)
    values = torch.cat([one.target(seen, action) for one in learner.ensembles])
    pairs = [torch.minimum(values[a], values[b]) for a in range(5) for b in range(a)]
    found = (learner.wanted(rows) - rows.reward) / rows.discount
    assert min((found - pair).abs().max().item() for pair in pairs) < 1e-4


def test_critics_side_by_side_learn_what_they_learn_together() -> None:
    rows = random_transitions(64, 7, 3)
    config = rlpd.RlpdConfig(critics=4, hidden=(16,))
    whole = rlpd.Ensemble(Critics(7, 3, config.hidden, 4, generator()), config)
    parts = [rlpd.Ensemble(Critics(7, 3, config.hidden, 2, generator()), config) for _ in range(2)]
    for part, members in zip(parts, (slice(0, 2), slice(2, 4)), strict=True):
        for own, all_of_them in zip(part.critics.parameters(), whole.critics.parameters(), strict=True):
            own.data.copy_(all_of_them.data[members])
    for one in (whole, *parts):
        for _ in range(20):
            one.fit(rows, rows.reward)
    together, apart = whole.critics(rows.seen, rows.action), [one.critics(rows.seen, rows.action) for one in parts]
    torch.testing.assert_close(torch.cat(apart), together, rtol=1e-4, atol=1e-4)


def test_returns_are_sums_within_an_episode() -> None:
    reward, ended = torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[False], [True], [True]])
    assert dapg.returns(reward, ended, 0.5).flatten().tolist() == [2.0, 2.0, 4.0]


def test_dapg_clones_and_moves(given: Given) -> None:
    config = replace(dapg.PUBLISHED, episodes=4)
    learning = dapg.dapg(given, config)
    first, second = next(learning), next(learning)
    assert first.control_steps == 0
    assert 0 < second.control_steps <= 4 * TASK.horizon
    observations, actions = transitions(given.demonstrations)
    error = (second.actor.act(observations) - actions).square().mean()
    assert error < actions.var()


def test_rlpd_learns_after_its_random_steps(given: Given) -> None:
    config = rlpd.RlpdConfig(critics=2, hidden=(8,), updates_per_step=1, batch=16, random_steps=3)
    learning = rlpd.rlpd(given, config)
    seen = transitions(given.demonstrations)[0][:10]
    acted = [next(learning).actor.act(seen) for _ in range(6)]
    assert torch.equal(acted[0], acted[3])
    assert not torch.equal(acted[0], acted[5])


def test_worlds_say_how_episodes_ended_and_begin_again(given: Given) -> None:
    worlds = ResettingWorlds(given, 3)
    worlds.age = torch.tensor([0, TASK.horizon - 1, 0])
    step = worlds.step(torch.zeros(3, TASK.interface.fields.size))
    assert step.truncated.tolist() == [False, True, False]
    assert step.ended.tolist() == [False, True, False]
    assert worlds.age.tolist() == [1, 0, 1]
    same = (step.final["policy"] == worlds.observation["policy"]).all(1)
    assert same.tolist() == [True, False, True]
    assert step.reward.abs().max() <= 1.0


def test_success_for_ever_pays_one_per_step_at_most(given: Given) -> None:
    largest = torch.tensor([given.curriculum.rl.largest_reward, 0.0])
    assert given.scaled(largest).tolist() == pytest.approx([1.0, 0.0])


def test_judging_stands_outside_the_wall_clock(given: Given) -> None:
    cases = draw_cases(TASK, {"none": 2}, 0, "test")
    points = list(followed(dapg.dapg, given, Budget(1e-6, 1.0, 2), cases))
    assert [point.control_steps for point in points] == [0]
    assert points[0].n == 2


def test_a_level_is_reached_at_the_first_point_that_has_it() -> None:
    points = [Point(1.0, 0, 2, 9, 10), Point(2.0, 64, 9, 10, 10), Point(3.0, 128, 7, 10, 10)]
    (row,) = rows({"ours": {0: points}})
    assert row["reached"]["0.9"] == {"wall_s": 2.0, "control_steps": 64}
    assert row["reached"]["0.95"] is None
    assert (row["best"]["count"], row["final"]["count"]) == (9, 7)
    assert row["final"]["low"] < 0.7 < row["final"]["high"]


def tiny(folder: Path) -> list[str]:
    """Arguments of a benchmark that takes seconds."""
    changes = ["bc.updates=50", "gate.force=true", "bc.rounds_limit=1", "gate.cases=4"]
    changes += ["rl.iterations=2", "rl.worlds=8", "rl.segment=10", "rl.critic_warmup=0"]
    curriculum = read_curriculum(FILE, changes)
    own = replace(curriculum, demonstrations=str(locate(FILE, curriculum.demonstrations or "")))
    (folder / "tiny.toml").write_text(own.to_toml(), encoding="utf-8")
    common = ["--cases", "4", "--seeds", "0", "--threads", "1", "--minutes", "0.5"]
    return [str(folder / "tiny.toml"), *common, "--out", str(folder / "out")]


def test_the_command_measures_prints_and_only_reads_what_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["beside_peers.py", *tiny(tmp_path), "--methods", "ours", "bc-ppo"]
    monkeypatch.setattr("sys.argv", arguments)
    beside_peers.main()
    assert "BC + PPO" in capsys.readouterr().out
    out = tmp_path / "out"
    assert (out / "curves.png").stat().st_size > 0
    table = json.loads((out / "table.json").read_text(encoding="utf-8"))
    assert [(row["method"], row["points"][-1]["control_steps"]) for row in table] == [("ours", 160), ("bc-ppo", 160)]
    monkeypatch.setattr(methods.Entry, "load", lambda self: pytest.fail("measured again"))
    beside_peers.main()
    assert json.loads((out / "table.json").read_text(encoding="utf-8")) == table
    monkeypatch.setattr("sys.argv", [*arguments, "--cases", "5"])
    with pytest.raises(SystemExit, match="2"):
        beside_peers.main()
    assert "cases" in capsys.readouterr().err


def test_a_missing_package_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("sys.argv", ["beside_peers.py", str(FILE), "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit, match="2"):
        beside_peers.main()
    assert "peers" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_stable_baselines_sees_time_outs_and_last_observations(given: Given) -> None:
    sb3 = pytest.importorskip("peers.sb3")
    worlds = ResettingWorlds(given, 2)
    environment = sb3.BatchedVecEnv(worlds)
    environment.reset()
    worlds.age = torch.tensor([TASK.horizon - 1, 0])
    seen, reward, ended, infos = environment.step(np.zeros((2, TASK.interface.fields.size), np.float32))
    assert ended.tolist() == [True, False]
    assert infos[0]["TimeLimit.truncated"]
    assert infos[1] == {}
    assert not np.array_equal(infos[0]["terminal_observation"], seen[0])
    assert np.isfinite(reward).all()


def test_rsl_rl_learns_an_iteration(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    rsl = pytest.importorskip("peers.rsl")
    monkeypatch.setattr(rsl, "WORLDS", 4)
    learning = rsl.ppo(given)
    seen = transitions(given.demonstrations)[0][:10]
    first = next(learning).actor.act(seen)
    second = next(learning)
    assert second.control_steps == 4 * rsl.STEPS
    assert not torch.equal(first, second.actor.act(seen))
    assert math.isfinite(float(second.actor.act(seen).sum()))
