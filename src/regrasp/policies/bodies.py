"""Bodies: from an input vector to features. Policies and critics are built from the same ones."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "elu": nn.ELU, "silu": nn.SiLU}


def initialised_linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer with weights and biases uniform in ±1/sqrt(inputs), drawn from `generator` alone.

    The distribution is torch's own default for `nn.Linear`; only the source of randomness differs.
    """
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, inputs, outputs)
    bound = 1.0 / math.sqrt(inputs)
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound, generator=generator)
        layer.bias.uniform_(-bound, bound, generator=generator)
    return layer


class MLP(nn.Module):
    """Linear layers with an activation between them: (…, sizes[0]) → (…, sizes[-1]).

    Args:
        sizes: width of the input, of every hidden layer, and of the output; at least two numbers.
        activation: a key of `ACTIVATIONS`.
        generator: where the initial weights come from.
        activate_last: also apply the activation to the output, as a body under a head needs; a critic leaves it linear.

    Raises:
        ValueError: fewer than two sizes, a size below 1, or an unknown activation.
    """

    def __init__(
        self, sizes: Sequence[int], activation: str, generator: torch.Generator, *, activate_last: bool = False
    ) -> None:
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"sizes must be at least two positive widths, not {tuple(sizes)}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"no activation {activation!r}; valid names: {', '.join(ACTIVATIONS)}")
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(sizes):
            layers += [initialised_linear(inputs, outputs, generator), ACTIVATIONS[activation]()]
        self.layers = nn.Sequential(*(layers if activate_last else layers[:-1]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Input (…, sizes[0]) → output (…, sizes[-1])."""
        output: torch.Tensor = self.layers(x)
        return output


class WindowMLP(MLP):
    """An MLP that reads whole windows, one observation behind the other; its weights are those of an `MLP`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Windows (…, W, O), sizes[0] = W·O → output (…, sizes[-1])."""
        return super().forward(x.flatten(-2))
