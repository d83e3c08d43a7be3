"""The settings of fine-tuning."""

from dataclasses import dataclass, field
from typing import Any, Literal

from regrasp.reinforcement.magnitudes import Magnitudes
from regrasp.reinforcement.pay import SETTLED_MARGIN, Pay

FIRST_BOUND = 0.1
"""Of corrections at first, in whole bounds, where the bound grows (Yuan et al. 2024: explore progressively)."""


def _setting(default: Any, **bounds: Any) -> Any:
    return field(default=default, metadata=bounds)


@dataclass(frozen=True)
class OnPolicyConfig:
    """How to fine-tune.

    Attributes:
        iterations: segments collected and learned from; 0 ends the run after cloning.
        worlds: B, simulated side by side.
        segment: T, control steps per world and iteration.
        learning_rate, final_learning_rate: Adam's for the policy, falling linearly.
        critic_learning_rate: Adam's for the critic.
        epochs: passes over a segment, at most.
        minibatch: rows per gradient step.
        clip: PPO's ratio clip.
        kl_stop: the policy stops learning from a segment when its estimated KL divergence passes this.
        adaptive_steps: the policy's learning rates are those above times a factor, 0.01 to 100, which falls by a third
            where `kl_stop` ended an update before its half, and rises by half where KL stayed below half of it to the
            end.
        discount: γ.
        gae_decay: λ of the advantage estimate.
        smallest_noise: the action noise starts at the clone's residual, but not below this, in half action ranges.
        final_noise: what the action noise is at most in the end; the bound falls linearly from where the noise starts.
            What acts without noise afterwards is then what was learned. No bound where it is above the start.
        critic_warmup: iterations in which only the critic learns.
        critic_taught: passes over the returns of the demonstrations, played again, before that; 0: the critic begins
            with nothing.
        critic_hidden: widths of the critic's hidden layers.
        state_dependent_noise: the width of the noise is learned per state, up to three times as wide or narrow as it
            is on the whole.
        initial_noise: the action noise of a policy that begins without demonstrations, in half action ranges.
        noise_correlation: of the action noise at two control steps in a row.
        reward_terms: the task's reward terms that count, all of them if empty. `judged` is 1 in every control step in
            which the judge sees success: alone, with `largest_reward` 1, it is a sparse reward.
        refusal_cost: an episode ends where the judge refuses it for what cannot happen on a bench, and costs this much
            there and, as if for ever, in every control step after; none: refusals are not looked at.
        settled_margin: an episode ends as a success when success has been held for so many control steps more than the
            judge asks for. Where an object can still be dropped afterwards, more teaches to go on holding it.
        largest_reward: what a control step in success pays; brings returns to the order of 1.
        demonstration_weight: λ_BC at the start.
        demonstration_decay: factor on λ_BC per iteration.
        contact_guard: λ_BC follows contact entry and not the schedule of `demonstration_decay`: it rises where contact
            entry falls below the clone's by more than `guard_margin`, and falls where it does not.
        guard_margin: by how much contact entry may fall.
        guard_style: how far contact style may move (Jensen–Shannon distance); none: as far as it likes.
        guard_gain: by how much log λ_BC rises per iteration for a breach of 1.
        demonstration_starts: share of episodes that begin in a recorded state at first.
        demonstration_starts_until: that share falls linearly to zero over this part of the iterations.
        demonstration_starts_from: `anywhere`, or `end_first`: near the end of each demonstration at first, and a
            tenth of it earlier whenever three of four episodes from there succeeded.
        disturbed: share of episodes with a disturbance.
        disturbances: kinds to train under; the panel's other kinds stay unseen.
        first_magnitude: scale of their magnitudes at the beginning: 1 for the task's ranges, which then stay; below,
            every kind grows and shrinks by how often it is withstood.
        grow_above, shrink_below: shares of withstood episodes at which a kind does.
        residual: the clone is frozen, and what is learned is a bounded correction of its actions. None: only where the
            clone is not the default one (an mlp and a gaussian for one observation and action), which needs it.
        residual_limit: no action is corrected by more, in half action ranges.
        residual_ramp: the bound of the corrections grows from a tenth of `residual_limit` to all of it over this share
            of the iterations; 0: at once.
        residual_hidden: widths of the correction's hidden layers; the clone's if empty.
        check_every: iterations between two checkpoints on the way.
        check_cases: undisturbed cases on which those are judged.
    """

    iterations: int = _setting(140, minimum=0)
    worlds: int = _setting(128, minimum=1)
    segment: int = _setting(50, minimum=1)
    learning_rate: float = _setting(7e-5, above=0.0)
    final_learning_rate: float = _setting(2e-5, minimum=0.0)
    critic_learning_rate: float = _setting(5e-4, above=0.0)
    epochs: int = _setting(6, minimum=1)
    minibatch: int = _setting(1600, minimum=1)
    clip: float = _setting(0.2, above=0.0)
    kl_stop: float = _setting(0.03, above=0.0)
    adaptive_steps: bool = False
    discount: float = _setting(0.99, minimum=0.0, maximum=0.9999)
    gae_decay: float = _setting(0.95, minimum=0.0, maximum=1.0)
    smallest_noise: float = _setting(0.05, above=0.0)
    final_noise: float = _setting(2.0, above=0.0)
    critic_warmup: int = _setting(5, minimum=0)
    critic_taught: int = _setting(0, minimum=0)
    critic_hidden: tuple[int, ...] = (256, 256)
    state_dependent_noise: bool = False
    initial_noise: float = _setting(0.2, above=0.0)
    noise_correlation: float = _setting(0.0, minimum=0.0, maximum=0.99)
    reward_terms: tuple[str, ...] = ()
    refusal_cost: float | None = _setting(None, minimum=0.0)
    settled_margin: int = _setting(SETTLED_MARGIN, minimum=0)
    largest_reward: float = _setting(20.0, above=0.0)
    demonstration_weight: float = _setting(0.1, minimum=0.0)
    demonstration_decay: float = _setting(0.97, minimum=0.0, maximum=1.0)
    contact_guard: bool = False
    guard_margin: float = _setting(0.1, minimum=0.0, maximum=1.0)
    guard_style: float | None = _setting(None, minimum=0.0, maximum=1.0)
    guard_gain: float = _setting(2.0, above=0.0)
    demonstration_starts: float = _setting(0.5, minimum=0.0, maximum=1.0)
    demonstration_starts_until: float = _setting(0.6, above=0.0, maximum=1.0)
    demonstration_starts_from: Literal["anywhere", "end_first"] = "anywhere"
    disturbed: float = _setting(0.5, minimum=0.0, maximum=1.0)
    disturbances: tuple[str, ...] = ("push", "slip", "pose_error", "friction")
    first_magnitude: float = _setting(1.0, above=0.0, maximum=1.0)
    grow_above: float = _setting(0.6, minimum=0.0, maximum=1.0)
    shrink_below: float = _setting(0.3, minimum=0.0, maximum=1.0)
    residual: bool | None = None
    residual_limit: float = _setting(0.3, above=0.0, maximum=2.0)
    residual_ramp: float = _setting(0.2, minimum=0.0, maximum=1.0)
    residual_hidden: tuple[int, ...] = _setting((), minimum=1)
    check_every: int = _setting(40, minimum=1)
    check_cases: int = _setting(64, minimum=1)

    def starts_share(self, done: float) -> float:
        """Share of episodes that begin in a recorded state when this share of fine-tuning is done."""
        left = 1.0 - done / self.demonstration_starts_until
        return self.demonstration_starts * max(0.0, left)

    def rate(self, iteration: int) -> float:
        """The policy's learning rate at an iteration."""
        return self.learning_rate + (self.final_learning_rate - self.learning_rate) * iteration / self.iterations

    def residual_bound(self, done: float) -> float:
        """The bound of corrections [half action range] when this share of fine-tuning is done."""
        grown = min(1.0, done / self.residual_ramp) if self.residual_ramp else 1.0
        return self.residual_limit * (FIRST_BOUND + (1.0 - FIRST_BOUND) * grown)

    def magnitudes(self) -> Magnitudes:
        """How strong the disturbances of training are, at the beginning."""
        return Magnitudes(self.disturbances, self.first_magnitude, self.grow_above, self.shrink_below)

    def pay(self) -> Pay:
        """What a control step pays."""
        return Pay(self.reward_terms, self.refusal_cost, self.settled_margin)
