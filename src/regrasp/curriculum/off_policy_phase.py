"""Off-policy fine-tuning as a phase: what it begins with."""

from regrasp.curriculum.schema import Curriculum
from regrasp.policies.policy import Policy
from regrasp.reinforcement.critics import Critics, products_in
from regrasp.reinforcement.demonstrated import Demonstrated
from regrasp.reinforcement.off_policy import OffPolicyTuning
from regrasp.reinforcement.proposal import ProposingRollout
from regrasp.reinforcement.starts import Starts
from regrasp.reinforcement.update import Demonstrations
from regrasp.seeding import torch_stream
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Task


def begin_off_policy(
    curriculum: Curriculum,
    task: Task,
    policy: Policy,
    threads: int,
    shown: Demonstrated,
    starts: Starts,
    compared: Demonstrations,
) -> OffPolicyTuning:
    """Worlds, critics, and the demonstrations played again as experience.

    Args:
        curriculum: whose `off_policy` says how to learn and `rl` under what.
        task: which task.
        policy: the clone, which fine-tuning changes, or a correction of it.
        threads: of the engine.
        shown: the demonstrations, played again.
        starts: where episodes begin.
        compared: what the demonstration term compares with.
    """
    config, under, seed = curriculum.off_policy, curriculum.rl, curriculum.seed
    environment = Environment(task, config.worlds, threads)
    seen, actions = policy.spec.inputs + environment.privileged_size, policy.spec.action.size
    generator, products = torch_stream(seed, "critics"), products_in(config.precision)
    return OffPolicyTuning(
        policy=policy,
        critics=Critics(seen, actions, config.critic_hidden, config.critics, generator, products),
        rollout=ProposingRollout(environment, starts, torch_stream(seed, "rl"), under.pay(), base=policy.base),
        demonstrations=compared,
        demonstrated=shown,
        config=config,
        under=under,
        seed=seed,
    )
