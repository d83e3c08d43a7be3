"""Named torch views of what a batch of worlds shows after a control step. Tasks and judges read nothing else.

The views are live: they share the engine's memory and change with the next step, so whoever keeps a value copies it.
`qpos` and `qvel` are current; sensors describe the state before the last physics step (2 ms earlier for Adroit), as
Gymnasium's MuJoCo environments show site positions. Making them current would cost a forward pass per control step.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from regrasp.simulation.scene import CONTACT_COLUMNS, Scene


class Readings:
    """Live views of B worlds.

    Attributes:
        qpos: (B, nq) joint positions [rad, m].
        qvel: (B, nv) joint velocities [rad/s, m/s].
        fixture_position: (B, 3) where the scene's fixture stands [m].
        fixture_quaternion: (B, 4) how it is turned, wxyz.
        contacts: (B, L, 8) contact sensors of the L links, columns as in `CONTACT_COLUMNS`.
        regions: contact region → its slice of the L links.
        period: time between two readings [s].
    """

    def __init__(
        self,
        scene: Scene,
        qpos: Tensor,
        qvel: Tensor,
        fixture_position: Tensor,
        fixture_quaternion: Tensor,
        sensors: Tensor,
    ) -> None:
        self.scene = scene
        self.period = scene.control_period
        self.qpos = qpos
        self.qvel = qvel
        self.fixture_position = fixture_position
        self.fixture_quaternion = fixture_quaternion
        self._sensors = {field.name: sensors[:, scene.sensors[field.name]] for field in scene.sensors}
        self.regions: Mapping[str, slice] = _region_slices(scene)
        links = [link for bodies in scene.links.values() for link in bodies]
        first = scene.sensors[f"contact_{links[0]}"].start
        width = CONTACT_COLUMNS.size
        columns = sensors[:, first : first + width * len(links)]
        self.contacts: Tensor = columns.unflatten(1, (len(links), width))
        self._region_of_link = torch.zeros(len(links), len(self.regions), dtype=sensors.dtype)
        for column, part in enumerate(self.regions.values()):
            self._region_of_link[part, column] = 1.0

    def sensor(self, name: str) -> Tensor:
        """(B, k) live view of one sensor."""
        return self._sensors[name]

    def joint(self, name: str) -> Tensor:
        """(B,) live view of a one-degree-of-freedom joint's position [rad or m]."""
        return self.qpos[:, self.scene.joint_column(name)]

    def joint_velocity(self, name: str) -> Tensor:
        """(B,) live view of a one-degree-of-freedom joint's velocity [rad/s or m/s]."""
        return self.qvel[:, self.scene.joint_dof(name)]

    def pose(self, name: str) -> tuple[Tensor, Tensor]:
        """Live views of a free joint's position (B, 3) [m] and quaternion (B, 4), wxyz, in the world frame."""
        first = self.scene.joint_column(name)
        return self.qpos[:, first : first + 3], self.qpos[:, first + 3 : first + 7]

    def twist(self, name: str) -> tuple[Tensor, Tensor]:
        """Live views of a free joint's velocity (B, 3) [m/s], in the world frame, and (B, 3) [rad/s], in its own."""
        first = self.scene.joint_dof(name)
        return self.qvel[:, first : first + 3], self.qvel[:, first + 3 : first + 6]

    def touching(self) -> Tensor:
        """(B, R) bool: which contact regions touch the object."""
        return self.contacts[:, :, 0] @ self._region_of_link > 0

    def normal_force(self) -> Tensor:
        """(B, R): normal force of the strongest contact of each link, summed over the links of a region [N]."""
        return self.contacts[:, :, 1].abs() @ self._region_of_link

    def strongest_force(self) -> Tensor:
        """(B,): the largest normal force of any link on the object [N]."""
        return self.contacts[:, :, 1].abs().amax(1)

    def sliding_speed(self) -> Tensor:
        """(B,): tangential speed of the object against the fastest sliding link that touches it [m/s]."""
        speed: Tensor = torch.linalg.vector_norm(self.contacts[:, :, 6:8], dim=2)
        return speed.amax(1)

    def deepest(self) -> Tensor:
        """(B,): how far the strongest contact of any link is inside the object, 0 without one [m]."""
        return -self.contacts[:, :, 4].amin(1).clamp(max=0.0)


def _region_slices(scene: Scene) -> dict[str, slice]:
    slices, start = {}, 0
    for region, bodies in scene.links.items():
        slices[region] = slice(start, start + len(bodies))
        start += len(bodies)
    return slices
