"""How far a contact state lies from all that demonstrations show, and what to record where policies fail there.

A contact state is what a policy observes, without noise, and which regions touch. Observed columns are divided by
their spread over the demonstrations, and both halves weigh the same: a state one spread off in every column, or with
every region wrong, is at distance 1. *Outside* is what lies further from its nearest demonstrated contact state than
95 of 100 contact states of a demonstration lie from those of all the others.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from regrasp.contact import regions_of
from regrasp.scale import Floats, Scale
from regrasp.trial import Trial

INSIDE = 0.95
"""Share of a demonstration's own contact states that the others reach."""


class ContactManifold:
    """The contact states of a demonstration set.

    Args:
        observed: (N, O) policy observations of all episodes, one after another.
        modes: (N,) contact modes of the same states.
        episodes: (N,) which episode each state is of.
        regions: R, number of contact regions.

    Attributes:
        modes: contact mode → number of states in it.
        reach: distance beyond which a state is outside.

    Raises:
        ValueError: fewer than two episodes touch the object.
    """

    def __init__(
        self, observed: NDArray[np.floating], modes: NDArray[np.uint8], episodes: NDArray[np.int64], regions: int
    ) -> None:
        touching = modes > 0
        seen, own = observed[touching].astype(np.float64), episodes[touching]
        if len(np.unique(own)) < 2:
            raise ValueError("fewer than two demonstrations touch the object")
        self._regions = regions
        self._middle = seen.mean(0)
        self._spread = Scale(seen).spread
        states = self._features(seen, modes[touching])
        self.modes = Counter(modes[touching].tolist())
        self._tree = KDTree(states)
        others = [KDTree(states[own != one]).query(states[own == one])[0] for one in np.unique(own)]
        self.reach = float(np.quantile(np.concatenate(others), INSIDE))

    def _features(self, observed: NDArray[np.floating], modes: NDArray[np.uint8]) -> Floats:
        columns = (observed - self._middle) / self._spread / np.sqrt(observed.shape[1])
        return np.concatenate([columns, regions_of(modes, self._regions) / np.sqrt(self._regions)], axis=1)

    def distance(self, observed: NDArray[np.floating], modes: NDArray[np.uint8]) -> Floats:
        """(n,) distance of states (n, O) in contact modes (n,) from the nearest demonstrated one."""
        return np.asarray(self._tree.query(self._features(observed, modes))[0])

    def apart(self, observed: NDArray[np.floating], modes: NDArray[np.uint8]) -> Floats:
        """(n, n) distances of states among each other."""
        features = self._features(observed, modes)
        return np.asarray(np.linalg.norm(features[:, None] - features[None], axis=2))


def last_contact(trial: Trial, success: bool) -> int | None:
    """The control step of a trial's last contact before it was lost, before it succeeded, or at all; None without any.

    Args:
        trial: what happened.
        success: whether it counts as one; a trial that succeeded in the end did not fail where it lost the object.
    """
    end = len(trial.modes)
    if success and trial.first_success >= 0:
        end = trial.first_success + 1
    elif not success and trial.lost:
        end = trial.lost_at
    touching = np.flatnonzero(np.frombuffer(trial.modes, np.uint8)[:end])
    return int(touching[-1]) if len(touching) else None


@dataclass(frozen=True)
class Moment:
    """The last contact of one trial, as `last_contact` finds it.

    Attributes:
        trial: what happened.
        success: whether it counts as one.
        start: (O,) what was observed at its first state.
        observed: (O,) what was observed in the contact.
        mode: the contact mode.
        distance: from the nearest demonstrated contact state.
    """

    trial: Trial
    success: bool
    start: Floats
    observed: Floats
    mode: int
    distance: float


@dataclass(frozen=True)
class Recording:
    """A demonstration worth recording: from the start of a case, through its contact.

    Attributes:
        moment: where the policy fails in that case.
        covers: cases of the failures that lie within reach of this one, and of no earlier recording.
    """

    moment: Moment
    covers: tuple[int, ...]


def next_recordings(
    manifold: ContactManifold, failed: Sequence[Moment], count: int, forbidden: Collection[str] = ()
) -> list[Recording]:
    """Greedily, the failures whose surroundings hold the most others that no earlier choice covers.

    Maximum coverage; the greedy choice is within 1 - 1/e of the best (Nemhauser, Wolsey and Fisher 1978).

    Args:
        manifold: of the demonstrations.
        failed: failures outside of them.
        count: recordings, at most.
        forbidden: objects that nobody may demonstrate with; failures with them can only be covered by others.
    """
    if not failed:
        return []
    states, modes = np.stack([one.observed for one in failed]), np.array([one.mode for one in failed], np.uint8)
    allowed = np.array([one.trial.object not in forbidden for one in failed])
    near = (manifold.apart(states, modes) <= manifold.reach) & allowed[:, None]
    uncovered, chosen = np.ones(len(failed), bool), list[Recording]()
    while (near & uncovered).any() and len(chosen) < count:
        # Of equals, one that nothing covers yet.
        best = int(((near & uncovered).sum(1) + 0.5 * (uncovered & allowed)).argmax())
        covered = near[best] & uncovered
        cases = tuple(one.trial.case for one, own in zip(failed, covered, strict=True) if own)
        chosen.append(Recording(failed[best], cases))
        uncovered &= ~covered
    return chosen
