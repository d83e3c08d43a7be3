"""D4RL's own code, in the owners' environment.

write FILE OUT.npz             a file written with its DatasetWriter, and what its sequence_dataset reads in it
"""

import os
import sys
from types import SimpleNamespace

import numpy as np

os.environ["D4RL_SUPPRESS_IMPORT_ERROR"] = "1"  # its environments need an engine of 2018

import d4rl
import gym
from d4rl.offline_env import OfflineEnv
from d4rl.utils.dataset_utils import DatasetWriter

STEPS = (5, 3, 4)


def write(file: str, out: str) -> None:
    """Three episodes that end by themselves, and two steps of one that does not."""
    draw, writer = np.random.default_rng(0), DatasetWriter(mujoco=True)
    for ended in [step == steps - 1 for steps in STEPS for step in range(steps)] + [False, False]:
        state = SimpleNamespace(qpos=draw.normal(size=5), qvel=draw.normal(size=5))
        writer.append_data(draw.normal(size=6), draw.normal(size=4), draw.normal(), ended, mujoco_env_data=state)
    writer.write_dataset(file)
    reader = OfflineEnv()
    reader.observation_space, reader.action_space = gym.spaces.Box(-9, 9, (6,)), gym.spaces.Box(-9, 9, (4,))
    limit = SimpleNamespace(_max_episode_steps=1000)
    episodes = list(d4rl.sequence_dataset(limit, reader.get_dataset(file)))
    joined = {name: np.concatenate([episode[name] for episode in episodes]) for name in episodes[0]}
    np.savez(out, steps=[len(episode["actions"]) for episode in episodes], **joined)


if __name__ == "__main__":
    {"write": write}[sys.argv[1]](*sys.argv[2:])
