"""The Shadow hand, palm up, with a pool of objects on it and the target orientation drawn above it.

Hand, limits and gains are those of `manipulate_block` in the installed gymnasium-robotics (Plappert et al. 2018). The
target is a mocap body, so that it is part of the state. Physics steps of 8 ms with 8 solver iterations: links press no
deeper into the objects than with 4 ms (3.0 and 3.3 mm at most under random actions), at half the cost.
"""

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from regrasp.actor import ActionInterface
from regrasp.fields import Field, Fields
from regrasp.judges.cube_reorient import CENTRE
from regrasp.simulation.objects import compile_objects
from regrasp.simulation.scene import Scene, add_contact_sensors, geoms_of
from regrasp.simulation.shape_files import read_shapes, shipped_objects
from regrasp.simulation.shapes import Shape, add_ghost, add_meshes, add_shape

FINGERS = {"thumb": "th", "index": "ff", "middle": "mf", "ring": "rf", "little": "lf"}
LINKS = {
    **{
        region: tuple(f"robot0:{name}{link}" for link in ("proximal", "middle", "distal"))
        for region, name in FINGERS.items()
    },
    "palm": ("robot0:palm", "robot0:lfmetacarpal"),
}
HAND_JOINTS = 24
SLOTS = 3
"""Geoms that every object gets."""
REST = {"WRJ0": 0.1, "THJ4": 0.6, "THJ3": 1.0, "THJ1": 0.2, "THJ0": -0.4}
REST |= {f"{finger}J{joint}": angle for finger in ("FF", "MF", "RF", "LF") for joint, angle in ((2, 0.4), (1, 0.5))}
"""Actuator targets of a hand that cups an object without holding it [rad]; all others 0."""
GOAL_PLACE = (1.0, 0.885, 0.36)
"""Where the target orientation is drawn [m]."""
OBJECT_COLOUR = (0.2, 0.45, 0.7, 1.0)
GOAL_COLOUR = (0.85, 0.5, 0.25, 0.6)
TACTILE = ("fftip", "mftip", "rftip", "lftip", "thtip")


@cache
def shapes() -> tuple[Shape, ...]:
    """The task's objects, in the order of its file."""
    return read_shapes(shipped_objects("cube-reorient"))


def model_file() -> Path:
    """The hand's MJCF file inside the installed gymnasium-robotics (found without importing it)."""
    found = importlib.util.find_spec("gymnasium_robotics")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("cube-reorient needs the model files of the gymnasium-robotics package")
    return Path(found.origin).parent / "envs" / "assets" / "hand" / "manipulate_block.xml"


def make_spec(shape: Shape, pool: Sequence[Shape]) -> mujoco.MjSpec:
    """The recomposed model with one object of a pool, editable."""
    spec = mujoco.MjSpec.from_file(str(model_file()))
    spec.option.timestep, spec.option.iterations = 0.008, 8
    spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_MIDPHASE)
    for name in ("object", "target"):
        spec.delete(spec.body(name))
    for sensor in list(spec.sensors):
        spec.delete(sensor)
    _paint_surroundings(spec)
    add_meshes(spec, pool)
    held = spec.worldbody.add_body(name="object", pos=CENTRE)
    held.add_freejoint(name="object")
    add_shape(spec, held, shape, SLOTS)
    # The larger of two frictions would count; with a higher priority it is the object's own.
    for geom in held.geoms:
        geom.priority = 1
        if geom.rgba[3] > 0:
            geom.rgba = OBJECT_COLOUR
    goal = spec.worldbody.add_body(name="goal", pos=GOAL_PLACE, mocap=True)
    add_ghost(goal, held, GOAL_COLOUR)
    add_contact_sensors(spec, [link for links in LINKS.values() for link in links], "object")
    for tip in TACTILE:
        spec.add_sensor(
            name=f"touch_{tip}",
            type=mujoco.mjtSensor.mjSENS_TOUCH,
            objtype=mujoco.mjtObj.mjOBJ_SITE,
            objname=f"robot0:Tch_{tip}",
        )
    return spec


def _paint_surroundings(spec: mujoco.MjSpec) -> None:
    """A grey floor in place of the package's green sky, out of which neither object nor goal stands."""
    for texture in list(spec.textures):
        if texture.type == mujoco.mjtTexture.mjTEXTURE_SKYBOX:
            spec.delete(texture)
    floor = spec.geom("floor0")
    # A size of 0 is drawn without an end: the ghost is translucent, and needs something behind it to be seen.
    floor.material, floor.size, floor.rgba = "", [0.0, 0.0, 1.0], [0.45, 0.47, 0.5, 1.0]


@cache
def make_scene() -> Scene:
    """The compiled scene with the task's objects."""
    return make_scene_of(shapes())


def make_scene_of(pool: Sequence[Shape]) -> Scene:
    """The compiled scene with a pool of objects, its first in the model."""
    description, model, objects = compile_objects({shape.name: make_spec(shape, pool) for shape in pool})
    return Scene(
        model=model,
        description=description,
        substeps=5,
        links=LINKS,
        object_body="object",
        hand_geoms=geoms_of(model, [link for links in LINKS.values() for link in links]),
        object_geoms=tuple(int(model.geom(f"object_{slot}").id) for slot in range(SLOTS)),
        object_bodies=("object",),
        pushed_body="object",
        fixture="goal",
        fixture_turns=True,
        # Straight fingers and a thumb beside the palm: what the object rests on is flat.
        released={model.actuator(i).name: 0.0 for i in range(model.nu)},
        objects=objects,
    )


def make_interface() -> ActionInterface:
    """Absolute joint targets, scaled to [-1, 1] by the actuators' ranges."""
    actuators = make_spec(shapes()[0], shapes()).actuators
    return ActionInterface(
        fields=Fields(Field(actuator.name.removeprefix("robot0:A_"), 1, "rad") for actuator in actuators),
        low=tuple(float(actuator.ctrlrange[0]) for actuator in actuators),
        high=tuple(float(actuator.ctrlrange[1]) for actuator in actuators),
        rate=25.0,
    )


INTERFACE = make_interface()


@cache
def rest_joints() -> NDArray[np.float64]:
    """(24,) joint positions of the hand at rest; the two outer joints of a finger share one actuator."""
    model, joints = make_scene().model, np.zeros(HAND_JOINTS)
    for name, target in REST.items():
        coupled = name.endswith("J1") and not name.startswith("TH")
        for joint in (name, f"{name[:2]}J0") if coupled else (name,):
            joints[int(model.joint(f"robot0:{joint}").qposadr[0])] = target / (1 + coupled)
    return joints


def rest_action() -> tuple[float, ...]:
    """(20,) the action that holds the hand at rest."""
    targets = [REST.get(name, 0.0) for name in INTERFACE.fields.names]
    limits = zip(INTERFACE.low, INTERFACE.high, targets, strict=True)
    return tuple((2 * target - low - high) / (high - low) for low, high, target in limits)
