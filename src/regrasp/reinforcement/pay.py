"""What a control step of training pays, and when an episode has nothing more to teach."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from regrasp.tasks.environment import Environment, Step

JUDGED = "judged"
"""A reward term that every task has and none counts unless it is named: 1 wherever the judge sees success, else 0.

A task's own term of this name takes its place.
"""
SETTLED_MARGIN = 5
"""Control steps beyond the held success after which an episode has no more to teach, unless told otherwise."""


@dataclass(frozen=True)
class Pay:
    """Pays the named reward terms of a task, all of them if none is named.

    Attributes:
        terms: names of reward terms.
        refusal: an episode ends where the judge refuses it for what cannot happen on a bench, and costs this much
            there beside what it costs anyway. What that step pays is then taken to last for ever, as in success: at 0,
            breaking a rule is worth as much as never getting anywhere. None: refusals are not looked at.
        margin: control steps beyond the held success after which an episode is settled.
    """

    terms: Sequence[str] = ()
    refusal: float | None = None
    margin: int = SETTLED_MARGIN

    def reward(self, environment: Environment, step: Step) -> Tensor:
        """(B,) float32: what the environment's latest step pays."""
        judgement = environment.judgement
        terms = {JUDGED: judgement.success_at_end, **step.terms}
        names = self.terms or environment.task.rewards
        total = torch.stack([terms[name].to(torch.float64) for name in names]).sum(0).to(torch.float32)
        if self.refusal is None:
            return total
        return torch.where(judgement.honest, total, total.clamp(max=0.0) - self.refusal)

    def settled(self, environment: Environment) -> Tensor:
        """(B,) bool: success has been held for so long that nothing is left to learn, or the judge has refused it."""
        judgement = environment.judgement
        held = judgement.held_for > judgement.judge.held_steps + self.margin
        return held if self.refusal is None else held | ~judgement.honest
