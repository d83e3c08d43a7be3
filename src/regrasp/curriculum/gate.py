"""The gate: whether measured trials allow reinforcement learning to begin, or cloning must go on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from regrasp.errors import InputError
from regrasp.panel.statistics import OUTCOMES, Rate, rate_of
from regrasp.trial import Trial

Phase = Literal["continue_bc", "rl_finetune"]
Basis = Literal["rate", "lower_bound"]


def _share(place: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1 or math.isnan(value):
        raise InputError("gate", place, repr(value), "a number between 0 and 1")
    return value


@dataclass(frozen=True)
class GateConfig:
    """What the gate asks of the cloned policy.

    Attributes:
        success: success must be above it; absent where the gate does not ask for success.
        contact_entry: the contact-entry rate must be above it; absent where the gate does not ask for contact entry.
        cases: undisturbed cases to measure it on.
        decided_on: `rate`, the measured rates themselves, or `lower_bound`, the lower ends of their 95 % intervals.
        force: begin reinforcement learning even if the gate says `continue_bc` at the end; reported in red.
    """

    success: float | None = field(default=None, metadata={"minimum": 0.0, "maximum": 1.0})
    contact_entry: float | None = field(default=None, metadata={"minimum": 0.0, "maximum": 1.0})
    cases: int = field(default=200, metadata={"minimum": 1})
    decided_on: Basis = "rate"
    force: bool = False

    def __post_init__(self) -> None:
        for name in ("success", "contact_entry"):
            if getattr(self, name) is not None:
                _share(f"threshold {name}", getattr(self, name))
        if self.success is None and self.contact_entry is None:
            raise InputError("gate", "thresholds", "none", "at least one", ("success", "contact_entry"))


TEXTBOOK = GateConfig(success=0.7, contact_entry=0.8)
"""The thresholds of the field's textbook example."""


@dataclass(frozen=True)
class GateDecision:
    """A decision on two numbers, and which of the demands they do not meet."""

    phase: Phase
    bc_success: float
    contact_entry_rate: float
    unmet: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The three facts of the textbook rule, in its order."""
        return {"phase": self.phase, "bc_success": self.bc_success, "contact_entry_rate": self.contact_entry_rate}


@dataclass(frozen=True)
class MeasuredDecision:
    """A decision on trials: on their rates, on the lower bounds of these, and which of the two counts.

    Attributes:
        config: the demands.
        success: measured success, primary outcome.
        contact_entry: measured contact entry.
        on_rate: the decision if the rates count.
        on_lower_bound: the decision if the lower bounds count.
    """

    config: GateConfig
    success: Rate
    contact_entry: Rate
    on_rate: GateDecision
    on_lower_bound: GateDecision

    @property
    def decision(self) -> GateDecision:
        """The one that counts."""
        return self.on_rate if self.config.decided_on == "rate" else self.on_lower_bound

    @property
    def phase(self) -> Phase:
        """What to do next."""
        return self.decision.phase

    def to_json(self) -> dict[str, Any]:
        """The textbook's three keys with the measured rates, then what they rest on."""
        return {
            "phase": self.phase,
            "bc_success": self.success.rate,
            "contact_entry_rate": self.contact_entry.rate,
            "decided_on": self.config.decided_on,
            "phase_on_rate": self.on_rate.phase,
            "phase_on_lower_bound": self.on_lower_bound.phase,
            "thresholds": {"success": self.config.success, "contact_entry": self.config.contact_entry},
            "success": self.success.to_json(),
            "contact_entry": self.contact_entry.to_json(),
            "unmet": list(self.decision.unmet),
        }


def decide(bc_success: float, contact_entry_rate: float, config: GateConfig = TEXTBOOK) -> GateDecision:
    """`rl_finetune` if every number that is asked for is strictly above its threshold, `continue_bc` otherwise."""
    demands = (
        ("success", _share("bc_success", bc_success), config.success),
        ("contact entry", _share("contact_entry_rate", contact_entry_rate), config.contact_entry),
    )
    unmet = tuple(
        f"{name} {value:.3g} is not above {threshold:.3g}"
        for name, value, threshold in demands
        if threshold is not None and not value > threshold
    )
    return GateDecision("continue_bc" if unmet else "rl_finetune", bc_success, contact_entry_rate, unmet)


def decide_on_trials(trials: Sequence[Trial], primary: str, config: GateConfig = TEXTBOOK) -> MeasuredDecision:
    """The same rule on judged trials.

    Args:
        trials: of the cloned policy on undisturbed cases.
        primary: the judge's primary outcome, one of `OUTCOMES`.
        config: the demands, and whether rates or their lower bounds must meet them.
    """
    if primary not in OUTCOMES:
        raise InputError("gate", "primary", repr(primary), "the name of an outcome", OUTCOMES)
    success, entry = rate_of(map(OUTCOMES[primary], trials)), rate_of(trial.entered for trial in trials)
    if success.rate is None or success.low is None or entry.rate is None or entry.low is None:
        raise InputError("gate", "trials", "none", "at least one judged trial")
    on_rate = decide(success.rate, entry.rate, config)
    return MeasuredDecision(config, success, entry, on_rate, decide(success.low, entry.low, config))
