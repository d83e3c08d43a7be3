"""A scene: one compiled MuJoCo model plus the names that the rest of regrasp reads it by."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import mujoco

from regrasp.fields import Field, Fields
from regrasp.simulation.objects import ObjectPool

CONTACT_COLUMNS = Fields(
    [Field("found", 1, "1"), Field("force", 3, "N"), Field("distance", 1, "m"), Field("velocity", 3, "m/s")]
)
"""Columns of one contact sensor: number of contacts; of the strongest, force and relative velocity (normal first), and
distance (negative inside)."""

_CONTACT_DATA = sum(
    1 << int(bit)
    for bit in (
        mujoco.mjtConDataField.mjCONDATA_FOUND,
        mujoco.mjtConDataField.mjCONDATA_FORCE,
        mujoco.mjtConDataField.mjCONDATA_DIST,
        mujoco.mjtConDataField.mjCONDATA_LINVEL,
    )
)
_STRONGEST = 2  # the sensor's `reduce="maxforce"`


@dataclass(frozen=True)
class Scene:
    """Hand, objects, fixtures and sensors, compiled.

    Attributes:
        model: the compiled model with the first object; nobody changes it.
        description: the MJCF text it was compiled from.
        substeps: physics steps per control step.
        links: contact region → its link bodies; the contact sensors follow this order.
        object_body: the body whose contacts count.
        hand_geoms, object_geoms: geom ids whose friction the `slip` disturbance changes.
        object_bodies: bodies whose mass the `mass` disturbance changes.
        pushed_body: the body that the `push` disturbance acts on.
        object_joints: joints whose dry friction the `friction` disturbance changes; without any, it changes the contact
            friction of hand and object for the whole trial.
        fixture: the mocap body whose place is part of the state, if there is one.
        fixture_turns: its orientation is part of the state, too.
        released: actuator → target of an opened grip, for the `drop` disturbance.
        objects: what one world may hold in place of another.
    """

    model: mujoco.MjModel
    description: str
    substeps: int
    links: Mapping[str, tuple[str, ...]]
    object_body: str
    hand_geoms: tuple[int, ...]
    object_geoms: tuple[int, ...]
    object_bodies: tuple[str, ...]
    pushed_body: str
    object_joints: tuple[str, ...] = ()
    fixture: str = ""
    fixture_turns: bool = False
    released: Mapping[str, float] = field(default_factory=dict)
    objects: ObjectPool = field(default_factory=lambda: ObjectPool(("object",), {}))

    @cached_property
    def sensors(self) -> Fields:
        """Name and size of every sensor, in `sensordata` order."""
        model = self.model
        return Fields(Field(model.sensor(i).name, int(model.sensor_dim[i]), "SI") for i in range(model.nsensor))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the model's description and of all objects: same digest, same scene."""
        return hashlib.sha256((self.description + self.objects.digest).encode()).hexdigest()

    @property
    def control_period(self) -> float:
        """Time between two actions [s]."""
        return float(self.model.opt.timestep) * self.substeps

    @property
    def state_size(self) -> int:
        """S: columns of a stored state, [qpos, qvel, mocap_pos], and mocap_quat where the fixture turns."""
        return int(self.model.nq + self.model.nv + (7 if self.fixture_turns else 3) * self.model.nmocap)

    def joint_column(self, name: str) -> int:
        """First column of a joint in `qpos`."""
        return int(self.model.joint(name).qposadr[0])

    def joint_dof(self, name: str) -> int:
        """First column of a joint in `qvel`."""
        return int(self.model.joint(name).dofadr[0])

    def model_of(self, name: str) -> mujoco.MjModel:
        """The model with the named object, to draw or to step by hand."""
        return self.objects.model_of(self.model, name)


def geoms_of(model: mujoco.MjModel, bodies: Iterable[str]) -> tuple[int, ...]:
    """Ids of the geoms of the named bodies that can touch anything."""
    ids = {int(model.body(body).id) for body in bodies}
    touching = model.geom_contype | model.geom_conaffinity
    return tuple(i for i in range(model.ngeom) if int(model.geom_bodyid[i]) in ids and touching[i])


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
