"""The table and the curves of all methods."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from peers.measuring import Point
from peers.methods import METHODS
from regrasp.panel.statistics import rate_from_counts

LEVELS = (0.5, 0.9, 0.95)
COLOURS = dict(zip(METHODS, ("#000000", "#0072B2", "#D55E00", "#CC79A7", "#009E73", "#56B4E9", "#E69F00"), strict=True))
"""Okabe and Ito's, which colour-blind people tell apart; styles of lines differ, too."""
STYLES = dict(zip(METHODS, ("-", "--", "-.", ":", "-", "--", "-."), strict=True))
Runs = Mapping[str, Mapping[int, Sequence[Point]]]
"""Method → seed → points."""


def rows(runs: Runs) -> list[dict[str, Any]]:
    """For programs: one row per method and seed."""
    return [
        {
            "method": name,
            "seed": seed,
            "reached": {str(level): _reached(points, level) for level in LEVELS},
            "best": _rate(max(points, key=lambda point: point.success / point.n)) if points else None,
            "final": _rate(points[-1]) if points else None,
            "points": [vars(point) for point in points],
        }
        for name, seeds in runs.items()
        for seed, points in seeds.items()
    ]


def _reached(points: Sequence[Point], level: float) -> dict[str, float] | None:
    """The first point whose success is at least so high."""
    for point in points:
        if point.success >= level * point.n:
            return {"wall_s": point.wall_s, "control_steps": point.control_steps}
    return None


def _rate(point: Point) -> dict[str, Any]:
    where = {"wall_s": point.wall_s, "control_steps": point.control_steps}
    return {**rate_from_counts(point.success, point.n).to_json(), **where, "contact_entry": point.contact_entry}


def show(title: str, found: Sequence[dict[str, Any]]) -> None:
    """The table for people: one line per method, its seeds behind one another."""
    caption = (
        "Seconds of wall clock from the demonstrations on, by seed; – not reached; all seeds together with 95 % Wilson"
    )
    table = Table(title=title, caption=f"{caption} intervals")
    heads = ("method", *(f"s to {level:.2f}" for level in LEVELS), "best", "final", "all", "contact entry", "samples")
    for head in heads:
        table.add_column(head)
    for name in dict.fromkeys(row["method"] for row in found):
        table.add_row(METHODS[name].title, *_cells([row for row in found if row["method"] == name and row["final"]]))
    Console(width=150).print(table)


def _cells(seeds: Sequence[dict[str, Any]]) -> list[str]:
    if not seeds:
        return []
    reached = [[row["reached"][str(level)] for row in seeds] for level in LEVELS]
    times = [", ".join(f"{one['wall_s']:.0f}" if one else "–" for one in level) for level in reached]
    shares = [", ".join(str(row[part]["count"]) for row in seeds) for part in ("best", "final")]
    final = [row["final"] for row in seeds]
    total = {key: sum(one[key] for one in final) for key in ("count", "n", "contact_entry")}
    rate = rate_from_counts(total["count"], total["n"])
    together = f"{rate.count}/{rate.n} ({rate.low:.2f}–{rate.high:.2f})"
    samples = ", ".join(f"{one['control_steps']:,d}" for one in final)
    return [*times, *shares, together, f"{total['contact_entry']}/{total['n']}", samples]


def draw(title: str, runs: Runs, file: Path) -> None:
    """Success against wall clock and against control steps: each seed thin, their mean thick."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4.8), sharey=True, layout="constrained")
    for name, seeds in runs.items():
        known = [points for points in seeds.values() if points]
        if known:
            _draw_method(left, name, known, lambda point: point.wall_s / 60)
            _draw_method(right, name, known, lambda point: point.control_steps)
    left.set(
        xlabel="wall clock [min], cloning included, judging not", ylabel="success", ylim=(-0.02, 1.02), xlim=(0, None)
    )
    right.set(xlabel="control steps", xlim=(0, None))
    right.set_xscale("symlog", linthresh=1000)
    right.xaxis.set_major_locator(FixedLocator([0, *(10.0**power for power in range(3, 9))]))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{title}: success of the noiseless policy, undisturbed; thin: seeds, thick: their mean")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.savefig(file, dpi=130)
    pyplot.close(figure)


def _draw_method(axes: Axes, name: str, known: Sequence[Sequence[Point]], place: Callable[[Point], float]) -> None:
    look = {"color": COLOURS[name], "linestyle": STYLES[name]}
    curves = [(np.array([place(one) for one in points]), _success(points)) for points in known]
    for at, success in curves:
        axes.plot(at, success, **look, linewidth=0.7, alpha=0.6)
    axes.plot(*_mean(curves), **look, linewidth=2.2, label=METHODS[name].title)


def _success(points: Sequence[Point]) -> NDArray[np.float64]:
    return np.array([point.success / point.n for point in points])


def _mean(curves: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> tuple[NDArray[np.float64], ...]:
    """Over the seeds, between the last first point and the first last point, along straight lines."""
    low, high = max(at[0] for at, _ in curves), min(at[-1] for at, _ in curves)
    places = np.unique(np.concatenate([at[(at >= low) & (at <= high)] for at, _ in curves]))
    return places, np.mean([np.interp(places, at, success) for at, success in curves], axis=0)
