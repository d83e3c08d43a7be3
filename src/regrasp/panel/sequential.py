"""Stopping early without fooling oneself: a paired test that may be looked at after every case.

Under no difference, a discordant pair (a case on which the two policies differ) favours either side with probability
1/2, as in McNemar's exact test. The bet against that is a Beta(1/2, 1/2) mixture over the share that B wins (Robbins
1970): its wealth is a martingale that starts at 1, so that it ever reaches 20 with a probability of at most 1/20
(Ville's inequality), however often and whenever one looks (Ramdas, Grünwald, Vovk and Shafer 2023).
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy  # its parts load on first use
from numpy.typing import ArrayLike, NDArray

from regrasp.panel.cases import Case, Panel
from regrasp.panel.change import Verdict
from regrasp.panel.statistics import ALPHA
from regrasp.seeding import numpy_stream


@dataclass(frozen=True)
class Decision:
    """What the pairs say in the order in which they were played, up to the one that decided, or all of them.

    Attributes:
        n: pairs looked at.
        only_a, only_b: those in which only that policy succeeds.
        e: wealth of the bet against no difference; 20 decides.
        low, high: confidence sequence (95 %, valid at every look) for the share of discordant pairs that B wins.
        verdict: about B.
    """

    n: int
    only_a: int
    only_b: int
    e: float
    low: float
    high: float
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """As plain data; a wealth beyond the largest float stands there as that."""
        return asdict(self) | {"e": min(self.e, float(np.finfo(np.float64).max))}


def order(panel: Panel) -> tuple[Case, ...]:
    """The panel's cases in a frozen pseudo-random order that its digest alone decides, so that all strata mix."""
    places = numpy_stream(0, "sequential", panel.digest).permutation(len(panel.cases))
    return tuple(panel.cases[place] for place in places)


def log_wealth(only_a: ArrayLike, only_b: ArrayLike) -> NDArray[np.float64]:
    """(...) logarithm of the bet's wealth after that many discordant pairs for either side (Robbins 1970)."""
    a, b = np.asarray(only_a, np.float64), np.asarray(only_b, np.float64)
    betaln = scipy.special.betaln
    return np.asarray(betaln(a + 0.5, b + 0.5) - betaln(0.5, 0.5) + (a + b) * np.log(2.0))


def decide(a: ArrayLike, b: ArrayLike) -> Decision:
    """Look at outcomes a (N,) and b (N,), paired by position in the order of play, after every pair.

    The first look at which the wealth has reached 20 decides, whatever comes after it: so the verdict does not depend
    on how many cases were played at a time, nor on an interruption.
    """
    first, second = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"outcomes of shape {first.shape} and {second.shape} are not pairs")
    only_a, only_b = np.cumsum(first & ~second), np.cumsum(second & ~first)
    crossed = np.flatnonzero(log_wealth(only_a, only_b) >= -np.log(ALPHA))
    n = int(crossed[0]) + 1 if len(crossed) else len(first)
    lost, won = (int(counts[n - 1]) if n else 0 for counts in (only_a, only_b))
    verdict: Verdict = "undecided"
    if len(crossed):
        verdict = "improved" if won > lost else "regressed"
    with np.errstate(over="ignore"):
        wealth = float(np.exp(log_wealth(lost, won)))
    return Decision(n, lost, won, wealth, *share_won(lost, won), verdict)


def share_won(only_a: int, only_b: int) -> tuple[float, float]:
    """Confidence sequence (95 %) for the share of discordant pairs that B wins, after that many for either side.

    The shares against which the same bet has not won 20-fold: valid at all looks together (Ramdas et al. 2023).
    """
    pairs = only_a + only_b
    if not pairs:
        return 0.0, 1.0
    most = float(log_wealth(only_a, only_b)) - pairs * np.log(2.0) + np.log(ALPHA)

    def excess(share: float) -> float:
        xlogy, xlog1py = scipy.special.xlogy, scipy.special.xlog1py
        return float(xlogy(only_b, share) + xlog1py(only_a, -share) - most)

    middle = only_b / pairs
    low = scipy.optimize.brentq(excess, 1e-300, middle) if only_b else 0.0
    high = scipy.optimize.brentq(excess, middle, 1 - 1e-16) if only_a else 1.0
    return float(low), float(high)
