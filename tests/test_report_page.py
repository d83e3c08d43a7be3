"""The page as a file: self-contained, well-formed, escaped, deterministic, and useful whatever is missing."""

import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

import report_example as example
from regrasp.errors import InputError
from regrasp.report.grid import family
from regrasp.report.page import render_page, write_page
from regrasp.report.record import Judged, RunRecord

VOID = {"meta", "link", "img", "br", "hr", "input"}
EMPTY = RunRecord(run="new", task="adroit-door", primary="success_held", regions=example.REGIONS, rate=100.0)


class Structure(HTMLParser):
    """Checks nesting while parsing, and collects identifiers, references, elements and plain text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.elements: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.ids += [value or "" for key, value in attrs if key == "id"]
        self.links += [value or "" for key, value in attrs if key in ("href", "src", "xlink:href")]
        if tag == "img":
            assert "alt" in dict(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


RUNS = {"finished": example.finished, "stopped": example.stopped, "forced": example.forced, "empty": lambda: EMPTY}


@cache
def page_of(name: str) -> str:
    return render_page(RUNS[name]())


@pytest.fixture
def finished() -> str:
    return page_of("finished")


@pytest.mark.parametrize("name", RUNS)
def test_page_is_well_formed_and_needs_nothing_from_outside(name: str) -> None:
    page = page_of(name)
    found = Structure(page)
    assert found.elements.count("script") == 1
    assert "<script>" in page  # no source: it is all there
    assert len(found.ids) == len(set(found.ids))
    for link in found.links:
        assert link.startswith(("data:", "#"))
        assert not link.startswith("#") or link[1:] in found.ids
    for reference in re.findall(r"url\(#([^)]*)\)", page):
        assert reference in found.ids
    assert "http" not in re.sub(r'xmlns[:\w]*="[^"]*"', "", page)
    for element in ("main", "header", "nav", "h1", "h2", "title"):
        assert element in found.elements
    assert 'name="viewport"' in page


def test_page_is_small_and_complete(finished: str) -> None:
    assert len(finished.encode()) < 5_000_000
    found = Structure(finished)
    assert found.elements.count("section") == 10
    assert found.elements.count("img") == 16
    assert found.elements.count("svg") >= 10
    for words in (
        "Contact entry and recovery",
        "Success under each disturbance",
        "Learning curves",
        "Where the time went",
    ):
        assert words in found.text
    for words in (example.DIGEST, "3.17.0", "--seed 0", "Seed 0", "3 min 51 s", "held success primary"):
        assert words in found.text


def test_same_record_gives_the_same_bytes(finished: str) -> None:
    assert render_page(example.finished()) == finished


def test_everything_given_is_escaped() -> None:
    evil = '<script>alert("x")</script>&'
    base = example.finished()
    strip = replace(base.strips[0], title=evil, caption=evil)
    record = replace(
        base,
        run=evil,
        task=evil,
        command=evil,
        regions=[evil, "$x_1$", *example.REGIONS[2:]],
        digests={evil: evil},
        versions={evil: evil},
        definitions={"success_held": evil},
        curriculum={evil: [evil]},
        units={"push": evil},
        wall_clock={evil: 1.0},
        cloned=Judged(evil, base.cloned.trials if base.cloned else ()),
        strips=[strip],
    )
    page = render_page(record)
    found = Structure(page)
    assert found.elements.count("script") == 1
    assert evil in found.text
    assert "$x_1$" in found.text


def test_run_stopped_at_the_gate_says_why_and_keeps_what_it_has() -> None:
    text = Structure(page_of("stopped")).text
    assert "The run stopped at the gate: after 3 rounds of cloning success 0.14 is not above 0.7" in text
    assert "No trial of this run has been drawn." in text
    assert "Share of the steps in contact" in text
    assert "fine-tuned policy" not in text
    assert "Expected that fine-tuning discovers palm: cannot be told" in text


def test_forced_run_is_shown_in_red() -> None:
    page = page_of("forced")
    assert (
        '<p class="forced" role="alert">Forced. The gate said to go on cloning (success 0.14 is not above 0.7)' in page
    )
    assert "although the gate had said to go on cloning" in page
    assert re.search(r"\.forced\{[^}]*color:var\(--bad\)", page)
    assert 'class="forced"' not in page_of("finished")


def test_empty_run_makes_a_page_that_says_so() -> None:
    text = Structure(render_page(EMPTY)).text
    assert "No policy of this run has been judged yet." in text
    assert "No progress has been recorded in this run." in text


def test_gate_on_contact_entry_alone_is_said_in_words(finished: str) -> None:
    text = Structure(finished).text.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "It asked for contact entry alone; success (14 % (28/200)" in text
    assert "decided on the lower end of the 95 % interval" in text


def test_unknown_primary_is_refused() -> None:
    with pytest.raises(InputError, match=r"new: primary: found 'reward', expected .*success_held"):
        render_page(replace(EMPTY, primary="reward"))


def test_written_page_replaces_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(InputError):
        write_page(replace(EMPTY, primary="reward"), path)
    assert path.read_text() == "old"
    size = write_page(EMPTY, path)
    assert path.stat().st_size == size
    assert path.read_text("utf-8") == render_page(EMPTY)
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_the_page_says_which_disturbances_are_new_and_that_states_were_reset() -> None:
    settings = {"rl": {"disturbances": ["push", "slip"], "demonstration_starts": 0.5}}
    page = render_page(replace(example.finished(), curriculum=settings))
    assert "Fine-tuning trained under push and slip" in page
    assert "50\u202f% of its episodes began in recorded states" in page or "50 % of its episodes" in page
    assert "near the end of each" not in page
    settings["rl"]["demonstration_starts_from"] = "end_first"
    page = render_page(replace(example.finished(), curriculum=settings))
    assert "recorded states, near the end of each demonstration first, as only a simulator can" in page
    none = render_page(
        replace(example.finished(), curriculum={"rl": {"disturbances": [], "demonstration_starts": 0.0}})
    )
    assert "trained under no disturbance" in none
    assert "recorded states" not in none


def test_objects_of_one_family_share_a_row() -> None:
    names = ("prism_10_2", "cylinder_8", "hull_of_l", "disc", "round_block_2")
    assert [family(name) for name in names] == ["prism", "cylinder", "hull_of_l", "disc", "round_block"]


def test_what_was_taught_and_expected_is_said(finished: str) -> None:
    text = Structure(finished).text
    assert re.search(r"Expected that demonstrations teach thumb: held \(\d+ of 31 demonstrations show it, \d+ of", text)
    assert re.search(
        r"Expected that fine-tuning discovers palm: held \(0 of 31 demonstrations show it, \d+ of \d+", text
    )
    assert re.search(r"Modes: \d taught, \d of them reproduced by the cloned policy", text)
    assert "taught, reproduced" in text
    assert "discovered" in text


def test_without_the_demonstrations_at_hand_the_page_says_so() -> None:
    base = example.finished()
    text = Structure(render_page(replace(base, repertoire=None))).text
    assert "What the demonstrations of this run show is not known here." in text
    alone = Structure(render_page(replace(base, repertoire=None, demonstrated=False)))
    assert "Taught and discovered" not in alone.text
    assert "#taught" not in alone.links
