"""A mixture of Gaussians as head (Bishop 1994, mixture density networks; robomimic's BC-GMM, Mandlekar et al. 2021).

Where demonstrations do now this, now that, a squared error learns the mean of both, which nobody showed. A mixture
keeps them apart.
"""

import math

import torch

from regrasp.policies.heads import Head
from regrasp.policies.normaliser import Normaliser

COMPONENTS = 5
"""As in robomimic."""
LOG_WIDTH_LIMITS = (-4.0, 2.0)
"""Widths of components between 0.018 and 7.4 standard deviations of the demonstrated actions: a component that could
shrink onto single actions would make the likelihood as large as it likes."""


class MixtureHead(Head):
    """Five diagonal Gaussians over chunks, all of them functions of the features.

    Args:
        features: width of the body's output.
        actions: A.
        chunk: H.
        generator: where the initial weights come from.
    """

    def __init__(self, features: int, actions: int, chunk: int, generator: torch.Generator) -> None:
        size = chunk * actions
        super().__init__(features, COMPONENTS * (1 + 2 * size), actions, generator)
        self._size = size
        self.scale = Normaliser(size)

    def fit(self, target: torch.Tensor) -> None:
        """Means and widths are in standard deviations of the targets (N, H·A)."""
        self.scale.fit(target)

    def components(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Features (…, F) → log weights (…, 5), means and log widths (…, 5, H·A), in standard deviations."""
        given = self.linear(features)
        weights, means, widths = given.split([COMPONENTS, *[COMPONENTS * self._size] * 2], dim=-1)
        low, high = LOG_WIDTH_LIMITS
        log_widths = low + (high - low) * torch.sigmoid(widths)
        shape = (COMPONENTS, self._size)
        return weights.log_softmax(-1), means.unflatten(-1, shape), log_widths.unflatten(-1, shape)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features (…, F) → mean of the likeliest component (…, H·A): what was shown most often here, without noise."""
        weights, means, _ = self.components(features)
        likeliest = weights.argmax(-1)[..., None, None].expand(*means.shape[:-2], 1, self._size)
        return self.scale.restored(means.gather(-2, likeliest).squeeze(-2))

    def loss(self, features: torch.Tensor, target: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Mean negative log-likelihood for each action of a chunk [nat], actions in standard deviations."""
        weights, means, log_widths = self.components(features)
        away = (self.scale.scaled(target)[:, None] - means) * torch.exp(-log_widths)
        likelihoods = -(0.5 * away.square() + log_widths + 0.5 * math.log(2.0 * math.pi)).sum(-1)
        return -torch.logsumexp(weights + likelihoods, dim=-1).mean() / self._size
