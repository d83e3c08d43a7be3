"""Object × disturbance at a glance: a table with coloured cells and the counts in them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from regrasp.panel.statistics import OUTCOMES, Rate, rate_of
from regrasp.report.markup import Html, details, section, table, tag
from regrasp.report.wording import kind, outcome, percent, points
from regrasp.trial import Trial

FEW = 5
"""A cell with fewer cases is marked: it says next to nothing."""
_STRONGEST = 34
"""Share of colour in the strongest cell [%]; text stays readable on it in light and dark."""

Policies = Mapping[str, Sequence[Trial]]


def grid_section(policies: Policies, primary: str) -> Html:
    """Success of every policy for every object under every disturbance; coloured by the change if there are two."""
    title = "Objects and disturbances"
    if not any(policies.values()):
        return section("grid", title, tag("p", "No policy has been judged, so there is nothing to show here yet."))
    names = list(policies)
    said = (
        f"Each cell has the change of {outcome(primary)} from {names[0]} to {names[1]} in percentage points, and below "
        "it the counts of both; green is better, red is worse."
        if len(names) == 2
        else f"Each cell has the share of {outcome(primary)} and its count; the more, the greener."
    )
    note = f"{said} A dashed cell has fewer than {FEW} cases: read nothing into it."
    families = {name: [replace(trial, object=family(trial.object)) for trial in own] for name, own in policies.items()}
    if _objects(families) == _objects(policies):
        return section("grid", title, tag("p", note), grid_table(policies, primary))
    single = details("The same for every object", grid_table(policies, primary))
    return section("grid", title, tag("p", note), grid_table(families, primary, "family of objects"), single)


def family(name: str) -> str:
    """`prism_10_2` → `prism`: objects of one family differ by the numbers behind its name."""
    return re.sub(r"(_\d+)+$", "", name)


def _objects(policies: Policies) -> set[str]:
    return {trial.object for trials in policies.values() for trial in trials}


def grid_table(policies: Policies, primary: str, what: str = "object") -> Html:
    """One row per object, one column per kind of disturbance, the totals last."""
    objects = sorted(_objects(policies))
    kinds = sorted(
        {trial.disturbance for own in policies.values() for trial in own}, key=lambda name: (name != "none", name)
    )
    cells = {name: _by_cell(trials, primary) for name, trials in policies.items()}

    def line(one: str) -> list[str]:
        return [one, *(_cell({name: found.get((one, k), []) for name, found in cells.items()}) for k in [*kinds, ""])]

    whole = [line(one) for one in objects] + ([line("")] if len(objects) > 1 else [])
    if len(objects) > 1:
        whole[-1][0] = "all objects"
    caption = f"{outcome(primary).capitalize()} by {what} and disturbance"
    return table(caption, [what, *map(kind, kinds), "all"], whole)


def _by_cell(trials: Sequence[Trial], primary: str) -> dict[tuple[str, str], list[bool]]:
    """(object, kind) → outcomes; an empty name stands for all of them."""
    found: dict[tuple[str, str], list[bool]] = {}
    for trial in trials:
        done = OUTCOMES[primary](trial)
        for key in ((trial.object, trial.disturbance), (trial.object, ""), ("", trial.disturbance), ("", "")):
            found.setdefault(key, []).append(done)
    return found


def _cell(outcomes: Mapping[str, Sequence[bool]]) -> Html:
    rates = {name: rate_of(values) for name, values in outcomes.items()}
    if not all(rate.n for rate in rates.values()):
        return tag("span", "–", class_="muted")
    shares = [float(rate.count / rate.n) for rate in rates.values()]
    change = shares[1] - shares[0] if len(shares) == 2 else None
    few = min(rate.n for rate in rates.values()) < FEW
    head = points(change) if change is not None else percent(shares[0])
    value = change if change is not None else shares[0]
    return tag(
        "span",
        head,
        *(
            tag("small", f"{name} {_count(rate)}" if change is not None else _count(rate))
            for name, rate in rates.items()
        ),
        *([tag("small", "few cases")] if few else []),
        class_=f"heat{' worse' if value < 0 else ''}{' few' if few else ''}",
        style=f"--share:{0 if few else round(_STRONGEST * min(abs(value), 1))}%",
    )


def _count(rate: Rate) -> str:
    return f"{rate.count}/{rate.n}"
