"""`regrasp bench objects`: what many different objects in one batch cost."""

from statistics import median
from typing import Any

from regrasp.cli.output import console, emit, progress, table
from regrasp.errors import InputError


def objects(
    task: str = "cube-reorient",
    worlds: int = 64,
    seconds: float = 5.0,
    models: tuple[int, ...] = (1, 16, 64),
    threads: int = 0,
    json: bool = False,
) -> None:
    """Measure what it costs that the worlds of one batch hold different objects: memory, preparation and speed.

    Every number of objects gets a batch of its own, stepped by the bare engine with the same actions: bounded noise
    around the hand's rest. The batches take turns in short rounds, so that other work on the machine slows all of them
    alike; a ratio is the median over the rounds. The objects are spread evenly over the task's own, the plain first
    one included, and over more of the same families where these do not suffice; some cost more contacts than others,
    which the speeds include.

    Args:
        task: name of the task.
        worlds: worlds side by side in each batch.
        seconds: about how long each batch is measured.
        models: numbers of different objects; ratios are against the first.
        threads: engine threads; 0 uses every core.
        json: print one JSON object instead of a table.
    """
    from regrasp.cli.mixing import BUILDERS, Mixes, prepare
    from regrasp.cli.stepping import rounds
    from regrasp.tasks import TASKS

    if task not in BUILDERS:
        raise InputError("--task", "", repr(task), "the name of a task with many objects", BUILDERS)
    if not models or not all(1 <= count <= worlds for count in models):
        found = " ".join(map(str, models)) or "nothing"
        raise InputError("--models", "", found, f"whole numbers from 1 to {worlds}, the number of worlds")
    if not 0 < seconds <= 3600:
        raise InputError("--seconds", "", str(seconds), "a number above 0, at most 3600")
    rates: list[dict[str, float]] = []
    with progress("rounds", console()) as bar:
        work = bar.add_task("preparing", total=None, unit="rounds")
        prepared = {str(count): prepare(TASKS[task], count) for count in models}
        mixes = Mixes(TASKS[task], prepared, worlds, threads)
        bar.update(work, description="measuring")
        for total, measured in rounds(prepared, mixes.turn, seconds):
            rates.append(measured)
            bar.update(work, advance=1, total=total)
    rows: list[dict[str, Any]] = []
    for name, mix in prepared.items():
        row = {"objects": len(mix.shapes), **mix.bytes(), "preparation_s_per_object": mix.seconds / len(mix.shapes)}
        speed = {"steps_per_s": median(rate[name] for rate in rates)}
        rows.append(row | speed | {"ratio": median(rate[name] / rate[str(models[0])] for rate in rates)})
    _emit({"task": task, "worlds": worlds, "threads": threads, "rounds": len(rates), "mixes": rows}, json)


def _emit(data: dict[str, Any], json: bool) -> None:
    columns = ["objects", "kB/object", "kB/world", "kB of a model", "ms to prepare one", "control steps/s", "ratio"]
    rows = [
        [
            str(mix["objects"]),
            *(f"{mix[name] / 1e3:,.1f}" for name in ("bytes_per_object", "bytes_per_world", "model_bytes")),
            f"{1e3 * mix['preparation_s_per_object']:.0f}",
            f"{mix['steps_per_s']:,.0f}",
            f"{mix['ratio']:.2f} ×",
        ]
        for mix in data["mixes"]
    ]
    title = f"{data['task']}, {data['worlds']} worlds, bare engine, median of {data['rounds']} rounds"
    emit(data, json, table(title, columns, rows))
