"""Inverse kinematics of wrist and arm: actuator targets that bring the hand nearest to where a person drags it."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from regrasp.tasks.task import Task
from regrasp.viewer.actuators import Actuators

_ANGULAR = ("rad", "m")
_LEVER = 0.15
"""A turn by 1 rad weighs as much as a way of this length [m]: about the length of a hand."""
_ROUNDS, _DAMPING, _STRIDE = 40, 1e-3, 0.05
"""Rounds, damping, and the longest way of one round [m]: what is far out of reach must not bend everything else."""


class Reach:
    """Moves the hand's body by the joints that wrist and arm actuators move (damped least squares, Wampler 1986).

    Attributes:
        able: the actuators are position servos on joints of the arm; otherwise there is nothing to solve for.

    Args:
        task: the task.
        actuators: of it.
    """

    def __init__(self, task: Task, actuators: Actuators) -> None:
        model = task.scene.model
        self._model, self._data = model, mujoco.MjData(model)
        self._hand = actuators.hand
        fields = list(task.interface.fields)
        units = {field.name: field.unit for field in fields}
        self._columns = [
            column
            for column in actuators.wrist
            if int(model.actuator_trntype[column]) == int(mujoco.mjtTrn.mjTRN_JOINT)
            and units[fields[column].name] in _ANGULAR
        ]
        joints = [int(model.actuator_trnid[column, 0]) for column in self._columns]
        self._places = model.jnt_qposadr[joints]
        self._dofs = model.jnt_dofadr[joints]
        self._low = np.array(task.interface.low)[self._columns]
        self._high = np.array(task.interface.high)[self._columns]
        self._rows = [actuators.wrist.index(column) for column in self._columns]
        self.able = bool(self._columns) and self._hand > 0

    def hand(self, wrist: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Position (3,) and quaternion (4,), wxyz, of the hand where all targets (W,), in [-1, 1], are met."""
        self._place(self._targets(wrist))
        return self._data.xpos[self._hand].copy(), self._data.xquat[self._hand].copy()

    def solve(
        self, position: NDArray[np.float64], quaternion: NDArray[np.float64], wrist: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Targets (W,) in [-1, 1] that bring the hand nearest to a pose, from the present ones (W,)."""
        targets = self._targets(wrist)
        weights = np.repeat([1.0, _LEVER], 3)
        jacobian = np.zeros((6, self._model.nv))
        for _ in range(_ROUNDS):
            self._place(targets)
            error = weights * self._error(position, quaternion)
            far = float(np.linalg.norm(error))
            if far < 1e-4:
                break
            error *= min(1.0, _STRIDE / far)
            mujoco.mj_jacBody(self._model, self._data, jacobian[:3], jacobian[3:], self._hand)
            lever = weights[:, None] * jacobian[:, self._dofs]
            # What stands at its limit and would go beyond it takes no part in this round.
            free = np.ones(len(targets), bool)
            for _ in range(2):
                part = lever[:, free]
                step = np.zeros(len(targets))
                step[free] = part.T @ np.linalg.solve(part @ part.T + _DAMPING * np.eye(6), error)
                blocked = ((targets >= self._high) & (step > 0)) | ((targets <= self._low) & (step < 0))
                free &= ~blocked
            targets = np.clip(targets + step * free, self._low, self._high)
        found = np.array(wrist, np.float64)
        found[self._rows] = (2 * targets - self._low - self._high) / (self._high - self._low)
        return found

    def _targets(self, wrist: NDArray[np.float64]) -> NDArray[np.float64]:
        share = (np.asarray(wrist, np.float64)[self._rows] + 1) / 2
        targets: NDArray[np.float64] = self._low + share * (self._high - self._low)
        return targets

    def _place(self, targets: NDArray[np.float64]) -> None:
        self._data.qpos[self._places] = targets
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)

    def _error(self, position: NDArray[np.float64], quaternion: NDArray[np.float64]) -> NDArray[np.float64]:
        """(6,) from the hand to the pose: way [m] and rotation vector [rad], in the world frame."""
        own, turn, rotation = np.empty(4), np.empty(4), np.empty(3)
        mujoco.mju_negQuat(own, self._data.xquat[self._hand])
        mujoco.mju_mulQuat(turn, np.asarray(quaternion, np.float64), own)
        mujoco.mju_quat2Vel(rotation, turn, 1.0)
        return np.concatenate([position - self._data.xpos[self._hand], rotation])
