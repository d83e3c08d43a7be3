"""One recorded episode, the same record from every source to every use."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Episode:
    """T control steps. Row t of `states` and `observations` is what `actions[t]` was chosen in.

    Attributes:
        actions: (T, A) float32, in the units of the action interface, unclipped as recorded.
        observations: group name → (T + 1, O) float32; `terminal_observed` tells whether the last row is genuine.
        rewards: (T,) float64, reward of the transition that `actions[t]` caused.
        states: (T + 1, S) float64, [qpos, qvel, mocap_pos] of the scene, or None if the source has none.
        start: (S,) float64, the state that `actions[0]` was chosen in: `states[0]` where there are states, else as the
            source recorded it, else None.
        contact_modes: (T + 1,) uint8 bit sets of touching regions, or None.
        object: name of the task's object in it; empty where the source does not say, which means the task's first.
        marks: what happened when (`contact_entry`, `disturbed`, `lost`, `recovered`, `success`), in control steps.
        terminated: the task ended by its own rule at the last step.
        truncated: the recording or a time limit ended it.
        terminal_observed: False where the source format has no terminal observation and the last row repeats the one
            before.
        provenance: where it came from (file, index, policy digest, seed, …), plain text by key.
    """

    actions: NDArray[np.float32]
    observations: Mapping[str, NDArray[np.float32]]
    rewards: NDArray[np.float64]
    states: NDArray[np.float64] | None = None
    start: NDArray[np.float64] | None = None
    contact_modes: NDArray[np.uint8] | None = None
    object: str = ""
    marks: Mapping[str, int] = field(default_factory=dict)
    terminated: bool = False
    truncated: bool = True
    terminal_observed: bool = True
    provenance: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.states is not None:
            object.__setattr__(self, "start", self.states[0])

    @property
    def steps(self) -> int:
        """T, the number of actions."""
        return len(self.actions)
