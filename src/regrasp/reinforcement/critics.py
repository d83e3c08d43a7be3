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
    """

    def __init__(self, seen: int, actions: int, hidden: Sequence[int], count: int, generator: torch.Generator) -> None:
        super().__init__()
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
        weights, biases = ([one[members] for one in each] for each in (self.weights, self.biases))
        x = torch.cat([seen, action], dim=1).expand(len(weights[0]), -1, -1)
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            x = torch.baddbmm(bias, x, weight)
            x = nn.functional.layer_norm(x, x.shape[-1:]).relu()
        # A product with one column wastes most of a matrix product.
        values: Tensor = (x * weights[-1].mT).sum(-1) + biases[-1].squeeze(-1)
        return values

    def lowest(self, seen: Tensor, action: Tensor, generator: torch.Generator) -> Tensor:
        """(N,) the smaller value of two critics, drawn at random (Chen et al. 2021, "REDQ")."""
        members = [slice(one, one + 1) for one in torch.randperm(self.count, generator=generator)[:2].tolist()]
        lowest: Tensor = torch.cat([self(seen, action, one) for one in (members if self.count > 2 else [ALL])]).amin(0)
        return lowest


def target_of(critics: Critics) -> Critics:
    """A copy that follows by `follow` and is never learned itself."""
    return copy.deepcopy(critics).requires_grad_(False)


@torch.no_grad()
def follow(target: nn.Module, learned: nn.Module, share: float) -> None:
    """Move the target's weights by `share` of the way to the learned ones (Polyak averaging; Lillicrap et al. 2016)."""
    torch._foreach_lerp_(list(target.parameters()), list(learned.parameters()), share)
