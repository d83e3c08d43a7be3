"""The drawings of learning curves: every quantity over cloning, gate and fine-tuning on one axis."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from matplotlib.axes import Axes

from regrasp.report.drawing import AFTER, BEFORE, INK, LINE, MUTED, canvas, to_svg
from regrasp.report.wording import number, plain
from regrasp.store.curves import ProgressRecord

CLONING = "bc"
FEW = 12
"""Up to so many points, each is marked."""
_PHASES = {CLONING: "cloning", "rl": "fine-tuning"}
_TITLES = {
    "lambda_bc": "Weight of the demonstrations, λ_BC",
    "kl": "Policy change per iteration, KL [nat]",
    "return": "Return per episode",
    "loss": "Loss",
}
_LINES = ((AFTER, "-"), (BEFORE, "--"), (INK, ":"), (MUTED, "-."))


@dataclass(frozen=True)
class Stretch:
    """Consecutive records of one phase, and where they lie on the common axis (left and right, 0 to 1)."""

    phase: str
    records: tuple[ProgressRecord, ...]
    left: float
    right: float
    begin: float

    def measure(self, record: ProgressRecord) -> float:
        """How far the phase is: in control steps if it simulates, in updates if it does not."""
        return record.control_steps if self.records[-1].control_steps else record.step

    @property
    def end(self) -> float:
        """How far the phase is at the right end."""
        return self.measure(self.records[-1])

    def place(self, record: ProgressRecord) -> float:
        """Where a record lies on the common axis."""
        whole = self.end - self.begin
        share = (self.measure(record) - self.begin) / whole if whole > 0 else 1.0
        return self.left + (self.right - self.left) * share


@dataclass(frozen=True)
class Curve:
    """One drawing: its title, the names of the values in it, and whether they are shares."""

    title: str
    names: tuple[str, ...]
    shares: bool


def stretches(progress: Sequence[ProgressRecord]) -> list[Stretch]:
    """The run cut where its phase changes; a stretch is as wide as the root of its number of records."""
    groups = [(phase, tuple(records)) for phase, records in groupby(progress, key=lambda record: record.phase)]
    weights = [math.sqrt(len(records)) for _, records in groups]
    least = 0.22 * sum(weights)
    weights = [max(weight, least) for weight in weights]
    found: list[Stretch] = []
    ends: dict[str, float] = {}
    left = 0.0
    for (phase, records), weight in zip(groups, weights, strict=True):
        right = left + weight / sum(weights)
        found.append(Stretch(phase, records, left, right, ends.get(phase, 0.0)))
        ends[phase] = found[-1].end
        left = right
    return found


def curves(progress: Sequence[ProgressRecord]) -> tuple[list[Curve], list[Curve]]:
    """The curves that tell the story, and all others; values that were never finite are left out."""
    names = list(dict.fromkeys(n for record in progress for n, value in record.values.items() if math.isfinite(value)))
    rules: list[tuple[str, bool, Callable[[str], bool]]] = [
        (
            "Success and contact entry while learning",
            True,
            lambda n: "/" not in n and ("success" in n or "contact_entry" in n),
        ),
        ("Contact entry in training, and the guard's floor", True, lambda n: n in ("contact/entry", "contact/floor")),
        (
            "Correction of the clone's actions, and its bound [half action range]",
            False,
            lambda n: n in ("correction/size", "correction/bound"),
        ),
        ("", False, lambda n: n in ("loss", "return", "kl", "lambda_bc")),
        ("Share of disturbed worlds", True, lambda n: "disturb" in n and "success" not in n),
        ("Share of each demonstration before the states that episodes begin in", True, lambda n: n == "reverse/before"),
        ("Disturbance magnitudes, share of the task's range", True, lambda n: n.startswith("magnitude/")),
        ("Disturbance magnitudes, more kinds", True, lambda n: n.startswith("magnitude/")),
    ]
    told: list[Curve] = []
    for title, shares, belongs in rules:
        chosen = [name for name in names if belongs(name)][: len(_LINES)]
        names = [name for name in names if name not in chosen]
        if title and chosen:
            told.append(Curve(title, tuple(chosen), shares))
        elif chosen:
            order = sorted(chosen, key=["return", "loss", "lambda_bc", "kl"].index)
            told.extend(Curve(_TITLES[name], (name,), False) for name in order)
    return told, [Curve(plain(name), (name,), False) for name in names]


def curve_figure(curve: Curve, parts: Sequence[Stretch], name: str, description: str) -> str:
    """One curve over the whole run, its phases marked."""
    with canvas(190) as (figure, axes):
        for value, (color, style) in zip(curve.names, _LINES, strict=False):
            lines = [points for part in parts if (points := _points(part, value))]
            for place, points in enumerate(lines):
                x, y = zip(*points, strict=True)
                marker = "o" if len(points) <= FEW else ""
                label = "" if place else plain(value.split("/", 1)[-1])
                axes.plot(x, y, marker=marker, linestyle=style, color=color, label=label, markersize=3.5, linewidth=1.5)
        axes.grid(axis="y")
        if curve.shares:
            axes.set_ylim(-0.03, 1.03)
            axes.set_yticks([0, 0.5, 1], ["0", "50", "100 %"])
        _mark_phases(axes, parts)
        if len(curve.names) > 1:
            figure.legend(loc="outside upper left", ncols=2, handlelength=1.8, borderpad=0)
        return to_svg(figure, name, description)


def race_figure(
    courses: Mapping[str, Sequence[tuple[float, float]]], target: float | None, name: str, description: str
) -> str:
    """Success (0 to 1) against control steps, one line per run, and the success that both are asked for."""
    with canvas(200) as (figure, axes):
        looks = ((AFTER, "-", "o"), (BEFORE, "--", "D"))
        for (label, points), (color, style, marker) in zip(courses.items(), looks, strict=True):
            if points:
                x, y = zip(*points, strict=True)
                axes.plot(x, y, marker=marker, linestyle=style, color=color, label=label, markersize=4, linewidth=1.5)
        if target is not None:
            axes.axhline(target, color=MUTED, linewidth=1, linestyle=":")
        axes.grid(axis="y")
        axes.set_ylim(-0.03, 1.03)
        axes.set_yticks([0, 0.5, 1], ["0", "50", "100 %"])
        last = max((x for points in courses.values() for x, _ in points), default=0.0) or 1.0
        axes.set_xlim(-0.02 * last, 1.02 * last)
        ticks = [share * last for share in (0, 0.25, 0.5, 0.75, 1)]
        axes.set_xticks(ticks, [number(tick) for tick in ticks])
        axes.set_xlabel("control steps of fine-tuning", color=MUTED)
        figure.legend(loc="outside upper left", ncols=2, handlelength=1.8, borderpad=0)
        return to_svg(figure, name, description)


def _points(part: Stretch, name: str) -> list[tuple[float, float]]:
    known = ((part.place(record), record.values.get(name, math.nan)) for record in part.records)
    return [(x, y) for x, y in known if math.isfinite(y)]


def _mark_phases(axes: Axes, parts: Sequence[Stretch]) -> None:
    axes.set_xlim(0, 1)
    axes.set_xticks([part.right for part in parts], [_tick(part) for part in parts], ha="right")
    axes.tick_params(length=3)
    for place, part in enumerate(parts):
        if place % 2:
            axes.axvspan(part.left, part.right, color=LINE, alpha=0.35, linewidth=0, zorder=0)
        label = _PHASES.get(part.phase, plain(part.phase))
        above: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "va": "bottom", "color": MUTED}
        axes.text((part.left + part.right) / 2, 1.02, label, ha="center", **above)
        if part.phase == CLONING:
            axes.axvline(part.right, color=INK, linewidth=1, linestyle=(0, (4, 3)))
            axes.text(part.right, 1.02, "gate", ha="center", **above | {"color": INK})


def _tick(part: Stretch) -> str:
    unit = "steps" if part.records[-1].control_steps else "updates"
    return f"{number(part.end)} {unit}"
