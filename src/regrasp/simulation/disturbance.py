"""Timed physical perturbations, applied to a batch as array writes.

A case has at most one disturbance. The event kinds (`push`, `drop`, `slip`, `pose_error`) begin `delay` control steps
after stable contact is found and act for `duration` steps, so that a slow and a fast policy are both disturbed while
they hold the object; the quiet kinds last the whole trial.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrasp.fields import Fields
from regrasp.seeding import numpy_stream
from regrasp.simulation.batch import Worlds
from regrasp.simulation.variation import FACTORS

UNITS: Mapping[str, str] = {
    "none": "",
    "push": "N·s",
    "drop": "s",
    "slip": "× contact friction",
    "pose_error": "m",
    "friction": "× friction",
    "mass": "× mass",
    "actuator": "× actuator strength",
    "latency": "control steps",
    "sensor_noise": "rad",
}
"""Disturbance kind → unit of its magnitude.

A `drop` opens the grip for that time. `friction` is that of the object's joints where these have dry friction, else
that of the contact. A `pose_error` moves the fixture, or shifts where the policy sees the object. `sensor_noise` is the
standard deviation on angles; positions get a tenth of it in metres.
"""
LIMITS: Mapping[str, tuple[float, float]] = {
    "none": (0.0, 0.0),
    "push": (0.0, 100.0),
    "drop": (0.0, 100.0),
    "slip": (0.0, 10.0),
    "pose_error": (0.0, 1.0),
    "friction": (0.0, 100.0),
    "mass": (0.01, 100.0),
    "actuator": (0.0, 10.0),
    "latency": (0.0, 100.0),
    "sensor_noise": (0.0, 10.0),
}
"""Disturbance kind → smallest and largest magnitude that a schedule may ask for."""
KINDS = tuple(UNITS)
EVENTS = ("push", "drop", "slip", "pose_error")
DIRECTED = ("push", "pose_error")
_NOISE_PER_UNIT = {"rad": 1.0, "rotation": 1.0, "m": 0.1}
_NEVER = np.iinfo(np.int64).max // 4


def neutral(kind: str) -> float:
    """The magnitude of a kind that changes nothing."""
    return 1.0 if UNITS[kind].startswith("×") else 0.0


@dataclass(frozen=True)
class Disturbance:
    """One scheduled disturbance.

    Attributes:
        kind: one of `KINDS`.
        magnitude: in the kind's unit.
        direction: unit vector in the world frame, for `push` and `pose_error`.
        delay: control steps between contact entry and the beginning, for event kinds.
        duration: control steps it acts, for event kinds. A `pose_error` grows during them and stays.
    """

    kind: str = "none"
    magnitude: float = 0.0
    direction: tuple[float, float, float] = (0.0, 0.0, 0.0)
    delay: int = 0
    duration: int = 0

    def to_json(self) -> dict[str, Any]:
        """As plain data, for panels."""
        return asdict(self) | {"direction": list(self.direction)}


NONE = Disturbance()


class Disturbances:
    """The disturbances of B worlds: schedules as arrays, applied before each step.

    Attributes:
        began: (B,) int64 control step at which the disturbance began to act, -1 if it has not.
    """

    def __init__(
        self, worlds: Worlds, horizon: int, observed: Fields, actions: int, misjudged: Sequence[str] = ()
    ) -> None:
        """`misjudged` are observed positions (3 columns each) that a `pose_error` shifts in place of the fixture."""
        count = worlds.count
        self._worlds = worlds
        self._misjudged = [observed[name] for name in misjudged]
        self._bias = np.zeros((count, 3))
        self._quiet_factor = {"friction": 1 if worlds.scene.object_joints else 0, "actuator": 2, "mass": 3}
        released = worlds.scene.released
        self._opening = np.array([int(worlds.scene.model.actuator(name).id) for name in released], np.int64)
        self._opened = np.array(list(released.values()))
        self._horizon = horizon
        self.began = np.full(count, -1)
        self._kind = np.zeros(count, np.int64)
        self._vector = np.zeros((count, 3))
        self._magnitude = np.zeros(count)
        self._delay = np.zeros(count, np.int64)
        self._duration = np.zeros(count, np.int64)
        self._start = np.full(count, _NEVER)
        self._latency = np.zeros(count, np.int64)
        self._queue = np.zeros((1, count, actions), np.float32)
        self._noise_scale = np.concatenate([np.full(f.size, _NOISE_PER_UNIT.get(f.unit, 0.0)) for f in observed])
        # (B, T + 1, O), all the sensor noise of a trial; made when the first world asks for noise.
        self._tape = np.zeros((0, horizon + 1, observed.size), np.float32)

    @property
    def watched_from(self) -> NDArray[np.int64]:
        """(B,) control step from which a loss counts: where the disturbance began to act, or 0 without any."""
        return np.where(self._kind == 0, 0, np.where(self.began < 0, _NEVER, self.began))

    def kinds(self, worlds: NDArray[np.int64]) -> list[str]:
        """The kind of each of the named worlds (n,)."""
        return [KINDS[number] for number in self._kind[worlds]]

    def schedule(self, worlds: NDArray[np.int64], disturbances: Sequence[Disturbance], seeds: Sequence[int]) -> None:
        """Give freshly placed worlds their disturbance; `seeds` feed the noise of `sensor_noise`."""
        factors = np.ones((len(worlds), len(FACTORS)))
        for row, (world, one, seed) in enumerate(zip(worlds.tolist(), disturbances, seeds, strict=True)):
            self._kind[world] = KINDS.index(one.kind)
            self._vector[world] = one.direction
            self._magnitude[world] = one.magnitude
            self._delay[world], self._duration[world] = one.delay, one.duration
            self._latency[world] = int(one.magnitude) if one.kind == "latency" else 0
            if one.kind in self._quiet_factor:
                factors[row, self._quiet_factor[one.kind]] = one.magnitude
            if one.kind == "sensor_noise":
                self._draw_noise(world, one.magnitude, seed)
        quiet = (self._kind[worlds] > 0) & ~_IS_EVENT[self._kind[worlds]]
        self.began[worlds] = np.where(quiet, 0, -1)
        self._start[worlds] = _NEVER
        self._bias[worlds] = 0.0
        self._worlds.variation.set(worlds, factors)
        self._grow_queue()

    def _draw_noise(self, world: int, magnitude: float, seed: int) -> None:
        if not len(self._tape):
            self._tape = np.zeros((len(self._kind), *self._tape.shape[1:]), np.float32)
        noise = numpy_stream(seed, "sensor_noise").standard_normal(self._tape.shape[1:])
        self._tape[world] = noise * magnitude * self._noise_scale

    def _grow_queue(self) -> None:
        depth = int(self._latency.max()) + 1
        if depth > len(self._queue):
            missing = np.repeat(self._queue[-1:], depth - len(self._queue), axis=0)
            self._queue = np.concatenate([self._queue, missing])

    def delayed(self, action: NDArray[np.float32], elapsed: NDArray[np.int64]) -> NDArray[np.float32]:
        """(B, A) the actions that reach the actuators now; before the first arrives, it stands in for itself."""
        if len(self._queue) == 1 or not self._latency.any():
            return action
        self._queue[1:] = self._queue[:-1]
        self._queue[0] = action
        fresh = elapsed == 0
        self._queue[:, fresh] = action[fresh]
        return self._queue[self._latency, np.arange(len(action))]

    def noisy(self, observation: NDArray[np.float32], elapsed: NDArray[np.int64]) -> None:
        """Add sensor noise and misjudged positions to (B, O) observations in place."""
        for columns in self._misjudged:
            observation[:, columns] += self._bias
        worlds = self._noisy_worlds()
        if len(worlds):
            observation[worlds] += self._tape[worlds, np.minimum(elapsed[worlds], self._horizon)]

    def _noisy_worlds(self) -> NDArray[np.int64]:
        return np.flatnonzero(self._kind == _CODE["sensor_noise"])

    def trigger(self, entered: NDArray[np.bool_], elapsed: NDArray[np.int64]) -> None:
        """Start the clock of event disturbances in worlds whose contact entry has just happened."""
        waiting = entered & (self._start == _NEVER) & _IS_EVENT[self._kind]
        if waiting.any():
            self._start[waiting] = elapsed[waiting] + self._delay[waiting]

    def apply(self, elapsed: NDArray[np.int64]) -> None:
        """Write what acts during the control step that begins now."""
        age = elapsed - self._start
        if (age < 0).all():
            return
        self.began = np.where(age == 0, elapsed, self.began)
        acting = (age >= 0) & (age < self._duration)
        seconds = self._duration * self._worlds.scene.control_period
        push = acting & (self._kind == _CODE["push"])
        ended = age == self._duration
        self._worlds.push[ended] = 0.0
        scale = self._magnitude[push] / seconds[push]
        self._worlds.push[push] = self._vector[push] * scale[:, None]
        self._open(np.flatnonzero(acting & (self._kind == _CODE["drop"])))
        self._displace(np.flatnonzero(acting & (self._kind == _CODE["pose_error"])))
        self._slip(np.flatnonzero((age == 0) & (self._kind == _CODE["slip"])), 0)
        self._slip(np.flatnonzero(ended & (self._kind == _CODE["slip"])), 1)

    def _open(self, worlds: NDArray[np.int64]) -> None:
        self._worlds.ctrl[np.ix_(worlds, self._opening)] = self._opened

    def _displace(self, worlds: NDArray[np.int64]) -> None:
        step = self._vector[worlds] * (self._magnitude[worlds] / self._duration[worlds])[:, None]
        (self._bias if self._misjudged else self._worlds.fixture)[worlds] += step

    def _slip(self, worlds: NDArray[np.int64], ending: int) -> None:
        if len(worlds):
            factors = np.ones((len(worlds), len(FACTORS)))
            factors[:, 0] = 1.0 if ending else self._magnitude[worlds]
            self._worlds.variation.set(worlds, factors)

    def active(self, elapsed: NDArray[np.int64]) -> NDArray[np.float32]:
        """(B, kinds) one-hot of the disturbance acting now, for privileged observations; `none` is a zero row."""
        age = elapsed - self._start
        acting = ((age >= 0) & (age < self._duration)) | ((self._kind > 0) & ~_IS_EVENT[self._kind])
        hot = np.zeros((len(acting), len(KINDS)), np.float32)
        hot[acting, self._kind[acting]] = 1.0
        return hot

    def save(self) -> dict[str, NDArray[np.generic]]:
        """All arrays, for resuming to the bit."""
        arrays = {name: np.array(getattr(self, name)) for name in _SAVED}
        worlds = self._noisy_worlds()
        return arrays | {"_tapes": self._tape[worlds] if len(worlds) else self._tape[:0]}

    def restore(self, saved: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `save` returned."""
        for name in _SAVED:
            setattr(self, name, saved[name].copy())
        self._tape = np.zeros((len(self._kind), *self._tape.shape[1:]), np.float32)
        self._tape[self._noisy_worlds()] = saved["_tapes"]


_CODE = {kind: code for code, kind in enumerate(KINDS)}
_IS_EVENT = np.array([kind in EVENTS for kind in KINDS])
_SAVED = ("began", "_kind", "_vector", "_magnitude", "_delay", "_duration", "_start", "_latency", "_queue", "_bias")
