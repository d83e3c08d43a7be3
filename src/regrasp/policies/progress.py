"""What a learning loop tells its caller: one record per report, no callbacks."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """Where a learning loop stands. Loops yield it; whoever iterates prints, stores, saves or stops.

    Attributes:
        phase: name of the phase (`bc`, `rl`).
        step: updates (cloning) or iterations (fine-tuning) done so far in this phase.
        steps: how many there will be.
        control_steps: control steps simulated so far in this phase, over all worlds (0 while cloning).
        values: measured quantities by name, plain floats (losses, rates, seconds).
    """

    phase: str
    step: int
    steps: int
    control_steps: int = 0
    values: Mapping[str, float] = field(default_factory=dict)
