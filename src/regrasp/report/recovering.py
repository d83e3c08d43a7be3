"""How long recoveries take, drawn as Kaplan–Meier curves."""

from collections.abc import Mapping

import numpy as np

from regrasp.panel.statistics import rate_from_counts
from regrasp.panel.survival import RecoveryCurve, recovery_curve
from regrasp.report.drawing import AFTER, BEFORE, MUTED, canvas, to_svg
from regrasp.report.grid import Policies
from regrasp.report.markup import Html, figure, section, table, tag
from regrasp.report.wording import counted, span

_COLORS = (BEFORE, AFTER)


def times_section(policies: Policies, rate: float, window: int | None, horizon: int | None = None) -> Html:
    """Curves of both policies with their bands, and the same as a table; `window` in control steps."""
    title = "Time to recover"
    if window is None or not any(policies.values()):
        return section("times", title, tag("p", "No recovery time is known here."))
    curves = {name: recovery_curve(trials, rate, window, horizon) for name, trials in policies.items()}
    seconds = window / rate
    note = (
        "Share of the losses under disturbances that have been recovered by a time since the loss (Kaplan–Meier, 95 % "
        f"log-log band). A loss that was not recovered is censored after the recovery window of {seconds:.2f} s, or "
        "where its trial ends; a dropped object counts as unrecovered for the whole window. Ticks mark censoring."
    )
    shown = [_drawn(curves, seconds)] if any(curve.recoveries for curve in curves.values()) else []
    return section("times", title, tag("p", note), tag("div", *shown, _numbers(curves, seconds), class_="pair"))


def _drawn(curves: Mapping[str, RecoveryCurve], window: float) -> Html:
    with canvas(240) as (drawing, axes):
        for (name, curve), color in zip(curves.items(), _COLORS, strict=False):
            if not curve.losses:
                continue
            times, share = np.r_[0, curve.seconds, window], np.r_[0, curve.share, curve.share[-1]]
            low, high = (np.r_[0, side, side[-1]] for side in (curve.low, curve.high))
            axes.fill_between(times, low, high, step="post", color=color, alpha=0.18, linewidth=0)
            axes.step(times, share, where="post", color=color, linewidth=1.8, label=f"{name} ({curve.losses} losses)")
            flat = np.flatnonzero(np.diff(np.r_[0, curve.share]) <= 0)
            axes.plot(curve.seconds[flat], curve.share[flat], "|", color=color, markersize=7)
        axes.set_xlim(0, window)
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.5, 1], ["0", "50", "100 %"])
        axes.set_xlabel("time since the loss [s]", color=MUTED)
        axes.grid(axis="y")
        drawing.legend(loc="outside upper left", handlelength=1.2, borderpad=0)
        said = "; ".join(f"{name}: {_median(curve)}" for name, curve in curves.items())
        return figure(to_svg(drawing, "recovery-times", said), "Losses recovered by a time since the loss.")


def _median(curve: RecoveryCurve) -> str:
    if not curve.losses:
        return "no loss"
    return f"half recovered after {curve.median:.2f} s" if curve.median is not None else "fewer than half recovered"


def _numbers(curves: Mapping[str, RecoveryCurve], window: float) -> Html:
    marks = [window / 4, window / 2, window]
    lines = [
        [
            name,
            counted(rate_from_counts(curve.recoveries, curve.losses)),
            _median(curve),
            *(_at(curve, m) for m in marks),
        ]
        for name, curve in curves.items()
    ]
    head = ["policy", "recovered", "median", *(f"by {mark:.2f} s" for mark in marks)]
    return table("Recovered by a time since the loss, with 95 % intervals", head, lines)


def _at(curve: RecoveryCurve, mark: float) -> Html:
    place = int(np.searchsorted(curve.seconds, mark, side="right")) - 1
    if not curve.losses or place < 0:
        return tag("span", "0" if curve.losses else "–")
    low, high = float(curve.low[place]), float(curve.high[place])
    said = [tag("small", span(low, high))] if np.isfinite([low, high]).all() else []
    return tag("span", f"{100 * curve.share[place]:.0f} %", *said)
