"""The second half of the page: how learning went, what the hand touches, and what it looks like."""

from collections.abc import Sequence
from itertools import groupby

from regrasp.report.drawing import to_jpeg
from regrasp.report.figures import (
    MODE_COLORS,
    OTHER_COLOR,
    frequent_modes,
    mode_shares,
    modes_figure,
    regions_figure,
)
from regrasp.report.learning import Curve, Stretch, curve_figure, curves, stretches
from regrasp.report.markup import Html, details, figure, section, table, tag
from regrasp.report.record import RunRecord, Strip
from regrasp.report.wording import listed, number, percent, style_note
from regrasp.trial import Trial


def learning_section(record: RunRecord) -> Html:
    """Learning curves with the phases marked."""
    title = "Learning curves"
    if not record.progress:
        return section("learning", title, tag("p", "No progress has been recorded in this run."))
    parts = stretches(record.progress)
    told, others = curves(record.progress)
    note = (
        "Every drawing runs from left to right through the phases of the run; the dashed line is the gate. Below the "
        "axis stands how far each phase went: updates while cloning, simulated control steps while fine-tuning."
    )
    more = [details("All other recorded values", _grid(others, parts, "other"))] if others else []
    return section("learning", title, tag("p", note), _grid(told, parts, "curve"), *more)


def _grid(chosen: list[Curve], parts: list[Stretch], name: str) -> Html:
    drawn = []
    for place, curve in enumerate(chosen):
        last = [f"{value.replace('_', ' ')} ends at {_last(parts, value)}" for value in curve.names]
        drawn.append(figure(curve_figure(curve, parts, f"{name}-{place}", "; ".join(last)), curve.title))
    return tag("div", *drawn, class_="grid")


def _last(parts: list[Stretch], name: str) -> str:
    values = [record.values[name] for part in parts for record in part.records if name in record.values]
    return number(values[-1])


def contact_section(record: RunRecord) -> Html:
    """Which regions touch, and in which combinations, over time."""
    title = "Contact over time"
    judged = {name: policy.trials for name, policy in record.judged.items()}
    judged = {name: trials for name, trials in judged.items() if any(trial.modes for trial in trials)}
    if not judged:
        return section("contact", title, tag("p", "No judged trial of this run has recorded contact."))
    described = "; ".join(
        f"{name}: most of the contact is {_main_mode(trials, record)}" for name, trials in judged.items()
    )
    regions = regions_figure(judged, record.regions, record.rate, "regions", f"Share of trials per region. {described}")
    modes = frequent_modes(list(judged.values()))
    stacks = [
        figure(
            modes_figure(trials, modes, record.rate, f"modes-{place}", f"Contact modes over time. {described}"),
            f"Contact modes, {name} policy (share of {len(trials)} trials; the rest is no contact)",
        )
        for place, (name, trials) in enumerate(judged.items())
    ]
    first = figure(regions, "Regions touching the object (row height: 0 to 100 % of trials)")
    grid = tag("div", first, *stacks, class_="grid")
    return section("contact", title, tag("p", _style_note(record)), grid, _modes_table(record, modes))


def _style_note(record: RunRecord) -> str:
    note = "A contact mode is the set of hand regions that touch the object at one control step."
    if record.style_distance is not None:
        note += f" {style_note(record.style_distance)}"
    return note


def _main_mode(trials: Sequence[Trial], record: RunRecord) -> str:
    shares = mode_shares(trials)
    return _regions(max(shares, key=shares.__getitem__), record) if shares else "none"


def _regions(mode: int, record: RunRecord) -> str:
    return listed([region for bit, region in enumerate(record.regions) if mode >> bit & 1])


def _modes_table(record: RunRecord, modes: list[int]) -> Html:
    shares = {name: mode_shares(policy.trials) for name, policy in record.judged.items()}
    lines = []
    for mode, color in zip(modes, MODE_COLORS, strict=False):
        cells = [percent(share.get(mode, 0.0)) for share in shares.values()]
        lines.append([tag("span", _swatch(color), _regions(mode, record)), *cells])
    rest = [percent(sum(share.values()) - sum(share.get(mode, 0.0) for mode in modes)) for share in shares.values()]
    lines.append([tag("span", _swatch(OTHER_COLOR), "all other modes"), *rest])
    return table("Share of the steps in contact", ["contact mode", *shares], lines)


def _swatch(color: str) -> Html:
    return tag("span", class_="swatch", style=f"background:{color}", aria_hidden="true")


def pictures_section(record: RunRecord) -> Html:
    """The strips of pictures, those of one case side by side."""
    title = "Trials, seen"
    if not record.strips:
        return section("pictures", title, tag("p", "No trial of this run has been drawn."))
    return section("pictures", title, *clips(record.strips))


def clips(strips: Sequence[Strip]) -> list[Html]:
    """Each title once, and below it its strips side by side."""
    return [
        tag("div", tag("h3", title), tag("div", *map(_strip, own), class_="sides"))
        for title, own in groupby(strips, lambda strip: strip.title)
    ]


def _strip(strip: Strip) -> Html:
    frames = [
        tag(
            "li",
            Html(f'<img src="{to_jpeg(pixels)}" alt="" width="{pixels.shape[1]}" height="{pixels.shape[0]}">'),
            tag("span", f"{seconds:.2f} s"),
        )
        for seconds, pixels in strip.frames
    ]
    told = f"{strip.policy.capitalize()}: {strip.caption}" if strip.policy else strip.caption
    alt = f"{strip.title}. {told}"
    pictures = tag("ol", *frames, class_="strip", role="img", aria_label=alt)
    return tag("figure", pictures, tag("figcaption", told), class_="wide")
