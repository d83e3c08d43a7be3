"""Conditional flow matching as head (Lipman et al. 2023), as flow policies for robots use it (Black et al. 2024, π0).

A velocity field carries noise to demonstrated chunks along straight paths; to decide is to follow it. It can represent
any distribution of chunks, at the price of ten small networks in a row for each decision.
"""

import math

import torch
from torch import nn

from regrasp.policies.bodies import MLP
from regrasp.policies.heads import Head
from regrasp.policies.normaliser import Normaliser
from regrasp.seeding import torch_stream

STEPS = 10
"""Euler steps from noise to a chunk, as in π0."""
FREQUENCIES = 8
SLOWEST, FASTEST = 1.0, 100.0
"""Of the sines and cosines that tell the field the time [rad]; time runs from 0 to 1."""
NOISES = 1024
"""Different ones that a sampled policy begins at."""


class FlowHead(Head):
    """A velocity field over chunks: two hidden layers as wide as the features; it reads these, a chunk and a time.

    Args:
        features: width of the body's output.
        actions: A.
        chunk: H.
        activation: a key of `regrasp.policies.bodies.ACTIVATIONS`.
        generator: where the initial weights come from.
    """

    def __init__(self, features: int, actions: int, chunk: int, activation: str, generator: torch.Generator) -> None:
        size = chunk * actions
        super().__init__(features, size, actions, generator)
        self._size = size
        inputs = features + self._size + 2 * FREQUENCIES
        self.field = MLP((inputs, features, features), activation, generator, activate_last=True)
        self.scale = Normaliser(size)
        # The same for every policy of this size, and so no part of its weights.
        self._noises = torch.randn(NOISES, size, generator=torch_stream(0, "flow"))

    def fit(self, target: torch.Tensor) -> None:
        """Chunks on the way are in standard deviations of the targets (N, H·A), as the noise is."""
        self.scale.fit(target)

    def noise(self, observation: torch.Tensor) -> torch.Tensor:
        """Where a sampled policy begins, for observations (N, O) float32: noise (N, H·A).

        Which one it is follows from the last bits of the observation. So it differs from step to step and from world to
        world like noise that is drawn, and a decision depends on what it was made in alone.
        """
        bits = observation.contiguous().view(torch.int32).to(torch.int64)
        mixed = (bits * (2 * torch.arange(bits.shape[1]) + 1) * 0x9E3779B1).sum(1)
        return self._noises[(mixed >> 20) % NOISES]

    def velocity(self, features: torch.Tensor, point: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        """Features (…, F), chunk on the way (…, H·A), time (…, 1) in [0, 1] → its velocity (…, H·A)."""
        velocity: torch.Tensor = self.linear(self.field(torch.cat([features, point, time_features(time)], dim=-1)))
        return velocity

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features (…, F) → the chunk (…, H·A) that the field carries zero noise to.

        Zero is the likeliest noise, needs no generator, and is the same for every row: a decision depends on the
        features alone.
        """
        return self.carried(features, features.new_zeros(*features.shape[:-1], self._size))

    def carried(self, features: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Features (…, F) → the chunk (…, H·A) that the field carries the noise (…, H·A) to."""
        point = noise
        for step in range(STEPS):
            time = features.new_full((*features.shape[:-1], 1), step / STEPS)
            point = point + self.velocity(features, point, time) / STEPS
        return self.scale.restored(point)

    def loss(self, features: torch.Tensor, target: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Mean squared error of the velocity, at a random time on the straight path from random noise to the target."""
        aim = self.scale.scaled(target)
        noise = torch.randn(aim.shape, generator=generator)
        time = torch.rand(len(aim), 1, generator=generator)
        return nn.functional.mse_loss(self.velocity(features, torch.lerp(noise, aim, time), time), aim - noise)


def time_features(time: torch.Tensor) -> torch.Tensor:
    """Time (…, 1) → sines and cosines of it (…, 16), from slow to fast (Vaswani et al. 2017)."""
    ratio = math.log(FASTEST / SLOWEST) / (FREQUENCIES - 1)
    frequencies = time.new_tensor([SLOWEST * math.exp(ratio * i) for i in range(FREQUENCIES)])
    return torch.cat([torch.sin(time * frequencies), torch.cos(time * frequencies)], dim=-1)
