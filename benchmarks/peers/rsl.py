"""rsl_rl's PPO (Schwarke et al. 2025) from scratch, with the settings that its users give to hands.

The package's own defaults (5 epochs, 4 minibatches, clip 0.2, γ 0.99, λ 0.95, 1e-3 adapted to a KL divergence of 0.01,
3 x 256 ELU units, noise 1), with 24 steps per world, normalised observations and the entropy bonus 0.002 of Isaac Lab's
in-hand task (`allegro_cube`). 256 worlds in place of thousands on a GPU. Its critic sees the privileged group, too, and
the first episodes have random lengths, both as its users do. It bootstraps time-outs with the value before the step.
"""

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import torch
from rsl_rl.env import VecEnv
from rsl_rl.runners import OnPolicyRunner
from tensordict import TensorDict
from torch import Tensor

from peers.given import Acting, Given, Standing
from peers.worlds import ResettingWorlds

WORLDS, STEPS = 256, 24


class BatchedVecEnv(VecEnv):
    """B worlds as the package sees them."""

    device = "cpu"

    def __init__(self, worlds: ResettingWorlds) -> None:
        self.worlds = worlds
        self.cfg: dict[str, Any] = {}
        self.num_envs, self.num_actions = worlds.count, worlds.given.task.interface.fields.size
        self.max_episode_length = worlds.given.task.horizon

    @property
    def episode_length_buf(self) -> Tensor:
        """(B,) control steps of the running episodes."""
        return self.worlds.age

    @episode_length_buf.setter
    def episode_length_buf(self, value: Tensor) -> None:
        self.worlds.age = value

    def get_observations(self) -> TensorDict:
        """All groups as of now."""
        return TensorDict(dict(self.worlds.observation), batch_size=[self.num_envs])

    def step(self, actions: Tensor) -> tuple[TensorDict, Tensor, Tensor, dict[str, Any]]:
        """Observations after any reset, rewards (B,), ends (B,) and which of them are time-outs."""
        step = self.worlds.step(actions)
        return self.get_observations(), step.reward, step.ended, {"time_outs": step.truncated}


def settings() -> dict[str, Any]:
    """As the package reads them; what is not named has its default."""
    network = {"class_name": "MLPModel", "obs_normalization": True}
    noise = {"class_name": "GaussianDistribution", "init_std": 1.0}
    return {
        "num_steps_per_env": STEPS,
        "save_interval": 1_000_000_000,
        "obs_groups": {"actor": ["policy"], "critic": ["policy", "privileged"]},
        "algorithm": {"class_name": "PPO", "entropy_coef": 0.002},
        "actor": {**network, "distribution_cfg": noise},
        "critic": dict(network),
    }


def ppo(given: Given) -> Iterator[Standing]:
    """Its runner, one iteration at a time."""
    torch.manual_seed(given.seed)
    environment = BatchedVecEnv(ResettingWorlds(given, WORLDS, ("policy", "privileged")))
    with contextlib.redirect_stdout(io.StringIO()):
        runner = OnPolicyRunner(environment, settings())

    def decide(seen: Tensor) -> Tensor:
        return runner.alg.get_policy()(TensorDict({"policy": seen}, batch_size=[len(seen)]))

    actor, iterations = Acting(given.task.interface.digest, decide), 0
    yield Standing(0, actor)
    while True:
        with contextlib.redirect_stdout(io.StringIO()):
            runner.learn(1, init_at_random_ep_len=not iterations)
        iterations += 1
        yield Standing(iterations * STEPS * WORLDS, actor)
