"""Do demonstrators differ? Each one's episodes against all the others', and what of their difference is beyond chance.

Chance is asked by a permutation test: the episodes are dealt out anew, as many to the demonstrator as before, and the p
value is the share of deals, the file's own among them, in which one differs from the rest at least as much. The tests
of a set are corrected together (Bonferroni).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regrasp.contact import style_distance
from regrasp.demonstrations.formats.contents import WHO
from regrasp.demonstrations.inspection.alike import Alike
from regrasp.demonstrations.replay import Replay
from regrasp.episode import Episode
from regrasp.scale import Floats

Deals = NDArray[np.bool_]
"""(D, E): which episodes are a demonstrator's, the file's own deal first."""
DEALS = 2000
ALPHA = 0.05


@dataclass(frozen=True)
class Demonstrator:
    """One demonstrator's episodes.

    Attributes:
        name: as the file has it.
        episodes: how many.
        played, success: episodes that were played again, and those of them that succeeded.
        length: control steps, median over episodes.
        entry: control step of contact entry, median over the episodes that have one; None without any.
        style: Jensen–Shannon distance of its contact style from that of all others together; None where a side never
            touches.
        jitter: of the actions, mean over episodes.
        within, across: how much actions differ at the nearest alike state in another episode of its own, and in one of
            somebody else's [spreads of the actions], means over pairs of episodes; None where there is none.
        p: measure → corrected p value of its difference from the others, as far as it can be told. Of actions: that
            they differ more across than within, both sides' own difference taken (an energy distance; Székely and Rizzo
            2013).
    """

    name: str
    episodes: int
    played: int
    success: int
    length: float
    entry: float | None
    style: float | None
    jitter: float
    within: float | None
    across: float | None
    p: Mapping[str, float]

    @property
    def differs(self) -> tuple[str, ...]:
        """The measures in which it differs from the others beyond chance."""
        return tuple(measure for measure, p in self.p.items() if p <= ALPHA)


def who(episode: Episode) -> str:
    """Who recorded an episode; empty if nothing says."""
    return next((episode.provenance[key] for key in WHO if episode.provenance.get(key)), "")


def demonstrators(episodes: Sequence[Episode]) -> dict[str, int]:
    """Who → their number of episodes; empty where the file does not say."""
    return dict(sorted(Counter(name for name in map(who, episodes) if name).items()))


def compared(
    episodes: Sequence[Episode], played: Sequence[Replay], near: Alike, jitter: Floats
) -> tuple[Demonstrator, ...]:
    """Every demonstrator by name; none unless there are two or more. Episodes that do not say count as one's own, "".

    Args:
        episodes: E of them.
        played: replays of those that have a start, or none.
        near: the alike states of the same episodes.
        jitter: (E,) of their actions.
    """
    names = np.array([who(episode) for episode in episodes])
    people = sorted(set(names.tolist()))
    if len(people) < 2:
        return ()
    started = [place for place, episode in enumerate(episodes) if episode.start is not None]
    columns = _columns(episodes, dict(zip(started, played, strict=False)), near, jitter)
    tests = {name: _tests(columns, names == name) for name in people}
    count = sum(map(len, tests.values()))
    return tuple(
        _described(name, columns, names == name, {what: min(1.0, p * count) for what, p in tests[name].items()})
        for name in people
    )


@dataclass(frozen=True)
class _Columns:
    """Per episode (E,), NaN where it is not known; `touches` (E, 256) control steps in each mode, `apart` (E, E)."""

    success: Floats
    lengths: Floats
    entries: Floats
    jitter: Floats
    touches: Floats
    apart: Floats


def _columns(episodes: Sequence[Episode], shown: Mapping[int, Replay], near: Alike, jitter: Floats) -> _Columns:
    success, entries = np.full((2, len(episodes)), np.nan)
    touches = np.zeros((len(episodes), 256))
    for place, one in shown.items():
        success[place] = one.success
        entries[place] = one.contact_entry if one.contact_entry >= 0 else np.nan
        assert one.episode.contact_modes is not None, "a replay has contact modes"
        touches[place] = np.bincount(one.episode.contact_modes, minlength=256)
    touches[:, 0] = 0.0
    lengths = np.array([episode.steps for episode in episodes], np.float64)
    return _Columns(success, lengths, entries, jitter, touches, near.apart())


def _described(name: str, columns: _Columns, own: NDArray[np.bool_], p: Mapping[str, float]) -> Demonstrator:
    success, entries = (each[own & ~np.isnan(each)] for each in (columns.success, columns.entries))
    within, across = _differing(columns.apart, own[None], own[None]), _differing(columns.apart, own[None], ~own[None])
    return Demonstrator(
        name=name,
        episodes=int(own.sum()),
        played=len(success),
        success=int(success.sum()),
        length=float(np.median(columns.lengths[own])),
        entry=float(np.median(entries)) if len(entries) else None,
        style=_known(_styles(columns.touches, own[None])),
        jitter=float(columns.jitter[own].mean()),
        within=_known(within),
        across=_known(across),
        p=p,
    )


def _known(value: Floats) -> float | None:
    return float(value[0]) if np.isfinite(value[0]) else None


def _tests(columns: _Columns, own: NDArray[np.bool_]) -> dict[str, float]:
    """Measure → p value."""
    draw = np.random.default_rng(0)
    deals = np.stack([own, *(draw.permutation(own) for _ in range(DEALS - 1))])
    found = {
        "success": _gaps(columns.success, deals),
        "length": _gaps(columns.lengths, deals),
        "contact entry": _gaps(columns.entries, deals),
        "contact style": _styles(columns.touches, deals),
        "jitter": _gaps(columns.jitter, deals),
        "actions": _energy(columns.apart, deals),
    }
    # Sums in another order differ in their last digits.
    return {name: float(np.mean(each >= each[0] - 1e-9)) for name, each in found.items() if np.isfinite(each[0])}


def _gaps(values: Floats, deals: Deals) -> Floats:
    """(D,) how far the means of both sides lie apart."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    with np.errstate(invalid="ignore"):
        mine, others = (side @ filled / (side @ known.astype(np.float64)) for side in (deals, ~deals))
    return np.asarray(np.abs(mine - others))


def _styles(touches: Floats, deals: Deals) -> Floats:
    """(D,) distance of the contact styles of both sides, NaN where one never touches."""
    with np.errstate(invalid="ignore"):
        mine, others = ((side @ touches) / (side @ touches).sum(1, keepdims=True) for side in (deals, ~deals))
    return np.array(
        [style_distance(*pair) if np.isfinite(pair).all() else np.nan for pair in zip(mine, others, strict=True)]
    )


def _energy(apart: Floats, deals: Deals) -> Floats:
    """(D,) how much more actions differ across than within."""
    within = (_differing(apart, deals, deals) + _differing(apart, ~deals, ~deals)) / 2
    return _differing(apart, deals, ~deals) - within


def _differing(apart: Floats, first: Deals, second: Deals) -> Floats:
    """(D,) means of `apart` over pairs of an episode of the first and one of the second, NaN without any."""
    known = ~np.isnan(apart)
    with np.errstate(invalid="ignore"):
        total, count = (((first @ each) * second).sum(1) for each in (np.where(known, apart, 0.0), known * 1.0))
        return np.asarray(total / count)
