"""One self-contained HTML page from one record: no fonts, nothing from a network, no script but for sorting tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from regrasp.errors import InputError
from regrasp.panel.statistics import OUTCOMES
from regrasp.report.course import contact_section, learning_section, pictures_section
from regrasp.report.grid import grid_section
from regrasp.report.making import making_section
from regrasp.report.markup import Html, join, tag
from regrasp.report.record import RunRecord
from regrasp.report.recovering import times_section
from regrasp.report.repertoire import repertoire_section
from regrasp.report.results import disturbances_section, recovery_section, verdict_section
from regrasp.report.sorting import SCRIPT
from regrasp.report.style import STYLE
from regrasp.report.without import paying_section
from regrasp.store.atomic import replacing

_LINKS = {
    "recovery": "Recovery",
    "disturbances": "Disturbances",
    "grid": "Objects",
    "times": "Recovery times",
    "learning": "Learning",
    "contact": "Contact",
    "taught": "Taught",
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
    trials = {name: policy.trials for name, policy in record.judged.items()}
    sections = [
        verdict_section(record),
        *([beside] if beside else []),
        recovery_section(record),
        disturbances_section(record),
        grid_section(trials, record.primary),
        times_section(trials, record.rate, record.recovery_window, record.facts.horizon),
        learning_section(record),
        contact_section(record),
        *([repertoire_section(record)] if record.demonstrated else []),
        pictures_section(record),
        making_section(record),
    ]
    links = _LINKS if beside is None else _BESIDE | _LINKS
    if not record.demonstrated:
        links = {name: label for name, label in links.items() if name != "taught"}
    return whole_page(f"{record.task}, run {record.run}", links, sections)


def whole_page(title: str, links: Mapping[str, str], sections: Sequence[Html]) -> str:
    """Sections, the first of them the verdict, as a page; `links` are section → its label in the navigation."""
    body = [
        tag("a", "Skip to the verdict", href="#content", class_="skip"),
        _header(title, links),
        tag("main", *sections, id="content", tabindex="-1"),
        tag("footer", tag("p", "Made by regrasp.")),
        Html(f"<script>{SCRIPT}</script>"),
    ]
    return f'<!doctype html>\n<html lang="en">\n{_head(title)}\n{tag("body", *body)}\n</html>\n'


def write_page(record: RunRecord, path: Path) -> int:
    """Write the page to a file, complete or not at all; returns its size in bytes."""
    return write_text(render_page(record), path)


def write_text(page: str, path: Path) -> int:
    """As `write_page`, of a page that is made already."""
    content = page.encode()
    with replacing(path) as file:
        file.write(content)
    return len(content)


def _head(title: str) -> Html:
    metas = [
        Html('<meta charset="utf-8">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<link rel="icon" href="data:,">'),  # keeps browsers from asking a server for one
        tag("title", f"{title}: regrasp report"),
        Html(f"<style>{STYLE}</style>"),
    ]
    return tag("head", join(metas))


def _header(title: str, sections: Mapping[str, str]) -> Html:
    links = [tag("li", tag("a", label, href=f"#{identifier}")) for identifier, label in sections.items()]
    return tag(
        "header",
        tag("p", "regrasp report", class_="eyebrow"),
        tag("h1", title),
        tag("nav", tag("ul", *links), aria_label="Sections"),
    )
