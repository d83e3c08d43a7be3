"""The scene of `tool-pickup`: Adroit on its arm of six joints above a table, and one tool of a pool of 36.

Hand and arm are those of `adroit_relocate` in the installed gymnasium-robotics, with these differences:

- The arm turns the forearm from -1 to 2 rad as in `adroit_door`. Relocate's ±0.75 could not bring a lying handle
  upright: from a palm that faces down this takes 1.57 rad.
- The arm stands 5 cm higher and 10 cm closer, and its slides reach 10 cm below their zero: a pitched forearm and a
  wrist bent back bring the palm level onto the table, where a level forearm would touch it.
- The arm's motors carry its own weight and go where they are told. Relocate's targets are 2.5 times too large and sag.
- The table is a plane, on which contacts are steadier and cheaper than on a box.
- 8 ms physics steps with the `implicitfast` integrator and 10 solver iterations, without noslip iterations: about five
  times as fast per simulated second as the package's 2 ms. A tool creeps in a firm grip by 1.3 mm/s (0.9 with 5 ms
  steps); links press into it by 3 mm at most, in 99 of 100 control steps by less than 1 mm (1.6 and 0.1).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import mujoco
import numpy as np
from numpy.typing import NDArray

from regrasp.fields import Field, Fields
from regrasp.simulation.objects import compile_objects
from regrasp.simulation.scene import Scene, add_contact_sensors, add_site_position, geoms_of
from regrasp.simulation.shape_files import read_shapes, shipped_objects
from regrasp.simulation.shapes import Shape, add_meshes, add_shape, solid_of
from regrasp.tasks.adroit import ALL_LINKS, LINKS, RELEASED, joint_targets, read_spec, set_gains

ARM = {
    "ARTx": (-0.25, 0.25),
    "ARTy": (-0.1, 0.25),
    "ARTz": (-0.2, 0.3),
    "ARRx": (-0.75, 0.75),
    "ARRy": (-0.75, 0.75),
    "ARRz": (-1.0, 2.0),
}
"""Arm joint → range: slides left, up and forward [m]; pitch, yaw and roll of the forearm [rad]."""
MOUNT = (0.0, -0.6, 0.25)
"""Where the arm stands when its slides are at zero [m]."""
TIPS = {"thumb": "th", "index": "ff", "middle": "mf", "ring": "rf", "little": "lf"}
TOUCH_SENSORS = tuple(
    f"ST_Tch_{name}"
    for name in (
        *(
            f"{tip}{part}"
            for part in ("tip", "middle", "proximal", "metacarpal")
            for tip in ("ff", "mf", "rf", "lf", "th")
        ),
        "palm",
    )
)
"""The model's own touch sensors on the palm's side of the hand."""
SLOTS = 4
"""Geoms that every tool gets: the most that one has."""
_HANDLE, _HEAD = [0.72, 0.5, 0.28, 1.0], [0.25, 0.4, 0.6, 1.0]
_SLIDE, _TURN = (500.0, 100.0, 80.0), (200.0, 20.0, 30.0)
"""Stiffness [N/m, N·m/rad], damping [N·s/m, N·m·s/rad] and strength [N, N·m] of the arm's slides and hinges: critically
damped with about 5 kg, or the forearm, on them, and as strong as a small industrial arm."""


@cache
def shapes() -> tuple[Shape, ...]:
    """The task's tools, in the order of its file."""
    return read_shapes(shipped_objects("tool-pickup"))


def make_spec(shape: Shape, pool: Sequence[Shape]) -> mujoco.MjSpec:
    """The recomposed model with one tool of a pool, editable."""
    spec = read_spec("adroit_relocate", TOUCH_SENSORS)
    spec.delete(spec.body("Object"))
    spec.delete(spec.site("target"))
    _set_physics(spec)
    _set_table(spec)
    _set_arm(spec)
    set_gains(spec)
    add_meshes(spec, pool)
    _add_tool(spec, shape)
    add_contact_sensors(spec, ALL_LINKS, "object")
    add_site_position(spec, "palm_position", "S_grasp")
    for finger, tip in TIPS.items():
        add_site_position(spec, f"{finger}_tip", f"S_{tip}tip")
    return spec


def _add_tool(spec: mujoco.MjSpec, shape: Shape) -> None:
    tool = spec.worldbody.add_body(name="object", pos=[0.0, 0.0, 0.02])
    tool.add_freejoint(name="object")
    add_shape(spec, tool, shape, SLOTS)
    for geom in tool.geoms:
        # The larger of two frictions would count; with a higher priority it is the tool's own.
        geom.priority = 1
        # Twice the step is the stiffest contact that stays stable, so that fingers press little into a tool; and the
        # nearer the impedance is to 1, the slower a held tool creeps.
        geom.margin, geom.solref = 0.0, [0.016, 1.0]
        geom.solimp[:2] = 0.95, 0.99
        if geom.rgba[3] > 0:
            geom.rgba = _HANDLE if geom.name == "object_0" else _HEAD


def _set_physics(spec: mujoco.MjSpec) -> None:
    spec.option.timestep = 0.008
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.iterations, spec.option.noslip_iterations = 10, 0
    spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_MIDPHASE)


def _set_table(spec: mujoco.MjSpec) -> None:
    spec.geom("ground").contype = 0
    top = spec.body("table").geoms[0]
    top.name, top.type = "table", mujoco.mjtGeom.mjGEOM_PLANE
    top.margin = 0.0
    top.size, top.pos = [0.45, 0.45, 0.025], [0.0, 0.0, 0.0]
    # The plane is drawn without thickness or a proper texture.
    top.material, top.rgba = "", [0.78, 0.75, 0.7, 1.0]


def _set_arm(spec: mujoco.MjSpec) -> None:
    spec.body("forearm").pos = MOUNT
    for body in ("forearm", "wrist", "palm"):
        spec.body(body).gravcomp = 1.0
    for name, limits in ARM.items():
        stiffness, damping, strength = _SLIDE if name.startswith("ART") else _TURN
        joint, actuator = spec.joint(name), spec.actuator(f"A_{name}")
        joint.range, actuator.ctrlrange = limits, limits
        joint.damping[0], actuator.forcerange = damping, [-strength, strength]
        actuator.gainprm[:3], actuator.biasprm[:3] = (stiffness, 0.0, 0.0), (0.0, -stiffness, 0.0)


@cache
def make_scene() -> Scene:
    """The compiled scene with the task's tools."""
    return make_scene_of(shapes())


def make_scene_of(pool: Sequence[Shape]) -> Scene:
    """The compiled scene with a pool of tools, its first in the model."""
    description, model, objects = compile_objects({shape.name: make_spec(shape, pool) for shape in pool})
    return Scene(
        model=model,
        description=description,
        substeps=5,
        links=LINKS,
        object_body="object",
        hand_geoms=geoms_of(model, ALL_LINKS),
        object_geoms=tuple(int(model.geom(f"object_{slot}").id) for slot in range(SLOTS)),
        object_bodies=("object",),
        pushed_body="object",
        # Four straight fingers alone leave a handle jammed between thumb and palm.
        released=RELEASED | {f"A_THJ{joint}": 0.0 for joint in range(5)},
        objects=objects,
    )


@cache
def lying(shape: Shape) -> tuple[float, NDArray[np.float64]]:
    """How a tool lies, head towards +x: height of its origin [m], and its quaternion (4,), wxyz.

    Where it comes to rest its centre of mass is as low as it gets; the search starts with the body's y axis up.
    """
    down, step = np.array([0.0, -1.0, 0.0]), 0.1
    centre = solid_of(shape).centre
    lowest = shape.reach(down) - centre @ down
    while step > 1e-5:
        candidates = [_tipped(down, angle, step) for angle in np.arange(12) * np.pi / 6]
        heights = [shape.reach(one) - centre @ one for one in candidates]
        if min(heights) < lowest - 1e-5 * step:
            lowest, down = min(heights), candidates[int(np.argmin(heights))]
        else:
            step /= 2
    head = np.array([0.0, 0.0, 1.0]) + down[2] * -down
    head /= np.linalg.norm(head)
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, np.stack([head, np.cross(-down, head), -down]).ravel())
    return shape.reach(down), quaternion


def _tipped(direction: NDArray[np.float64], angle: float, step: float) -> NDArray[np.float64]:
    first = np.cross(direction, [0.0, 0.0, 1.0])
    first /= np.linalg.norm(first)
    tipped = direction + step * (np.cos(angle) * first + np.sin(angle) * np.cross(direction, first))
    return np.asarray(tipped / np.linalg.norm(tipped))


JOINTS = 30
"""Of arm and hand."""
REST = {"ARTy": 0.15, "ARTz": -0.04, "ARRx": 0.45, "WRJ0": -0.45, "THJ4": 0.8, "THJ3": 0.3}
REST |= {
    f"{finger}J{joint}": bent for finger in ("FF", "MF", "RF", "LF") for joint, bent in ((2, 0.3), (1, 0.5), (0, 0.3))
}
"""Joint targets at rest [m, rad], all others 0: a level palm 14 cm above the table, fingers half open."""
INTERFACE = replace(joint_targets(make_spec(shapes()[0], shapes())), rate=25.0)
POLICY_FIELDS = Fields(
    [
        Field("arm_slides", 3, "m"),
        Field("arm_and_hand", JOINTS - 3, "rad"),
        Field("joint_velocity", JOINTS, "rad/s"),
        Field("object_position", 3, "m"),
        Field("object_rotation", 6, "rotation"),
        Field("object_velocity", 3, "m/s"),
        Field("object_turning", 3, "rad/s"),
        Field("palm_position", 3, "m"),
        Field("palm_to_object", 3, "m"),
    ]
)
