"""One self-contained HTML page from one record: no scripts, no fonts, nothing from a network."""

from collections.abc import Mapping
from pathlib import Path

from regrasp.errors import InputError
from regrasp.panel.statistics import OUTCOMES
from regrasp.report.course import contact_section, learning_section, pictures_section
from regrasp.report.making import making_section
from regrasp.report.markup import Html, join, tag
from regrasp.report.record import RunRecord
from regrasp.report.results import disturbances_section, recovery_section, verdict_section
from regrasp.report.style import STYLE
from regrasp.report.without import paying_section
from regrasp.store.atomic import replacing

_LINKS = {
    "recovery": "Recovery",
    "disturbances": "Disturbances",
    "learning": "Learning",
    "contact": "Contact",
    "pictures": "Pictures",
    "making": "How it was made",
}
_BESIDE = {"paying": "Demonstrations"}


def render_page(record: RunRecord) -> str:
    """The whole page. The same record gives the same text.

    Raises:
        InputError: the primary outcome is not one that trials have.
    """
    if record.primary not in OUTCOMES:
        raise InputError(record.run, "primary", repr(record.primary), "the name of an outcome", OUTCOMES)
    beside = paying_section(record)
    sections = [
        verdict_section(record),
        *([beside] if beside else []),
        recovery_section(record),
        disturbances_section(record),
        learning_section(record),
        contact_section(record),
        pictures_section(record),
        making_section(record),
    ]
    body = [
        _header(record, _LINKS if beside is None else _BESIDE | _LINKS),
        tag("main", *sections),
        tag("footer", tag("p", "Made by regrasp.")),
    ]
    return f'<!doctype html>\n<html lang="en">\n{_head(record)}\n{tag("body", *body)}\n</html>\n'


def write_page(record: RunRecord, path: Path) -> int:
    """Write the page to a file, complete or not at all; returns its size in bytes."""
    content = render_page(record).encode()
    with replacing(path) as file:
        file.write(content)
    return len(content)


def _head(record: RunRecord) -> Html:
    metas = [
        Html('<meta charset="utf-8">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<link rel="icon" href="data:,">'),  # keeps browsers from asking a server for one
        tag("title", f"{record.task}, run {record.run}: regrasp report"),
        Html(f"<style>{STYLE}</style>"),
    ]
    return tag("head", join(metas))


def _header(record: RunRecord, sections: Mapping[str, str]) -> Html:
    links = [tag("li", tag("a", label, href=f"#{identifier}")) for identifier, label in sections.items()]
    return tag(
        "header",
        tag("p", "regrasp report", class_="eyebrow"),
        tag("h1", f"{record.task}, run {record.run}"),
        tag("nav", tag("ul", *links), aria_label="Sections"),
    )
