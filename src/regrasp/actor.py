"""What an action means, and who chooses one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from regrasp.fields import Fields, digest_of


@dataclass(frozen=True)
class ActionInterface:
    """What an action means. Demonstrations, policies, panel and robot share one, or are refused.

    Actions are float32 in [-1, 1]; `low` and `high` are the actuator targets of -1 and 1, in the fields' units.
    """

    fields: Fields
    low: tuple[float, ...]
    high: tuple[float, ...]
    rate: float
    """Control rate [Hz]."""

    def to_json(self) -> dict[str, Any]:
        """As plain data, for manifests and panels."""
        return {
            "fields": self.fields.to_json(),
            "low": list(self.low),
            "high": list(self.high),
            "rate": self.rate,
        }

    @property
    def digest(self) -> str:
        """SHA-256 of everything above."""
        return digest_of(self.to_json())


class Actor(Protocol):
    """Anything that maps observations to actions: a policy, an exported graph, a replayed recording."""

    @property
    def interface_digest(self) -> str:
        """Digest of the action interface that the actions are meant for."""
        ...

    def begin(self, count: int, worlds: Sequence[int] | None = None) -> None:
        """From now on `count` worlds act, row by row; those named, all if None, are at their start.

        Whoever acts by the latest observation alone has nothing to do here.
        """
        ...

    def act(self, observation: torch.Tensor) -> torch.Tensor:
        """Observation (B, O) float32 → action (B, A) float32 in [-1, 1].

        Row i depends on row i alone, to the bit, and of an actor with a memory on what row i was since `begin`.
        """
        ...
