"""What fine-tuning takes from the demonstrations: actions to compare with, experience, and states to begin in."""

import numpy as np
import torch

from regrasp.demonstrations import DemonstrationSet, transitions
from regrasp.demonstrations.replay import replay
from regrasp.errors import InputError
from regrasp.policies.policy import Policy
from regrasp.reinforcement.demonstrated import Demonstrated, play_again
from regrasp.reinforcement.pay import Pay
from regrasp.reinforcement.perception import acted_along
from regrasp.reinforcement.starts import Recorded
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


def played(taught: DemonstrationSet | None, task: Task, pay: Pay, threads: int, base: Policy | None) -> Demonstrated:
    """The demonstrations as experience of today's engine.

    Raises:
        InputError: there are none, or none that says what state it began in.
    """
    episodes = [episode for episode in taught.episodes if episode.start is not None] if taught else []
    if not episodes:
        found = "no start state in any episode" if taught else "no demonstrations"
        source = taught.source if taught else "fine-tuning"
        raise InputError(source, "", found, "at least one demonstration that fine-tuning can play again")
    return play_again(task, episodes, pay, threads, base)


def recorded(taught: DemonstrationSet | None, task: Task, threads: int) -> Recorded | None:
    """States of all demonstrations to begin in; None if there are none.

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
    lengths = np.array([len(own) for own in rows])
    return Recorded(np.concatenate(rows), np.repeat(objects, lengths), lengths) if rows else None
