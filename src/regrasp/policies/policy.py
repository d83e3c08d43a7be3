"""A policy: normaliser → body → head, with the fields and the action interface it was made for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import torch
from torch import nn
from torch.distributions import Independent, Normal

from regrasp.actor import ActionInterface
from regrasp.fields import Fields
from regrasp.policies.bodies import MLP, WindowMLP
from regrasp.policies.design import Design
from regrasp.policies.flow import FlowHead
from regrasp.policies.heads import GaussianHead, Head
from regrasp.policies.memory import Memory
from regrasp.policies.mixture import MixtureHead
from regrasp.policies.normaliser import Normaliser
from regrasp.policies.residual import CorrectionBody, CorrectionHead, Residual
from regrasp.policies.transformer import Transformer

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
        design: which body and head, over how many observations and actions.
        residual: how the actions of such a policy, frozen, are corrected; None: they are not.
    """

    observation: Fields
    action: Fields
    hidden: tuple[int, ...]
    activation: str
    interface: ActionInterface
    task: str
    design: Design = field(default_factory=Design)
    residual: Residual | None = None

    @property
    def inputs(self) -> int:
        """Columns that the learned part reads: O, and where it corrects, the A of the frozen policy's action."""
        return self.observation.size + (self.action.size if self.residual else 0)

    def to_json(self) -> dict[str, Any]:
        """As plain data, for manifests; the default design goes without saying, as it did before there were others."""
        return {
            "observation": self.observation.to_json(),
            "action": self.action.to_json(),
            "hidden": list(self.hidden),
            "activation": self.activation,
            "interface": self.interface.to_json(),
            "task": self.task,
            **(asdict(self.design) if self.design != Design() else {}),
            **({"residual": asdict(self.residual) | {"hidden": list(self.residual.hidden)}} if self.residual else {}),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "PolicySpec":
        """The inverse of `to_json`."""
        interface, residual = data["interface"], data.get("residual")
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
            design=Design(**{part.name: data[part.name] for part in fields(Design) if part.name in data}),
            residual=Residual(float(residual["limit"]), tuple(residual["hidden"])) if residual else None,
        )


class Policy(nn.Module):
    """Observation (B, O) float32 → action (B, A) float32 in [-1, 1]. Any body and head that fit together will do.

    With a frozen policy as `base`, normaliser, body and head read observations with its action behind them
    (…, O + A), and decide a correction of it.
    """

    def __init__(
        self, spec: PolicySpec, normaliser: Normaliser, body: nn.Module, head: Head, base: "Policy | None" = None
    ) -> None:
        super().__init__()
        self.spec = spec
        self.normaliser = normaliser
        self.body = body
        self.head = head
        self.base = base
        self._memory: Memory | None = None

    @classmethod
    def build(cls, spec: PolicySpec, generator: torch.Generator) -> "Policy":
        """A policy with fresh weights from `generator`.

        Raises:
            ValueError: hidden layers that the body cannot have, an unknown activation, or action columns that are not
                the interface's.
        """
        if spec.action != spec.interface.fields:
            raise ValueError(f"the policy writes {spec.action}, the interface takes {spec.interface.fields}")
        spec.design.require_hidden(spec.hidden)
        if spec.residual is not None:
            base = cls.build(replace(spec, residual=None), generator).requires_grad_(False)
            own, actions, activation = spec.residual, spec.action.size, spec.activation
            part = CorrectionBody(spec.inputs, actions, own.hidden, activation, generator)
            head = CorrectionHead(own.hidden[-1], actions, own.limit, generator)
            return cls(spec, Normaliser(spec.inputs), part, head, base)
        body = _build_body(spec, generator)
        return cls(spec, Normaliser(spec.observation.size), body, _build_head(spec, generator))

    @classmethod
    @torch.no_grad()
    def correcting(cls, base: "Policy", residual: Residual, generator: torch.Generator) -> "Policy":
        """A policy that acts as `base` does, to the bit, until its correction is learned; it has a copy, frozen.

        Its width is the base's, and it scales observations as the base does. Actions it does not scale.
        """
        policy = cls.build(replace(base.spec, residual=residual), generator)
        columns = base.spec.observation.size
        for name, value in base.state_dict().items():
            policy.state_dict()[f"base.{name}"].copy_(value)
        for own, known in zip(policy.normaliser.buffers(), base.normaliser.buffers(), strict=True):
            own[:columns] = known
        policy.head.log_std.copy_(base.head.log_std)
        return policy

    @property
    def interface_digest(self) -> str:
        """Digest of the action interface that the actions are meant for."""
        return self.spec.interface.digest

    def std(self) -> torch.Tensor:
        """Width of each action (A,): what exploration adds, in half action ranges."""
        return self.head.std()

    def features(self, observation: torch.Tensor) -> torch.Tensor:
        """Observation (B, O) in its fields' units, or its window (B, W, O) → the body's features (B, F).

        Here and below, on a frozen policy, its action stands behind the observation (B, O + A).
        """
        features: torch.Tensor = self.body(self.normaliser(observation))
        return features

    def mean(self, observation: torch.Tensor) -> torch.Tensor:
        """Observation (B, O), or its window (B, W, O) → decided chunk (B, H·A), not clipped, differentiable."""
        mean: torch.Tensor = self.head(self.features(observation))
        return mean

    def distribution(self, observation: torch.Tensor) -> Independent[Normal]:
        """Observation (B, O) → Gaussian over whole chunks; `log_prob` and `entropy` have shape (B,).

        Raises:
            ValueError: the policy has another head.
        """
        if not isinstance(self.head, GaussianHead):
            raise ValueError(f"a policy with the head {self.spec.design.head!r} has no Gaussian over actions")
        return self.head.distribution(self.features(observation))

    def begin(self, count: int, worlds: Sequence[int] | None = None) -> None:
        """From now on `count` worlds act, row by row; those named, all if None, are at their start.

        Raises:
            ValueError: some of another number of worlds than act so far are named.
        """
        spec = self.spec
        if self.base is not None:
            self.base.begin(count, worlds)
        elif not spec.design.remembers:
            return
        elif worlds is None:
            self._memory = Memory(spec.design, count, spec.observation.size, spec.action.size)
        else:
            self._remembered(count).forget(worlds)

    def memory(self) -> dict[str, torch.Tensor]:
        """What it remembers of the worlds that it acts in, as named tensors for `recall`; nothing without a memory."""
        acting = self if self.base is None else self.base
        return acting._memory.tensors() if acting._memory is not None else {}

    def recall(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Go on acting in the worlds in which `memory` was asked for, to the bit."""
        acting = self if self.base is None else self.base
        if tensors:
            acting.begin(len(tensors["steps"]))
            acting._remembered(None).load(tensors)

    @torch.no_grad()
    def act(self, observation: torch.Tensor, worlds: Sequence[int] | None = None) -> torch.Tensor:
        """Observation (B, O) → action (B, A) clipped to [-1, 1]; of the named worlds alone if there are any.

        Row i depends on row i alone, to the bit, and where the policy has a memory, on what row i was since `begin`.

        Raises:
            ValueError: the policy has a memory, and no `begin` announced this number of worlds.
        """
        if self.base is not None:
            return self.fixed_mean(torch.cat([observation, self.base.act(observation, worlds)], 1)).clamp(-1.0, 1.0)
        if not self.spec.design.remembers:
            return self._decide(observation[:, None])[:, 0]
        memory = self._remembered(None if worlds is not None else len(observation))
        return memory.act(observation, self._decide, worlds).clamp(-1.0, 1.0)

    @torch.no_grad()
    def fixed_mean(self, observation: torch.Tensor) -> torch.Tensor:
        """Like `mean`, without gradient, and with row i bit-identical whatever the other rows and their number are."""
        return _in_blocks(self.mean, observation)

    def _decide(self, windows: torch.Tensor) -> torch.Tensor:
        """Windows (N, W, O) → clipped chunks (N, H, A)."""
        design, head = self.spec.design, self.head
        seen = windows if design.window > 1 else windows[:, 0]
        if design.sampled and isinstance(head, FlowHead):
            noise = head.noise(windows[:, -1])
            decided = _in_blocks(lambda rows, start: head.carried(self.features(rows), start), seen, noise)
        else:
            decided = self.fixed_mean(seen)
        return decided.clamp(-1.0, 1.0).reshape(len(windows), design.chunk, self.spec.action.size)

    def _remembered(self, count: int | None) -> Memory:
        if self._memory is None or count not in (None, self._memory.count):
            found = "no world" if self._memory is None else f"{self._memory.count} worlds"
            raise ValueError(f"a policy with a memory acts in the worlds of its latest begin: {found}, not {count}")
        return self._memory


def _in_blocks(decide: Callable[..., torch.Tensor], *given: torch.Tensor) -> torch.Tensor:
    """What is decided for rows (N, …), `BLOCK` of them at a time and the last ones padded: no row depends on others."""
    rows = len(given[0])
    size = -(-max(rows, 1) // BLOCK) * BLOCK
    padded = [torch.cat([part, part.new_zeros(size - rows, *part.shape[1:])]).split(BLOCK) for part in given]
    return torch.cat([decide(*blocks) for blocks in zip(*padded, strict=True)])[:rows]


def _build_body(spec: PolicySpec, generator: torch.Generator) -> nn.Module:
    columns, window = spec.observation.size, spec.design.window
    if spec.design.body == "transformer":
        return Transformer(columns, window, spec.hidden, spec.activation, generator)
    kind = WindowMLP if window > 1 else MLP
    return kind((window * columns, *spec.hidden), spec.activation, generator, activate_last=True)


def _build_head(spec: PolicySpec, generator: torch.Generator) -> Head:
    features, actions, chunk = spec.hidden[-1], spec.action.size, spec.design.chunk
    if spec.design.head == "mixture":
        return MixtureHead(features, actions, chunk, generator)
    if spec.design.head == "flow":
        return FlowHead(features, actions, chunk, spec.activation, generator)
    return GaussianHead(features, actions, generator, chunk=chunk)
