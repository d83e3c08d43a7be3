"""`regrasp bench`: how fast this machine simulates."""

import os
from statistics import median
from typing import Any

from regrasp.cli.output import console, emit, progress, table
from regrasp.errors import InputError

PROCESSES_PER_CORE = 4


def simulation(
    task: str = "adroit-door",
    worlds: int = 64,
    seconds: float = 5.0,
    threads: int = 0,
    gymnasium_worlds: int | None = None,
    json: bool = False,
) -> None:
    """Measure control steps per second: the full step, the bare engine, Gymnasium's async environments.

    The full step has observation, reward, contact and judgement in it. The bare engine steps the same model with the
    same actions on the same threads and reads nothing. Gymnasium's asynchronous vector environment plays the same task
    in one process per world. The three take turns in short rounds, so that other work on the machine slows all of them
    alike; a ratio is the median over the rounds.

    Args:
        task: name of the task, or its Python file, as my_task.py.
        worlds: worlds side by side, in the full step and in the bare engine.
        seconds: about how long each of the three is measured.
        threads: engine threads; 0 uses every core.
        gymnasium_worlds: worlds of Gymnasium, a process each; 0 leaves it out. Without a number it has four per core,
            with which it was fastest where this was tried.
        json: print one JSON object instead of a table.
    """
    from regrasp.cli.stepping import Contestants, rounds
    from regrasp.tasks import find_task

    found = find_task(task)
    processes = PROCESSES_PER_CORE * (os.cpu_count() or 1) if gymnasium_worlds is None else gymnasium_worlds
    for option, value, least in (("--worlds", worlds, 1), ("--gymnasium-worlds", processes, 0)):
        if value < least:
            raise InputError(option, "", str(value), f"a whole number, at least {least}")
    if not 0 < seconds <= 3600:
        raise InputError("--seconds", "", str(seconds), "a number above 0, at most 3600")
    rates: list[dict[str, float]] = []
    with Contestants(found, worlds, threads, processes) as contestants, progress("rounds", console()) as bar:
        work = bar.add_task("measuring", total=None, unit="rounds")
        for total, measured in rounds(contestants.all, contestants.turn, seconds):
            rates.append(measured)
            bar.update(work, advance=1, total=total)
    data = {
        "task": found.name,
        "worlds": worlds,
        "threads": threads,
        "gymnasium_worlds": processes,
        "rounds": len(rates),
    }
    _emit(data | _results(rates), json)


def _results(rates: list[dict[str, float]]) -> dict[str, Any]:
    """Medians over the rounds: control steps per second of each, and the full step's against the others'."""

    def ratio(name: str) -> float | None:
        return median(r["full"] / r[name] for r in rates) if name in rates[0] else None

    def speed(name: str) -> float | None:
        return round(median(r[name] for r in rates), 1) if name in rates[0] else None

    return {
        "steps_per_s": speed("full"),
        "engine_steps_per_s": speed("engine"),
        "gymnasium_steps_per_s": speed("gymnasium"),
        "engine_ratio": ratio("engine"),
        "gymnasium_ratio": ratio("gymnasium"),
    }


def _emit(data: dict[str, Any], json: bool) -> None:
    def line(name: str, rate: float | None, ratio: float | None, worlds: int) -> list[str]:
        return [name, str(worlds), f"{rate:,.0f}" if rate else "–", f"{ratio:.2f} ×" if ratio else "–"]

    rows = [
        line("full step", data["steps_per_s"], 1.0, data["worlds"]),
        line("bare engine", data["engine_steps_per_s"], data["engine_ratio"], data["worlds"]),
        line("Gymnasium, async", data["gymnasium_steps_per_s"], data["gymnasium_ratio"], data["gymnasium_worlds"]),
    ]
    title = f"{data['task']}, median of {data['rounds']} rounds"
    emit(data, json, table(title, ["", "worlds", "control steps/s", "full step is"], rows))
