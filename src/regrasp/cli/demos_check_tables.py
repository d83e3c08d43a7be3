"""What `regrasp demos check` says of approach directions and of demonstrators: as plain data, and as rows of tables."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regrasp.demonstrations.inspection.approach import Approach
    from regrasp.demonstrations.inspection.demonstrators import Demonstrator
    from regrasp.report.inspected_contact import Directions

FRAMES = ("object", "world")
HEAD = ("", "episodes", "succeeding", "length", "contact entry", "style distance", "jitter", "actions within, across")
SHORT = ("", "n", "success", "length", "entry", "style", "jitter", "actions")
"""The same for a terminal."""


def approach_spread(found: "Sequence[Approach]") -> dict[str, Any] | None:
    """Per frame: mean direction, mean resultant length, widest angle [deg]; None without any approach."""
    import numpy as np

    from regrasp.demonstrations.inspection.approach import spread_of

    spreads = {frame: spread_of([getattr(one, frame) for one in found]) for frame in FRAMES} if found else {}
    return {
        frame: {"mean": list(one.mean), "resultant": one.resultant, "widest_deg": float(np.rad2deg(one.widest))}
        for frame, one in spreads.items()
    } or None


def directions(found: "Sequence[Approach]") -> "dict[str, Directions]":
    """Per frame the directions by region, the most frequent one first."""
    import numpy as np

    regions = [region for region, _ in Counter(one.region for one in found).most_common()]
    return {
        frame: {name: np.array([getattr(one, frame) for one in found if one.region == name]) for name in regions}
        for frame in FRAMES
        if found
    }


def spread_rows(facts: Mapping[str, Any]) -> list[list[str]]:
    """Frame, mean direction, mean resultant length, widest angle."""
    return [
        [frame, _vector(one["mean"]), f"{one['resultant']:.2f}", f"{one['widest_deg']:.0f}°"]
        for frame, one in (facts["approach_spread"] or {}).items()
    ]


def _vector(parts: Sequence[float]) -> str:
    return f"({', '.join(f'{part:.2f}' for part in parts)})"


def compared_demonstrators(compared: "Sequence[Demonstrator]") -> list[dict[str, Any]]:
    """Every number."""
    return [{**vars(one), "p": dict(one.p), "differs": list(one.differs)} for one in compared]


def demonstrator_rows(facts: Mapping[str, Any]) -> list[list[str]]:
    """Head and rows of the table that compares demonstrators; the head alone unless there are two of them."""

    def known(value: float | None, form: str = ".2f") -> str:
        return "–" if value is None else format(value, form)

    rows = [
        [
            one["name"] or "not named",
            str(one["episodes"]),
            f"{one['success']}/{one['played']}" if one["played"] else "–",
            known(one["length"], "g"),
            known(one["entry"], "g"),
            known(one["style"]),
            known(one["jitter"]),
            f"{known(one['within'])}, {known(one['across'])}",
            ", ".join(one["differs"]) or "–",
        ]
        for one in facts["demonstrators_compared"]
    ]
    return [[*HEAD, "beyond chance"], *rows]
