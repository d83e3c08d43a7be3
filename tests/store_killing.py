"""Kills copies of itself while they write; run by test_store_killing.py, prints what was read after each kill.

Usage: python store_killing.py FOLDER

`lines` kills at the store's code lines in turn, `moments` at points of time, inside the libraries too.
"""

import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from regrasp.store.curves import Curves, read_curves
from regrasp.store.database import Database
from regrasp.store.run_folder import RunFolder
from regrasp.trial import Trial

Write = Callable[[RunFolder, int], None]
Read = Callable[[RunFolder], Any]


class Record:
    phase, steps, control_steps = "rl", 9, 0

    def __init__(self, step: int) -> None:
        self.step = step
        self.values = {"loss": float(step)}


def trials(number: int) -> list[Trial]:
    return [
        Trial(case, "door", "push", 1.0, case, "simulation", *[bool(number % 2)] * 3, 1, 2, 3, 4, 5,
              0.1 * number, -1.0, 300, ("force",), "", number.to_bytes(4) * 75)
        for case in range(2)
    ]  # fmt: skip


def save_state(run: RunFolder, number: int) -> None:
    tensors = {"weights": torch.full((300, 70), float(number), dtype=torch.float64), "step": torch.tensor(number)}
    run.save_state("rl", {"number": number}, tensors)


def state(run: RunFolder) -> Any:
    found = run.load_state()
    if found is None:
        return None
    number = found.meta["number"]
    assert found.tensors["step"].item() == number
    assert found.tensors["weights"].shape == (300, 70)
    assert (found.tensors["weights"] == number).all()
    return number


def claim(run: RunFolder, number: int) -> None:
    run.claim({"seed": 3}, {"torch": str(number)})


def claimed(run: RunFolder) -> Any:
    versions = run.versions()
    assert not versions or run.resolved() == {"seed": 3}
    return int(versions[-1]["torch"]) if versions else None


def record_trials(run: RunFolder, number: int) -> None:
    run.path.mkdir(parents=True, exist_ok=True)
    with Database(run.database, create=True) as database:
        database.record_trials(f"checkpoint{number}", "panel", "judge", trials(number))


def recorded(run: RunFolder) -> Any:
    if not run.database.exists():
        return None
    with Database(run.database, create=True) as database:
        numbers = [int(row.checkpoint.removeprefix("checkpoint")) for row in database.judged()]
        assert all(database.trials(f"checkpoint{number}", "panel") == trials(number) for number in numbers)
    return max(numbers, default=None)


def append(run: RunFolder, number: int) -> None:
    with Curves(run.progress, run.tensorboard, {"rl": number - 1}) as curves:
        curves.append(Record(number))


def appended(run: RunFolder) -> Any:
    steps = [point.step for point in read_curves(run.progress)]
    assert steps == sorted(set(steps))
    return steps[-1] if steps else None


def kill_at_line(count: int) -> None:
    """From now on this process ends, by SIGKILL, at the count-th line of the store that it executes."""
    left = count

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if "/store/" not in frame.f_code.co_filename:
            return None
        if event in {"line", "return"}:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def killed(action: Callable[[], None], line: int) -> bool:
    """Runs the action in a copy of this process that dies at that line; False if the action ended before it."""
    child = os.fork()
    if child == 0:
        kill_at_line(line)
        action()
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or status == 0
    return os.WIFSIGNALED(status)


# Every line of a snapshot, every third elsewhere: opening a database executes hundreds.
STRIDES = {"state": 1}
ACTIONS: dict[str, tuple[Write, Read]] = {
    "state": (save_state, state),
    "claim": (claim, claimed),
    "trials": (record_trials, recorded),
    "curves": (append, appended),
}


def lines(write: Write, read: Read, folder: Path, stride: int) -> list[dict[str, Any]]:
    seen = []
    for count in itertools.count(1, stride):
        run = RunFolder(folder / str(count))
        before = 1 if count % 2 else None  # an odd stride: every other moment has something older to lose
        if before:
            write(run, before)
        if not killed(lambda run=run: write(run, 2), count):
            return seen
        seen.append({"before": before, "after": read(run)})
        write(run, 2)
        assert read(run) == 2, "a command after the kill does not go on"


def moments(write: Write, read: Read, folder: Path) -> list[dict[str, Any]]:
    run = RunFolder(folder)
    write(run, 1)
    done, seen = 1, []
    for kill in range(8):
        receiver, sender = os.pipe()
        child = os.fork()
        if child == 0:
            for number in itertools.count(done + 1):
                write(run, number)
                os.write(sender, number.to_bytes(4, "little"))
        os.close(sender)
        time.sleep(0.02 + 0.0037 * kill)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(receiver, "rb") as acknowledged:
            done = int.from_bytes(acknowledged.read()[-4:], "little") or done
        found = read(run)
        seen.append({"before": done, "after": found})
        done = found
    return seen


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    seen: dict[str, dict[str, Any]] = {"lines": {}, "moments": {}}
    for name, (write, read) in ACTIONS.items():
        seen["lines"][name] = lines(write, read, folder / name / "lines", STRIDES.get(name, 3))
        seen["moments"][name] = moments(write, read, folder / name / "moments")
    print(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
