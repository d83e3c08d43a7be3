"""A diagnosis and a repertoire in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from regrasp.panel.statistics import Rate
from regrasp.report.wording import counted, listed, number, p_value, percent, span

FEW = 5
"""Names listed before the rest is counted."""


def evidence(suspect: str, found: Mapping[str, Any] | None) -> list[str]:
    """The numbers that a suspect's verdict rests on, one line each."""
    if found is None:
        return ["No two demonstrations show what touches the object, so there is nothing to compare with."]
    return {"reward": _reward, "disturbances": _disturbances, "demonstrations": _demonstrations}[suspect](found)


def _reward(found: Mapping[str, Any]) -> list[str]:
    before, after = (counted(Rate(**rate)) for rate in found["success"])
    old, new = map(number, found["reward"])
    return [
        f"contact styles {found['distance']:.2f} apart, by chance below {found['chance']:.2f} ({p_value(found['p'])})",
        *_modes("modes that appeared", found["appeared"]),
        *_modes("modes that vanished", found["vanished"]),
        f"mean reward {old} to {new} (that it rose: {p_value(found['reward_p'])})",
        f"success {before} to {after} ({p_value(found['test']['p'])})",
    ]


def _modes(title: str, shares: Mapping[str, Sequence[float]]) -> list[str]:
    told = [f"{name} {percent(old)} to {percent(new)}" for name, (old, new) in shares.items()]
    return [f"{title}: {_few(told)}"] if told else []


def _disturbances(found: Mapping[str, Any]) -> list[str]:
    losses, inside, outside = (Rate(**found[name]) for name in ("losses", "inside", "outside"))
    beyond = [f"{kind} {percent(share)}" for kind, share in found["trained"].items() if share > 0]
    share = f" (95 % interval {span(losses.low, losses.high)})" if losses.n else ""
    return [
        f"losses outside the envelope: {counted(losses)}{share}",
        f"success inside {counted(inside)}, outside {counted(outside)} ({p_value(found['p'])})",
        f"ranges trained under, outside the envelope: {_few(beyond) if beyond else 'none'}",
        f"disturbed cases that neither policy could do: {len(found['unsolved'])}, {found['unsolved_outside']} outside",
    ]


def _demonstrations(found: Mapping[str, Any]) -> list[str]:
    failed, succeeded, unseen = (Rate(**found[name]) for name in ("failed", "succeeded", "unseen"))
    told = [f"{name} in {count}" for name, count in found["unseen_modes"].items()]
    apart = ["–" if value is None else f"{value:.2f}" for value in found["distance"]]
    return [
        f"last contact of failed trials outside the demonstrations: {counted(failed)}"
        + (f" (95 % interval {span(failed.low, failed.high)})" if failed.n else ""),
        f"of successful trials: {counted(succeeded)}",
        f"median distance {apart[0]} and {apart[1]}; outside is beyond {found['reach']:.2f}",
        f"recoveries that rely on modes no demonstration shows: {counted(unseen)}",
        *([f"such modes, in recoveries: {_few(told)}"] if told else []),
    ]


def _few(items: list[str]) -> str:
    return listed([*items[:FEW], f"{len(items) - FEW} more"] if len(items) > FEW else items)


def taught_lines(repertoire: Mapping[str, Any]) -> list[str]:
    """One sentence each about contact modes, transitions and corrections."""
    return [f"{name.capitalize()}: {_taught(repertoire[name])}." for name in ("modes", "transitions", "corrections")]


def _taught(items: Sequence[Mapping[str, Any]]) -> str:
    counts = {
        part: [one["name"] for one in items if one[part]] for part in ("taught", "reproduced", "dropped", "discovered")
    }
    taught, kept = (len(counts[part]) for part in ("taught", "reproduced"))
    said = f"{taught} taught, {kept} of them reproduced by the cloned policy" if taught else "none taught"
    for part, who in (("dropped", "dropped by fine-tuning"), ("discovered", "discovered in verified recoveries")):
        said += f", {len(counts[part])} {who}" + (f" ({_few(counts[part])})" if counts[part] else "")
    return said
