"""Our own loop, driven as `regrasp run` drives it, and the same PPO from the same clone without demonstrations."""

from collections.abc import Iterator
from dataclasses import replace

from peers.given import Given, Standing
from regrasp.curriculum.phases import Candidate, Ingredients, Stopped, execute
from regrasp.curriculum.schema import Curriculum
from regrasp.policies.progress import Progress
from regrasp.reinforcement.config import OnPolicyConfig

SELDOM = 1_000_000_000


def ours(given: Given) -> Iterator[Standing]:
    """The curriculum: cloning, the gate with its own trials, fine-tuning under disturbances. All of it counts."""
    yield from _followed(given, given.curriculum)


def bc_ppo(given: Given) -> Iterator[Standing]:
    """PPO from the clone: no demonstration term, no recorded starts, no guard; all else is the curriculum's."""
    rl = replace(given.curriculum.rl, demonstration_weight=0.0, demonstration_starts=0.0, contact_guard=False)
    yield from _followed(given, replace(given.curriculum, rl=rl, fine_tuning="on_policy"))


def _followed(given: Given, curriculum: Curriculum) -> Iterator[Standing]:
    events = execute(
        _unchecked(replace(curriculum, seed=given.seed)), Ingredients(given.task, given.demonstrations, given.threads)
    )
    policy = None
    for event in events:
        if isinstance(event, Stopped):
            print(f"  {event.reason}")
        if isinstance(event, Candidate) and event.phase == "bc":
            # Fine-tuning changes this very policy in place.
            policy = event.policy
            yield Standing(0, policy)
        if isinstance(event, Progress) and policy is not None:
            yield Standing(event.control_steps, policy)


def _unchecked(curriculum: Curriculum) -> Curriculum:
    """Without checks on the way: the benchmark judges by itself, outside the wall clock."""
    rl: OnPolicyConfig = replace(curriculum.rl, check_every=SELDOM, check_cases=1)
    return replace(curriculum, rl=rl, off_policy=replace(curriculum.off_policy, check_every=SELDOM))
