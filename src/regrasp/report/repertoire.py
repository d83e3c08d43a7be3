"""The section on what demonstrations taught, what of it the policies kept, and what fine-tuning discovered."""

from collections.abc import Mapping
from typing import Any

from regrasp.report.diagnosed import taught_lines
from regrasp.report.markup import Html, details, section, table, tag
from regrasp.report.record import RunRecord

SHOWN = 8
"""Lines of a table before the rest is folded away."""
_TITLES = {"modes": "Contact modes", "transitions": "Transitions between modes", "corrections": "Corrections"}


def repertoire_section(record: RunRecord) -> Html:
    """Contact modes, transitions and corrections by who shows them, and whether what was expected came."""
    title = "Taught and discovered"
    found = record.repertoire
    if found is None:
        return section("taught", title, tag("p", "What the demonstrations of this run show is not known here."))
    note = (
        "Taught is what a demonstration shows, for as long as a stable contact takes. Dropped is what the cloned "
        "policy reproduced and the fine-tuned one hardly does any more; discovered is what no demonstration shows "
        "and at least two verified recoveries do. A correction is a transition between a loss and its recovery."
    )
    lines = tag("ul", *(tag("li", line) for line in taught_lines(found)))
    expectations = [tag("ul", *(tag("li", line) for line in expected_lines(found)))] if found["expected"] else []
    return section(
        "taught",
        title,
        *expectations,
        lines,
        tag("p", note, class_="note"),
        *(_tables(name, found) for name in _TITLES),
    )


def expected_lines(found: Mapping[str, Any]) -> list[str]:
    """One sentence for each expectation of the curriculum: whether it held, and the counts."""
    return [f"Expected that {_expected(one, found['of'])}" for one in found["expected"]]


def _expected(one: Mapping[str, Any], of: Mapping[str, int]) -> str:
    known = one["known"] or dict.fromkeys(("demonstrations", "cloned", "recoveries"), 0)
    shown = f"{known['demonstrations']} of {of['demonstrations']} demonstrations show it"
    if one["part"] == "teaches":
        counts = f"{shown}, {known['cloned']} of {of['cloned']} trials of the cloned policy"
        return f"demonstrations teach {one['name']}: {_held(one['holds'])} ({counts})."
    if one["holds"] is None:
        return f"fine-tuning discovers {one['name']}: cannot be told ({shown}; nothing was fine-tuned)."
    counts = f"{shown}, {known['recoveries']} of {of['tuned_recoveries']} verified recoveries of the fine-tuned policy"
    return f"fine-tuning discovers {one['name']}: {_held(one['holds'])} ({counts})."


def _held(holds: bool) -> str:
    return "held" if holds else "did not hold"


def _tables(name: str, found: Mapping[str, Any]) -> Html:
    items = found[name]
    if not items:
        return tag("p", f"{_TITLES[name]}: none.", class_="note")
    columns = _columns(found["of"], name == "corrections")
    heads = [name.removesuffix("s"), *columns.values(), "what became of it"]
    lines = [[one["name"], *(str(one[column]) for column in columns), _fate(one)] for one in items]
    whole = table(_TITLES[name], heads, lines[:SHOWN])
    if len(items) <= SHOWN:
        return whole
    rest = table(f"{_TITLES[name]}, continued", heads, lines[SHOWN:])
    return tag("div", whole, details(f"{len(items) - SHOWN} rarer {name}", rest))


def _columns(of: Mapping[str, int], corrections: bool) -> dict[str, str]:
    """Count → head of its column. Corrections are counted over verified recoveries, the rest over all there is."""
    ends = "_recoveries" if corrections else ""
    heads = {
        source: f"{who} ({of[source + ends]})"
        for source, who in (("demonstrations", "demonstrations"), ("cloned", "cloned"), ("tuned", "fine-tuned"))
        if of[source]
    }
    verified = {"recoveries": f"recoveries ({of['tuned_recoveries']})"}
    return heads if corrections or not of["tuned"] else heads | verified


def _fate(one: Mapping[str, Any]) -> str:
    if one["discovered"]:
        return "discovered"
    if not one["taught"]:
        return "not taught"
    if not one["reproduced"]:
        return "taught, not reproduced"
    return "taught, reproduced, dropped" if one["dropped"] else "taught, reproduced"
