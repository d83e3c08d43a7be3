"""Where bodies are in stored states: kinematics alone, without a step of the engine."""

from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray


def put(model: mujoco.MjModel, data: mujoco.MjData, state: NDArray[np.float64]) -> None:
    """Bring `data` into a stored state (S,): [qpos, qvel, mocap_pos], and mocap_quat if the fixture turns."""
    ends = np.cumsum([model.nq, model.nv, 3 * model.nmocap])
    data.qpos[:], data.qvel[:], mocap, turned = np.split(state, ends)
    data.mocap_pos[:] = mocap.reshape(-1, 3)
    if turned.size:
        data.mocap_quat[:] = turned.reshape(-1, 4)
    mujoco.mj_kinematics(model, data)


def poses(
    model: mujoco.MjModel, states: NDArray[np.float64], bodies: Sequence[str], frame: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Bodies and a frame in stored states, in the world frame.

    Args:
        model: of the scene; it is not changed.
        states: (N, S).
        bodies: names of n bodies.
        frame: name of a body.

    Returns:
        (N, n, 3) centres of mass of the bodies [m], (N, 3) origin of the frame's body [m], and (N, 3, 3) how it is
        turned: columns are its axes.
    """
    data = mujoco.MjData(model)
    ids, own = [int(model.body(name).id) for name in bodies], int(model.body(frame).id)
    centres, origins, axes = (
        np.empty((len(states), len(ids), 3)),
        np.empty((len(states), 3)),
        np.empty((len(states), 9)),
    )
    for row, state in enumerate(states):
        put(model, data, state)
        centres[row], origins[row], axes[row] = data.xipos[ids], data.xpos[own], data.xmat[own]
    return centres, origins, axes.reshape(-1, 3, 3)
