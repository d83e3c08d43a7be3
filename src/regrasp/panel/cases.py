"""A panel: the frozen list of cases that every checkpoint of a task is judged on."""

import importlib.metadata
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrasp.errors import InputError
from regrasp.fields import digest_of
from regrasp.json_files import read_json, require_keys, shown
from regrasp.seeding import derive, numpy_stream
from regrasp.simulation.disturbance import DIRECTED, EVENTS, KINDS, LIMITS, Disturbance
from regrasp.tasks.task import Task

FORMAT = "regrasp-panel/1"
LONGEST = 1_000_000
"""Control steps that no trial, delay or duration of a panel exceeds."""
_KEYS = ("format", "made_by", "task", "interface", "judge", "scene", "horizon", "digest", "cases")


@dataclass(frozen=True)
class Case:
    """One trial to be: where it starts and what will disturb it.

    Attributes:
        number: position in the panel.
        object: what is manipulated.
        seed: feeds the case's own noise.
        disturbance: kind and schedule.
        state: (S,) stored start state.
    """

    number: int
    object: str
    seed: int
    disturbance: Disturbance
    state: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data; the number is the position in the list."""
        return {
            "object": self.object,
            "seed": self.seed,
            "disturbance": self.disturbance.to_json(),
            "state": list(self.state),
        }


@dataclass(frozen=True)
class Panel:
    """Cases plus the digests of what they mean; results of two panels are never compared."""

    task: str
    interface: str
    judge: str
    scene: str
    horizon: int
    cases: tuple[Case, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all of the above: the panel's name."""
        return digest_of(self._content())

    def _content(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("task", "interface", "judge", "scene", "horizon")}
        return own | {"cases": [case.to_json() for case in self.cases]}

    def to_text(self) -> str:
        """The panel file: JSON, one case per line."""
        content = self._content()
        cases = content.pop("cases")
        version = importlib.metadata.version("regrasp")
        head = {"format": FORMAT, "made_by": f"regrasp {version}"} | content | {"digest": self.digest}
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
        return f'{json.dumps(head, indent=1)[:-2]},\n "cases": [\n{lines}\n]}}\n'

    def require(self, task: Task, source: str) -> None:
        """Refuse a panel that was made for something else than `task` as it is now.

        Raises:
            InputError: another task, action interface, judge, scene or horizon.
        """
        now = _identity(task)
        for name, value in now.items():
            if getattr(self, name) != value:
                expected = f"{_short(value)}, the {task.name} of today"
                raise InputError(source, name, _short(getattr(self, name)), expected)


def _identity(task: Task) -> dict[str, Any]:
    return {
        "task": task.name,
        "interface": task.interface.digest,
        "judge": task.judge.digest,
        "scene": task.scene.digest,
        "horizon": task.horizon,
    }


def _short(value: str | int) -> str:
    return str(value)[:12]


def draw_cases(
    task: Task, counts: Mapping[str, int], seed: int, purpose: str, splits: Sequence[str] = ("train",)
) -> tuple[Case, ...]:
    """Fresh cases: `counts` per disturbance kind, starts and schedules drawn from streams named by seed and purpose.

    Objects come from the named splits in turn, as far as the task has any in them.
    """
    cases: list[Case] = []
    for kind, count in counts.items():
        generator = numpy_stream(seed, purpose, kind)
        objects = _draw_objects(task, count, generator, splits)
        states = task.draw_starts(objects, generator)
        for held, row in zip(objects, states, strict=True):
            disturbance = task.draw_disturbance(kind, generator)
            case_seed = derive(seed, purpose, kind, len(cases))
            cases.append(Case(len(cases), task.objects[held], case_seed, disturbance, tuple(map(float, row))))
    return tuple(cases)


def _draw_objects(task: Task, count: int, generator: np.random.Generator, splits: Sequence[str]) -> NDArray[np.int64]:
    present = [split for split in splits if len(task.split(split))]
    objects = np.empty(count, np.int64)
    for place, split in enumerate(present):
        rows = slice(place, None, len(present))
        objects[rows] = task.draw_objects(len(objects[rows]), generator, split)
    return objects


def make_panel(task: Task, cases: Sequence[Case]) -> Panel:
    """Freeze cases, renumbered from 0, for the task as it is now."""
    numbered = tuple(replace(case, number=number) for number, case in enumerate(cases))
    return Panel(**_identity(task), cases=numbered)


def write_panel(panel: Panel, path: Path) -> None:
    """Write the panel file: complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(panel.to_text())
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def read_panel(path: Path | str) -> Panel:
    """Read a panel file and check it against its own digest.

    Raises:
        InputError: missing, not JSON, a key missing or unknown, a case that makes no sense, or content that is not what
            was signed.
    """
    panel, digest = read_unsigned(path)
    if panel.digest != digest:
        signed = f"the signed {digest[:12]}; the file was changed"
        raise InputError(path, "digest", f"content {panel.digest[:12]}", signed)
    return panel


def read_unsigned(path: Path | str) -> tuple[Panel, str]:
    """A panel file's content as it stands there, and the digest it was signed with, which may be another one's.

    Raises:
        InputError: as `read_panel`, but for the signature.
    """
    data = read_json(Path(path), "a panel file")
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError(path, "format", shown(data.get("format") if isinstance(data, dict) else data), FORMAT)
    require_keys(path, "", data, _KEYS, "a panel")
    for key in ("task", "interface", "judge", "scene", "digest"):
        if not isinstance(data[key], str):
            raise InputError(path, key, shown(data[key]), "text")
    horizon = _whole(path, "horizon", data["horizon"], 1)
    if not isinstance(data["cases"], list) or not data["cases"]:
        raise InputError(path, "cases", shown(data["cases"]), "a list of cases")
    cases = tuple(_read_case(path, number, entry) for number, entry in enumerate(data["cases"]))
    names = {name: data[name] for name in ("task", "interface", "judge", "scene")}
    return Panel(**names, horizon=horizon, cases=cases), data["digest"]


def _read_case(path: Path | str, number: int, entry: Any) -> Case:
    place = f"case {number}"
    require_keys(path, place, entry, ("object", "seed", "disturbance", "state"), "a panel")
    if not isinstance(entry["object"], str):
        raise InputError(path, f"{place}: object", shown(entry["object"]), "the name of an object")
    return Case(
        number,
        entry["object"],
        _whole(path, f"{place}: seed", entry["seed"], 0, 2**63 - 1),
        _read_disturbance(path, f"{place}: disturbance", entry["disturbance"]),
        _numbers(path, f"{place}: state", entry["state"]),
    )


def _read_disturbance(path: Path | str, place: str, entry: Any) -> Disturbance:
    require_keys(path, place, entry, ("kind", "magnitude", "direction", "delay", "duration"), "a panel")
    kind = entry["kind"]
    if kind not in KINDS:
        raise InputError(path, f"{place}: kind", shown(kind), "a kind of disturbance", KINDS)
    low, high = LIMITS[kind]
    magnitude = entry["magnitude"]
    if not _is_number(magnitude) or not low <= magnitude <= high or (kind == "latency" and magnitude != int(magnitude)):
        whole = "a whole number" if kind == "latency" else "a number"
        raise InputError(path, f"{place}: magnitude", shown(magnitude), f"{whole} from {low:g} to {high:g} for {kind}")
    direction = _numbers(path, f"{place}: direction", entry["direction"])
    if len(direction) != 3 or (kind in DIRECTED and abs(math.hypot(*direction) - 1.0) > 1e-9):
        raise InputError(path, f"{place}: direction", shown(entry["direction"]), "a unit vector of 3 numbers")
    delay = _whole(path, f"{place}: delay", entry["delay"], 0)
    duration = _whole(path, f"{place}: duration", entry["duration"], 1 if kind in EVENTS else 0)
    return Disturbance(kind, magnitude, (direction[0], direction[1], direction[2]), delay, duration)


def _whole(path: Path | str, place: str, value: Any, low: int, high: int = LONGEST) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(path, place, shown(value), f"a whole number from {low} to {high}")
    return value


def _numbers(path: Path | str, place: str, values: Any) -> tuple[float, ...]:
    if not isinstance(values, list):
        raise InputError(path, place, shown(values), "a list of numbers")
    for column, value in enumerate(values):
        if not _is_number(value):
            raise InputError(path, f"{place}, number {column}", shown(value), "a finite number")
    return tuple(map(float, values))


def _is_number(value: Any) -> bool:
    # Beyond 1e10 the engine itself gives up.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e10
