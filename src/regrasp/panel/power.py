"""How many paired cases show a difference: the exact power of McNemar's exact test, and its inverses.

What the test sees are the discordant pairs, the cases on which the two policies differ. Unless their share is given,
the two outcomes of a case are taken as independent. Two policies on the same cases mostly agree more than that, which
leaves fewer discordant pairs and asks for fewer cases.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy  # its `stats` loads on first use

from regrasp.panel.statistics import ALPHA

POWER = 0.8
LARGEST = 1_000_000
"""Cases beyond which nobody is advised to go."""
_TAIL = 12.0
"""Standard deviations of the number of discordant pairs beyond which nothing is added up."""


@dataclass(frozen=True)
class Shares:
    """How a pair comes out: probability that only A succeeds, and that only B does."""

    only_a: float
    only_b: float

    @property
    def discordant(self) -> float:
        """Probability that a pair differs."""
        return self.only_a + self.only_b


def shares(rate: float, difference: float, discordant: float | None = None) -> Shares | None:
    """Shares of differing pairs for rates `rate` and `rate` + `difference`; None where these are not possible.

    Args:
        rate: of A.
        difference: rate of B minus that of A.
        discordant: share of the pairs that differ; without it, the outcomes of a case are independent.
    """
    other = rate + difference
    if not -1e-12 <= other <= 1 + 1e-12:
        return None
    other = min(1.0, max(0.0, other))
    if discordant is None:
        return Shares(rate * (1 - other), (1 - rate) * other)
    found = Shares((discordant - difference) / 2, (discordant + difference) / 2)
    possible = -1e-12 <= found.only_a <= rate + 1e-12 and -1e-12 <= found.only_b <= 1 - rate + 1e-12
    return Shares(max(0.0, found.only_a), max(0.0, found.only_b)) if possible else None


def power(cases: int, pairs: Shares, alpha: float = ALPHA) -> float:
    """Probability that McNemar's exact two-sided test gives p < alpha on `cases` pairs.

    The number of discordant pairs is binomial, and so is, among these, the number that B wins (Connett, Smith and
    McHugh 1987); the test rejects in both tails of a fair coin. Summed exactly, but for what lies beyond twelve
    standard deviations.
    """
    if pairs.discordant <= 0:
        return 0.0
    binom = scipy.stats.binom
    middle, spread = cases * pairs.discordant, math.sqrt(cases * pairs.discordant)
    low, high = math.floor(middle - _TAIL * spread), math.ceil(middle + _TAIL * spread + _TAIL**2)
    differing = np.arange(max(0, low), min(cases, high) + 1)
    # The largest number of wins that is significantly few; -1 where none is.
    few = binom.ppf(alpha / 2, differing, 0.5) - 1
    won = pairs.only_b / pairs.discordant
    rejected = binom.cdf(few, differing, won) + binom.sf(differing - few - 1, differing, won)
    return float((binom.pmf(differing, cases, pairs.discordant) * np.where(few < 0, 0.0, rejected)).sum())


def weakest(cases: int, rate: float, difference: float, discordant: float | None = None) -> float | None:
    """Power for a change by `difference` up or down, whichever is shown less easily; None where neither is possible."""
    both = (shares(rate, change, discordant) for change in (difference, -difference))
    found = [power(cases, pairs) for pairs in both if pairs is not None]
    return min(found, default=None)


def cases_needed(rate: float, difference: float, wanted: float = POWER, discordant: float | None = None) -> int | None:
    """The smallest number of pairs that shows a change of `rate` by `difference`, up or down, with the wanted power.

    None where no such change is possible, or more than `LARGEST` pairs would be needed. The power of an exact test
    falls a little here and there as pairs are added; this is the beginning of the first stretch that bisection finds.
    """

    def enough(cases: int) -> bool:
        found = weakest(cases, rate, difference, discordant)
        return found is not None and found >= wanted

    high = 1
    while not enough(high):
        if high > LARGEST or weakest(high, rate, difference, discordant) is None:
            return None
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def smallest_difference(
    cases: int, rate: float, wanted: float = POWER, discordant: float | None = None
) -> float | None:
    """The smallest change of `rate`, up or down, that `cases` pairs show with the wanted power; None if they show none.

    To 1e-4.
    """

    def shown(difference: float) -> bool:
        found = weakest(cases, rate, difference, discordant)
        return found is not None and found >= wanted

    low, high = 0.0, max(rate, 1 - rate) if discordant is None else _largest(rate, discordant)
    if not shown(high):
        return None
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high


def _largest(rate: float, discordant: float) -> float:
    """The largest change, up or down, of which that share of differing pairs allows."""
    return max(min(discordant, 2 * rate - discordant), min(discordant, 2 * (1 - rate) - discordant))
