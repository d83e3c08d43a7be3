"""One off-policy update: critics towards n-step targets, the actor up their slope and back to demonstrations."""

import torch
from torch import Tensor, nn

from regrasp.policies.policy import Policy
from regrasp.reinforcement.correction import within_reach
from regrasp.reinforcement.critics import Critics
from regrasp.reinforcement.demonstration_term import distance
from regrasp.reinforcement.diverged import check_value
from regrasp.reinforcement.replay import Transitions
from regrasp.reinforcement.update import Demonstrations

LARGEST_GRADIENT = 10.0
LARGEST_VALUE = 100.0
"""Rewards are scaled so that success for ever is worth 1; critics that say more than this have diverged."""


@torch.no_grad()
def target_values(
    target: Critics, actor: Policy, rows: Transitions, smoothing: float, generator: torch.Generator
) -> Tensor:
    """n-step targets (N,): rewards, and behind them the actor's action as the smaller of two critics judges it.

    IBRL also lets the clone's action into targets where it is worth more; held to the clone as it is here, the actor
    learned no faster with it (planar-turn, two seeds), and an update took a quarter longer.

    Args:
        target: critics that follow.
        actor: being fine-tuned.
        rows: N transitions.
        smoothing: noise of the actor's action, as a share of its width.
        generator: of the noise, and of which critics judge.
    """
    seen = target.normaliser(rows.next_seen)
    mean = _decided(actor, actor.normaliser(rows.next_seen[:, : actor.spec.inputs]), target.products)
    noise = torch.randn(mean.shape, generator=generator) * actor.head.std()
    own = mean.add_(noise, alpha=smoothing).clamp_(-1.0, 1.0)
    return torch.addcmul(rows.reward, rows.discount, target.lowest(seen, own, generator))


def fit_critics(
    critics: Critics, optimiser: torch.optim.Optimizer, seen: Tensor, action: Tensor, wanted: Tensor, update: int
) -> dict[str, float]:
    """One gradient step of the squared error, summed over the critics; gives loss and mean size of the values.

    Raises:
        Diverged: the loss is not finite, or a value beyond anything that rewards can add up to.
    """
    value = critics(seen, action)
    loss = (value - wanted).square().mean(1).sum()
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(critics.parameters(), LARGEST_GRADIENT)
    optimiser.step()
    found = {"loss": loss.item(), "value": value.detach().abs().mean().item()}
    helps = "a smaller off_policy.critic_learning_rate or off_policy.target_rate"
    check_value("the critics' loss", found["loss"], float("inf"), update, helps)
    check_value(
        "the critics' mean value, which success for ever makes 1,", found["value"], LARGEST_VALUE, update, helps
    )
    return found


def improve_actor(
    actor: Policy,
    critics: Critics,
    optimiser: torch.optim.Optimizer,
    rows: Transitions,
    demonstrations: Demonstrations,
    weight: float,
    smoothing: float,
    generator: torch.Generator,
    update: int,
) -> dict[str, float]:
    """One gradient step: actions up the critics' slope, λ_BC · L_BC, and λ_BC times the distance from the clone.

    The slope is taken in units of the clone's residual and scaled to an average of 1 per action, so that λ_BC alone
    says how far the actor may go, whatever the rewards are. Fujimoto and Gu (2021, "TD3+BC") scale by the value; but a
    value says nothing about how much an action matters.

    Args:
        actor: changed in place.
        critics: whose mean is climbed.
        optimiser: the actor's.
        rows: N transitions of own experience.
        demonstrations: what L_BC compares with, N of them at a time.
        weight: λ_BC.
        smoothing: noise of the actor's action, as a share of its width.
        generator: of noise and rows.
        update: how many were made, for the error.

    Returns:
        `from_clone`: root mean square distance from the clone's actions in own experience, in residuals; `loss_bc`.

    Raises:
        Diverged: one of them is not finite.
    """
    width, shown = demonstrations.width, torch.randint(len(demonstrations.action), (len(rows),), generator=generator)
    taught = demonstrations.observation[shown]
    both = torch.cat([actor.normaliser(rows.seen[:, : actor.spec.inputs]), taught])
    mean, imitated = _decided(actor, both, critics.products).split(len(rows))
    drawn = torch.randn(mean.shape, generator=generator) * actor.head.std().detach()
    slope = _slope(critics, critics.normaliser(rows.seen), mean.detach() + smoothing * drawn) * width
    slope = slope / slope.square().mean().sqrt().clamp(min=1e-12)
    strayed = (mean - rows.proposal) / width
    away = 0.5 * strayed.square().mean()
    loss_bc = distance(imitated, within_reach(actor, taught, demonstrations.action[shown]), width)
    loss = weight * (away + loss_bc) - (strayed * slope).mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    found = {"from_clone": (2.0 * away.item()) ** 0.5, "loss_bc": loss_bc.item()}
    for name, value in found.items():
        check_value(f"the actor's {name}", value, float("inf"), update, "a smaller off_policy.learning_rate")
    return found


def _decided(actor: Policy, normalised: Tensor, products: torch.dtype) -> Tensor:
    """Means (N, A) in float32: bfloat16 is coarser than the residuals that actions are compared in."""
    with torch.autocast("cpu", torch.bfloat16, enabled=products == torch.bfloat16):
        features = actor.body(normalised)
    mean: Tensor = actor.head(features.float())
    return mean


def _slope(critics: Critics, seen: Tensor, action: Tensor) -> Tensor:
    """(N, A) by how much the mean value rises per action, at the action clipped to [-1, 1]."""
    clipped = action.clamp(-1.0, 1.0).requires_grad_()
    value = critics(seen, clipped).mean(0).sum()
    (slope,) = torch.autograd.grad(value, clipped)
    return slope
