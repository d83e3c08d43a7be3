"""Critics of state and action, all of them in one batched tensor."""

import copy
import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from regrasp.policies.normaliser import Normaliser

ALL = slice(None)


class Critics(nn.Module):
    """E networks side by side: (N, P) and (N, A) → (E, N) values.

    Each is linear layers with LayerNorm and ReLU between them. LayerNorm bounds what a critic can say about actions
    that nobody tried (Ball et al. 2023, RLPD); it has no gain and bias of its own, which the next layer makes up for.
    One batched product per layer serves all E.

    Args:
        seen: P, columns of the state.
        actions: A.
        hidden: widths of the hidden layers.
        count: E.
        generator: where the initial weights come from, uniform in ±1/sqrt(inputs).
        products: what hidden layers compute in; with bfloat16 products are still summed in float32, and weights and
            values stay float32 (Kalamkar et al. 2019).
    """

    def __init__(
        self,
        seen: int,
        actions: int,
        hidden: Sequence[int],
        count: int,
        generator: torch.Generator,
        products: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.products = products
        self.normaliser = Normaliser(seen)
        sizes = (seen + actions, *hidden, 1)
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for inputs, outputs in itertools.pairwise(sizes):
            bound = 1.0 / math.sqrt(inputs)
            for parameters, shape in ((self.weights, (count, inputs, outputs)), (self.biases, (count, 1, outputs))):
                drawn = torch.empty(shape).uniform_(-bound, bound, generator=generator)
                parameters.append(nn.Parameter(drawn))

    @property
    def count(self) -> int:
        """E."""
        return len(self.weights[0])

    def forward(self, seen: Tensor, action: Tensor, members: slice = ALL) -> Tensor:
        """Normalised states (N, P) and actions (N, A) → values (E, N), or (M, N) of the M `members` alone."""
        weights, biases = list(self.weights), list(self.biases)
        if members != ALL:  # a part of a tensor has a gradient as large as the whole
            weights, biases = ([one[members] for one in each] for each in (weights, biases))
        x = torch.cat([seen, action], dim=1).to(self.products).expand(len(weights[0]), -1, -1)
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            x = torch.baddbmm(bias.to(x.dtype), x, weight.to(x.dtype))
            x = nn.functional.layer_norm(x, x.shape[-1:]).relu()
        # A product with one column wastes most of a matrix product.
        values: Tensor = (x.float() * weights[-1].mT).sum(-1) + biases[-1].squeeze(-1)
        return values

    def lowest(self, seen: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        """(N,) the smaller value of two critics, drawn at random (Chen et al. 2021, "REDQ")."""
        members = [slice(one, one + 1) for one in torch.randperm(self.count, generator=generator)[:2].tolist()]
        lowest: Tensor = torch.cat([self(seen, action, one) for one in (members if self.count > 2 else [ALL])]).amin(0)
        return lowest


def products_in(precision: str) -> torch.dtype:
    """The type for `precision`: `auto` is bfloat16 where the processor has instructions for it, and float32 elsewhere.

    Without them bfloat16 is slower than float32, not faster.
    """
    if precision != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32


def target_of(critics: Critics) -> Critics:
    """A copy that follows by `follow` and is never learned itself."""
    return copy.deepcopy(critics).requires_grad_(False)


@torch.no_grad()
def follow(target: nn.Module, learned: nn.Module, share: float) -> None:
    """Move the target's weights by `share` of the way to the learned ones (Polyak averaging; Lillicrap et al. 2016)."""
    torch._foreach_lerp_(list(target.parameters()), list(learned.parameters()), share)
