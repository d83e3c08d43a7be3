"""Push a lever round with a hand that 39 muscles move: MyoHand, at 50 Hz."""

import warnings
from functools import cache

import mujoco
import myo_sim
import numpy as np
import torch

from regrasp.actor import ActionInterface
from regrasp.fields import Field, Fields
from regrasp.judges.judge import Judge
from regrasp.simulation.render import Camera
from regrasp.simulation.scene import Scene, add_contact_sensors, add_site_position, geoms_of
from regrasp.tasks.task import Observation, Range, Task

LINKS = {"thumb": ("proximal_thumb_r", "distal_thumb_r")}
for number, finger in enumerate(("index", "middle", "ring", "little"), start=2):
    LINKS[finger] = (f"{number}proxph_r", f"midph{number}_r", f"distph{number}_r")
ALL_LINKS = [link for links in LINKS.values() for link in links]


@cache
def make_scene():
    warnings.filterwarnings("ignore", message="Attaching a spec with an empty prefix")
    spec = myo_sim.load_spec("myohand")
    for muscle in spec.actuators:
        muscle.dyntype = mujoco.mjtDyn.mjDYN_NONE
    lever = spec.worldbody.add_body(name="lever", pos=(-0.11, -0.60, 1.50))
    lever.add_joint(name="lever", axis=(0, 0, -1), range=(-0.2, 1.2), damping=0.002, frictionloss=0.01)
    shape = {"type": mujoco.mjtGeom.mjGEOM_BOX, "size": (0.035, 0.004, 0.04), "contype": 1, "conaffinity": 1}
    lever.add_geom(pos=(-0.035, 0, 0), mass=0.05, **shape)
    lever.add_site(name="lever_tip", pos=(-0.07, 0, 0))
    add_site_position(spec, "lever_tip", "lever_tip")
    add_contact_sensors(spec, ALL_LINKS, "lever")
    model = spec.compile()
    return Scene(
        model=model,
        description=spec.to_xml().replace(str(myo_sim.MODELS_DIR), ""),
        substeps=10,
        links=LINKS,
        object_body="lever",
        hand_geoms=geoms_of(model, ALL_LINKS),
        object_geoms=geoms_of(model, ["lever"]),
        object_bodies=("lever",),
        pushed_body="lever",
        object_joints=("lever",),
        released={model.actuator(i).name: 0.0 for i in range(model.nu)},
    )


MODEL = make_scene().model
MUSCLES = Fields(Field(MODEL.actuator(i).name, 1, "1") for i in range(MODEL.nu))
INTERFACE = ActionInterface(MUSCLES, low=(0.0,) * MODEL.nu, high=(1.0,) * MODEL.nu, rate=50.0)
SEEN = Fields([Field("hand", MODEL.nq - 1, "rad"), Field("lever", 1, "rad"), Field("lever_tip", 3, "m")])
HIDDEN = Fields([Field("velocity", MODEL.nv, "rad/s"), Field("touching", 5, "1"), Field("force", 5, "10 N")])


def observe(readings):
    return torch.cat([readings.qpos, readings.sensor("lever_tip")], dim=1)


def observe_hidden(readings):
    return torch.cat([readings.qvel, readings.touching().double(), readings.normal_force() / 10.0], dim=1)


def turned(readings):
    """(B,) bool: the lever is turned by 0.6 rad."""
    return readings.joint("lever") > 0.6


JUDGE = Judge(
    success=turned,
    touching=lambda readings: readings.touching().any(1),
    primary="success_held",
    held_steps=25,
    stable_steps=3,
    recovery_window=75,
    tracked=lambda readings: readings.joint("lever")[:, None],
    fastest=20.0,
    impossible={"penetration": lambda readings: readings.deepest() > 0.01},
)
REWARDS = {
    "angle": lambda readings: 0.1 * readings.joint("lever").clamp(0.0, 0.6),
    "success": lambda readings: 1.0 * turned(readings),
}


def draw_starts(objects, generator):
    states = np.zeros((len(objects), MODEL.nq + MODEL.nv))
    states[:, MODEL.nq - 1] = generator.uniform(-0.1, 0.1, len(objects))
    return states


def goal():
    return np.eye(MODEL.nq + MODEL.nv)[MODEL.nq - 1] * 0.8


TASK = Task(
    name="myo-lever",
    description="Push a lever round with the fingers of a hand that 39 muscles move.",
    make_scene=make_scene,
    interface=INTERFACE,
    observations={"policy": Observation(SEEN, observe), "privileged": Observation(HIDDEN, observe_hidden)},
    rewards=REWARDS,
    judge=JUDGE,
    horizon=150,
    draw_starts=draw_starts,
    disturbances={
        "push": Range(0.01, 0.05, "a sleeve that catches: 0.2 to 1 N for 60 ms", delay=(0, 40), duration=3),
        "drop": Range(0.1, 0.3, "muscles that go slack", delay=(0, 40)),
        "friction": Range(1.5, 4.0, "a hinge that wants oil"),
        "latency": Range(1, 3, "20 to 60 ms from nerve to muscle"),
    },
    camera=Camera(lookat=(-0.17, -0.56, 1.5), distance=0.5, azimuth=150.0, elevation=-30.0),
    rest=(-1.0,) * MODEL.nu,
    goal=goal,
)
