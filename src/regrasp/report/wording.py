"""Numbers and names as a reader wants them."""

from collections.abc import Mapping
from typing import Any

from regrasp.panel.statistics import Rate
from regrasp.trial import Trial

_OUTCOMES = {
    "success": "success at any time",
    "success_at_end": "success at the end",
    "success_held": "held success",
    "contact_entry": "contact entry",
}
_KINDS = {
    "none": "undisturbed",
    "drop": "drop (grip opened)",
    "friction": "object friction",
    "mass": "object mass",
    "actuator": "actuator weakness",
}
_SPLITS = {"train": "training objects", "held_out": "held-out objects"}
_MINUS = "\N{MINUS SIGN}"
_SPACE = "\N{NARROW NO-BREAK SPACE}"


def outcome(name: str) -> str:
    """`success_held` → `held success`."""
    return _OUTCOMES.get(name, plain(name))


def kind(name: str) -> str:
    """`pose_error` → `pose error`; `none` → `undisturbed`."""
    return _KINDS.get(name, plain(name))


def kind_cell(words: str, unrealistic: int, cases: int) -> str:
    """`push (3 of 60 unrealistic)`: how many cases lie outside what a bench would see, if any do."""
    return f"{words} ({unrealistic} of {cases} unrealistic)" if unrealistic else words


def split(name: str) -> str:
    """`held_out` → `held-out objects`."""
    return _SPLITS.get(name, plain(name))


def recovered(change: Mapping[str, Any], new: str, old: str) -> str:
    """One sentence from `RecoveryChange.to_json()` about policy `new` in place of `old`."""
    before, after = (Rate(**change[side]) for side in "ab")
    if not before.n or not after.n:
        without = [name for name, rate in ((old, before), (new, after)) if not rate.n]
        return f"Recovery cannot be compared: no case of {listed(without)} has a loss under a disturbance."
    said = {"improved": "recovers more often", "regressed": "recovers less often"}
    verdict = said.get(change["verdict"], "is not shown to recover more or less often")
    return (
        f"After losses under disturbances {new} {verdict} than {old}: {counted(after)} against {counted(before)} "
        f"({difference_of(change['difference'])}, Fisher's exact {p_value(change['p'])})."
    )


def plain(name: str) -> str:
    """An identifier as words."""
    return name.replace("_", " ").replace(".", ", ")


def percent(share: float | None) -> str:
    """0.934 → `93.4 %`, without a zero after the point; an en dash where there is no share."""
    if share is None:
        return "–"
    return f"{f'{100 * share:.1f}'.removesuffix('.0')}{_SPACE}%"


def points(difference: float | None) -> str:
    """A difference of shares in percentage points, signed."""
    if difference is None:
        return "–"
    text = f"{100 * abs(difference):.1f}".removesuffix(".0")
    return f"{'+' if difference > 0 else _MINUS}{text}" if text != "0" else "0"


def span(low: float | None, high: float | None) -> str:
    """An interval of shares: `91–95 %`."""
    if low is None or high is None:
        return "–"
    return f"{100 * low:.0f}–{percent(round(high, 2))}"


def counted(rate: Rate) -> str:
    """`93.4 % (577/618)`."""
    return f"{percent(rate.rate)} ({rate.count}/{rate.n})" if rate.n else "no case"


def p_value(p: float) -> str:
    """`p = 0.013`, or `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def difference_of(data: Mapping[str, Any]) -> str:
    """`+81 points, 95 % interval +78 to +84`, from `Difference.to_json()`."""
    text = f"{points(data['difference'])} points"
    if data["low"] is None or data["high"] is None:
        return text
    return f"{text}, 95{_SPACE}% interval {points(data['low'])} to {points(data['high'])}"


def duration(seconds: float) -> str:
    """`4 min 10 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s" if seconds < 10 else f"{rest} s"


def number(value: float) -> str:
    """At most three significant digits; thousands and millions as `k` and `M`."""
    for factor, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.3g}{_SPACE}{letter}"
    return f"{value:.3g}".replace("-", _MINUS)


def listed(items: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def ending(trial: Trial, horizon: int | None) -> str:
    """How a trial that did not succeed ended, in a few words; `horizon` in control steps, if its task knows drops."""
    if trial.failure:
        return trial.failure
    if not trial.entered:
        return "never in stable contact"
    if horizon is not None and trial.steps < horizon:
        return f"dropped at step {trial.steps - 1}"
    if trial.lost and not trial.recovered:
        return f"lost at step {trial.lost_at}, not recovered"
    return "reached the goal and did not stay" if trial.success else "never reached the goal"


def style_note(distance: float) -> str:
    """How far two contact styles lie apart, and what that number means."""
    return (
        f"The contact styles of the two policies lie {distance:.2f} apart (Jensen–Shannon distance: 0 is the same "
        "style, 1 is no mode in common)."
    )
