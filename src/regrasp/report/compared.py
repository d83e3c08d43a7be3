"""The page of a comparison: policy B against policy A, case by case on one panel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from regrasp.panel.statistics import OUTCOMES, UNKNOWN, Facts, Rate, by_disturbance, loss_and_recovery, rate_of
from regrasp.report.course import clips
from regrasp.report.figures import frequent_modes, modes_figure
from regrasp.report.grid import grid_section
from regrasp.report.markup import Html, figure, section, table, tag
from regrasp.report.page import whole_page
from regrasp.report.record import Strip
from regrasp.report.recovering import times_section
from regrasp.report.wording import counted, difference_of, kind, outcome, p_value, recovered, span, style_note
from regrasp.trial import Trial

_LINKS = {
    "recovery": "Recovery",
    "grid": "Objects",
    "times": "Recovery times",
    "contact": "Contact",
    "pictures": "Pictures",
    "making": "What was compared",
}


@dataclass(frozen=True)
class ComparisonRecord:
    """Everything that the page shows.

    Attributes:
        task, primary, rate, regions, facts, recovery_window, style_distance, strips: as in `RunRecord`.
        names: folders of A and B.
        digests: of what → digest.
        trials: `A` and `B` → their rows on the panel.
        comparison: `Comparison.to_json()`.
    """

    task: str
    names: tuple[str, str]
    digests: Mapping[str, str]
    primary: str
    rate: float
    recovery_window: int
    regions: Sequence[str]
    trials: Mapping[str, Sequence[Trial]]
    comparison: Mapping[str, Any]
    facts: Facts = UNKNOWN
    style_distance: float | None = None
    strips: Sequence[Strip] = ()


def comparison_sentence(record: ComparisonRecord) -> str:
    """The verdict with both rates, the difference and its interval."""
    found = record.comparison
    said = {"improved": "B is better than A", "regressed": "B is worse than A"}
    verdict = said.get(found["verdict"], "Undecided: B is not shown to be better or worse than A")
    before, after = (Rate(**found[side]["primary"]) for side in "ab")
    return (
        f"{verdict}: {outcome(record.primary)} {counted(after)} against {counted(before)} "
        f"({difference_of(found['difference'])}, McNemar's exact {p_value(found['p'])})."
    )


def comparison_page(record: ComparisonRecord) -> str:
    """The whole page. The same record gives the same text."""
    tone = {"improved": "good", "regressed": "bad"}.get(record.comparison["verdict"], "open")
    gained, broken = (len(record.comparison[name]) for name in ("gained", "broken"))
    flips = f"B can what A could not in {gained} cases, and cannot what A could in {broken}."
    a, b = (tag("code", name) for name in record.names)
    who = tag("p", "A is ", a, " and B is ", b, ".")
    said = tag("p", comparison_sentence(record), class_=f"verdict {tone}")
    sections = [
        section("verdict", "Verdict", said, who, tag("p", flips)),
        _recovery(record),
        grid_section(record.trials, record.primary),
        times_section(record.trials, record.rate, record.recovery_window, record.facts.horizon),
        _contact(record),
        section("pictures", "Trials, seen", *(clips(record.strips) or [tag("p", "No trial has been drawn.")])),
        _making(record),
    ]
    return whole_page(f"{record.task}: two checkpoints compared", _LINKS, sections)


def _recovery(record: ComparisonRecord) -> Html:
    change = record.comparison.get("recovery")
    lead = [tag("p", recovered(change, "B", "A"), class_="lead")] if change else []
    lines = []
    for name, trials in record.trials.items():
        disturbed = [trial for trial in trials if trial.disturbance != "none"]
        for group, rows in {"all disturbances": disturbed, **by_disturbance(trials)}.items():
            rates = [rate_of(map(OUTCOMES[one], rows)) for one in ("contact_entry", record.primary)]
            lines.append([kind(group), name, *map(_shown, [*rates, *loss_and_recovery(rows)])])
    lines.sort(key=lambda line: (line[0] != "all disturbances", line[0]))
    head = ["cases", "policy", "contact entry", outcome(record.primary), "loss", "recovery"]
    content = table("Rates with counts and 95 % Wilson intervals", head, lines)
    return section("recovery", "Contact entry and recovery", *lead, content)


def _shown(rate: Rate) -> Html:
    return tag("span", counted(rate), *([tag("small", span(rate.low, rate.high))] if rate.n else []))


def _contact(record: ComparisonRecord) -> Html:
    title = "Contact over time"
    trials = {name: rows for name, rows in record.trials.items() if any(row.modes for row in rows)}
    if not trials:
        return section("contact", title, tag("p", "No trial has recorded contact."))
    modes = frequent_modes(list(trials.values()))
    drawn = [
        figure(
            modes_figure(rows, modes, record.rate, f"modes-{name}", f"Contact modes of policy {name} over time"),
            f"Contact modes, policy {name} (share of {len(rows)} trials; the rest is no contact)",
        )
        for name, rows in trials.items()
    ]
    note = [tag("p", style_note(record.style_distance))] if record.style_distance is not None else []
    return section("contact", title, *note, tag("div", *drawn, class_="grid"))


def _making(record: ComparisonRecord) -> Html:
    folders = [[side, tag("code", name, class_="digest")] for side, name in zip("AB", record.names, strict=True)]
    digests = [[what, tag("code", digest, class_="digest")] for what, digest in record.digests.items()]
    return section(
        "making",
        "What was compared",
        table("Checkpoints", ["policy", "folder"], folders),
        table("Digests", ["of", "SHA-256"], digests),
    )
