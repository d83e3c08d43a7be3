"""What was taught and what was discovered: contact modes, and transitions between them, by who shows them.

A mode counts where it lasts for as many control steps as the judge asks of a stable contact; a touch that is shorter
may be a bounce. A transition leads from one such stretch to the next. A correction is a transition on the way from a
loss to its recovery.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from regrasp.contact import mode_name, mode_of, stretches
from regrasp.panel.statistics import ALPHA, fisher_exact, rate_from_counts
from regrasp.trial import Trial

Modes = NDArray[np.uint8]
Item = tuple[int, ...]
"""A mode (m,), or a transition (from, to)."""
Part = Literal["whole", "correcting"]
Expectation = Literal["teaches", "discovers"]
ARROW = "→"
RARELY = 10
"""Dropped is what the fine-tuned policy shows in less than this part of the share of trials of the cloned one."""
TWICE = 2
"""Verified recoveries that must show what no demonstration does: once is chance."""


@dataclass(frozen=True)
class Shown:
    """Sequences of contact modes of one source.

    Attributes:
        whole: each (T,), a whole episode or trial.
        after_loss: of those with a verified recovery, from the loss to the end.
        correcting: of the same, from the loss to the recovery.
    """

    whole: Sequence[Modes]
    after_loss: Sequence[Modes] = ()
    correcting: Sequence[Modes] = ()


def shown_in(trials: Iterable[Trial]) -> Shown:
    """What trials show but for those that broke down; a recovery is one that the judge verified."""
    rows = [(np.frombuffer(trial.modes, np.uint8), trial) for trial in trials if not trial.failure]
    recovered = [(modes, trial) for modes, trial in rows if trial.lost and trial.recovered]
    return Shown(
        [modes for modes, _ in rows],
        [modes[trial.lost_at :] for modes, trial in recovered],
        [modes[trial.lost_at : trial.recovered_at + 1] for modes, trial in recovered],
    )


@dataclass(frozen=True)
class Known:
    """One mode, transition or correction, and the number of sequences of each source that show it.

    Attributes:
        name: `thumb+index`, or `thumb → thumb+index`.
        demonstrations, cloned, tuned: episodes, trials of the cloned policy and of the fine-tuned one.
        recoveries: verified recoveries of the fine-tuned policy that show it after the loss.
        taught: a demonstration shows it.
        reproduced: so does the cloned policy.
        dropped: it was reproduced, and the fine-tuned policy hardly shows it any more.
        discovered: no demonstration shows it, verified recoveries of the fine-tuned policy do.
    """

    name: str
    demonstrations: int
    cloned: int
    tuned: int
    recoveries: int
    taught: bool
    reproduced: bool
    dropped: bool
    discovered: bool


@dataclass(frozen=True)
class Repertoire:
    """Everything that any of the three shows, the most frequent first.

    Attributes:
        modes, transitions, corrections: what is shown.
        of: source → number of its sequences; `recoveries` and `corrected` count verified recoveries.
    """

    modes: tuple[Known, ...]
    transitions: tuple[Known, ...]
    corrections: tuple[Known, ...]
    of: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        parts = ("modes", "transitions", "corrections")
        return {name: [vars(known) for known in getattr(self, name)] for name in parts} | {"of": dict(self.of)}


def item_name(text: str, regions: Sequence[str]) -> str:
    """A mode or a transition that somebody wrote, `index+thumb` or `thumb -> index+thumb`, as `Known.name` has it.

    Raises:
        ValueError: it names a region that is none, or more than one transition.
    """
    modes = [mode_of(part.strip(), regions) for part in text.replace("->", ARROW).split(ARROW)]
    if len(modes) > 2:
        raise ValueError(text)
    return _item_name(modes, regions)


@dataclass(frozen=True)
class Expected:
    """What a curriculum expects of one mode or transition, and whether it came.

    Attributes:
        part: `teaches` or `discovers`.
        name: as `Known.name`.
        known: what was counted of it; None if nobody shows it.
        holds: `teaches`: demonstrations show it and the cloned policy reproduces it; `discovers`: no demonstration
            shows it and verified recoveries do; None where there is no fine-tuned policy to tell.
    """

    part: Expectation
    name: str
    known: Known | None
    holds: bool | None

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def expected(found: Repertoire, teaches: Sequence[str], discovers: Sequence[str]) -> list[Expected]:
    """Look up what is expected, by names as `item_name` gives them."""
    known = {one.name: one for one in (*found.modes, *found.transitions)}

    def holds(part: Expectation, one: Known | None) -> bool | None:
        if part == "discovers" and not found.of["tuned"]:
            return None
        return one is not None and (one.reproduced if part == "teaches" else one.discovered)

    asked: list[tuple[Expectation, str]] = [("teaches", name) for name in teaches]
    asked += [("discovers", name) for name in discovers]
    return [Expected(part, name, known.get(name), holds(part, known.get(name))) for part, name in asked]


def repertoire(
    demonstrations: Shown, cloned: Shown, tuned: Shown, regions: Sequence[str], stable_steps: int
) -> Repertoire:
    """What each source shows; `stable_steps` control steps are what a mode must last."""
    sources = {"demonstrations": demonstrations, "cloned": cloned, "tuned": tuned}

    def known(part: Part, items: Callable[[Sequence[int]], set[Item]]) -> tuple[Known, ...]:
        counts = [_count(getattr(one, part), items, stable_steps) for one in sources.values()]
        recoveries = _count(tuned.after_loss if part == "whole" else tuned.correcting, items, stable_steps)
        return _known(counts, recoveries, (len(getattr(cloned, part)), len(getattr(tuned, part))), regions)

    return Repertoire(
        modes=known("whole", _modes),
        transitions=known("whole", _transitions),
        corrections=known("correcting", _transitions),
        of={name: len(one.whole) for name, one in sources.items()}
        | {f"{name}_recoveries": len(one.correcting) for name, one in sources.items()},
    )


def _modes(kept: Sequence[int]) -> set[Item]:
    return {(mode,) for mode in kept if mode}


def _transitions(kept: Sequence[int]) -> set[Item]:
    return set(pairwise(kept))


def _count(sequences: Sequence[Modes], items: Callable[[Sequence[int]], set[Item]], stable_steps: int) -> Counter[Item]:
    return Counter(item for modes in sequences for item in items(stretches(modes, stable_steps)))


def _known(
    counts: Sequence[Counter[Item]], recoveries: Counter[Item], of: tuple[int, int], regions: Sequence[str]
) -> tuple[Known, ...]:
    taught, cloned, tuned = counts
    items = sorted(taught.keys() | cloned.keys() | tuned.keys(), key=lambda item: (-cloned[item] - tuned[item], item))
    return tuple(
        Known(
            name=_item_name(item, regions),
            demonstrations=taught[item],
            cloned=cloned[item],
            tuned=tuned[item],
            recoveries=recoveries[item],
            taught=taught[item] > 0,
            reproduced=taught[item] > 0 and cloned[item] > 0,
            dropped=taught[item] > 0 and _dropped(cloned[item], tuned[item], of),
            discovered=taught[item] == 0 and recoveries[item] >= TWICE,
        )
        for item in items
    )


def _item_name(item: Sequence[int], regions: Sequence[str]) -> str:
    return f" {ARROW} ".join(mode_name(mode, regions) for mode in item)


def _dropped(cloned: int, tuned: int, of: tuple[int, int]) -> bool:
    if not all(of):
        return False
    before, after = rate_from_counts(cloned, of[0]), rate_from_counts(tuned, of[1])
    return RARELY * (after.rate or 0.0) < (before.rate or 0.0) and fisher_exact(before, after) < ALPHA
