"""The last section: what the run was made of, and how to make it again."""

import json
from collections.abc import Mapping

from regrasp.report.markup import Html, details, join, section, table, tag
from regrasp.report.record import RunRecord
from regrasp.report.wording import duration, outcome, percent, plain

_MEANINGS = {
    "success": "the task's success condition held on at least one control step",
    "success_at_end": "it held on the last control step of the trial",
    "success_held": "it held on more control steps than the judge asks for",
}


def making_section(record: RunRecord) -> Html:
    """Digests, versions, seed, wall clock, definitions of success and the command."""
    parts = [_command(record), _definitions(record), _wall_clock(record), _digests(record)]
    if record.versions:
        rows = [[name, version] for name, version in sorted(record.versions.items())]
        parts.append(table("Versions", ["package", "version"], rows))
    if record.curriculum:
        shown = json.dumps(record.curriculum, indent=2, ensure_ascii=False, sort_keys=True, default=str)
        parts.append(details("The curriculum as resolved", tag("pre", shown, tabindex="0")))
    return section("making", "How it was made", *parts)


def _command(record: RunRecord) -> Html:
    seed = f"Seed {record.seed}. " if record.seed is not None else ""
    if not record.command:
        return tag("p", seed.strip())
    return join([tag("p", f"{seed}To repeat this run:"), tag("pre", tag("code", record.command), tabindex="0")])


def _definitions(record: RunRecord) -> Html:
    items = []
    for name, meaning in _MEANINGS.items():
        mark = [" ", tag("span", "primary", class_="badge improved")] if name == record.primary else []
        items += [tag("dt", outcome(name), *mark), tag("dd", record.definitions.get(name, meaning))]
    return join([tag("h3", "What success means"), tag("dl", *items)])


def _wall_clock(record: RunRecord) -> Html:
    total = sum(record.wall_clock.values())
    if total <= 0:
        return tag("p", "The wall clock of this run has not been recorded.")
    rows = []
    for name, seconds in sorted(record.wall_clock.items(), key=lambda item: -item[1]):
        share = seconds / total
        bar = tag("span", class_="bar", style=f"width:{100 * share:.1f}%", aria_hidden="true")
        rows.append([plain(name), duration(seconds), percent(share), tag("span", bar, class_="track")])
    rows.append(["all", duration(total), percent(1.0), ""])
    return table("Where the time went (wall clock)", ["part", "time", "share", ""], rows)


def _digests(record: RunRecord) -> Html:
    named: Mapping[str, str] = {
        **{f"{name} policy": policy.digest for name, policy in record.judged.items()},
        **{plain(name): digest for name, digest in record.digests.items()},
    }
    rows = [[name, tag("code", digest, class_="digest")] for name, digest in named.items()]
    return table("Digests: results are comparable where these agree", ["of", "SHA-256"], rows) if rows else Html("")
