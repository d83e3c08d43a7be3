"""`regrasp record`: a person's demonstrations, driven in a browser."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regrasp.cli.output import emit, note, require_writable
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.demonstrations import DemonstrationSet
    from regrasp.demonstrations.playing import Judged
    from regrasp.tasks.task import Task
    from regrasp.viewer.synergies import Synergies

LONGEST = 60.0
"""Seconds of simulated time after which an attempt ends, unless told otherwise."""


def record(
    out: Path,
    task: str,
    seed: int = 0,
    longest: float = LONGEST,
    speed: float = 1.0,
    synergies: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8080,
    json: bool = False,
) -> None:
    """Record your own demonstrations: drive the hand in a browser, and keep what is worth keeping.

    Opens a page; its address is printed. On it you see the hand and the object, touching parts of the hand in orange.
    Press start, then move the wrist (its gizmo, sliders or keys) and the fingers (sliders or keys: synergies of the
    task's demonstrations, each finger, single joints); a gamepad does both. Once the hand has held the object, push and
    slip disturb it, so that you can show how to recover. Then keep the attempt or discard it. Each kept episode is in
    the file at once, with observations, rewards, states, contacts and marks as `regrasp demos record` writes them.
    The same file again goes on where it ended. Ctrl-C ends the command; whenever it is killed, the file is whole.

    Args:
        out: the demonstration file (HDF5, robomimic's layout), as mine.hdf5; if it exists, episodes are added.
        task: name of the task, or the Python file of one that is not built in.
        seed: of objects, start states and the strength of disturbances.
        longest: seconds of simulated time after which an attempt ends by itself.
        speed: at which it is simulated, from 0.05 to 1 for real time; a slider on the page changes it.
        synergies: demonstration file of the task whose finger synergies the sliders move; left out, the one that comes
            with regrasp, if there is one.
        host: where the page is served; 127.0.0.1 is this machine alone. Whoever reaches the page can drive.
        port: of the page; 0 takes any free one.
        json: print one JSON object at the end instead of sentences.
    """
    from regrasp.viewer.installed import require_viewer

    require_viewer("regrasp record")
    from regrasp.store.atomic import alone
    from regrasp.tasks import find_task

    _check_numbers(seed, longest, speed)
    require_writable(out)
    found = find_task(task)
    known = _synergies(found, synergies)
    out.parent.mkdir(parents=True, exist_ok=True)
    with alone(out):
        before = _existing(out, found)
        kept = _Kept(out, found, len(before.episodes) if before else 0)
        try:
            _drive(found, kept, known, (seed, _next(before), longest, speed), (host, port))
        except KeyboardInterrupt:
            note("")
    emit(kept.data(), json, kept.sentence())


class _Kept:
    """The file, as episodes come in."""

    def __init__(self, out: Path, task: "Task", there: int) -> None:
        self.out, self.task, self.there, self.added = out, task, there, 0

    def __call__(self, judged: "Judged") -> int:
        from regrasp.demonstrations import Storage, append_demonstration

        append_demonstration(self.out, judged.episode, self.task, Storage("float32", gzip=True, next_obs=False))
        self.added += 1
        return self.there + self.added

    def data(self) -> dict[str, Any]:
        return {
            "file": str(self.out),
            "task": self.task.name,
            "recorded": self.added,
            "episodes": self.there + self.added,
        }

    def sentence(self) -> str:
        if not self.there + self.added:
            return "nothing kept, no file written"
        return f"{self.out}: {self.added} episodes recorded, {self.there + self.added} in the file"


def _drive(
    task: "Task",
    kept: _Kept,
    synergies: "Synergies",
    attempts: tuple[int, int, float, float],
    place: tuple[str, int],
) -> None:
    from regrasp.viewer.driving import Driving
    from regrasp.viewer.recorder import Recorder
    from regrasp.viewer.server import address, serving
    from regrasp.viewer.session import Session

    seed, first, longest, speed = attempts
    steps = max(1, round(longest * task.interface.rate))
    with serving(*place, f"regrasp record · {task.name}") as server:
        session = Session(task, seed, first, steps, _provenance())
        recorder = Recorder(server, session, Driving(task, synergies), kept, speed)
        note(f"{address(server)} in a browser; Ctrl-C ends")
        recorder.run()


def _check_numbers(seed: int, longest: float, speed: float) -> None:
    if seed < 0:
        raise InputError("--seed", "", str(seed), "a whole number, at least 0")
    if not 0 < longest <= 3600:
        raise InputError("--longest", "", f"{longest:g}", "seconds, above 0 and at most 3600")
    if not 0.05 <= speed <= 1:
        raise InputError("--speed", "", f"{speed:g}", "a number from 0.05 to 1")


def _existing(out: Path, task: "Task") -> "DemonstrationSet | None":
    """What is in the file already; refuses what an episode of this task cannot be added to."""
    from regrasp.demonstrations import read_demonstrations

    if not out.exists():
        return None
    there = read_demonstrations(out, task)
    if there.interface_digest is None:
        raise InputError(out, "", "a file of another program", "one by regrasp (regrasp demos convert), or a new name")
    return there


def _next(there: "DemonstrationSet | None") -> int:
    """Number of the first attempt that the file has nothing of: the same seed again draws other starts."""
    numbers = [str(episode.provenance.get("attempt", "")) for episode in there.episodes] if there else []
    return 1 + max((int(number) for number in numbers if number.isdecimal()), default=-1)


def _synergies(task: "Task", file: Path | None) -> "Synergies":
    import numpy as np

    from regrasp.cli.opening import shipped_demonstrations
    from regrasp.demonstrations import read_demonstrations
    from regrasp.viewer.actuators import actuators_of
    from regrasp.viewer.synergies import NONE, synergies_of

    place = file or shipped_demonstrations(task)
    if file is None and not place.is_file():
        return NONE
    episodes = read_demonstrations(place, task).episodes
    columns = actuators_of(task).posed
    return synergies_of((episode.actions for episode in episodes), columns, np.array(task.rest, np.float64))


def _provenance() -> dict[str, str]:
    from regrasp import __version__

    return {
        "policy": "a person, in a browser",
        "command": shlex.join(["regrasp", *sys.argv[1:]]),
        "regrasp": __version__,
    }
