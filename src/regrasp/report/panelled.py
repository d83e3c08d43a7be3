"""The page of a panel: what cases it has, and whether a bench would see such disturbances."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from regrasp.report.drawing import to_jpeg
from regrasp.report.markup import Html, section, table, tag
from regrasp.report.page import whole_page
from regrasp.report.record import Strip
from regrasp.report.wording import kind, number

_LINKS = {"cases": "Cases", "magnitudes": "Magnitudes", "pictures": "Pictures"}


@dataclass(frozen=True)
class CaseRow:
    """What of a case is counted: its object, and kind and magnitude of its disturbance."""

    object: str
    disturbance: str
    magnitude: float


@dataclass(frozen=True)
class PanelRecord:
    """Everything that the page shows.

    Attributes:
        name: of the panel's file.
        task: its task.
        digest: of the panel.
        cases: in its order.
        held_out: objects that learning must not see.
        envelopes: kind → smallest and largest magnitude that a bench would see.
        units: kind → unit of its magnitude.
        starts: pictures of a few start states, one frame each.
    """

    name: str
    task: str
    digest: str
    cases: Sequence[CaseRow]
    held_out: Sequence[str] = ()
    envelopes: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    starts: Sequence[Strip] = ()

    def outside(self, kind_name: str) -> int:
        """Number of cases of a kind whose magnitude lies outside its envelope."""
        low, high = self.envelopes.get(kind_name, (float("inf"), float("-inf")))
        own = [case.magnitude for case in self.cases if case.disturbance == kind_name != "none"]
        return sum(not low <= size <= high for size in own)

    @property
    def kinds(self) -> list[str]:
        """Kinds of disturbance, `none` first."""
        return sorted({case.disturbance for case in self.cases}, key=lambda name: (name != "none", name))

    @property
    def sentence(self) -> str:
        """How many cases of what, and how many of them no bench would see."""
        disturbed = sum(case.disturbance != "none" for case in self.cases)
        outside = sum(map(self.outside, self.kinds))
        objects = len({case.object for case in self.cases})
        return (
            f"{len(self.cases)} cases of {self.task}, {disturbed} of them disturbed, with {objects} "
            f"object{'s' if objects > 1 else ''}; {outside} of {disturbed} disturbances lie outside what a bench would "
            "see."
        )


def panel_page(record: PanelRecord) -> str:
    """The whole page. The same record gives the same text."""
    sections = [
        section(
            "verdict",
            "What the panel holds",
            tag("p", record.sentence, class_="verdict open"),
            tag("p", f"{record.name}, SHA-256 ", tag("code", record.digest, class_="digest")),
        ),
        _cases(record),
        _magnitudes(record),
        _pictures(record),
    ]
    return whole_page(f"{record.task}: panel {record.name}", _LINKS, sections)


def _cases(record: PanelRecord) -> Html:
    counts = Counter((case.object, case.disturbance) for case in record.cases)
    totals = Counter(case.object for case in record.cases)
    lines = [
        [
            f"{name} (held out)" if name in record.held_out else name,
            *(str(counts[name, one]) for one in record.kinds),
            str(totals[name]),
        ]
        for name in sorted(totals)
    ]
    shown = table("Number of cases by object and disturbance", ["object", *map(kind, record.kinds), "all"], lines)
    return section("cases", "Cases", shown)


def _magnitudes(record: PanelRecord) -> Html:
    lines = []
    for name in record.kinds:
        sizes = [case.magnitude for case in record.cases if case.disturbance == name]
        if name == "none":
            continue
        envelope = record.envelopes.get(name)
        bounds = f"{number(envelope[0])} to {number(envelope[1])}" if envelope else "not given"
        drawn = f"{number(min(sizes))} to {number(max(sizes))}"
        lines.append([kind(name), drawn, bounds, record.units.get(name, ""), f"{record.outside(name)} of {len(sizes)}"])
    head = ["disturbance", "magnitudes", "a bench would see", "unit", "outside"]
    content = table("Magnitudes against what a bench would see", head, lines)
    return section("magnitudes", "Magnitudes", content if lines else tag("p", "No case is disturbed."))


def _pictures(record: PanelRecord) -> Html:
    tiles = [
        tag(
            "li",
            Html(
                f'<img src="{to_jpeg(pixels)}" alt="Start state" width="{pixels.shape[1]}" height="{pixels.shape[0]}">'
            ),
            tag("span", f"{strip.title}, {strip.caption}"),
        )
        for strip in record.starts
        for _, pixels in strip.frames
    ]
    content = tag("ol", *tiles, class_="strip") if tiles else tag("p", "No start state has been drawn.")
    return section("pictures", "Where cases start", content)
