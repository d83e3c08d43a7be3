"""A panel: the frozen list of cases that every checkpoint of a task is judged on."""

import importlib.metadata
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from regrasp.errors import InputError
from regrasp.fields import digest_of
from regrasp.seeding import derive, numpy_stream
from regrasp.simulation.disturbance import KINDS, Disturbance
from regrasp.tasks.task import Task

FORMAT = "regrasp-panel/1"
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
                raise InputError(source, name, _short(getattr(self, name)), f"{_short(value)}, the {task.name} of today")


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


def draw_cases(task: Task, counts: Mapping[str, int], seed: int, purpose: str) -> tuple[Case, ...]:
    """Fresh cases: `counts` per disturbance kind, starts and schedules drawn from streams named by seed and purpose."""
    cases: list[Case] = []
    for kind, count in counts.items():
        generator = numpy_stream(seed, purpose, kind)
        states = task.draw_starts(count, generator)
        for row in states:
            disturbance = task.draw_disturbance(kind, generator)
            case_seed = derive(seed, purpose, kind, len(cases))
            cases.append(Case(len(cases), task.object, case_seed, disturbance, tuple(map(float, row))))
    return tuple(cases)


def make_panel(task: Task, cases: Sequence[Case]) -> Panel:
    """Freeze cases, renumbered from 0, for the task as it is now."""
    numbered = tuple(replace(case, number=number) for number, case in enumerate(cases))
    return Panel(**_identity(task), cases=numbered)


def write_panel(panel: Panel, path: Path) -> None:
    """Write the panel file: complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(panel.to_text(), encoding="utf-8")
    os.replace(temporary, path)


def read_panel(path: Path | str) -> Panel:
    """Read a panel file and check it against its own digest.

    Raises:
        InputError: missing, not JSON, a key missing or unknown, a malformed case, or content that is not what was signed.
    """
    data = _read_json(Path(path))
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError(path, "format", repr(data.get("format") if isinstance(data, dict) else data)[:60], FORMAT)
    for key in sorted(set(_KEYS) ^ set(data)):
        found = "no such key" if key in _KEYS else "an unknown key"
        raise InputError(path, key, found, "the keys of a panel", _KEYS)
    if not isinstance(data["cases"], list) or not data["cases"]:
        raise InputError(path, "cases", repr(data["cases"])[:60], "a list of cases")
    cases = tuple(_read_case(path, number, entry) for number, entry in enumerate(data["cases"]))
    panel = Panel(**{name: data[name] for name in ("task", "interface", "judge", "scene", "horizon")}, cases=cases)
    if panel.digest != data["digest"]:
        raise InputError(path, "digest", f"content {panel.digest[:12]}", f"the signed {str(data['digest'])[:12]}; the file was changed")
    return panel


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(path, "", "no such file", "a panel file") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(path, "", f"unreadable content ({error})", "a panel file (JSON)") from None


def _read_case(path: Path | str, number: int, entry: Any) -> Case:
    try:
        schedule = dict(entry["disturbance"])
        schedule["direction"] = tuple(float(x) for x in schedule["direction"])
        disturbance = Disturbance(**schedule)
        state = tuple(float(x) for x in entry["state"])
        case = Case(number, str(entry["object"]), int(entry["seed"]), disturbance, state)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path, f"case {number}", f"a malformed entry ({error})", "object, seed, disturbance and state") from None
    if disturbance.kind not in KINDS:
        raise InputError(path, f"case {number}: disturbance", repr(disturbance.kind), "a kind of disturbance", KINDS)
    return case
