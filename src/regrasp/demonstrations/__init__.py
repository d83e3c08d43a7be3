"""Demonstrations: datasets, replay, coverage; foreign formats have a file each in `formats`."""

from regrasp.demonstrations.dataset import (
    DemonstrationSet,
    accept,
    append_demonstration,
    control_steps,
    digest_episodes,
    read_demonstrations,
    start_states,
    transitions,
    write_demonstrations,
)
from regrasp.demonstrations.formats import Storage
from regrasp.demonstrations.summary import Summary, summarise

__all__ = [
    "DemonstrationSet",
    "Storage",
    "Summary",
    "accept",
    "append_demonstration",
    "control_steps",
    "digest_episodes",
    "read_demonstrations",
    "start_states",
    "summarise",
    "transitions",
    "write_demonstrations",
]
