"""Two planar fingers and a disc on a table, seen from above.

Everything moves in the table's plane, so that the disc stays where the fingers leave it, as it would not in a vertical
plane; the table's friction is dry friction in the disc's three joints. The left finger's base stands 140 mm from the
middle, the right finger is its image under half a turn.
"""

from collections.abc import Sequence
from functools import cache

import mujoco
import numpy as np

from regrasp.actor import ActionInterface
from regrasp.fields import Field, Fields
from regrasp.simulation.objects import compile_objects
from regrasp.simulation.scene import Scene, add_contact_sensors, add_site_position, geoms_of
from regrasp.simulation.shape_files import read_shapes, shipped_objects
from regrasp.simulation.shapes import Shape, add_meshes, add_shape, solid_of

LINKS = {"left": ("left_proximal", "left_distal"), "right": ("right_proximal", "right_distal")}
SHAPES = read_shapes(shipped_objects("planar-turn"))
JOINTS = ("disc_x", "disc_y", "disc_turn")
BASE = 0.14
"""Distance of a finger's base from the middle [m]."""
LENGTHS = (0.06, 0.05)
"""Of a finger's two links [m]."""
RANGES = {"base": (-0.75, -0.1), "elbow": (0.5, 1.75)}
"""Joint limits [rad]; the base's narrow range keeps one stroke below 90°."""
REST = {"base": -0.7, "elbow": 1.65}
"""Joint angles at which the fingertips stand off the largest disc [rad]."""
TABLE_FRICTION = 0.3
"""Coefficient of sliding friction between disc and table: plastic on wood."""
_THICKNESS = 0.008  # radius of a finger's links [m]
_GRAVITY = 9.81


def make_spec(shape: Shape, pool: Sequence[Shape]) -> mujoco.MjSpec:
    """The model with one disc of a pool, editable."""
    spec = mujoco.MjSpec()
    spec.modelname = "planar_turn"
    spec.compiler.degree = False
    spec.option.timestep = 0.005
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_MIDPHASE | mujoco.mjtDisableBit.mjDSBL_GRAVITY
    add_meshes(spec, pool)
    _add_table(spec)
    _add_disc(spec, shape)
    for name, angle in (("left", 0.0), ("right", np.pi)):
        _add_finger(spec, name, angle)
    add_contact_sensors(spec, [link for links in LINKS.values() for link in links], "disc")
    for name in LINKS:
        add_site_position(spec, f"{name}_tip", f"{name}_tip")
    return spec


def _add_table(spec: mujoco.MjSpec) -> None:
    spec.worldbody.add_light(pos=[0.1, -0.2, 0.6], dir=[-0.1, 0.2, -0.6])
    table = spec.worldbody.add_geom(name="table", type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.2, 0.15, 0.01])
    table.pos, table.rgba = [0.0, 0.0, -0.021], [0.75, 0.7, 0.62, 1.0]
    table.contype = table.conaffinity = 0


def _add_disc(spec: mujoco.MjSpec, shape: Shape) -> None:
    disc = spec.worldbody.add_body(name="disc")
    add_shape(spec, disc, shape, slots=1)
    disc.geoms[0].rgba = [0.2, 0.45, 0.7, 1.0]
    sliding = TABLE_FRICTION * solid_of(shape).mass * _GRAVITY
    lower, upper = shape.bounds()
    # An evenly pressed disc resists turning with 2/3 of its radius as the lever.
    turning = sliding * 2 / 3 * float((upper - lower)[:2].mean()) / 2
    slide, hinge = mujoco.mjtJoint.mjJNT_SLIDE, mujoco.mjtJoint.mjJNT_HINGE
    disc.add_joint(name="disc_x", type=slide, axis=[1, 0, 0], frictionloss=sliding, damping=0.05)
    disc.add_joint(name="disc_y", type=slide, axis=[0, 1, 0], frictionloss=sliding, damping=0.05)
    disc.add_joint(name="disc_turn", type=hinge, axis=[0, 0, 1], frictionloss=turning, damping=1e-4)
    mark = disc.add_geom(name="mark", type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.012, 0.002, 0.001], mass=0)
    mark.pos, mark.rgba = [0.02, 0.0, 0.0105], [1.0, 1.0, 1.0, 1.0]
    mark.contype = mark.conaffinity = 0


def _add_finger(spec: mujoco.MjSpec, name: str, angle: float) -> None:
    """A finger whose base stands opposite to `angle` [rad], pointing at the middle."""
    body, joints = spec.worldbody, tuple(RANGES)
    place = [-BASE * np.cos(angle), -BASE * np.sin(angle), 0.0]
    for link, joint, length in zip(LINKS[name], joints, LENGTHS, strict=True):
        body = body.add_body(name=link, pos=place)
        if joint == "base":
            body.quat = [np.cos(angle / 2), 0.0, 0.0, np.sin(angle / 2)]
        body.add_joint(name=f"{name}_{joint}", axis=[0, 0, 1], range=RANGES[joint], armature=1e-4, damping=0.01)
        geom = body.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=[0, 0, 0, length, 0, 0], density=1000)
        geom.size, geom.rgba = [_THICKNESS, 0, 0], [0.85, 0.5, 0.25, 1.0]
        # Stiffer than the engine's default, which these light bodies would push through; the disc's own counts little.
        geom.solref, geom.solmix = [0.01, 1.0], 100.0
        # Fingers touch discs and nothing else.
        geom.contype, geom.conaffinity = 0, 1
        actuator = spec.add_actuator(name=f"A_{name}_{joint}", target=f"{name}_{joint}")
        actuator.trntype = mujoco.mjtTrn.mjTRN_JOINT
        actuator.set_to_position(kp=1.0, kv=0.08)
        actuator.ctrlrange, actuator.forcerange = RANGES[joint], [-0.12, 0.12]
        place = [length, 0.0, 0.0]
    body.add_site(name=f"{name}_tip", pos=[LENGTHS[1], 0.0, 0.0])


@cache
def make_scene() -> Scene:
    """The compiled scene with the task's discs."""
    return make_scene_of(SHAPES)


def make_scene_of(pool: Sequence[Shape]) -> Scene:
    """The compiled scene with a pool of discs, its first in the model."""
    description, model, objects = compile_objects({shape.name: make_spec(shape, pool) for shape in pool})
    return Scene(
        model=model,
        description=description,
        substeps=8,
        links=LINKS,
        object_body="disc",
        hand_geoms=geoms_of(model, [link for links in LINKS.values() for link in links]),
        object_geoms=geoms_of(model, ["disc"]),
        object_bodies=("disc",),
        pushed_body="disc",
        object_joints=JOINTS,
        released={f"A_{finger}_{joint}": angle for finger in LINKS for joint, angle in REST.items()},
        objects=objects,
    )


def make_interface() -> ActionInterface:
    """Absolute joint targets, scaled to [-1, 1] by the joints' ranges."""
    limits = {f"{finger}_{joint}": limit for finger in LINKS for joint, limit in RANGES.items()}
    return ActionInterface(
        fields=Fields(Field(name, 1, "rad") for name in limits),
        low=tuple(low for low, _ in limits.values()),
        high=tuple(high for _, high in limits.values()),
        rate=25.0,
    )


def rest_action() -> tuple[float, ...]:
    """(4,) the action that opens both fingers."""
    interface = make_interface()
    middles = [(low + high) / 2 for low, high in zip(interface.low, interface.high, strict=True)]
    halves = [(high - low) / 2 for low, high in zip(interface.low, interface.high, strict=True)]
    opened = [angle for _ in LINKS for angle in REST.values()]
    return tuple((angle - middle) / half for angle, middle, half in zip(opened, middles, halves, strict=True))
