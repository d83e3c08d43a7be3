"""Off-policy fine-tuning as a phase: what it begins with."""

import numpy as np
from numpy.typing import NDArray

from regrasp.curriculum.schema import Curriculum
from regrasp.demonstrations import DemonstrationSet
from regrasp.errors import InputError
from regrasp.policies.policy import Policy
from regrasp.reinforcement.critics import Critics
from regrasp.reinforcement.demonstrated import play_again
from regrasp.reinforcement.off_policy import OffPolicyTuning
from regrasp.reinforcement.proposal import ProposingRollout
from regrasp.reinforcement.starts import Starts
from regrasp.reinforcement.update import Demonstrations
from regrasp.seeding import numpy_stream, torch_stream
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Task


def begin_off_policy(
    curriculum: Curriculum,
    task: Task,
    policy: Policy,
    threads: int,
    taught: DemonstrationSet | None,
    recorded: tuple[NDArray[np.float64], NDArray[np.int64]] | None,
    compared: Demonstrations | None,
) -> OffPolicyTuning:
    """Worlds, critics, and the demonstrations played again as experience.

    Args:
        curriculum: whose `off_policy` says how to learn and `rl` under what.
        task: which task.
        policy: the clone, which fine-tuning changes, or a correction of it.
        threads: of the engine.
        taught: the demonstrations.
        recorded: their states (N, S) and objects (N,), for starts.
        compared: what the demonstration term compares with.

    Raises:
        InputError: there are no demonstrations, or none that says what state it began in.
    """
    config, under, seed = curriculum.off_policy, curriculum.rl, curriculum.seed
    episodes = [episode for episode in taught.episodes if episode.start is not None] if taught else []
    if taught is None or compared is None or not episodes:
        found = "no start state in any episode" if taught else "no demonstrations"
        source = taught.source if taught else "fine_tuning"
        raise InputError(source, "", found, "at least one demonstration that off-policy fine-tuning can play again")
    environment = Environment(task, config.worlds, threads)
    starts = Starts(task, recorded, under.magnitudes(), under.disturbed, numpy_stream(seed, "rl"))
    seen, actions = policy.spec.inputs + environment.privileged_size, policy.spec.action.size
    return OffPolicyTuning(
        policy=policy,
        critics=Critics(seen, actions, config.critic_hidden, config.critics, torch_stream(seed, "critics")),
        rollout=ProposingRollout(environment, starts, torch_stream(seed, "rl"), under.pay(), base=policy.base),
        demonstrations=compared,
        demonstrated=play_again(task, episodes, under.pay(), threads, policy.base),
        config=config,
        under=under,
        seed=seed,
    )
