"""How long fine-tuning's updates take on this machine, on one torch thread unless told otherwise.

    python benchmarks/update_speed.py
    python benchmarks/update_speed.py --threads 2

PPO: microseconds per sample and epoch of the default policy (two layers of 256) on the door's dimensions, the policy's
and the critic's step apart (they run side by side). Off-policy: milliseconds per update with two critics of 256 x 256
and a batch of 256, with all that belongs to it: sampling, targets, and the actor's update as often as it comes; with
the default precision, and in float32. Of several blocks the median and the fastest, which other work disturbed least;
`cpu` is what the thread itself ran.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from regrasp.policies.policy import Policy, PolicySpec
from regrasp.reinforcement.config import OnPolicyConfig
from regrasp.reinforcement.critic import Critic
from regrasp.reinforcement.critics import Critics, follow, products_in, target_of
from regrasp.reinforcement.exploring import Exploring
from regrasp.reinforcement.off_policy_config import OffPolicyConfig
from regrasp.reinforcement.off_policy_update import fit_critics, improve_actor, target_values
from regrasp.reinforcement.replay import Transitions
from regrasp.reinforcement.update import Batch, Demonstrations, fit_critic, improve
from regrasp.seeding import torch_stream
from regrasp.tasks import TASKS

TASK = TASKS["adroit-door"]
SEEN = 100
"""Columns that a critic of the door sees."""


def main() -> None:
    """Measure both and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    samples = OnPolicyConfig().minibatch
    found = {
        "ppo_policy_us_per_sample": measured(ppo_policy(samples), options.blocks, 5, 1e6 / samples),
        "ppo_critic_us_per_sample": measured(ppo_critic(samples), options.blocks, 5, 1e6 / samples),
        "off_policy_ms_per_update": measured(off_policy(), options.blocks, 40, 1e3),
        "off_policy_float32_ms_per_update": measured(off_policy("float32"), options.blocks, 40, 1e3),
    }
    print(json.dumps(found, indent=1))


def measured(once: Callable[[], object], blocks: int, calls: int, unit: float) -> dict[str, float]:
    """Time per call, in so many units a second, over blocks of calls."""
    wall, cpu = [], []
    for _ in range(blocks + 1):
        begun, ran = time.perf_counter(), time.thread_time()
        for _ in range(calls):
            once()
        wall.append((time.perf_counter() - begun) / calls * unit)
        cpu.append((time.thread_time() - ran) / calls * unit)
    # The first block warms up.
    shown = {"median": statistics.median(wall[1:]), "fastest": min(wall[1:]), "cpu": statistics.median(cpu[1:])}
    return {name: round(value, 2) for name, value in shown.items()}


def make_policy() -> Policy:
    """A fresh policy of the default size."""
    observation = TASK.observations["policy"].fields
    spec = PolicySpec(observation, TASK.interface.fields, (256, 256), "relu", TASK.interface, TASK.name)
    return Policy.build(spec, torch_stream(0, "policy"))


def make_batch(policy: Policy, rows: int) -> Batch:
    """Random rows, as the updates read them, with actions that the policy drew."""
    draw = torch_stream(0, "batch")
    observation = torch.randn(rows, policy.spec.observation.size, generator=draw)
    one, noise = torch.randn(rows, generator=draw), torch.randn(rows, policy.spec.action.size, generator=draw)
    with torch.no_grad():
        std = policy.head.std()
        action = policy.head(policy.body(observation)) + std * noise
        log_prob = -(0.5 * noise.square() + std.log()).sum(1)
    return Batch(observation, torch.randn(rows, SEEN, generator=draw), action, log_prob, one, one)


def ppo_policy(rows: int) -> Callable[[], object]:
    """A minibatch step of the policy, with its demonstration term."""
    policy, generator = make_policy(), torch_stream(0, "demonstrations")
    exploring, optimiser = Exploring(policy), torch.optim.Adam(policy.parameters(), lr=1e-9, fused=True)
    batch, demonstrations = make_batch(policy, rows), make_demonstrations(policy)
    weighted = 0.1, demonstrations, generator
    return lambda: improve(exploring, optimiser, batch, 0.2, float("inf"), weighted)


def ppo_critic(rows: int) -> Callable[[], object]:
    """A minibatch step of the critic."""
    critic = Critic(SEEN, OnPolicyConfig().critic_hidden, torch_stream(0, "critic"))
    optimiser = torch.optim.Adam(critic.parameters(), lr=1e-9, fused=True)
    batch = make_batch(make_policy(), rows)
    return lambda: fit_critic(critic, optimiser, batch.critic_input, batch.target)


def make_demonstrations(policy: Policy) -> Demonstrations:
    """Random ones."""
    batch = make_batch(policy, 5000)
    return Demonstrations(batch.observation, batch.action.clamp(-1.0, 1.0), torch.full((batch.action.shape[1],), 0.1))


def off_policy(precision: str = OffPolicyConfig.precision) -> Callable[[], object]:
    """An update with all that belongs to it."""
    config = replace(OffPolicyConfig(), critics=2, critic_hidden=(256, 256), batch=256)
    policy = make_policy()
    actions, draw = policy.spec.action.size, torch_stream(0, "updates")
    products = products_in(precision)
    critics = Critics(SEEN, actions, config.critic_hidden, config.critics, torch_stream(0, "critics"), products)
    target, demonstrations = target_of(critics), make_demonstrations(policy)
    learned = [value for name, value in policy.named_parameters() if name != "head.log_std"]
    optimisers = (
        torch.optim.Adam(learned, lr=1e-9, fused=True),
        torch.optim.Adam(critics.parameters(), 1e-9, fused=True),
    )
    widths = (SEEN, actions, actions, 0, SEEN, 0)
    kept = Transitions(*(torch.rand(50_000, *([one] if one else []), generator=draw) for one in widths))
    made = iter(range(10**9))

    def once() -> None:
        half = config.batch // 2
        own, taught = (kept.rows(torch.randint(len(kept), (half,), generator=draw)) for _ in range(2))
        rows = own.beside(taught)
        wanted = target_values(target, policy, rows, config.smoothing, draw)
        fit_critics(critics, optimisers[1], critics.normaliser(rows.seen), rows.action, wanted, 0)
        follow(target, critics, config.target_rate)
        if next(made) % config.actor_every == 0:
            improve_actor(policy, critics, optimisers[0], own, demonstrations, 1.0, config.smoothing, draw, 0)

    return once


if __name__ == "__main__":
    main()
