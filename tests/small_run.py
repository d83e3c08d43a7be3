"""A curriculum small enough for tests, on demonstrations made on the spot."""

import numpy as np
import torch

from regrasp.curriculum.gate import GateConfig
from regrasp.curriculum.schema import CloningPhase, Curriculum
from regrasp.demonstrations.replay import replay
from regrasp.episode import Episode
from regrasp.imitation.cloning import CloningConfig
from regrasp.reinforcement.config import OnPolicyConfig
from regrasp.tasks.task import Task


def make_episodes(task: Task, count: int = 2, steps: int = 40) -> list[Episode]:
    """Slow random motions from the task's own starts: they teach nothing, but they are consistent."""
    generator = np.random.default_rng(7)
    episodes = []
    for start in task.draw_starts(np.zeros(count, np.int64), generator):
        knots = generator.uniform(-0.5, 0.5, (5, task.interface.fields.size))
        actions = np.array([np.interp(np.linspace(0, 4, steps), range(5), knot) for knot in knots.T]).T
        blank = np.zeros((steps + 1, task.observations["policy"].fields.size), np.float32)
        episodes.append(
            Episode(
                actions.astype(np.float32), {"policy": blank}, np.zeros(steps), start=start, terminal_observed=False
            )
        )
    return [found.episode for found in replay(task, episodes, threads=1)]


def make_curriculum(iterations: int = 7) -> Curriculum:
    """Two rounds of cloning at most, a gate that such a clone passes by force, a few iterations of fine-tuning."""
    return Curriculum(
        task="adroit-door",
        panel="unused.json",
        seed=3,
        bc=CloningPhase(2, CloningConfig(updates=40, batch_size=32, hidden=(32,), report_every=20)),
        gate=GateConfig(contact_entry=0.99, cases=4, force=True),
        rl=OnPolicyConfig(
            iterations=iterations, worlds=6, segment=10, minibatch=30, epochs=2, critic_warmup=1, critic_hidden=(32,),
            check_every=4, check_cases=2, disturbed=0.9,
            disturbances=("push", "slip", "pose_error", "friction", "actuator", "latency", "sensor_noise"),
        ),
    )  # fmt: skip


def weights(policy: torch.nn.Module) -> dict[str, bytes]:
    """All tensors of a module as bytes, for comparison to the bit."""
    return {name: value.numpy().tobytes() for name, value in policy.state_dict().items()}
