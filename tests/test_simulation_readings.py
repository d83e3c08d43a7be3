"""Contact sensors and views against MuJoCo's own list of contacts."""

import itertools
from dataclasses import dataclass

import mujoco
import numpy as np
import pytest
import torch

from door_states import GRASP_ACTION, GRASP_STATE, PULL_ACTION, PULL_STATE
from regrasp.simulation.batch import Worlds
from regrasp.tasks import TASKS

TASK = TASKS["adroit-door"]
SCENE = TASK.scene
LINKS = [link for links in SCENE.links.values() for link in links]


@dataclass
class Touch:
    """The strongest contact of one link with the handle."""

    count: int = 0
    force: float = 0.0
    normal: float = 0.0
    sliding: float = 0.0


def visited_states() -> np.ndarray:
    """(N, S) states with many contacts: the hand holding and pulling, and two where it touches nothing."""
    worlds = Worlds(SCENE, 2, 1)
    worlds.place(np.arange(2), np.array([GRASP_STATE, PULL_STATE]))
    offset, scale = (part.numpy() for part in TASK.control_map)
    seen = [TASK.draw_starts(np.zeros(2, np.int64), np.random.default_rng(0))]
    for _ in range(12):
        worlds.ctrl[:] = offset + scale * np.array([GRASP_ACTION, PULL_ACTION])
        worlds.step()
        worlds.step()
        seen.append(worlds.states())
    return np.concatenate(seen)


def point_velocity(data: mujoco.MjData, body: int, point: np.ndarray) -> np.ndarray:
    jacobian = np.zeros((3, SCENE.model.nv))
    mujoco.mj_jac(SCENE.model, data, jacobian, None, point, body)
    return jacobian @ data.qvel


def touches(state: np.ndarray) -> dict[str, Touch]:
    """Link → its contacts with the handle, by a loop over the contacts of one world."""
    model, nq, nv = SCENE.model, SCENE.model.nq, SCENE.model.nv
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:], data.mocap_pos[0] = state[:nq], state[nq : nq + nv], state[nq + nv :]
    mujoco.mj_forward(model, data)
    handle = model.body("latch").id
    found = {link: Touch() for link in LINKS}
    for index, contact in enumerate(data.contact):
        bodies = [int(model.geom_bodyid[geom]) for geom in contact.geom]
        names = [model.body(body).name for body in bodies]
        link = next((name for name in names if name in found), None)
        if link is None or handle not in bodies:
            continue
        force = np.zeros(6)
        mujoco.mj_contactForce(model, data, index, force)
        relative = point_velocity(data, bodies[0], contact.pos) - point_velocity(data, bodies[1], contact.pos)
        frame = contact.frame.reshape(3, 3)
        found[link].count += 1
        if np.linalg.norm(force[:3]) >= found[link].force or found[link].count == 1:
            found[link].force = float(np.linalg.norm(force[:3]))
            found[link].normal = abs(float(force[0]))
            found[link].sliding = float(np.linalg.norm(frame[1:] @ relative))
    return found


@pytest.fixture(scope="module")
def compared() -> tuple[Worlds, list[dict[str, Touch]]]:
    states = visited_states()
    worlds = Worlds(SCENE, len(states), 1)
    worlds.place(np.arange(len(states)), states)
    return worlds, [touches(state) for state in states]


def column(truth: list[dict[str, Touch]], name: str) -> np.ndarray:
    """(B, L) of one number."""
    return np.array([[getattr(world[link], name) for link in LINKS] for world in truth])


def by_region(values: np.ndarray) -> np.ndarray:
    """(B, L) → (B, R) sums."""
    ends = np.cumsum([0] + [len(links) for links in SCENE.links.values()])
    return np.stack([values[:, a:b].sum(1) for a, b in itertools.pairwise(ends)], axis=1)


def test_touching(compared: tuple[Worlds, list[dict[str, Touch]]]) -> None:
    worlds, truth = compared
    counts = column(truth, "count")
    np.testing.assert_array_equal(worlds.readings.contacts[:, :, 0], counts)
    np.testing.assert_array_equal(worlds.readings.touching(), by_region(counts) > 0)
    assert (by_region(counts) > 0).any(0).all(), "every region touches somewhere in this test"
    assert not worlds.readings.touching()[:2].any()


def test_forces(compared: tuple[Worlds, list[dict[str, Touch]]]) -> None:
    worlds, truth = compared
    normal = column(truth, "normal")
    assert normal.max() > 10
    np.testing.assert_allclose(worlds.readings.normal_force(), by_region(normal), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(worlds.readings.strongest_force(), normal.max(1), rtol=1e-6, atol=1e-9)


def test_sliding_speed(compared: tuple[Worlds, list[dict[str, Touch]]]) -> None:
    worlds, truth = compared
    sliding = column(truth, "sliding")
    assert sliding.max() > 0.01
    np.testing.assert_allclose(worlds.readings.sliding_speed(), sliding.max(1), rtol=1e-6, atol=1e-9)
    assert (worlds.readings.sliding_speed()[:2] == 0).all(), "nothing slides that does not touch"


def test_named_views() -> None:
    worlds = Worlds(SCENE, 2, 1)
    states = np.array([GRASP_STATE, PULL_STATE])
    worlds.place(np.arange(2), states)
    readings = worlds.readings
    data = mujoco.MjData(SCENE.model)
    data.qpos[:], data.mocap_pos[0] = states[1, :30], states[1, 60:]
    mujoco.mj_forward(SCENE.model, data)
    np.testing.assert_allclose(readings.sensor("palm_position")[1], data.site("S_grasp").xpos, atol=1e-12)
    np.testing.assert_allclose(readings.sensor("handle_position")[1], data.site("S_handle").xpos, atol=1e-12)
    assert readings.joint("door_hinge")[1] == data.joint("door_hinge").qpos[0]
    assert readings.period == pytest.approx(0.01)
    assert readings.contacts.dtype == torch.float64
    assert tuple(readings.regions) == ("thumb", "index", "middle", "ring", "little", "palm")
    with pytest.raises(KeyError):
        readings.sensor("no such sensor")
