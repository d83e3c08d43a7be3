"""B worlds of one scene, advanced together by MuJoCo's own batch: one engine call per control step."""

import warnings
from collections.abc import Mapping

import mujoco
import mujoco.batch
import numpy as np
import torch
from numpy.typing import NDArray

from regrasp.simulation.readings import Readings
from regrasp.simulation.scene import Scene
from regrasp.simulation.variation import Variation

# Where a placed world's clock starts [s]; anything but 0, at which the engine restarts a world that diverges.
_BEGIN = 1.0
_SAVED = ("time", "qpos", "qvel", "qacc_warmstart", "ctrl", "xfrc_applied", "mocap_pos", "mocap_quat")
_COPIED = tuple(name for name in _SAVED if name not in ("ctrl", "xfrc_applied"))


class Worlds:
    """B simulated copies of a scene. World i computes the same bytes alone, in any batch and on any number of threads.

    Attributes:
        ctrl: (B, U) float64, actuator targets for the next step; write into it.
        push: (B, 3) float64, force on the scene's pushed body [N]; write into it.
        fixture: (B, 3) float64, position of the scene's fixture [m], all zero without one; write into it.
        readings: live views for tasks and judges.
        variation: per-world physics.
        diverged: (B,) bool, worlds whose simulation broke down since they were placed.
    """

    def __init__(self, scene: Scene, count: int, threads: int = 0) -> None:
        self.scene = scene
        self.count = count
        model = scene.model
        self._batch = batch = mujoco.batch.Batch(model, count, threads)
        self.variation = Variation(scene, batch)
        batch.reset()
        self.ctrl = batch.bind("ctrl")
        self.push = batch.bind("xfrc_applied")[:, model.body(scene.pushed_body).id, :3]
        self.fixture, turned = np.zeros((count, 3)), np.zeros((count, 4))
        if scene.fixture:
            mocap = int(model.body(scene.fixture).mocapid[0])
            self.fixture, turned = batch.bind("mocap_pos")[:, mocap], batch.bind("mocap_quat")[:, mocap]
        self._places = [batch.bind(name) for name in ("mocap_pos", "mocap_quat")[: 1 + scene.fixture_turns]]
        self._qpos, self._qvel, self._clock = batch.bind("qpos"), batch.bind("qvel"), batch.bind("time")
        self._clock[:] = _BEGIN
        self._expected = np.full(count, _BEGIN)
        self.diverged = np.zeros(count, bool)
        views = (self._qpos, self._qvel, self.fixture, turned, batch.bind("sensordata"))
        self.readings = Readings(scene, *map(_view, views))
        batch.forward()

    def place(
        self, worlds: NDArray[np.int64], states: NDArray[np.float64], objects: NDArray[np.int64] | None = None
    ) -> None:
        """Put worlds (n, ascending) into stored states (n, S), under nominal physics.

        Each holds its object of `objects` (n,), or the scene's first.
        """
        model = self.scene.model
        self._batch.reset(worlds, stage=mujoco.mjtStage.mjSTAGE_NONE)
        self.variation.place(worlds, np.zeros(len(worlds), np.int64) if objects is None else objects)
        end = model.nq + model.nv
        self._qpos[worlds], self._qvel[worlds] = states[:, : model.nq], states[:, model.nq : end]
        for place in self._places:
            width = place[0].size
            place[worlds] = states[:, end : end + width].reshape(len(worlds), *place.shape[1:])
            end += width
        self._clock[worlds] = self._expected[worlds] = _BEGIN
        self.diverged[worlds] = False
        self._batch.forward(worlds)

    def step(self, worlds: NDArray[np.int64] | None = None) -> None:
        """Advance every world by one control step, or the named ones (n, ascending)."""
        self._batch.step(worlds, nstep=self.scene.substeps)
        self._expected[slice(None) if worlds is None else worlds] += self.scene.control_period
        # A diverging world is reset by the engine, without an error, to finite defaults: only its clock tells.
        self.diverged |= np.abs(self._clock - self._expected) > 0.5 * float(self.scene.model.opt.timestep)

    def states(self) -> NDArray[np.float64]:
        """(B, S) copy of every world as stored: [qpos, qvel, mocap_pos], and mocap_quat if the fixture turns."""
        places = [place.reshape(self.count, -1) for place in self._places]
        return np.concatenate([self._qpos, self._qvel, *places], axis=1)

    def save(self) -> dict[str, NDArray[np.generic]]:
        """Everything that the next step depends on; `restore` continues from it to the bit."""
        rows = {name: np.array(self._batch.bind(name)) for name in _SAVED}
        own: dict[str, NDArray[np.generic]] = {"expected": self._expected, "diverged": self.diverged}
        own |= {"factors": self.variation.factors, "objects": self.variation.objects}
        return rows | {name: value.copy() for name, value in own.items()}

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue from what `save` returned."""
        for name in _SAVED:
            self._batch.bind(name)[:] = saved[name]
        self._expected[:] = saved["expected"]
        self.diverged[:] = saved["diverged"]
        every = np.arange(self.count)
        self.variation.place(every, np.asarray(saved["objects"], np.int64))
        self.variation.set(every, np.asarray(saved["factors"], np.float64))

    def copy_from(self, other: "Worlds", origin: NDArray[np.int64]) -> None:
        """Bring world i to where world origin[i] of `other`, a batch of the same scene, is and what it holds.

        Physics stays nominal and nothing pushes, whatever acts over there.
        """
        for name in _COPIED:
            self._batch.bind(name)[:] = other._batch.bind(name)[origin]
        self._expected[:] = other._expected[origin]
        self.diverged[:] = other.diverged[origin]
        objects = other.variation.objects[origin]
        changed = np.flatnonzero(self.variation.objects != objects)
        self.variation.place(changed, objects[changed])


def _view(array: NDArray[np.float64]) -> torch.Tensor:
    # The engine marks its outputs read-only and torch warns about any such array; nobody writes through these views.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(array)
