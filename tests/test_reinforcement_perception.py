"""What a correction sees in worlds that begin at different times, how far it may go, and what it is asked for."""

from pathlib import Path

import numpy as np
import pytest
import torch

from regrasp.curriculum.taught import compared
from regrasp.demonstrations import read_demonstrations, transitions
from regrasp.policies.design import Design
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.policies.residual import Residual
from regrasp.reinforcement.config import OnPolicyConfig
from regrasp.reinforcement.correction import correction_values, set_bound, within_reach
from regrasp.reinforcement.demonstration_term import demonstration_loss
from regrasp.reinforcement.perception import Perception, acted_along
from regrasp.seeding import torch_stream
from regrasp.tasks import TASKS

TASK = TASKS["planar-turn"]
COLUMNS, ACTIONS = TASK.observations["policy"].fields.size, TASK.interface.fields.size
DEMONSTRATIONS = Path(__file__).parent.parent / "src" / "regrasp" / "data" / "planar-turn.hdf5"


def clone_of(design: Design) -> Policy:
    columns, interface = TASK.observations["policy"].fields, TASK.interface
    spec = PolicySpec(columns, interface.fields, (16,), "tanh", interface, TASK.name, design)
    return Policy.build(spec, torch_stream(3))


REMEMBERING = Design("mlp", 3, "flow", 4, 3)


def shown(steps: int, worlds: int) -> torch.Tensor:
    return torch.randn(steps, worlds, COLUMNS, generator=torch_stream(9))


def test_a_learner_sees_what_the_clone_would_do_in_worlds_that_begin_at_different_times() -> None:
    clone, observations = clone_of(REMEMBERING), shown(6, 4)
    seen, late = Perception(clone, 4), np.array([1, 3])
    found = [seen.start({"policy": observations[0], "privileged": torch.zeros(4, 1)}, np.arange(4))["policy"]]
    for step in (1, 2, 3):
        found.append(seen.after({"policy": observations[step]})["policy"])
    found[-1] = seen.start({"policy": observations[3]}, late)["policy"]  # these two were reset
    kept = seen.save()
    clone.begin(2)  # judged elsewhere meanwhile
    clone.act(observations[0, :2])
    again = Perception(clone, 4)
    again.restore(kept)
    for step in (4, 5):
        found.append(seen.after({"policy": observations[step]})["policy"])
        assert torch.equal(again.after({"policy": observations[step]})["policy"], found[-1])
    assert torch.equal(torch.stack(found)[..., :COLUMNS], observations)
    for world in range(4):
        begins = 3 if world in late else 0
        alone = acted_along(clone, [observations[begins:, world]])
        assert torch.equal(torch.stack(found)[begins:, world, COLUMNS:], alone)


def test_without_a_frozen_policy_nothing_is_added() -> None:
    seen, observations = Perception(None, 2), {"policy": torch.ones(2, 3)}
    assert seen.start(observations, np.arange(2)) == observations == seen.after(observations)
    assert seen.save() == {}
    seen.restore({})


@pytest.mark.parametrize("design", [Design(), REMEMBERING, Design(chunk=3, ensemble=True)])
def test_every_demonstration_is_acted_along_on_its_own(design: Design) -> None:
    clone, episodes = clone_of(design), [shown(steps, 1)[:, 0] for steps in (5, 9, 2)]
    together = acted_along(clone, episodes)
    assert torch.equal(together, torch.cat([acted_along(clone, [episode]) for episode in episodes]))
    clone.begin(1)
    assert torch.equal(together[5:14], torch.cat([clone.act(row[None]) for row in episodes[1]]))


def test_the_demonstration_term_asks_for_no_more_than_can_be_reached() -> None:
    policy = Policy.correcting(clone_of(REMEMBERING), Residual(0.3, (8,)), torch_stream(1))
    taught = read_demonstrations(DEMONSTRATIONS, TASK)
    found = compared(taught, policy)
    observations, actions = transitions(taught)
    assert found is not None
    assert torch.equal(found.action, actions)
    proposed = found.observation[:, COLUMNS:]
    for size in (0.3, 0.05):
        set_bound(policy, size)
        aim = within_reach(policy, found.observation, actions)
        near = (actions - proposed).abs() <= size
        assert 0 < near.sum() < near.numel()
        torch.testing.assert_close(aim[near], actions[near])
        torch.testing.assert_close((aim - proposed).abs()[~near], torch.full((int((~near).sum()),), size))
        loss = demonstration_loss(policy, found.observation, actions, torch.ones(ACTIONS))
        torch.testing.assert_close(loss, 0.5 * (aim - proposed).square().mean())
    plain = clone_of(Design())
    assert within_reach(plain, observations, actions) is actions
    assert correction_values(plain, observations) == {}
    set_bound(plain, 0.1)


def test_the_bound_grows_from_a_tenth_to_the_whole() -> None:
    config = OnPolicyConfig(residual_limit=0.5, residual_ramp=0.2)
    assert [config.residual_bound(done) for done in (0.0, 0.1, 0.2, 1.0)] == pytest.approx([0.05, 0.275, 0.5, 0.5])
    assert OnPolicyConfig(residual_limit=0.5, residual_ramp=0.0).residual_bound(0.0) == 0.5
