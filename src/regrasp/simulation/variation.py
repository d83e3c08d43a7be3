"""What differs between worlds of one scene: three factors per world, in the engine's per-world model fields."""

import mujoco.batch
import numpy as np
from numpy.typing import NDArray

from regrasp.simulation.scene import Scene

NOMINAL = (1.0, 1.0, 1.0)


class Variation:
    """Per-world factors on contact friction, joint dry friction and actuator strength; 1 is the scene as compiled.

    Attributes:
        factors: (B, 3) float64, the factors now in force: contact friction, joint friction, actuator strength.
    """

    def __init__(self, scene: Scene, batch: mujoco.batch.Batch) -> None:
        model = scene.model
        self.factors: NDArray[np.float64] = np.ones((batch.nsim, 3))
        self._geoms = np.array(scene.hand_geoms + scene.object_geoms)
        self._dofs = np.array([int(model.joint(name).dofadr[0]) for name in scene.object_joints])
        self._friction = batch.expand("geom_friction")
        self._frictionloss = batch.expand("dof_frictionloss")
        self._gain = batch.expand("actuator_gainprm")
        self._bias = batch.expand("actuator_biasprm")
        self._nominal = (
            model.geom_friction[self._geoms].copy(),
            model.dof_frictionloss[self._dofs].copy(),
            model.actuator_gainprm.copy(),
            model.actuator_biasprm.copy(),
        )

    def set(self, worlds: NDArray[np.int64], factors: NDArray[np.float64]) -> None:
        """Put `factors` (n, 3) in force in the named worlds."""
        friction, frictionloss, gain, bias = self._nominal
        contact, joint, strength = (factors[:, k, None, None] for k in range(3))
        self.factors[worlds] = factors
        self._friction[np.ix_(worlds, self._geoms)] = friction * contact
        self._frictionloss[np.ix_(worlds, self._dofs)] = frictionloss * joint[:, :, 0]
        self._gain[worlds] = gain * strength
        self._bias[worlds] = bias * strength
