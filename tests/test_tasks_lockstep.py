"""`adroit-door` beside gymnasium-robotics' own AdroitHandDoor-v1: same states and actions, same motion.

The rewards differ by intent: ours = theirs − 0.2 · ‖palm − handle‖. DAPG's dense reward, which we use, punishes the
distance (−0.1 · ‖palm − handle‖); gymnasium-robotics adds it with the wrong sign (+0.1 · ‖palm − handle‖). The rest is
the same.
"""

from collections.abc import Iterator
from typing import Any

import gymnasium
import gymnasium_robotics
import numpy as np
import pytest
import torch

from door_states import GRASP_ACTION, GRASP_STATE, PULL_ACTION, PULL_STATE
from regrasp.simulation.disturbance import NONE
from regrasp.tasks import TASKS
from regrasp.tasks.environment import Environment

TASK = TASKS["adroit-door"]
MODEL = TASK.scene.model
STEPS = 200


@pytest.fixture(scope="module")
def theirs() -> Iterator[Any]:
    gymnasium.register_envs(gymnasium_robotics)
    environment = gymnasium.make("AdroitHandDoor-v1", max_episode_steps=400)
    yield environment
    environment.close()


@pytest.fixture(scope="module")
def ours() -> Environment:
    return Environment(TASK, 1, 1)


def swing(speed: float) -> np.ndarray:
    """A start with the latch turned and the door swinging, with nobody at the handle."""
    state = TASK.draw_starts(np.zeros(1, np.int64), np.random.default_rng(11))[0]
    state[MODEL.joint("latch").qposadr[0]] = 1.5
    state[MODEL.nq + MODEL.joint("door_hinge").dofadr[0]] = speed
    return state


def wandering(seed: int, steps: int = STEPS) -> np.ndarray:
    """Random actions that wander through the whole range and beyond its ends."""
    rows = np.cumsum(np.random.default_rng(seed).normal(0, 0.2, (steps, 28)), axis=0)
    return rows.clip(-1.2, 1.2).astype(np.float32)


def start(seed: int) -> np.ndarray:
    return TASK.draw_starts(np.zeros(1, np.int64), np.random.default_rng(seed))[0]


PULLING = np.repeat(PULL_ACTION[None], STEPS, 0).astype(np.float32)
GRASPING = (GRASP_ACTION + 0.2 * wandering(5)).astype(np.float32)
RUNS = {
    "random 0": (start(0), wandering(0)),
    "random 1": (start(1), wandering(1)),
    "random 2": (start(2), np.random.default_rng(2).uniform(-1, 1, (STEPS, 28)).astype(np.float32)),
    "in the hand": (GRASP_STATE, GRASPING),
    "pulled open": (PULL_STATE, PULLING),
    "swinging open": (swing(8.0), wandering(3)),
    "swinging slowly": (swing(4.0), wandering(4)),
}


def both(theirs: Any, ours: Environment, state: np.ndarray, actions: np.ndarray) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Yields (their observation, our observation, their reward, our step), at the start without the last two."""
    nq, nv = MODEL.nq, MODEL.nv
    parts = {"qpos": state[:nq], "qvel": state[nq : nq + nv], "door_body_pos": state[nq + nv :]}
    observation, _ = theirs.reset(seed=0, options={"initial_state_dict": parts})
    ours.reset(np.arange(1), state[None], [NONE], [0])
    yield observation, ours.observe()["policy"][0].numpy(), None, None
    for action in actions:
        observation, reward, *_ = theirs.step(action)
        step = ours.step(torch.from_numpy(action)[None])
        yield observation, step.observations["policy"][0].numpy(), float(np.squeeze(reward)), step


@pytest.mark.parametrize("name", RUNS)
def test_lockstep(theirs: Any, ours: Environment, name: str) -> None:
    """Ours = theirs − 0.2 · ‖palm − handle‖ in reward; observations and motion are the same."""
    state, actions = RUNS[name]
    data = theirs.unwrapped.data
    for their_observation, our_observation, their_reward, step in both(theirs, ours, state, actions):
        np.testing.assert_allclose(our_observation, their_observation, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(ours.readings.qpos[0], data.qpos)
        np.testing.assert_array_equal(ours.readings.qvel[0], data.qvel)
        if step is None:
            continue
        distance = np.linalg.norm(their_observation[29:32] - their_observation[32:35])
        assert float(step.reward[0]) == pytest.approx(their_reward - 0.2 * distance, abs=1e-5)
        assert float(step.terms["reach"][0]) == pytest.approx(-0.1 * distance, abs=1e-12)


def test_the_runs_cross_every_bonus(ours: Environment) -> None:
    """Otherwise equal rewards would say little: every bonus is gained somewhere above."""
    seen = set()
    for state, actions in RUNS.values():
        ours.reset(np.arange(1), state[None], [NONE], [0])
        seen |= {float(ours.step(torch.from_numpy(action)[None]).terms["progress"][0]) for action in actions}
    assert seen == {0.0, 2.0, 10.0, 20.0}


def test_the_same_starts_are_drawn(theirs: Any) -> None:
    """Gymnasium's own resets lie in the range that ours are drawn from, joints at zero."""
    drawn = TASK.draw_starts(np.zeros(200, np.int64), np.random.default_rng(0))
    for seed in range(20):
        theirs.reset(seed=seed)
        state = theirs.unwrapped.get_env_state()
        assert (state["qpos"] == 0).all()
        assert (state["qvel"] == 0).all()
        assert (drawn[:, 60:].min(0) - 0.005 <= state["door_body_pos"]).all()
        assert (state["door_body_pos"] <= drawn[:, 60:].max(0) + 0.005).all()
    assert (drawn[:, :60] == 0).all()
