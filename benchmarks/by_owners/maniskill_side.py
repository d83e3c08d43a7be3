"""ManiSkill's own code, in the owners' environment.

read FILE OUT.npz              everything that its ManiSkillTrajectoryDataset loads
write FOLDER MODE OUT.npz      two attempts of an Allegro hand, recorded by its RecordEpisode (MODE: state, state_dict)
merge FILE FILE OUT            its merge_trajectories
"""

import sys
from typing import Any

import numpy as np
from standing_in import without_rendering

without_rendering()

import gymnasium
import mani_skill.envs  # noqa: F401 (the tasks)
from mani_skill.trajectory.dataset import ManiSkillTrajectoryDataset
from mani_skill.trajectory.merge_trajectory import merge_trajectories
from mani_skill.utils.wrappers.record import RecordEpisode

TASK, STEPS = "RotateSingleObjectInHandLevel0-v1", 6


def _flat(prefix: str, value: Any) -> dict[str, np.ndarray]:
    if isinstance(value, dict):
        return {name: array for key in value for name, array in _flat(f"{prefix}/{key}", value[key]).items()}
    return {prefix: np.asarray(value)}


def read(file: str, out: str) -> None:
    """Rows of all trajectories, joined."""
    dataset = ManiSkillTrajectoryDataset(file)
    found = _flat("obs", dataset.obs)
    for name in ("actions", "terminated", "truncated", "rewards", "success", "fail"):
        if getattr(dataset, name) is not None:
            found[name] = getattr(dataset, name)
    np.savez(out, env_id=dataset.env_id, **found)


def write(folder: str, mode: str, out: str) -> None:
    """Random actions; what the environment gave back goes to OUT.npz."""
    environment = gymnasium.make(
        TASK,
        obs_mode=mode,
        control_mode="pd_joint_delta_pos",
        render_backend="none",
        sim_backend="physx_cpu",
        num_envs=1,
        max_episode_steps=STEPS,
    )
    recorder = RecordEpisode(
        environment, folder, save_video=False, trajectory_name="theirs", record_reward=True, source_type="random"
    )
    draw, rows = np.random.default_rng(0), list[dict[str, np.ndarray]]()
    for seed in range(2):
        observation, _ = recorder.reset(seed=seed)
        for _ in range(STEPS):
            action = draw.uniform(-1, 1, recorder.action_space.shape).astype(np.float32)
            row = _flat("obs", observation) | {"actions": action[None]}
            observation, reward, terminated, truncated, _ = recorder.step(action)
            rows.append(row | {"rewards": reward, "terminated": terminated, "truncated": truncated})
    recorder.close()
    np.savez(out, **{name: np.concatenate([np.asarray(row[name]) for row in rows]) for name in rows[0]})


if __name__ == "__main__":
    verbs = {"read": read, "write": write, "merge": lambda one, two, out: merge_trajectories(out, [one, two])}
    verbs[sys.argv[1]](*sys.argv[2:])
