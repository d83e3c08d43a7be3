"""How closely a demonstration set replays on today's engine, and what the judge makes of the replay."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrasp.demonstrations import DemonstrationSet
from regrasp.demonstrations.replay import Replay, replay
from regrasp.episode import Episode
from regrasp.panel.statistics import rate_of
from regrasp.tasks.task import Task

PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of an episode at which recorded and replayed observations are compared."""


def replay_facts(demonstrations: DemonstrationSet, task: Task, threads: int) -> dict[str, Any] | None:
    """Rates and differences of the episodes that have a start state; None if no episode has one."""
    recorded = [episode for episode in demonstrations.episodes if episode.start is not None]
    if not recorded:
        return None
    played = replay(task, recorded, threads)
    rates = {
        "contact_entry": rate_of(one.contact_entry >= 0 for one in played),
        "success": rate_of(one.success for one in played),
        "success_at_end": rate_of(one.success_at_end for one in played),
        "success_held": rate_of(one.success_held for one in played),
    }
    facts = {name: rate.to_json() for name, rate in rates.items()}
    return {"episodes": len(played), **facts, "difference": _differences(recorded, played)}


def _differences(recorded: list[Episode], played: list[Replay]) -> dict[str, dict[str, float]]:
    """Absolute differences of observations along the episode, over episodes and columns, and of returns."""
    found = {}
    apart = [
        _observed(old) - _observed(new.episode)[: len(_observed(old))]
        for old, new in zip(recorded, played, strict=True)
    ]
    for share in PLACES:
        rows = [np.abs(rows[round(share * (len(rows) - 1))]) for rows in apart]
        found[f"observation at {share:.0%} of the episode"] = _spread(np.concatenate(rows))
    returns = [abs(old.rewards.sum() - new.episode.rewards.sum()) for old, new in zip(recorded, played, strict=True)]
    return found | {"return": _spread(np.array(returns))}


def _observed(episode: Episode) -> NDArray[np.float32]:
    """The policy's observations, without a terminal row that was never observed."""
    rows = episode.observations["policy"]
    return rows if episode.terminal_observed else rows[:-1]


def _spread(values: NDArray[np.floating[Any]]) -> dict[str, float]:
    return {"median": float(np.median(values)), "max": float(values.max())}
