"""The disturbance that an episode was recorded under, as text in its provenance, so that it can be played again."""

import json

from regrasp.episode import Episode
from regrasp.errors import InputError
from regrasp.simulation.disturbance import EVENTS, LIMITS, NONE, Disturbance

KEY, SEED = "disturbance", "disturbance_seed"
_WHOLE = 10**6
"""More control steps than any delay or duration."""


def described(disturbance: Disturbance, seed: int) -> dict[str, str]:
    """What the provenance of an episode says about its disturbance; nothing if there was none."""
    if disturbance.kind == "none":
        return {}
    return {KEY: json.dumps(disturbance.to_json()), SEED: str(seed)}


def disturbance_of(episode: Episode) -> tuple[Disturbance, int]:
    """The inverse of `described`: the disturbance and the seed of its noise.

    Raises:
        InputError: the text describes nothing that can be simulated.
    """
    if KEY not in episode.provenance:
        return NONE, 0
    text = str(episode.provenance[KEY])
    try:
        found = _read(text)
        seed = int(episode.provenance.get(SEED, "0"))
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        expected = "a disturbance as regrasp records it"
        raise InputError("demonstrations", f"provenance, {KEY}", repr(text[:80]), expected, LIMITS) from error
    return found, seed


def _read(text: str) -> Disturbance:
    data = json.loads(text)
    x, y, z = (float(part) for part in data["direction"])
    found = Disturbance(data["kind"], float(data["magnitude"]), (x, y, z), int(data["delay"]), int(data["duration"]))
    low, high = LIMITS[found.kind]
    shortest = 1 if found.kind in EVENTS else 0
    unit = x * x + y * y + z * z <= 1 + 1e-6
    if not (low <= found.magnitude <= high and unit and 0 <= found.delay < _WHOLE and shortest <= found.duration):
        raise ValueError("out of range")
    return found
