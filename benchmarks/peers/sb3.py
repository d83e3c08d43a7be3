"""Stable-Baselines3's PPO and SAC (Raffin et al. 2021) from scratch.

PPO: the package's defaults (2048 samples per update, in minibatches of 64, 10 epochs, 3e-4, γ 0.99, λ 0.95, clip 0.2,
64 x 64 tanh units), with the samples from 16 worlds of 128 steps each, and observations and rewards normalised by
running statistics, as the package's RL Zoo does for its MuJoCo tasks. SAC: the package's defaults (3e-4, batches of
256, γ 0.99, τ 0.005, entropy tuned, 256 x 256), one update per control step, 8 worlds, and 10,000 random steps first as
in the Zoo.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from numpy.typing import NDArray
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from peers.given import Given, Standing, acting
from peers.worlds import ResettingWorlds

PPO_WORLDS, PPO_SAMPLES = 16, 2048
SAC_WORLDS, SAC_LEARNING_STARTS = 8, 10_000
SAC_CHUNK = 64
"""Control steps between two looks at the clock."""


class BatchedVecEnv(VecEnv):
    """B worlds as the package sees them; a time-out is `TimeLimit.truncated`, and is bootstrapped there."""

    def __init__(self, worlds: ResettingWorlds) -> None:
        self.worlds = worlds
        self.render_mode = None
        seen, actions = worlds.observation["policy"].shape[1], worlds.given.task.interface.fields.size
        observed = Box(-np.inf, np.inf, (seen,), np.float32)
        super().__init__(worlds.count, observed, Box(-1.0, 1.0, (actions,), np.float32))

    def reset(self) -> NDArray[np.float32]:
        """New episodes everywhere."""
        self.worlds.reset(np.arange(self.worlds.count))
        return self._observed()

    def step_async(self, actions: NDArray[np.float32]) -> None:
        """Keep the actions (B, A) for `step_wait`."""
        self._actions = torch.from_numpy(np.asarray(actions, np.float32))

    def step_wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Observations after any reset, rewards, ends, and what is known of ends."""
        step = self.worlds.step(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        final, truncated = step.final["policy"].numpy(), step.truncated.numpy()
        ended = step.ended.numpy()
        for world in np.flatnonzero(ended):
            infos[world] = {"terminal_observation": final[world], "TimeLimit.truncated": bool(truncated[world])}
        return self._observed(), step.reward.numpy(), ended, infos

    def _observed(self) -> NDArray[np.float32]:
        return self.worlds.observation["policy"].numpy().copy()

    def close(self) -> None:
        """Nothing to close."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of the batch, once per world."""
        return [getattr(self, attr_name)] * self.worlds.count

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Worlds have no attributes of their own."""
        raise NotImplementedError

    def env_method(self, method_name: str, *arguments: Any, indices: Any = None, **named: Any) -> list[Any]:
        """Worlds have no methods of their own."""
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """No world is wrapped."""
        return [False] * self.worlds.count

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Starts are drawn from the benchmark's own stream."""
        return [None] * self.worlds.count


def ppo(given: Given) -> Iterator[Standing]:
    """Its PPO, one update at a time."""
    normalised = VecNormalize(BatchedVecEnv(ResettingWorlds(given, PPO_WORLDS)), gamma=0.99)
    model = PPO("MlpPolicy", normalised, n_steps=PPO_SAMPLES // PPO_WORLDS, seed=given.seed, device="cpu")

    def decide(seen: NDArray[np.float32]) -> NDArray[np.float32]:
        return model.predict(normalised.normalize_obs(seen), deterministic=True)[0]

    actor = acting(given, decide)
    yield Standing(0, actor)
    while True:
        model.learn(PPO_SAMPLES, reset_num_timesteps=False)
        yield Standing(model.num_timesteps, actor)


def sac(given: Given) -> Iterator[Standing]:
    """Its SAC, as many updates as control steps."""
    model = SAC(
        "MlpPolicy", BatchedVecEnv(ResettingWorlds(given, SAC_WORLDS)), learning_starts=SAC_LEARNING_STARTS,
        gradient_steps=-1, seed=given.seed, device="cpu",
    )  # fmt: skip
    actor = acting(given, lambda seen: model.predict(seen, deterministic=True)[0])
    yield Standing(0, actor)
    while True:
        model.learn(SAC_CHUNK, reset_num_timesteps=False)
        yield Standing(model.num_timesteps, actor)
