"""What is in a demonstration set, as far as it shows without simulation."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from regrasp.demonstrations.dataset import DemonstrationSet
from regrasp.demonstrations.formats.contents import MARKS


@dataclass(frozen=True)
class Summary:
    """Facts of a demonstration set.

    Attributes:
        episodes: how many.
        steps: control steps of all episodes.
        length_min, length_median, length_max: control steps per episode.
        action_min, action_max: over all action components, as recorded.
        outside_share: share of action components outside [-1, 1], which clipping changes.
        outside_steps_share: share of control steps with at least one such component.
        return_min, return_median, return_max: sum of recorded rewards per episode.
        with_start: episodes that have a start state and can be replayed.
        with_states: episodes that have all their states.
        objects: object → episodes with it, as far as the source names objects.
        marks: mark → episodes that carry it, with zeros; empty where the source marks nothing at all.
    """

    episodes: int
    steps: int
    length_min: int
    length_median: float
    length_max: int
    action_min: float
    action_max: float
    outside_share: float
    outside_steps_share: float
    return_min: float
    return_median: float
    return_max: float
    with_start: int
    with_states: int
    objects: Mapping[str, int]
    marks: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """As plain data, for `--json`."""
        return asdict(self)


def summarise(demonstrations: DemonstrationSet) -> Summary:
    """Counts, lengths, action range and returns."""
    episodes = demonstrations.episodes
    lengths = np.array([episode.steps for episode in episodes])
    returns = np.array([episode.rewards.sum() for episode in episodes])
    actions = np.concatenate([episode.actions for episode in episodes])
    outside = np.abs(actions) > 1
    return Summary(
        episodes=len(episodes),
        steps=int(lengths.sum()),
        length_min=int(lengths.min()),
        length_median=float(np.median(lengths)),
        length_max=int(lengths.max()),
        action_min=float(actions.min()),
        action_max=float(actions.max()),
        outside_share=float(outside.mean()),
        outside_steps_share=float(outside.any(axis=1).mean()),
        return_min=float(returns.min()),
        return_median=float(np.median(returns)),
        return_max=float(returns.max()),
        with_start=sum(episode.start is not None for episode in episodes),
        with_states=sum(episode.states is not None for episode in episodes),
        objects=dict(sorted(Counter(episode.object for episode in episodes if episode.object).items())),
        marks=_marks(demonstrations),
    )


def _marks(demonstrations: DemonstrationSet) -> dict[str, int]:
    found = Counter(mark for episode in demonstrations.episodes for mark in episode.marks)
    names = [*MARKS, *sorted(set(found) - set(MARKS))]
    return {name: found[name] for name in names} if found else {}
