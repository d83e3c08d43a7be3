"""Cases in groups that a user asks about: by disturbance, by object, and by how hard a disturbance was."""

from collections.abc import Iterator, Sequence

import numpy as np

from regrasp.panel.statistics import Facts, by_disturbance
from regrasp.trial import Trial

Pair = tuple[Trial, Trial]
Groups = dict[str, list[Pair]]
PARTS = 3
"""Equal parts into which a kind's magnitudes are cut."""


def grouped(pairs: Sequence[Pair], facts: Facts) -> dict[str, Groups]:
    """Grouping → name of the group → its pairs; objects or magnitudes that are all alike are no groups."""
    kinds = {
        kind: [pair for pair in pairs if pair[0].disturbance == kind] for kind in by_disturbance(a for a, _ in pairs)
    }
    objects: Groups = {}
    for pair in pairs:
        objects.setdefault(pair[0].object, []).append(pair)
    sizes = {name: part for kind, own in kinds.items() if kind != "none" for name, part in _by_size(kind, own, facts)}
    return {
        "disturbance": kinds,
        "object": dict(sorted(objects.items())) if len(objects) > 1 else {},
        "magnitude": sizes if len(sizes) > 1 else {},
    }


def _by_size(kind: str, pairs: Sequence[Pair], facts: Facts) -> Iterator[tuple[str, list[Pair]]]:
    """Thirds of the magnitudes that a bench would see, cut where the panel's own cases are, and what lies outside."""
    inside = [pair for pair in pairs if facts.realistic(pair[0])]
    outside = [pair for pair in pairs if not facts.realistic(pair[0])]
    magnitudes = np.array([a.magnitude for a, _ in inside])
    cuts = np.unique(np.quantile(magnitudes, np.linspace(0, 1, PARTS + 1))) if inside else np.empty(0)
    # Whole magnitudes (latency) are groups of their own as long as they are few.
    own = np.unique(magnitudes)
    if 1 < len(own) <= PARTS:
        cuts = np.append(own, own[-1])
    if len(cuts) > 2:
        part = np.clip(np.searchsorted(cuts, magnitudes, side="right") - 1, 0, len(cuts) - 2)
        for place in np.unique(part):
            chosen = [pair for pair, at in zip(inside, part, strict=True) if at == place]
            yield f"{kind} {_span([a.magnitude for a, _ in chosen])}", chosen
    if outside:
        yield f"{kind} outside the envelope", outside


def _span(sizes: Sequence[float]) -> str:
    low, high = min(sizes), max(sizes)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
