"""The small file that names a foreign file's arrays: which become which observations, actions, and how poses turn.

rate = 20                                       # control rate in Hz, which LeRobot's datasets must state
quaternions = "xyzw"                            # of `root_pose` in Isaac Lab's states, which does not say
actions = ["actions/arm", "actions/hand"]       # joined in this order

[observations]
policy = ["agent/qpos", "extra/target"]         # the observation `policy` is these, joined in this order
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrasp.demonstrations.formats.recording import Recording, Source
from regrasp.demonstrations.formats.robomimic_records import TURNS
from regrasp.demonstrations.formats.rows import Computed, Rows, side_by_side
from regrasp.errors import InputError

KNOWN = ("observations", "actions", "quaternions", "rate")
ORDERS = ("wxyz", "xyzw")
NATIVE = ("regrasp_format", "observation_fields")
"""Facts of regrasp's own files that no longer hold when arrays get other names."""


@dataclass(frozen=True)
class Keys:
    """What a file of keys says.

    Attributes:
        source: the file.
        observations: new name → names of the arrays it is made of, without `observations/`; empty: all as they are.
        actions: names of the arrays that the action is made of; empty: as it is.
        quaternions: order of the quaternions in `states/…/root_pose`, or empty if not told.
        rate: control rate [Hz], or 0 if not told.
    """

    source: Path
    observations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    actions: tuple[str, ...] = ()
    quaternions: str = ""
    rate: float = 0.0

    def applied(self, source: Source) -> Source:
        """The same file under these names; arrays of observations that are not named are left out."""
        renames = self.observations or self.actions or self.quaternions
        facts = {name: fact for name, fact in source.facts.items() if not renames or name not in NATIVE}
        facts |= {"fps": self.rate} if self.rate else {}
        return replace(source, facts=facts, recording=lambda index: self._renamed(source.recording(index)))

    def _renamed(self, recording: Recording) -> Recording:
        arrays = dict(recording.arrays)
        losses = list(recording.losses)
        if self.observations:
            found = {
                f"observations/{name}": self._joined(recording, parts, "observations/")
                for name, parts in self.observations.items()
            }
            named = {f"observations/{part}" for parts in self.observations.values() for part in parts}
            losses += [f"{name}: not named in {self.source.name}" for name in recording.observations.keys() - named]
            arrays = {name: rows for name, rows in arrays.items() if name not in recording.observations} | found
        if self.actions:
            arrays["actions"] = self._joined(recording, self.actions, "")
            arrays = {name: rows for name, rows in arrays.items() if not name.startswith("actions/")}
        if self.quaternions:
            arrays = {name: self._turned(name, rows) for name, rows in arrays.items()}
            losses = [loss for loss in losses if loss != TURNS]
        return replace(recording, arrays=arrays, losses=tuple(losses))

    def _joined(self, recording: Recording, parts: tuple[str, ...], prefix: str) -> Rows:
        chosen = []
        for part in parts:
            name = f"{prefix}{part}" if f"{prefix}{part}" in recording.arrays else part
            if name not in recording.arrays:
                valid = [name.removeprefix(prefix) for name in recording.arrays]
                raise InputError(self.source, part, f"no such array in {recording.place}", "one of its arrays", valid)
            chosen.append(recording.arrays[name])
        if len({len(rows) for rows in chosen}) > 1:
            found = f"{[len(rows) for rows in chosen]} rows in {recording.place}"
            raise InputError(self.source, ", ".join(parts), found, "arrays with equally many rows")
        return side_by_side(chosen)

    def _turned(self, name: str, rows: Rows) -> Rows:
        """Poses with their quaternion as w, x, y, z."""
        if not name.endswith("root_pose") or self.quaternions == "wxyz" or rows.row[-1:] != (7,):
            return rows

        def turn(poses: NDArray[Any]) -> NDArray[Any]:
            return poses[..., [0, 1, 2, 6, 3, 4, 5]]

        return Rows.of(Computed([rows], turn, rows.shape, np.dtype(rows.dtype)))


def read_keys(path: Path) -> Keys:
    """A file of keys.

    Raises:
        InputError: it is no TOML, or says anything else than what stands above.
    """
    try:
        told = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(path, "", f"no readable file ({error.strerror})", "a TOML file of keys") from error
    except (ValueError, RecursionError) as error:
        raise InputError(path, "", f"{error}"[:200], "TOML") from error
    for name in told.keys() - set(KNOWN):
        raise InputError(path, name[:60], "an unknown key", "a known one", KNOWN)
    order = told.get("quaternions", "")
    if order not in ("", *ORDERS):
        raise InputError(path, "quaternions", f"{order!r}"[:60], "an order", ORDERS)
    rate = told.get("rate", 0)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < 1e6:
        raise InputError(path, "rate", f"{rate!r}"[:60], "a number of control steps per second")
    observations = told.get("observations", {})
    if not isinstance(observations, dict):
        raise InputError(path, "observations", f"{observations!r}"[:60], "a table of lists of names")
    named = {name: _names(path, f"observations.{name}", parts) for name, parts in observations.items()}
    actions = _names(path, "actions", told["actions"]) if "actions" in told else ()
    return Keys(path, named, actions, order, rate)


def _names(path: Path, place: str, value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise InputError(path, place, f"{value!r}"[:60], "a list of names of arrays")
    return tuple(names)
