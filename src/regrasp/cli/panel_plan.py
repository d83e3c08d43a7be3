"""`regrasp panel plan`: how many cases a difference needs, and what a panel can show."""

from pathlib import Path
from typing import Any

from regrasp.cli.output import emit
from regrasp.errors import InputError


def plan(
    detect: float = 0.05,
    rate: float = 0.8,
    power: float = 0.8,
    discordant: float | None = None,
    panel: Path | None = None,
    json: bool = False,
) -> None:
    """Say how many cases show a difference between two policies, or what a panel can show.

    Both policies play the same cases, and the exact McNemar test (two-sided, p < 0.05) decides. The number is for a
    change up or down, whichever needs more. Without --discordant, the outcomes of the two policies on a case are taken
    as independent; policies that mostly agree need fewer cases.

    Args:
        detect: the difference of rates that is to be seen, as 0.05 for five percentage points.
        rate: the rate of the policy compared with, as 0.8.
        power: the probability with which it is to be seen.
        discordant: share of the cases on which the two policies differ, if it is known from others like them.
        panel: a panel file: say what it can show.
        json: print one JSON object instead of sentences.
    """
    from regrasp.panel.power import cases_needed, shares

    for option, value in (("--detect", detect), ("--rate", rate), ("--power", power)):
        if not 0 < value < 1:
            raise InputError(option, "", str(value), "a number above 0 and below 1")
    if discordant is not None and not 0 < discordant <= 1:
        raise InputError("--discordant", "", str(discordant), "a number above 0, at most 1")
    if all(shares(rate, change, discordant) is None for change in (detect, -detect)):
        among = "" if discordant is None else f" with {discordant:g} of the cases differing"
        raise InputError("--detect", "", f"{detect:g}", f"a change that a rate of {rate:g} allows{among}")
    needed = cases_needed(rate, detect, power, discordant)
    if needed is None:
        raise InputError("--detect", "", f"{detect:g}", "a difference that a million cases show")
    data: dict[str, Any] = {"detect": detect, "rate": rate, "power": power, "discordant": discordant, "cases": needed}
    shown = [
        f"{needed:,} cases show a change of {100 * detect:.3g} points from {100 * rate:.3g} % in {100 * power:.3g} % of"
        " comparisons (exact McNemar test, two-sided, p < 0.05).",
        "Assumed: the outcomes of the two policies on a case are independent."
        if discordant is None
        else f"Assumed: the policies differ on {100 * discordant:.3g} % of the cases.",
    ]
    if panel is not None:
        data["panel"] = found = _panel(panel, detect, rate, power, discordant)
        shown.append(sentence(str(panel), found))
    emit(data, json, *shown)


def _panel(file: Path, detect: float, rate: float, power: float, discordant: float | None) -> dict[str, Any]:
    from regrasp.panel.cases import read_panel
    from regrasp.panel.power import weakest

    panel = read_panel(file)
    own = {"panel": panel.digest} | shows(len(panel.cases), rate, power, discordant)
    return own | {"power_to_detect": weakest(len(panel.cases), rate, detect, discordant), "detect": detect}


def shows(cases: int, rate: float, power: float, discordant: float | None = None) -> dict[str, Any]:
    """What so many cases can show, as plain data."""
    from regrasp.panel.power import smallest_difference

    smallest = smallest_difference(cases, rate, power, discordant)
    return {"cases": cases, "rate": rate, "power": power, "smallest_difference": smallest}


def sentence(name: str, found: dict[str, Any]) -> str:
    """What `shows` found, in words."""
    smallest, cases = found["smallest_difference"], found["cases"]
    rate, power = 100 * found["rate"], 100 * found["power"]
    if smallest is None:
        return f"{name}: {cases:,} cases show no change from {rate:.3g} % with {power:.3g} % power, however large."
    text = f"{name}: {cases:,} cases show a change of {100 * smallest:.1f} points or more from {rate:.3g} %"
    detected = found.get("power_to_detect")
    tail = "" if detected is None else f"; one of {100 * found['detect']:.3g} points is seen in {100 * detected:.0f} %"
    return f"{text}, in {power:.3g} % of comparisons{tail}."
