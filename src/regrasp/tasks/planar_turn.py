"""Turn a disc past 90° on a table with two planar fingers: 4 actions at 25 Hz, the teaching toy.

Seen from above. Everything moves in the table's plane, so that the disc stays where the fingers leave it, as it would
not in a vertical plane; the table's friction is dry friction in the disc's three joints. The left finger's base stands
140 mm from the middle, the right finger is its image under half a turn. A finger's stroke turns the disc by less than
90°, so that the fingers must let go and take hold again.
"""

from collections.abc import Mapping
from functools import cache

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.actor import ActionInterface
from regrasp.fields import Field, Fields
from regrasp.judges.planar_turn import GOAL, JUDGE, MIDDLE, off_middle, turned
from regrasp.simulation.objects import pool_objects
from regrasp.simulation.readings import Readings
from regrasp.simulation.render import Camera
from regrasp.simulation.scene import Scene, add_contact_sensors, add_site_position, geoms_of
from regrasp.simulation.shape_files import read_shapes, shipped_objects
from regrasp.simulation.shapes import Shape, add_meshes, add_shape, solid_of
from regrasp.tasks.task import Observation, Range, Task

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
START = {"turn": 0.4, "offset": 0.005, "finger": 0.05}
"""At reset the disc's angle [rad], its place [m] and the fingers' joints [rad] lie within ± these."""
TABLE_FRICTION = 0.3
"""Coefficient of sliding friction between disc and table: plastic on wood."""
_THICKNESS = 0.008  # radius of a finger's links [m]
_GRAVITY = 9.81


def make_spec(shape: Shape) -> mujoco.MjSpec:
    """The model with one disc, editable."""
    spec = mujoco.MjSpec()
    spec.modelname = "planar_turn"
    spec.compiler.degree = False
    spec.option.timestep = 0.005
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_MIDPHASE | mujoco.mjtDisableBit.mjDSBL_GRAVITY
    add_meshes(spec, SHAPES)
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
    """The compiled scene with all discs."""
    first = make_spec(SHAPES[0])
    models = {shape.name: make_spec(shape).compile() for shape in SHAPES[1:]}
    model = first.compile()
    return Scene(
        model=model,
        description=first.to_xml(),
        substeps=8,
        links=LINKS,
        object_body="disc",
        hand_geoms=geoms_of(model, [link for links in LINKS.values() for link in links]),
        object_geoms=geoms_of(model, ["disc"]),
        object_bodies=("disc",),
        pushed_body="disc",
        object_joints=JOINTS,
        released={f"A_{finger}_{joint}": angle for finger in LINKS for joint, angle in REST.items()},
        objects=pool_objects({SHAPES[0].name: model, **models}),
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


POLICY_FIELDS = Fields(
    [
        Field("fingers", 4, "rad"),
        Field("disc_position", 3, "m"),
        Field("disc_turn", 1, "rad"),
        Field("left_tip", 2, "m"),
        Field("right_tip", 2, "m"),
    ]
)
PRIVILEGED_FIELDS = Fields(
    [
        Field("disc_pose", 3, "m, m, rad"),
        Field("joint_velocity", 7, "m/s, m/s, rad/s"),
        Field("touching", len(LINKS), "1"),
        Field("normal_force", len(LINKS), "N"),
    ]
)


def observe(readings: Readings) -> Tensor:
    """(B, 12): the fingers' joints, the disc's place on the table and its angle, and where the fingertips are."""
    disc = torch.stack([readings.joint(name) for name in JOINTS], dim=1)
    flat = torch.zeros_like(disc[:, :1])
    tips = [readings.sensor(f"{finger}_tip")[:, :2] for finger in LINKS]
    return torch.cat([_fingers(readings), disc[:, :2], flat, disc[:, 2:], *tips], dim=1)


def _fingers(readings: Readings) -> Tensor:
    joints = [readings.joint(f"{finger}_{joint}") for finger in LINKS for joint in RANGES]
    return torch.stack(joints, dim=1)


def observe_privileged(readings: Readings) -> Tensor:
    """(B, 14): what only the simulator knows; the environment appends the physics and disturbance in force."""
    disc = torch.stack([readings.joint(name) for name in JOINTS], dim=1)
    touching = readings.touching().to(torch.float64)
    return torch.cat([disc, readings.qvel, touching, readings.normal_force()], dim=1)


def turning(readings: Readings) -> Tensor:
    """0.3 · turning speed, at most 1.5 rad/s either way, until 0.1 rad beyond the goal."""
    short = readings.joint("disc_turn") < GOAL + 0.1
    return 0.3 * readings.joint_velocity("disc_turn").clamp(-1.5, 1.5) * short


def centre(readings: Readings) -> Tensor:
    """0.1 in the middle, falling with the distance over 15 mm as a Gaussian does."""
    return 0.1 * torch.exp(-(off_middle(readings) / MIDDLE).square())


def touch(readings: Readings) -> Tensor:
    """0.05 per finger that touches the disc."""
    return 0.05 * readings.touching().sum(1)


def success(readings: Readings) -> Tensor:
    """2 in success."""
    return 2.0 * turned(readings)


def lost(readings: Readings) -> Tensor:
    """-2 when the disc leaves the fingers' reach."""
    return -2.0 * JUDGE.dropped(readings)


def draw_starts(objects: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.float64]:
    """(n, 14): the disc near the middle with its mark within ±0.4 rad, the fingers open, all at rest."""
    scene, count = make_scene(), len(objects)
    states = np.zeros((count, scene.state_size))
    spread = (("disc_x", START["offset"]), ("disc_y", START["offset"]), ("disc_turn", START["turn"]))
    for name, width in spread:
        states[:, scene.joint_column(name)] = generator.uniform(-width, width, count)
    for finger in LINKS:
        for joint, angle in REST.items():
            noise = generator.uniform(-START["finger"], START["finger"], count)
            states[:, scene.joint_column(f"{finger}_{joint}")] = np.clip(angle + noise, *RANGES[joint])
    return states


def _placed(**joints: float) -> NDArray[np.float64]:
    """(14,) the open fingers, and the disc's joints as given."""
    scene = make_scene()
    state: NDArray[np.float64] = np.zeros(scene.state_size)
    opened = {f"{finger}_{joint}": angle for finger in LINKS for joint, angle in REST.items()}
    for name, value in {**opened, **joints}.items():
        state[scene.joint_column(name)] = value
    return state


def turned_state() -> NDArray[np.float64]:
    """(14,) the disc stands 20° beyond the goal."""
    return _placed(disc_turn=float(np.deg2rad(110.0)))


def lost_state() -> NDArray[np.float64]:
    """(14,) the disc lies behind the fingers."""
    return _placed(disc_y=0.08)


def rest_action() -> tuple[float, ...]:
    """(4,) the action that opens both fingers."""
    interface = make_interface()
    middles = [(low + high) / 2 for low, high in zip(interface.low, interface.high, strict=True)]
    halves = [(high - low) / 2 for low, high in zip(interface.low, interface.high, strict=True)]
    opened = [angle for _ in LINKS for angle in REST.values()]
    return tuple((angle - middle) / half for angle, middle, half in zip(opened, middles, halves, strict=True))


DISTURBANCES: Mapping[str, Range] = {
    "push": Range(
        0.04,
        0.09,
        "a knock on the disc: about its weight (0.6 to 1.5 N) for 80 ms",
        envelope=(0.0, 0.12),
        delay=(2, 20),
        duration=2,
        planar=True,
    ),
    "drop": Range(0.2, 0.6, "fingers that let go for as long as a supply drops out", delay=(2, 20)),
    "slip": Range(0.1, 0.4, "wet or greasy fingertips", delay=(2, 20), duration=50),
    "pose_error": Range(
        0.004, 0.012, "a camera that was knocked: 4 to 12 mm on the table", delay=(2, 20), duration=10, planar=True
    ),
    "friction": Range(1.5, 2.5, "rubber feet under the disc in place of plastic ones"),
    "mass": Range(0.5, 2.0, "another material of the same size and the same feet"),
    "actuator": Range(0.4, 0.7, "warm motors or a low supply"),
    "latency": Range(1, 2, "40 to 80 ms of camera and bus"),
    "sensor_noise": Range(0.02, 0.06, "1 to 3 degrees, hobby encoders and a tag-based pose"),
}

TASK = Task(
    name="planar-turn",
    description="Turn a disc past 90 degrees on a table with two planar fingers.",
    make_scene=make_scene,
    interface=make_interface(),
    observations={
        "policy": Observation(POLICY_FIELDS, observe),
        "privileged": Observation(PRIVILEGED_FIELDS, observe_privileged),
    },
    rewards={"turning": turning, "centre": centre, "touch": touch, "success": success, "lost": lost},
    judge=JUDGE,
    # A trained policy needs about 40 steps; the rest is for coming back from a knock.
    horizon=125,
    draw_starts=draw_starts,
    disturbances=DISTURBANCES,
    camera=Camera(lookat=(0.0, 0.0, 0.0), distance=0.4, azimuth=90.0, elevation=-75.0),
    rest=rest_action(),
    held_out=tuple(shape.name for shape in SHAPES if shape.split == "held_out"),
    misjudged=("disc_position",),
    goal=turned_state,
    dropped=lost_state,
)
