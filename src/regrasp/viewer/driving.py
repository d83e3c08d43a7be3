"""What a person moves → action (A,): wrist targets, amplitudes of synergies, closing of each finger, single trims."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from regrasp.tasks.task import Task
from regrasp.viewer.actuators import Actuators, actuators_of
from regrasp.viewer.synergies import NONE, Synergies


@dataclass
class Moved:
    """Where everything that a person can move is now.

    Attributes:
        wrist: (W,) actions in [-1, 1] of the wrist's columns.
        synergies: (K,) amplitudes in [-1, 1]; 0 is none.
        closing: finger → -1 open, 0 as the synergies have it, 1 closed.
        trims: (F,) added to the finger columns, in halves of their range.
    """

    wrist: NDArray[np.float64]
    synergies: NDArray[np.float64]
    closing: dict[str, float] = field(default_factory=dict)
    trims: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


class Driving:
    """The action interface of one task as a person drives it.

    Args:
        task: the task.
        synergies: of the finger columns, in the order of `actuators.posed`.
    """

    def __init__(self, task: Task, synergies: Synergies = NONE) -> None:
        self.task = task
        self.actuators: Actuators = actuators_of(task)
        self.synergies = synergies
        self.rest: NDArray[np.float64] = np.array(task.rest, np.float64)

    def at_rest(self) -> Moved:
        """Nothing moved yet: the task's rest posture."""
        actuators = self.actuators
        return Moved(
            wrist=self.rest[list(actuators.wrist)],
            synergies=np.zeros(len(self.synergies.shares)),
            closing=dict.fromkeys(actuators.closing, 0.0),
            trims=np.zeros(len(actuators.posed)),
        )

    def action(self, moved: Moved) -> NDArray[np.float32]:
        """(A,) in [-1, 1]."""
        actuators, action = self.actuators, self.rest.copy()
        action[list(actuators.wrist)] = moved.wrist
        posed = actuators.posed
        if len(moved.synergies):
            action[posed] += moved.synergies @ self.synergies.directions
        action = action.clip(-1.0, 1.0)
        for finger, (columns, opened, closed) in actuators.closing.items():
            share = moved.closing.get(finger, 0.0)
            action[columns] += abs(share) * ((closed if share > 0 else opened) - action[columns])
        action[posed] += moved.trims
        return action.clip(-1.0, 1.0).astype(np.float32)
