"""A policy: normaliser → body → head, with the fields and the action interface it was made for."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.distributions import Independent, Normal

from regrasp.actor import ActionInterface
from regrasp.fields import Fields
from regrasp.policies.bodies import MLP
from regrasp.policies.heads import GaussianHead
from regrasp.policies.normaliser import Normaliser

BLOCK = 64
"""Rows per matrix product in `act`: the order in which a product adds depends on its shape, so the shape is fixed."""


@dataclass(frozen=True)
class PolicySpec:
    """Everything that determines a policy's shape and meaning, but not its weights.

    Attributes:
        observation: the columns it reads (O), with units.
        action: the columns it writes (A), the interface's.
        hidden: widths of the hidden layers.
        activation: a key of `regrasp.policies.bodies.ACTIVATIONS`.
        interface: what an action means.
        task: name of the task.
    """

    observation: Fields
    action: Fields
    hidden: tuple[int, ...]
    activation: str
    interface: ActionInterface
    task: str

    def to_json(self) -> dict[str, Any]:
        """As plain data, for manifests."""
        return {
            "observation": self.observation.to_json(),
            "action": self.action.to_json(),
            "hidden": list(self.hidden),
            "activation": self.activation,
            "interface": self.interface.to_json(),
            "task": self.task,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "PolicySpec":
        """The inverse of `to_json`."""
        interface = data["interface"]
        return cls(
            observation=Fields.from_json(data["observation"]),
            action=Fields.from_json(data["action"]),
            hidden=tuple(int(width) for width in data["hidden"]),
            activation=str(data["activation"]),
            interface=ActionInterface(
                fields=Fields.from_json(interface["fields"]),
                low=tuple(float(x) for x in interface["low"]),
                high=tuple(float(x) for x in interface["high"]),
                rate=float(interface["rate"]),
            ),
            task=str(data["task"]),
        )


class Policy(nn.Module):
    """Observation (B, O) float32 → action (B, A) float32 in [-1, 1]. Any body and head that fit together will do."""

    def __init__(self, spec: PolicySpec, normaliser: Normaliser, body: nn.Module, head: GaussianHead) -> None:
        super().__init__()
        self.spec = spec
        self.normaliser = normaliser
        self.body = body
        self.head = head

    @classmethod
    def build(cls, spec: PolicySpec, generator: torch.Generator) -> "Policy":
        """A policy with fresh weights from `generator`.

        Raises:
            ValueError: no hidden layer, an unknown activation, or action columns that are not the interface's.
        """
        if spec.action != spec.interface.fields:
            raise ValueError(f"the policy writes {spec.action}, the interface takes {spec.interface.fields}")
        if not spec.hidden:
            raise ValueError("a policy needs at least one hidden layer")
        sizes = (spec.observation.size, *spec.hidden)
        body = MLP(sizes, spec.activation, generator, activate_last=True)
        head = GaussianHead(spec.hidden[-1], spec.action.size, generator)
        return cls(spec, Normaliser(spec.observation.size), body, head)

    @property
    def interface_digest(self) -> str:
        """Digest of the action interface that the actions are meant for."""
        return self.spec.interface.digest

    def features(self, observation: torch.Tensor) -> torch.Tensor:
        """Observation (B, O) in its fields' units → the body's features (B, F)."""
        features: torch.Tensor = self.body(self.normaliser(observation))
        return features

    def mean(self, observation: torch.Tensor) -> torch.Tensor:
        """Observation (B, O) → mean action (B, A), not clipped, differentiable."""
        mean: torch.Tensor = self.head(self.features(observation))
        return mean

    def distribution(self, observation: torch.Tensor) -> Independent[Normal]:
        """Observation (B, O) → Gaussian over whole actions; `log_prob` and `entropy` have shape (B,)."""
        return self.head.distribution(self.features(observation))

    @torch.no_grad()
    def act(self, observation: torch.Tensor) -> torch.Tensor:
        """Observation (B, O) → mean action (B, A) clipped to [-1, 1]; row i depends on row i alone, to the bit."""
        return self.fixed_mean(observation).clamp(-1.0, 1.0)

    @torch.no_grad()
    def fixed_mean(self, observation: torch.Tensor) -> torch.Tensor:
        """Like `mean`, without gradient, and with row i bit-identical whatever the other rows and their number are."""
        rows = len(observation)
        padded = observation.new_zeros(-(-max(rows, 1) // BLOCK) * BLOCK, observation.shape[1])
        padded[:rows] = observation
        return torch.cat([self.mean(block) for block in padded.split(BLOCK)])[:rows]
