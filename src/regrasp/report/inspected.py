"""The page of a demonstration set: whether it is good enough, and for what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from regrasp.report.drawing import AFTER, BEFORE, LINE, MUTED, canvas, to_svg
from regrasp.report.figures import MODE_COLORS, OTHER_COLOR
from regrasp.report.inspected_contact import Directions, approach_section
from regrasp.report.markup import Html, figure, section, table, tag
from regrasp.report.page import whole_page
from regrasp.report.wording import listed, percent

_LINKS = {
    "found": "Found",
    "replay": "Played again",
    "contact": "Contact",
    "approach": "Approach",
    "actions": "Actions",
    "demonstrators": "Demonstrators",
    "numbers": "Numbers",
}
_TONES = {"good": "good", "doubtful": "open", "not fit": "bad"}
_RASTER = 60
"""Episodes in the picture of contact, at most."""


@dataclass(frozen=True)
class InspectedRecord:
    """Everything that the page shows.

    Attributes:
        name: of the file.
        task: its task.
        digest: of the set.
        rate: control steps per second.
        verdicts: use → `good`, `doubtful` or `not fit`.
        findings: name, level, evidence, advice.
        numbers: what was measured, in words.
        away: per replayed episode, how far its observations lie from the recorded ones (T,) [spreads].
        departed: how many of them leave their recording for good.
        apart: from where on a replay no longer shows what was recorded.
        lags: lag of the actions [control steps] → error of replays [spreads].
        modes: per replayed episode, its contact modes (T + 1,).
        named: contact mode → its name, for those that occur.
        shown: title → (name, episodes that show it).
        approaches: `object` and `world` → directions of motion into contact in that frame.
        spreads: per such frame, its name, mean direction, mean resultant length, widest angle.
        demonstrators: head and rows of the table that compares them; without rows there are not two of them.
        ambiguity: (M,) of the actions around states.
    """

    name: str
    task: str
    digest: str
    rate: float
    verdicts: Mapping[str, str]
    findings: Sequence[Sequence[str]]
    numbers: Sequence[Sequence[str]]
    away: Sequence[NDArray[np.float64]]
    departed: int
    apart: float
    lags: Mapping[int, float]
    modes: Sequence[NDArray[np.uint8]]
    named: Mapping[int, str]
    shown: Mapping[str, Sequence[Sequence[str]]]
    approaches: Mapping[str, Directions]
    spreads: Sequence[Sequence[str]]
    demonstrators: Sequence[Sequence[str]]
    ambiguity: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    @property
    def sentence(self) -> str:
        """The verdicts in one sentence."""
        by_verdict: dict[str, list[str]] = {}
        for use, said in self.verdicts.items():
            by_verdict.setdefault(said, []).append(use)
        parts = [f"{said} for {listed(uses)}" for said, uses in by_verdict.items()]
        return f"These demonstrations are {listed(parts)}."

    @property
    def tone(self) -> str:
        """Of the worst verdict."""
        worst = next((said for said in ("not fit", "doubtful") if said in self.verdicts.values()), "good")
        return _TONES[worst]


def inspected_page(record: InspectedRecord) -> str:
    """The whole page. The same record gives the same text."""
    sections = [
        section(
            "verdict",
            "Are they good enough?",
            tag("p", record.sentence, class_=f"verdict {record.tone}"),
            tag("p", f"{record.name}, SHA-256 ", tag("code", record.digest, class_="digest")),
        ),
        _found(record),
        _replayed(record),
        _contact(record),
        approach_section(record.approaches, record.spreads),
        _actions(record),
        _demonstrators(record),
        section("numbers", "Numbers", table("What was measured", ["", ""], record.numbers)),
    ]
    return whole_page(f"{record.task}: {record.name}", _LINKS, sections)


def _found(record: InspectedRecord) -> Html:
    if not record.findings:
        return section("found", "Found", tag("p", "Nothing speaks against them."))
    found = table("Findings", ["finding", "weight", "evidence", "what to do"], record.findings)
    return section("found", "Found", found, tag("p", "A fault: do not learn from it as it is. A doubt costs success."))


def _replayed(record: InspectedRecord) -> Html:
    if not record.away:
        return section("replay", "Played again", tag("p", "No episode has a start state, so none can be played again."))
    said = f"{record.departed} of {len(record.away)} replays leave their recording for good: more than {record.apart:g}"
    said += " spreads from some control step on."
    best = min(record.lags, key=lambda lag: record.lags[lag])
    lagged = f"Error of replays whose actions are taken from so many control steps later: smallest at {best}."
    return section(
        "replay",
        "Played again",
        figure(_away_figure(record, said), f"{said} A spread is how far a column spreads over all demonstrations."),
        figure(_lag_figure(record, lagged), f"{lagged} Of a sound recording it is smallest at 0."),
    )


def _away_figure(record: InspectedRecord, description: str) -> str:
    with canvas(190) as (drawing, axes):
        for one in record.away:
            axes.plot(np.arange(len(one)) / record.rate, np.maximum(one, 1e-6), color=BEFORE, linewidth=0.8, alpha=0.6)
        axes.axhline(record.apart, color=AFTER, linewidth=1.2, linestyle="--")
        _logarithmic(axes)
        axes.set_xlabel("time from the start of the episode [s]", color=MUTED)
        axes.set_ylabel("distance [spreads]", color=MUTED)
        axes.grid(axis="y")
        return to_svg(drawing, "away", description)


def _logarithmic(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _lag_figure(record: InspectedRecord, description: str) -> str:
    with canvas(150) as (drawing, axes):
        lags = sorted(record.lags)
        axes.plot(lags, [max(record.lags[lag], 1e-6) for lag in lags], "o-", color=BEFORE, markersize=5)
        axes.axvline(0, color=LINE)
        _logarithmic(axes)
        axes.set_xticks(lags)
        axes.set_xlabel("lag [control steps]", color=MUTED)
        axes.set_ylabel("error [spreads]", color=MUTED)
        return to_svg(drawing, "lag", description)


def _contact(record: InspectedRecord) -> Html:
    if not any(one.any() for one in record.modes):
        return section("contact", "Contact", tag("p", "No replay touches the object."))
    frequent = _frequent(record.modes)
    said = "Contact modes of every episode over time; white is without contact."
    counts = [table(title, ["", "episodes"], rows) for title, rows in record.shown.items() if rows]
    picture = figure(_raster(record, frequent, said), said)
    return section("contact", "Contact", picture, _shares(record, frequent), *counts)


def _shares(record: InspectedRecord, frequent: Sequence[int]) -> Html:
    """The colours of the picture, and how much of the time in contact each is."""
    counts = np.bincount(np.concatenate(record.modes), minlength=256)
    total = int(counts[1:].sum())
    colours = [
        (color, record.named[mode], int(counts[mode])) for color, mode in zip(MODE_COLORS, frequent, strict=False)
    ]
    colours.append((OTHER_COLOR, "all other modes", total - sum(one[2] for one in colours)))
    rows = [
        [
            tag("span", tag("span", class_="swatch", style=f"background:{color}", aria_hidden="true"), name),
            percent(n / total),
        ]
        for color, name, n in colours
    ]
    return table("Contact modes, share of the time in contact", ["mode", "share"], rows)


def _frequent(modes: Sequence[NDArray[np.uint8]]) -> list[int]:
    counts = np.bincount(np.concatenate(modes), minlength=256)
    counts[0] = 0
    order = np.argsort(-counts, kind="stable")[: len(MODE_COLORS)]
    return [int(mode) for mode in order if counts[mode]]


def _raster(record: InspectedRecord, frequent: Sequence[int], description: str) -> str:
    rows = record.modes[:_RASTER]
    with canvas(60 + 7 * len(rows)) as (drawing, axes):
        for height, modes in enumerate(rows):
            ends = np.append(np.flatnonzero(np.diff(modes)) + 1, len(modes))
            spans: dict[str, list[tuple[float, float]]] = {}
            for begin, end in zip(np.concatenate([[0], ends[:-1]]), ends, strict=True):
                mode = int(modes[begin])
                if mode:
                    color = MODE_COLORS[frequent.index(mode)] if mode in frequent else OTHER_COLOR
                    spans.setdefault(color, []).append((begin / record.rate, (end - begin) / record.rate))
            for color, own in spans.items():
                axes.broken_barh(own, (height, 0.9), color=color)
            axes.plot(len(modes) / record.rate, height + 0.45, "|", color=MUTED, markersize=5)
        axes.set_ylim(len(rows), 0)
        axes.set_xlim(0, None)
        axes.set_yticks([])
        axes.set_ylabel("episodes", color=MUTED)
        axes.set_xlabel("time from the start of the episode [s]", color=MUTED)
        return to_svg(drawing, "raster", description)


def _actions(record: InspectedRecord) -> Html:
    if not len(record.ambiguity):
        return section("actions", "Actions", tag("p", "One episode alone has nothing to be compared with."))
    said = "How much actions differ around a state, in the nearest states of other episodes, over states."
    with canvas(150) as (drawing, axes):
        axes.hist(np.minimum(record.ambiguity, 2.0), bins=np.linspace(0, 2, 41).tolist(), color=BEFORE)
        axes.axvline(1, color=AFTER, linewidth=1.2, linestyle="--")
        axes.set_xlabel("0: alike, 1: as different as anywhere", color=MUTED)
        axes.set_ylabel("states", color=MUTED)
        picture = to_svg(drawing, "ambiguity", said)
    return section("actions", "Actions", figure(picture, said))


def _demonstrators(record: InspectedRecord) -> Html:
    head, *rows = record.demonstrators
    if not rows:
        said = "The file does not tell two demonstrators apart."
        return section("demonstrators", "Demonstrators", tag("p", said))
    said = (
        "Beyond chance: by permutation tests at 5 %, corrected for all that are made. Actions differ in spreads of the"
    )
    said += " actions, at the nearest alike states of other episodes, of one's own and of the others'."
    found = table("Demonstrators, each against all others", head, rows)
    return section("demonstrators", "Demonstrators", found, tag("p", said))
