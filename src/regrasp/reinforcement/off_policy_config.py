"""The settings of off-policy fine-tuning: how it learns; what it trains under stands in `OnPolicyConfig`, for both."""

from dataclasses import dataclass, field
from typing import Any, Literal


def _setting(default: Any, **bounds: Any) -> Any:
    return field(default=default, metadata=bounds)


@dataclass(frozen=True)
class OffPolicyConfig:
    """How to fine-tune off-policy.

    Attributes:
        control_steps: simulated in all, over all worlds.
        worlds: B, simulated side by side. Noise is quiet in the first and loudest in the last.
        segment: control steps per world between two rounds of updates.
        report_every: control steps, over all worlds, between two records.
        warmup_steps: control steps of the clone alone, before the first update.
        critic_warmup: updates of the critics alone, before the actor learns and acts.
        updates_per_step: updates per control step after the warm-up.
        batch: transitions per update, half of them demonstrated.
        actor_every: updates of the critics per update of the actor.
        capacity: transitions kept; the oldest make room.
        return_steps: n, rewards that are added up before a value is bootstrapped.
        critics: E. A target is the smaller value of two of them, drawn at random.
        critic_hidden: widths of the critics' hidden layers.
        critic_learning_rate, learning_rate: Adam's for the critics and for the actor.
        target_rate: by how much the target critics follow at every update.
        averaging: by how much the policy that acts and is kept follows the actor at every update of it.
        smoothing: noise of the action whose value is learned, as a share of the loudest noise that acts.
        precision: of the critics' and the actor's hidden layers while they are updated: `float32`, `bfloat16`, or
            `auto`, which is bfloat16 where the processor has instructions for it. Weights, values and actions are
            float32 always.
        demonstration_weight: λ_BC. At 1, critics of average insistence move an action by the clone's residual, and no
            further. It does not fade: without it contact is forgotten.
        check_every: records between two checkpoints on the way.
    """

    control_steps: int = _setting(200_000, minimum=1)
    worlds: int = _setting(32, minimum=1)
    segment: int = _setting(4, minimum=1)
    report_every: int = _setting(4096, minimum=1)
    warmup_steps: int = _setting(8192, minimum=1)
    critic_warmup: int = _setting(4000, minimum=0)
    updates_per_step: float = _setting(0.125, above=0.0)
    batch: int = _setting(256, minimum=2)
    actor_every: int = _setting(4, minimum=1)
    capacity: int = _setting(200_000, minimum=1)
    return_steps: int = _setting(10, minimum=1)
    critics: int = _setting(2, minimum=1)
    critic_hidden: tuple[int, ...] = _setting((256, 256), minimum=1)
    critic_learning_rate: float = _setting(1e-3, above=0.0)
    learning_rate: float = _setting(3e-4, above=0.0)
    target_rate: float = _setting(0.02, above=0.0, maximum=1.0)
    averaging: float = _setting(0.01, above=0.0, maximum=1.0)
    smoothing: float = _setting(0.3, minimum=0.0)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    demonstration_weight: float = _setting(1.0, minimum=0.0)
    check_every: int = _setting(10, minimum=1)

    @property
    def segments(self) -> int:
        """Segments between two records."""
        return max(1, round(self.report_every / (self.worlds * self.segment)))

    @property
    def iterations(self) -> int:
        """Records in all."""
        return max(1, round(self.control_steps / (self.segments * self.segment * self.worlds)))

    def due(self, control_steps: int) -> int:
        """Updates that should have been made after so many control steps."""
        beyond = control_steps - self.warmup_steps
        return 0 if beyond < 0 else self.critic_warmup + int(beyond * self.updates_per_step)
