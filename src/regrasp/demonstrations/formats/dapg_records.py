"""DAPG's pickles as recordings: they are small, so all of it is in memory."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regrasp.demonstrations.formats.dapg import read_dapg
from regrasp.demonstrations.formats.recording import Recording, Source
from regrasp.demonstrations.formats.rows import Rows
from regrasp.episode import Episode


@contextmanager
def open_dapg(path: Path) -> Iterator[Source]:
    """Arrays are those of the episodes that learning uses: float32 observations and actions."""
    contents = read_dapg(path)

    def recording(index: int) -> Recording:
        return _recording(contents.places[index], contents.episodes[index])

    losses = ("observations and actions: their digits beyond float32", "no end flags")
    yield Source("dapg", path, len(contents.episodes), recording, losses=losses)


def _recording(place: str, episode: Episode) -> Recording:
    arrays = {
        "actions": Rows.of(episode.actions),
        "observations/policy": Rows.of(episode.observations["policy"]).cut(0, episode.steps),
        "rewards": Rows.of(episode.rewards),
    }
    if episode.start is not None:
        arrays["extra/start"] = Rows.of(episode.start)
    return Recording(place, episode.steps, arrays, {"provenance": json.dumps(dict(episode.provenance))})
