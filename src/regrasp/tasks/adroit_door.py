"""Open a latched door with the Adroit hand on its arm: 28 actions at 100 Hz (DAPG, Rajeswaran et al. 2018).

Hand and door are the installed gymnasium-robotics package's own, recomposed: the door frame becomes a mocap body, so
that its place is part of the state, and contact sensors replace the model's. The motion is bit-identical to
AdroitHandDoor-v1's.
"""

import importlib.util
from functools import cache
from pathlib import Path

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.actor import ActionInterface
from regrasp.fields import Field, Fields
from regrasp.judges.adroit_door import JUDGE
from regrasp.simulation.readings import Readings
from regrasp.simulation.scene import Scene, add_contact_sensors, add_site_position
from regrasp.tasks.task import Observation, Range, Task

LINKS = {
    "thumb": ("thproximal", "thmiddle", "thdistal"),
    "index": ("ffproximal", "ffmiddle", "ffdistal"),
    "middle": ("mfproximal", "mfmiddle", "mfdistal"),
    "ring": ("rfproximal", "rfmiddle", "rfdistal"),
    "little": ("lfproximal", "lfmiddle", "lfdistal"),
    "palm": ("palm", "lfmetacarpal"),
}
HAND_JOINTS = 28
START_RANGE = ((-0.3, -0.2), (0.25, 0.35), (0.252, 0.35))
"""Door frame positions at reset [m], as in AdroitHandDoor-v1; human demonstrations range wider."""
# Actuator gains that AdroitHandDoor-v1 writes over those of its model file: (first, last, gain).
_GAINS = (("A_WRJ1", "A_WRJ0", 10.0), ("A_FFJ3", "A_THJ0", 1.0))


def model_file() -> Path:
    """The door's MJCF file inside the installed gymnasium-robotics (found without importing it)."""
    spec = importlib.util.find_spec("gymnasium_robotics")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("adroit-door needs the model files of the gymnasium-robotics package")
    return Path(spec.origin).parent / "envs" / "assets" / "adroit_hand" / "adroit_door.xml"


def make_spec() -> mujoco.MjSpec:
    """The recomposed model, editable."""
    spec = mujoco.MjSpec.from_file(str(model_file()))
    for sensor in list(spec.sensors):
        spec.delete(sensor)
    spec.delete(spec.body("vive_tracker"))
    spec.body("frame").mocap = True
    add_contact_sensors(spec, [link for links in LINKS.values() for link in links], "latch")
    add_site_position(spec, "palm_position", "S_grasp")
    add_site_position(spec, "handle_position", "S_handle")
    _set_gains(spec)
    return spec


def _set_gains(spec: mujoco.MjSpec) -> None:
    names = [actuator.name for actuator in spec.actuators]
    for first, last, gain in _GAINS:
        for actuator in spec.actuators[names.index(first) : names.index(last) + 1]:
            actuator.gainprm[:3] = (gain, 0.0, 0.0)
            actuator.biasprm[:3] = (0.0, -gain, 0.0)


@cache
def make_scene() -> Scene:
    """The compiled door scene."""
    spec = make_spec()
    model = spec.compile()
    hand = [model.body(link).id for links in LINKS.values() for link in links]
    return Scene(
        model=model,
        description=spec.to_xml(),
        substeps=5,
        links=LINKS,
        object_body="latch",
        hand_geoms=tuple(i for i in range(model.ngeom) if model.geom_bodyid[i] in hand and model.geom_contype[i]),
        object_geoms=tuple(i for i in range(model.ngeom) if model.geom_bodyid[i] == model.body("latch").id),
        object_joints=("door_hinge", "latch"),
        pushed_body="palm",
        fixture="frame",
    )


def make_interface() -> ActionInterface:
    """Absolute joint targets, scaled to [-1, 1] by the actuators' ranges."""
    spec = make_spec()
    limits = [actuator.ctrlrange for actuator in spec.actuators]
    fields = Fields(Field(a.name.removeprefix("A_"), 1, "m" if a.name == "A_ARTz" else "rad") for a in spec.actuators)
    return ActionInterface(
        fields=fields,
        low=tuple(float(limit[0]) for limit in limits),
        high=tuple(float(limit[1]) for limit in limits),
        rate=100.0,
    )


POLICY_FIELDS = Fields(
    [
        Field("arm_and_hand", 27, "rad"),
        Field("latch", 1, "rad"),
        Field("door_hinge", 1, "rad"),
        Field("palm_position", 3, "m"),
        Field("handle_position", 3, "m"),
        Field("handle_to_palm", 3, "m"),
        Field("door_open", 1, "1"),
    ]
)
PRIVILEGED_FIELDS = Fields(
    [
        Field("joint_velocity", 30, "rad/s"),
        Field("frame_position", 3, "m"),
        Field("touching", len(LINKS), "1"),
        Field("normal_force", len(LINKS), "100 N"),
    ]
)


def observe(readings: Readings) -> Tensor:
    """(B, 39) in the order of the demonstrations; the arm's slide joint is not among them."""
    palm, handle = readings.sensor("palm_position"), readings.sensor("handle_position")
    hinge = readings.joint("door_hinge")[:, None]
    latch = readings.joint("latch")[:, None]
    door_open = torch.where(hinge > 1.0, 1.0, -1.0)
    joints = readings.qpos[:, 1:HAND_JOINTS]
    return torch.cat([joints, latch, hinge, palm, handle, palm - handle, door_open], dim=1)


def observe_privileged(readings: Readings) -> Tensor:
    """(B, 45): what only the simulator knows; the environment appends the physics and disturbance in force."""
    touching = readings.touching().to(torch.float64)
    return torch.cat([readings.qvel, readings.fixture_position, touching, readings.normal_force() / 100.0], dim=1)


def reach(readings: Readings) -> Tensor:
    """-0.1 · distance from palm to handle [m]."""
    offset = readings.sensor("palm_position") - readings.sensor("handle_position")
    distance: Tensor = torch.linalg.vector_norm(offset, dim=1)
    return -0.1 * distance


def open_door(readings: Readings) -> Tensor:
    """-0.1 · squared hinge angle short of 1.57 rad."""
    return -0.1 * (readings.joint("door_hinge") - 1.57).square()


def stillness(readings: Readings) -> Tensor:
    """-1e-5 · squared norm of all joint velocities."""
    return -1e-5 * readings.qvel.square().sum(1)


def progress(readings: Readings) -> Tensor:
    """2 beyond 0.2 rad, 8 more beyond 1.0, 10 more beyond 1.35."""
    hinge = readings.joint("door_hinge")
    return 2.0 * (hinge > 0.2) + 8.0 * (hinge > 1.0) + 10.0 * (hinge > 1.35)


def draw_starts(count: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """(n, 63): all joints at zero, the door frame anywhere in `START_RANGE`."""
    model = make_scene().model
    low, high = np.array(START_RANGE).T
    still = np.zeros((count, model.nq + model.nv))
    return np.concatenate([still, generator.uniform(low, high, (count, 3))], axis=1)


TASK = Task(
    name="adroit-door",
    description="Turn the latch and pull the door open with a 24-joint hand on a 4-joint arm.",
    object="door",
    make_scene=make_scene,
    interface=make_interface(),
    observations={
        "policy": Observation(POLICY_FIELDS, observe),
        "privileged": Observation(PRIVILEGED_FIELDS, observe_privileged),
    },
    rewards={"reach": reach, "open_door": open_door, "stillness": stillness, "progress": progress},
    judge=JUDGE,
    # Human demonstrations last 223 to 300 steps and succeed late; Gymnasium's limit of 200 would cut most of them off.
    horizon=300,
    draw_starts=draw_starts,
    disturbances={
        "push": Range(2.0, 6.0, delay=(0, 40), duration=10),
        "slip": Range(0.05, 0.3, delay=(0, 40), duration=50),
        "pose_error": Range(0.02, 0.06, delay=(0, 40), duration=20, planar=True),
        "friction": Range(1.3, 2.0),
        "actuator": Range(0.6, 0.85),
        "latency": Range(1, 4),
        "sensor_noise": Range(0.02, 0.06),
    },
)
