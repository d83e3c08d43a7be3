"""What the Adroit tasks share: the hand's regions, model files and gains, the scene around it, its action interface.

Hand and objects are the installed gymnasium-robotics package's own, recomposed: contact sensors replace the model's,
the body that Gymnasium moves between trials becomes a mocap body, so that its place is part of the state.
"""

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mujoco
import torch
from torch import Tensor

from regrasp.actor import ActionInterface
from regrasp.fields import Field, Fields
from regrasp.simulation.objects import ObjectPool
from regrasp.simulation.readings import Readings
from regrasp.simulation.scene import Scene, add_contact_sensors, geoms_of

LINKS = {
    "thumb": ("thproximal", "thmiddle", "thdistal"),
    "index": ("ffproximal", "ffmiddle", "ffdistal"),
    "middle": ("mfproximal", "mfmiddle", "mfdistal"),
    "ring": ("rfproximal", "rfmiddle", "rfdistal"),
    "little": ("lfproximal", "lfmiddle", "lfdistal"),
    "palm": ("palm", "lfmetacarpal"),
}
ALL_LINKS = tuple(link for links in LINKS.values() for link in links)
FINGER_JOINTS = tuple(f"{finger}J{number}" for finger in ("FF", "MF", "RF", "LF") for number in (2, 1, 0))
RELEASED = {f"A_{joint}": 0.0 for joint in FINGER_JOINTS}
"""Actuator targets [rad] of a grip that lets go: four straight fingers."""
OBJECT = "Object"
"""The body that is handled, by its name in the package's files (not the door's)."""
# Actuator gains that the package's environments write over those of its model files: (first, last, gain).
_GAINS = (("A_WRJ1", "A_WRJ0", 10.0), ("A_FFJ3", "A_THJ0", 1.0))
_FRAME_SENSORS = {
    "position": mujoco.mjtSensor.mjSENS_FRAMEPOS,
    "x_axis": mujoco.mjtSensor.mjSENS_FRAMEXAXIS,
    "y_axis": mujoco.mjtSensor.mjSENS_FRAMEYAXIS,
    "z_axis": mujoco.mjtSensor.mjSENS_FRAMEZAXIS,
    "velocity": mujoco.mjtSensor.mjSENS_FRAMELINVEL,
    "spin": mujoco.mjtSensor.mjSENS_FRAMEANGVEL,
}


def model_file(name: str) -> Path:
    """An MJCF file inside the installed gymnasium-robotics (found without importing it)."""
    spec = importlib.util.find_spec("gymnasium_robotics")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the adroit tasks need the model files of the gymnasium-robotics package")
    return Path(spec.origin).parent / "envs" / "assets" / "adroit_hand" / f"{name}.xml"


def read_spec(name: str, kept: Iterable[str] = ()) -> mujoco.MjSpec:
    """A model file, editable, without its sensors (but those `kept`) and its tracker."""
    spec = mujoco.MjSpec.from_file(str(model_file(name)))
    for sensor in list(spec.sensors):
        if sensor.name not in kept:
            spec.delete(sensor)
    spec.delete(spec.body("vive_tracker"))
    return spec


def set_gains(spec: mujoco.MjSpec) -> None:
    """Give wrist and fingers the gains that the package's environments use."""
    names = [actuator.name for actuator in spec.actuators]
    for first, last, gain in _GAINS:
        for actuator in spec.actuators[names.index(first) : names.index(last) + 1]:
            actuator.gainprm[:3] = (gain, 0.0, 0.0)
            actuator.biasprm[:3] = (0.0, -gain, 0.0)


def add_frame(spec: mujoco.MjSpec, name: str, body: str) -> None:
    """Sensors `<name>_position` [m], `_x_axis`, `_y_axis`, `_z_axis`, `_velocity` [m/s] and `_spin` [rad/s] of a body.

    All in the world frame. The hinges and slides on which the package hangs its objects say none of it directly.
    """
    for part, kind in _FRAME_SENSORS.items():
        spec.add_sensor(name=f"{name}_{part}", type=kind, objtype=mujoco.mjtObj.mjOBJ_XBODY, objname=body)


def add_contact(spec: mujoco.MjSpec, name: str, body: str, other: str) -> None:
    """A contact sensor between one body and everything below another, with the columns of the hand's sensors."""
    add_contact_sensors(spec, [body], other)
    spec.sensor(f"contact_{body}").name = name


def make_adroit_scene(spec: mujoco.MjSpec, name: str, body: str = OBJECT, **own: Any) -> Scene:
    """The compiled scene of a task that handles `body` with this hand; `own` are further fields of `Scene`."""
    model = spec.compile()
    shared = {"object_bodies": (body,), "pushed_body": body, "released": RELEASED}
    return Scene(
        model=model,
        description=spec.to_xml(),
        substeps=5,
        links=LINKS,
        object_body=body,
        hand_geoms=geoms_of(model, ALL_LINKS),
        object_geoms=geoms_of(model, [body]),
        objects=ObjectPool((name,), {}),
        **{**shared, **own},
    )


def motion_fields(name: str) -> list[Field]:
    """The columns of `read_motion`."""
    return [
        Field(f"{name}_axes", 6, "1"),
        Field(f"{name}_velocity", 3, "m/s"),
        Field(f"{name}_spin", 3, "10 rad/s"),
    ]


def read_motion(readings: Readings, name: str) -> Tensor:
    """(B, 12) how the body of a frame (see `add_frame`) is turned and moves, exactly."""
    parts = [readings.sensor(f"{name}_{part}") for part in ("x_axis", "y_axis", "velocity")]
    return torch.cat([*parts, readings.sensor(f"{name}_spin") / 10.0], dim=1)


def touch_fields(newtons: int) -> list[Field]:
    """The columns of `read_touch`."""
    return [Field("touching", len(LINKS), "1"), Field("normal_force", len(LINKS), f"{newtons} N")]


def read_touch(readings: Readings, newtons: int) -> Tensor:
    """(B, 12) which regions touch, and their normal forces in units of so many newtons."""
    return torch.cat([readings.touching().to(torch.float64), readings.normal_force() / newtons], dim=1)


def joint_targets(spec: mujoco.MjSpec) -> ActionInterface:
    """Absolute joint targets, scaled to [-1, 1] by the actuators' ranges, at 100 Hz."""
    limits = [actuator.ctrlrange for actuator in spec.actuators]
    fields = Fields(Field(a.name.removeprefix("A_"), 1, _unit(a.name)) for a in spec.actuators)
    return ActionInterface(
        fields=fields,
        low=tuple(float(limit[0]) for limit in limits),
        high=tuple(float(limit[1]) for limit in limits),
        rate=100.0,
    )


def _unit(actuator: str) -> str:
    return "m" if actuator.startswith("A_ART") else "rad"


def rest_action(interface: ActionInterface) -> tuple[float, ...]:
    """(A,) the action that asks for zero at every joint, where trials start."""
    return tuple(-(low + high) / (high - low) for low, high in zip(interface.low, interface.high, strict=True))
