"""Acting by the better of two proposals: the frozen clone's and the actor's (Hu et al. 2024, "IBRL")."""

import torch
from torch import Tensor

from regrasp.policies.policy import Policy
from regrasp.reinforcement.critics import Critics
from regrasp.reinforcement.rollout import Rollout, critic_input


class ProposingRollout(Rollout):
    """Worlds in which the critics choose who acts, who see more than either."""

    def seen(self) -> Tensor:
        """(B, P) what the critics see now."""
        return critic_input(self._observation)


class Proposals:
    """Who acts in a `Rollout`: per world the action that the critics prefer, and noise around it.

    The noise is the actor's width, from a B-th of it in the first world to all of it in the last: the actor is judged
    without noise, and must be seen nearly without.

    Args:
        clone: frozen.
        actor: being fine-tuned.
        critics: who choose.
        rollout: the worlds.

    Attributes:
        alone: the clone acts, whatever the critics say.
        decisions: how often the critics chose; `cloned`: how often the clone's action.
    """

    def __init__(self, clone: Policy, actor: Policy, critics: Critics, rollout: ProposingRollout) -> None:
        self.clone, self.actor, self.critics, self.rollout = clone, actor, critics, rollout
        self.alone = True
        self.decisions = self.cloned = 0
        self._loudness = torch.arange(1, rollout.environment.count + 1)[:, None] / rollout.environment.count

    def std(self, observation: Tensor) -> Tensor:
        """(B, A) standard deviation of the noise, whatever is observed."""
        return self._loudness * self.actor.std().detach()

    @torch.no_grad()
    def fixed_mean(self, observation: Tensor) -> Tensor:
        """What the learner sees (B, O) or (B, O + A) → the chosen action (B, A) in [-1, 1], without noise."""
        cloned = self.clone.fixed_mean(observation).clamp(-1.0, 1.0)
        if self.alone:
            return cloned
        own = self.actor.fixed_mean(observation).clamp(-1.0, 1.0)
        seen = self.critics.normaliser(self.rollout.seen())
        by_clone, by_actor = (self.critics(seen, action).amin(0) for action in (cloned, own))
        preferred = by_clone > by_actor
        self.decisions += len(preferred)
        self.cloned += int(preferred.sum())
        return torch.where(preferred[:, None], cloned, own)
