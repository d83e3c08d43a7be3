"""A scene: one compiled MuJoCo model plus the names that the rest of regrasp reads it by."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import mujoco

from regrasp.fields import Field, Fields

CONTACT_COLUMNS = Fields([Field("found", 1, "1"), Field("force", 3, "N"), Field("velocity", 3, "m/s")])
"""Columns of one contact sensor: number of contacts; force and relative velocity of the strongest, normal first."""

_CONTACT_DATA = sum(
    1 << int(bit)
    for bit in (
        mujoco.mjtConDataField.mjCONDATA_FOUND,
        mujoco.mjtConDataField.mjCONDATA_FORCE,
        mujoco.mjtConDataField.mjCONDATA_LINVEL,
    )
)
_STRONGEST = 2  # the sensor's `reduce="maxforce"`


@dataclass(frozen=True)
class Scene:
    """Hand, object, fixtures and sensors, compiled.

    Attributes:
        model: the compiled model; nobody changes it.
        description: the MJCF text it was compiled from.
        substeps: physics steps per control step.
        links: contact region → its link bodies; the contact sensors follow this order.
        object_body: the body whose contacts count.
        hand_geoms, object_geoms: geom ids whose friction the `slip` disturbance changes.
        object_joints: joints whose dry friction the `friction` disturbance changes.
        pushed_body: the body that the `push` disturbance acts on.
        fixture: the mocap body that the `pose_error` disturbance moves.
    """

    model: mujoco.MjModel
    description: str
    substeps: int
    links: Mapping[str, tuple[str, ...]]
    object_body: str
    hand_geoms: tuple[int, ...]
    object_geoms: tuple[int, ...]
    object_joints: tuple[str, ...]
    pushed_body: str
    fixture: str

    @cached_property
    def sensors(self) -> Fields:
        """Name and size of every sensor, in `sensordata` order."""
        model = self.model
        return Fields(Field(model.sensor(i).name, int(model.sensor_dim[i]), "SI") for i in range(model.nsensor))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the model's description: same digest, same scene."""
        return hashlib.sha256(self.description.encode()).hexdigest()

    @property
    def control_period(self) -> float:
        """Time between two actions [s]."""
        return float(self.model.opt.timestep) * self.substeps

    @property
    def state_size(self) -> int:
        """S: columns of a stored state, [qpos, qvel, mocap_pos]."""
        return int(self.model.nq + self.model.nv + 3 * self.model.nmocap)

    def joint_column(self, name: str) -> int:
        """Column of a one-degree-of-freedom joint in `qpos`."""
        return int(self.model.joint(name).qposadr[0])

    def joint_dof(self, name: str) -> int:
        """Column of a one-degree-of-freedom joint in `qvel`."""
        return int(self.model.joint(name).dofadr[0])


def add_contact_sensors(spec: mujoco.MjSpec, links: Sequence[str], object_body: str) -> None:
    """One sensor `contact_<link>` per link, for its contacts with the object's body and everything fixed below it."""
    for link in links:
        spec.add_sensor(
            name=f"contact_{link}",
            type=mujoco.mjtSensor.mjSENS_CONTACT,
            objtype=mujoco.mjtObj.mjOBJ_BODY,
            objname=link,
            reftype=mujoco.mjtObj.mjOBJ_XBODY,
            refname=object_body,
            intprm=[_CONTACT_DATA, _STRONGEST, 1],
        )


def add_site_position(spec: mujoco.MjSpec, name: str, site: str) -> None:
    """A sensor for the world position of a site [m]."""
    spec.add_sensor(name=name, type=mujoco.mjtSensor.mjSENS_FRAMEPOS, objtype=mujoco.mjtObj.mjOBJ_SITE, objname=site)
