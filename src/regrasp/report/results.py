"""The first half of the page: verdict, contact entry and recovery, success per disturbance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from regrasp.panel.statistics import OUTCOMES, Rate, by_disturbance, by_split, loss_and_recovery, rate_of, violations
from regrasp.report.figures import RateRow, rates_figure
from regrasp.report.markup import Html, details, figure, join, section, table, tag
from regrasp.report.record import Judged, RunRecord
from regrasp.report.verdict import Rates, gate_sentence, rates_of, verdict, where_it_did_not_help
from regrasp.report.without import paying_verdict
from regrasp.report.wording import (
    counted,
    kind,
    kind_cell,
    listed,
    number,
    outcome,
    p_value,
    percent,
    plain,
    points,
    recovered,
    span,
    split,
)

_NOTHING = "No policy of this run has been judged on the panel, so there is nothing to show here yet."


def verdict_section(record: RunRecord) -> Html:
    """The sentence, what must be said with it, and the four numbers behind it."""
    found = verdict(record)
    parts = [tag("p", found.sentence, class_=f"verdict {found.tone}"), *paying_verdict(record)]
    if record.gate and record.gate.forced:
        parts.append(tag("p", _forced(record), class_="forced", role="alert"))
    if record.gate:
        parts.append(tag("p", gate_sentence(record.gate)))
    judged = {name: rates_of(policy, record.primary, record.facts) for name, policy in record.judged.items()}
    if judged:
        parts.append(_tiles(record, judged))
        parts.append(tag("p", _violations(record), class_="note"))
    return section("verdict", "Verdict", *parts)


def _violations(record: RunRecord) -> str:
    """Whether the judge saw what no honest trial shows: a sign that a reward was hacked rather than a task learned."""
    said = []
    for name, policy in record.judged.items():
        broken = ", ".join(f"{plain(rule)} in {count}" for rule, count in violations(policy.trials).items())
        said.append(f"{name} policy {broken or 'none'}")
    return f"Physical rules broken, in trials: {'; '.join(said)}."


def _forced(record: RunRecord) -> str:
    assert record.gate is not None
    unmet = "; ".join(record.gate.decision["unmet"])
    return f"Forced. The gate said to go on cloning ({unmet}), but the curriculum has force = true: fine-tuning began."


def _tiles(record: RunRecord, judged: Mapping[str, Rates]) -> Html:
    names = {
        "primary": outcome(record.primary).capitalize(),
        "entry": "Contact entry",
        "loss": "Loss under disturbance",
        "recovery": "Recovery after a loss",
    }
    if record.facts.horizon is not None:
        names["dropped"] = "Dropped"
    tiles = []
    for field, label in names.items():
        rates = [getattr(rates, field) for rates in judged.values()]
        shown = tag("span", " → ".join(percent(rate.rate) for rate in rates), class_="number")
        counts = " → ".join(f"{rate.count}/{rate.n}" for rate in rates)
        tiles.append(tag("li", tag("span", label, class_="label"), shown, tag("span", counts, class_="counts")))
    who = " → ".join(f"{name} policy" for name in judged)
    note = tag("p", f"{who}; the counts of cases stand below the shares.", class_="note")
    return join([tag("ul", *tiles, class_="tiles"), note])


def recovery_section(record: RunRecord) -> Html:
    """Contact entry, loss and recovery, always together with success."""
    title = "Contact entry and recovery"
    judged = record.judged
    if not judged:
        return section("recovery", title, tag("p", _NOTHING))
    wholes = {name: rates_of(policy, record.primary, record.facts) for name, policy in judged.items()}
    success = outcome(record.primary)
    labels = {
        "entry": "contact entry",
        "undisturbed": "success,\nundisturbed",
        "disturbed": "success,\ndisturbed",
        "loss": "loss",
        "recovery": "recovery",
    }
    if record.facts.horizon is not None:
        labels["dropped"] = "dropped"
    rows = [
        RateRow(labels[field.name], {name: getattr(rates, field.name) for name, rates in wholes.items()})
        for field in fields(Rates)
        if field.name in labels
    ]
    drawn = rates_figure(rows, "recovery-rates", _described(rows))
    note = (
        "Loss counts the trials in which a disturbance acted and the held condition (stable contact, or success) then "
        "broke; recovery counts those losses after which it came back in time and stayed. Whoever loses seldom has few "
        f"chances to recover, so read the two together with success ({success})."
    )
    if record.facts.horizon is not None:
        note += " A drop ends its trial, which has then failed."
    shown = figure(drawn, "Points are rates, bars their 95 % Wilson intervals.")
    pair = tag("div", shown, _rate_table(rows), class_="pair")
    lead = _recovered(record)
    return section("recovery", title, *lead, tag("p", note), pair, *_splits(record), _kinds_table(record))


def _recovered(record: RunRecord) -> list[Html]:
    change = record.comparison and record.comparison.get("recovery")
    if not change:
        return []
    return [tag("p", recovered(change, "the fine-tuned policy", "the cloned one"), class_="lead")]


def _splits(record: RunRecord) -> list[Html]:
    """Objects that learning saw beside those that it did not, if the task has any of these."""
    if not record.facts.held_out:
        return []
    lines: list[list[str]] = []
    for name, policy in record.judged.items():
        for part, rows in by_split(policy.trials, record.facts).items():
            own = rates_of(Judged(policy.digest, tuple(rows)), record.primary, record.facts)
            shown = [own.primary, own.disturbed, own.loss, own.recovery, *([own.dropped] if own.dropped else [])]
            lines.append([split(part), name, *map(_with_interval, shown)])
    lines.sort(key=lambda line: line[0], reverse=True)
    drops = ["dropped"] if record.facts.horizon is not None else []
    head = ["objects", "policy", outcome(record.primary), "under disturbances", "loss", "recovery", *drops]
    found = record.comparison["by_split"] if record.comparison else {}
    said = [tag("p", _changed(record, name, part)) for name, part in found.items()]
    return [table("By objects", head, lines), *said]


def _changed(record: RunRecord, name: str, part: Mapping[str, Any]) -> str:
    gain, low, high = (points(part["difference"][key]) for key in ("difference", "low", "high"))
    text = (
        f"{split(name).capitalize()}: {outcome(record.primary)} {gain} points ({low} to {high}, McNemar's exact "
        f"{p_value(part['p'])}, {part['verdict']})."
    )
    if part["recovery"]:
        text += f" {recovered(part['recovery'], 'the fine-tuned policy', 'the cloned one')}"
    return text


def _rate_table(rows: list[RateRow]) -> Html:
    lines = [[row.label.replace("\n", " "), *map(_with_interval, row.rates.values())] for row in rows]
    return table("Before and after, with counts and 95 % Wilson intervals", ["rate", *rows[0].rates], lines)


def _kinds_table(record: RunRecord) -> Html:
    columns: dict[str, Callable[[list[Any]], Rate]] = {
        "contact entry": lambda rows: rate_of(map(OUTCOMES["contact_entry"], rows)),
        "loss": lambda rows: loss_and_recovery(rows)[0],
        "recovery": lambda rows: loss_and_recovery(rows)[1],
        "success": lambda rows: rate_of(map(OUTCOMES[record.primary], rows)),
    }
    lines = []
    if record.facts.horizon is not None:
        columns["dropped"] = lambda rows: record.facts.dropped(rows) or rate_of([])
    for name, policy in record.judged.items():
        for group, rows in by_disturbance(policy.trials).items():
            cells = [_with_interval(rate(rows)) for rate in columns.values()]
            lines.append((group, [_marked(record, group), name, *cells]))
    lines.sort(key=lambda line: (line[0] != "none", line[0]))
    content = table("Per disturbance", ["cases", "policy", *columns], [cells for _, cells in lines])
    return details("The same for every disturbance", content)


def _marked(record: RunRecord, group: str) -> str:
    """A kind in words, with the number of its cases that no bench would see."""
    rows = next(own for policy in record.judged.values() if (own := by_disturbance(policy.trials).get(group)))
    return kind_cell(kind(group), record.facts.unrealistic(rows), len(rows))


def _with_interval(rate: Rate) -> Html:
    if not rate.n:
        return tag("span", "no case", class_="muted")
    return join([percent(rate.rate), tag("small", f"{rate.count}/{rate.n}, {span(rate.low, rate.high)}")])


def disturbances_section(record: RunRecord) -> Html:
    """Success under every disturbance, and a plain sentence where fine-tuning did not help."""
    title = "Success under each disturbance"
    judged = record.judged
    if not judged:
        return section("disturbances", title, tag("p", _NOTHING))
    done = OUTCOMES[record.primary]
    groups = {name: by_disturbance(policy.trials) for name, policy in judged.items()}
    kinds = list(dict.fromkeys(group for rows in groups.values() for group in rows))
    rows = [
        RateRow(
            kind(one).replace(" (", "\n("),
            {name: rate_of(map(done, found.get(one, ()))) for name, found in groups.items()},
        )
        for one in kinds
    ]
    parts = [tag("p", where_it_did_not_help(record.comparison), class_="lead")] if record.comparison else []
    parts += [tag("p", sentence) for sentence in _trained_under(record, kinds)]
    drawn = figure(
        rates_figure(rows, "disturbance-rates", _described(rows)),
        f"{outcome(record.primary).capitalize()}; bars are 95 % Wilson intervals.",
    )
    numbers = _compared(record, kinds) if record.comparison else _rate_table(rows)
    return section("disturbances", title, *parts, tag("div", drawn, numbers, class_="pair"))


def _trained_under(record: RunRecord, kinds: Sequence[str]) -> list[str]:
    """Which disturbances fine-tuning had seen, and the one thing it did that only a simulator can."""
    settings = record.curriculum.get("rl", {})
    seen = settings.get("disturbances")
    if record.tuned is None or seen is None:
        return []
    new = [kind(name) for name in kinds if name not in ("none", *seen)]
    said = f"Fine-tuning trained under {listed([kind(name) for name in seen]) or 'no disturbance'}"
    said += f"; {listed(new)} {'are' if len(new) > 1 else 'is'} new to the policy here." if new else "."
    share = settings.get("demonstration_starts", 0.0)
    reverse = settings.get("demonstration_starts_from") == "end_first"
    order = " near the end of each demonstration first," if reverse else ""
    reset = f"At first, {percent(share)} of its episodes began in recorded states,{order} as only a simulator can."
    return [said, *([reset] if share else [])]


def _compared(record: RunRecord, kinds: list[str]) -> Html:
    assert record.comparison is not None
    head = ["cases", "cloned", "fine-tuned", "difference", "p", "verdict"]
    lines = []
    for name in kinds:
        stratum = record.comparison["strata"].get(name)
        if stratum is not None:
            named = join([_marked(record, name), tag("small", _magnitude(record, name))])
            lines.append([named, *_stratum_cells(stratum)])
    content = table("Fine-tuned against cloned on the same cases", head, lines)
    note = (
        "Below each rate stand its count and 95 % Wilson interval. The difference is in percentage points, with its "
        "95 % paired-bootstrap interval; p is that of the exact McNemar test, corrected after Holm for the groups."
    )
    return tag("div", content, tag("p", note, class_="note"))


def _stratum_cells(stratum: Mapping[str, Any]) -> list[str]:
    change = stratum["difference"]
    low, high = points(change["low"]), points(change["high"])
    return [
        _with_interval(Rate(**stratum["a"]["primary"])),
        _with_interval(Rate(**stratum["b"]["primary"])),
        join([points(change["difference"]), tag("small", f"{low} to {high}")]),
        p_value(stratum["p_corrected"]).removeprefix("p ").removeprefix("= "),
        tag("span", stratum["verdict"], class_=f"badge {stratum['verdict']}"),
    ]


def _magnitude(record: RunRecord, name: str) -> str:
    sizes = [t.magnitude for policy in record.judged.values() for t in policy.trials if t.disturbance == name]
    if name == "none" or not sizes:
        return ""
    low, high = number(min(sizes)), number(max(sizes))
    return f"{low if low == high else f'{low} to {high}'} {record.units.get(name, '')}".strip()


def _described(rows: list[RateRow]) -> str:
    parts = []
    for row in rows:
        label = row.label.replace("\n", " ")
        parts.append(f"{label}: {', '.join(f'{name} {counted(rate)}' for name, rate in row.rates.items())}")
    return "; ".join(parts)
