"""The drawings of results: rates before and after, and contact over time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from regrasp.panel.statistics import Rate
from regrasp.report.drawing import AFTER, BEFORE, LINE, MUTED, canvas, to_svg
from regrasp.trial import Trial

COLORS = {"cloned": BEFORE, "fine-tuned": AFTER}
MODE_COLORS = ("#4477aa", "#ee7733", "#228833", "#aa3377", "#ccbb44")
"""Colours of the most frequent contact modes (after Paul Tol: the colour-blind tell them apart)."""
OTHER_COLOR = "#8a8f98"
_MARKERS = {"cloned": "o", "fine-tuned": "D"}


@dataclass(frozen=True)
class RateRow:
    """One line of a drawing or table of rates: its label, and a rate per policy (`cloned`, `fine-tuned`)."""

    label: str
    rates: Mapping[str, Rate]


def rates_figure(rows: Sequence[RateRow], name: str, description: str) -> str:
    """A point and its 95 % interval per policy and row, on one axis from 0 to 100 %."""
    with canvas(52 + 34 * len(rows)) as (figure, axes):
        policies = [policy for policy in COLORS if any(policy in row.rates for row in rows)]
        for place, policy in enumerate(policies):
            shift = 0.17 * (2 * place - 1) if len(policies) > 1 else 0.0
            _points(axes, policy, [(i + shift, row.rates[policy]) for i, row in enumerate(rows)])
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"])
        axes.set_yticks(range(len(rows)), [row.label for row in rows])
        axes.tick_params(length=0)
        axes.grid(axis="x")
        axes.spines[["left", "bottom"]].set_visible(False)
        figure.legend(loc="outside upper left", ncols=2, handletextpad=0.3, columnspacing=1.4, borderpad=0)
        return to_svg(figure, name, description)


def _points(axes: Axes, policy: str, places: Sequence[tuple[float, Rate]]) -> None:
    known = [(y, (rate.rate, rate.low, rate.high)) for y, rate in places if rate.n]
    heights = [y for y, _ in known]
    values = np.array([value for _, value in known], dtype=float).reshape(-1, 3)
    axes.hlines(heights, values[:, 1], values[:, 2], color=COLORS[policy], linewidth=4, alpha=0.35)
    axes.plot(values[:, 0], heights, _MARKERS[policy], color=COLORS[policy], markersize=6, label=policy)


def mode_codes(trials: Sequence[Trial]) -> NDArray[np.int64]:
    """(N, T) contact mode of each trial and step, -1 after a trial's end."""
    steps = max(len(trial.modes) for trial in trials)
    codes = np.full((len(trials), steps), -1)
    for row, trial in zip(codes, trials, strict=True):
        row[: len(trial.modes)] = np.frombuffer(trial.modes, np.uint8)
    return codes


def frequent_modes(policies: Sequence[Sequence[Trial]]) -> list[int]:
    """The contact modes that fill most of the steps in contact, each policy weighing the same; most frequent first."""
    weight: defaultdict[int, float] = defaultdict(float)
    for trials in policies:
        for mode, share in mode_shares(trials).items():
            weight[mode] += share
    order = sorted(weight, key=lambda mode: (-weight[mode], mode))
    return order[: len(MODE_COLORS)]


def mode_shares(trials: Sequence[Trial]) -> dict[int, float]:
    """Contact mode → its share of the steps in contact."""
    counts = np.bincount(np.frombuffer(b"".join(trial.modes for trial in trials), np.uint8), minlength=256)
    counts[0] = 0
    total = max(int(counts.sum()), 1)
    return {int(mode): int(counts[mode]) / total for mode in np.flatnonzero(counts)}


def modes_figure(trials: Sequence[Trial], modes: Sequence[int], rate: float, name: str, description: str) -> str:
    """Share of trials in each contact mode over time, stacked; the space above is without contact."""
    codes = mode_codes(trials)
    running = np.maximum((codes >= 0).sum(0), 1)
    shares = [(codes == mode).sum(0) / running for mode in modes]
    shares.append((codes > 0).sum(0) / running - np.sum(shares, axis=0))
    with canvas(200) as (figure, axes):
        seconds = np.arange(codes.shape[1]) / rate
        axes.stackplot(seconds, shares, colors=[*MODE_COLORS[: len(modes)], OTHER_COLOR], linewidth=0)
        _time_axis(axes, seconds)
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.5, 1], ["0", "50", "100 %"])
        return to_svg(figure, name, description)


def regions_figure(
    policies: Mapping[str, Sequence[Trial]], regions: Sequence[str], rate: float, name: str, description: str
) -> str:
    """Share of trials in which a region touches the object over time: one row per region, a line per policy."""
    with canvas(48 + 38 * len(regions)) as (figure, axes):
        for policy, trials in policies.items():
            codes = mode_codes(trials)
            running = np.maximum((codes >= 0).sum(0), 1)
            seconds = np.arange(codes.shape[1]) / rate
            for row in range(len(regions)):
                height = row - 0.82 * (np.maximum(codes, 0) >> row & 1).sum(0) / running
                axes.fill_between(seconds, row, height, color=COLORS[policy], alpha=0.15, linewidth=0)
                axes.plot(seconds, height, color=COLORS[policy], linewidth=1.4, label="" if row else policy)
            _time_axis(axes, seconds)
        axes.hlines(range(len(regions)), 0, 1, transform=axes.get_yaxis_transform(), color=LINE, linewidth=0.7)
        axes.set_ylim(len(regions) - 0.9, -1)
        axes.set_yticks(range(len(regions)), regions)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        figure.legend(loc="outside upper left", ncols=2, handlelength=1.2, columnspacing=1.4, borderpad=0)
        return to_svg(figure, name, description)


def _time_axis(axes: Axes, seconds: NDArray[np.float64]) -> None:
    axes.set_xlim(0, max(float(seconds[-1]), 1e-9))
    axes.set_xlabel("time from the start of the trial [s]", color=MUTED)
