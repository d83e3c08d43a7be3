"""A finger that pushes a box, a ball with a pad, or a wedge over the floor: small enough for tests of many worlds."""

import mujoco
import numpy as np

from regrasp.simulation.batch import Worlds
from regrasp.simulation.objects import pool_objects
from regrasp.simulation.scene import Scene, add_contact_sensors, geoms_of

OBJECTS = {
    "box": (
        'pos="0.001 0 0.002" mass="0.2" diaginertia="3e-4 2e-4 1e-4"',
        'type="box" size="0.03 0.02 0.025" friction="0.9 0.005 0.0001"',
        'type="sphere" size="0.001" contype="0" conaffinity="0"',
    ),
    "ball": (
        'pos="0 0.001 0" mass="0.1" diaginertia="1e-4 1e-4 1e-4"',
        'type="sphere" size="0.03" friction="0.4 0.005 0.0001"',
        'type="box" size="0.03 0.01 0.005" pos="0 0 -0.03" friction="0.7 0.005 0.0001"',
    ),
    "wedge": (
        'pos="0.002 0.001 0" mass="0.35" diaginertia="4e-4 4e-4 3e-4"',
        'type="mesh" mesh="wedge" friction="0.6 0.005 0.0001"',
        'type="capsule" size="0.008 0.02" pos="0 0 0.02" friction="0.5 0.005 0.0001"',
    ),
}
"""Name → inertial, first geom, second geom."""
NAMES = tuple(OBJECTS)
TEXT = """
<mujoco>
  <option timestep="0.002" integrator="{integrator}"><flag midphase="{midphase}"/></option>
  <asset>
    <mesh name="wedge" vertex="-.03 -.02 -.02  .03 -.02 -.02  -.03 .02 -.02  .03 .02 -.02  0 -.02 .03  0 .02 .02"/>
  </asset>
  <worldbody>
    <geom name="floor" type="plane" size="1 1 .1"/>
    <body name="finger" pos="-.12 0 .045">
      <joint name="finger" type="slide" axis="1 0 0" damping="2"/>
      <geom type="capsule" size=".012 .03" mass=".1" friction=".8 .005 .0001"/>
    </body>
    <body name="goal" mocap="true" pos=".3 0 .1"><geom type="sphere" size=".01" contype="0" conaffinity="0"/></body>
    <body name="object" pos="0 0 .06">
      <{joint} name="object"/>
      <inertial {inertial}/>
      <geom name="object_0" {first}/>
      <geom name="object_1" {second}/>
    </body>
  </worldbody>
  <actuator>
    <position name="push" joint="finger" kp="60" ctrlrange="-.1 .3" forcelimited="true" forcerange="-20 20"/>
  </actuator>
</mujoco>
"""


def model_with(name: str, **changes: str) -> tuple[mujoco.MjModel, str]:
    """The scene compiled with one object, and its description."""
    inertial, first, second = OBJECTS[name]
    plain = {"integrator": "implicitfast", "midphase": "disable", "joint": "freejoint"}
    text = TEXT.format(inertial=inertial, first=first, second=second, **plain | changes)
    spec = mujoco.MjSpec.from_string(text)
    add_contact_sensors(spec, ["finger"], "object")
    return spec.compile(), text


def make_scene(names: tuple[str, ...] = NAMES) -> Scene:
    models = {name: model_with(name)[0] for name in names}
    model, text = model_with(names[0])
    return Scene(
        model=model,
        description=text,
        substeps=5,
        links={"finger": ("finger",)},
        object_body="object",
        hand_geoms=geoms_of(model, ["finger"]),
        object_geoms=tuple(int(model.geom(f"object_{i}").id) for i in range(2)),
        object_bodies=("object",),
        pushed_body="object",
        fixture="goal",
        fixture_turns=True,
        released={"push": -0.05},
        objects=pool_objects(models),
    )


SCENE = make_scene()
STEPS = 60
TARGETS = np.linspace(0.0, 0.25, STEPS)
MIXED = np.array([2, 0, 1, 1, 2, 0])
"""Objects of six worlds."""


def starts(count: int) -> np.ndarray:
    """(n, S): each object a little above the floor, turned its own way."""
    generator = np.random.default_rng(2)
    rows = np.zeros((count, SCENE.state_size))
    rows[:, 1:4] = generator.normal((0, 0, 0.05), 0.003, (count, 3))
    quaternion = generator.normal((1, 0, 0, 0), 0.15, (count, 4))
    rows[:, 4:8] = quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)
    rows[:, 15:18] = generator.normal(size=(count, 3))
    turned = generator.normal(size=(count, 4))
    rows[:, 18:22] = turned / np.linalg.norm(turned, axis=1, keepdims=True)
    return rows


def advance(worlds: Worlds, targets: np.ndarray = TARGETS) -> np.ndarray:
    """(T, B, S + L·8) states and contacts."""
    seen = []
    for target in targets:
        worlds.ctrl[:] = target
        worlds.step()
        seen.append(np.concatenate([worlds.states(), worlds.readings.contacts.flatten(1).numpy()], axis=1))
    return np.array(seen)


def play(objects: np.ndarray, states: np.ndarray, factors: np.ndarray | None = None, threads: int = 1) -> np.ndarray:
    worlds = Worlds(SCENE, len(objects), threads)
    worlds.place(np.arange(len(objects)), states, objects)
    if factors is not None:
        worlds.variation.set(np.arange(len(objects)), factors)
    return advance(worlds)


def play_serially(model: mujoco.MjModel, state: np.ndarray, targets: np.ndarray = TARGETS) -> np.ndarray:
    """(T, S) and contacts in plain MuJoCo."""
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:], data.mocap_pos[0], data.mocap_quat[0] = np.split(state, [8, 15, 18])
    mujoco.mj_forward(model, data)
    rows = []
    for target in targets:
        data.ctrl[:] = target
        mujoco.mj_step(model, data, SCENE.substeps)
        place = (data.qpos, data.qvel, data.mocap_pos[0], data.mocap_quat[0])
        rows.append(np.concatenate([*place, data.sensordata]))
    return np.array(rows)
