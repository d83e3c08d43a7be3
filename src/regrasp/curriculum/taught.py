"""What fine-tuning takes from the demonstrations: actions to compare with, and states to begin in."""

import numpy as np
import torch
from numpy.typing import NDArray

from regrasp.demonstrations import DemonstrationSet, transitions
from regrasp.demonstrations.replay import replay
from regrasp.policies.policy import Policy
from regrasp.reinforcement.perception import acted_along
from regrasp.reinforcement.update import Demonstrations
from regrasp.tasks.task import Task


def compared(taught: DemonstrationSet | None, policy: Policy) -> Demonstrations | None:
    """What the demonstration term compares with; None without demonstrations.

    Where the policy corrects a frozen one, it sees what that does along every episode.
    """
    if taught is None:
        return None
    observations, actions = transitions(taught)
    if policy.base is not None:
        shown = [torch.from_numpy(episode.observations["policy"][:-1]) for episode in taught.episodes]
        observations = torch.cat([observations, acted_along(policy.base, shown)], dim=1)
    return Demonstrations(policy.normaliser(observations), actions, policy.head.std().detach().clone())


def recorded(
    taught: DemonstrationSet | None, task: Task, threads: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
    """States (N, S) of all demonstrations and their objects (N,); None if there are none.

    They are as recorded, or else from replaying those that have a start.
    """
    known = taught.episodes if taught else ()
    episodes = [episode for episode in known if episode.start is not None]
    unknown = [episode for episode in episodes if episode.states is None]
    if unknown:
        episodes = [found.episode for found in replay(task, episodes, threads)]
    rows = [episode.states[:-1] for episode in episodes if episode.states is not None]
    pool = task.scene.objects
    objects = [pool.index(episode.object) if episode.object else 0 for episode in episodes]
    return (np.concatenate(rows), np.repeat(objects, [len(own) for own in rows])) if rows else None
