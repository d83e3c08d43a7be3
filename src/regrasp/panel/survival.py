"""How long recoveries take: Kaplan–Meier curves, in which a loss that was not recovered counts as censored."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from regrasp.panel.statistics import ALPHA
from regrasp.trial import Trial


@dataclass(frozen=True)
class RecoveryCurve:
    """Share of losses recovered by a time since the loss, a step function that starts at (0, 0).

    Attributes:
        seconds: (K,) times at which the curve steps, or at which losses leave the sight of it; ascending.
        share: (K,) estimate from each of these times on.
        low, high: (K,) its 95 % confidence band; NaN where it is undefined.
        losses: number of losses under it.
        recoveries: how many of them were recovered.
    """

    seconds: NDArray[np.float64]
    share: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    losses: int
    recoveries: int

    @property
    def median(self) -> float | None:
        """Time by which half of the losses are recovered [s]; None if they never are."""
        reached = np.flatnonzero(self.share >= 0.5)
        return float(self.seconds[reached[0]]) if len(reached) else None


def recovery_curve(trials: Iterable[Trial], rate: float, window: int, horizon: int | None = None) -> RecoveryCurve:
    """Time from loss to recovery of all losses under disturbances (Kaplan and Meier, 1958; band: log-log).

    A loss without recovery is censored where the judge stopped looking: at the end of the recovery window, or of the
    trial. A trial that ended early in a drop can recover no more, so it counts as unrecovered for the whole window.

    Args:
        trials: of one policy.
        rate: control rate [Hz].
        window: recovery window [control steps].
        horizon: control steps of a whole trial, if its task knows drops.
    """
    lost = [t for t in trials if t.disturbance != "none" and t.disturbed_at >= 0 and t.lost]
    recovered = [t.recovered_at - t.lost_at for t in lost if t.recovered]
    seen = [
        window if horizon is not None and t.steps < horizon else min(window, max(t.steps - t.lost_at, 0))
        for t in lost
        if not t.recovered
    ]
    if not lost:
        empty = np.zeros(0)
        return RecoveryCurve(empty, empty, empty, empty, 0, 0)
    sample = scipy.stats.CensoredData(uncensored=np.array(recovered) / rate, right=np.array(seen) / rate)
    found = scipy.stats.ecdf(sample)
    with warnings.catch_warnings():  # undefined before the first recovery and after the last: NaN says so
        warnings.simplefilter("ignore", RuntimeWarning)
        band = found.cdf.confidence_interval(1 - ALPHA, method="log-log")
    share = np.asarray(found.cdf.probabilities, dtype=float)
    low, high = (np.asarray(side.probabilities, dtype=float) for side in (band.low, band.high))
    return RecoveryCurve(np.asarray(found.cdf.quantiles, dtype=float), share, low, high, len(lost), len(recovered))
