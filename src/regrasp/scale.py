"""A common measure for columns of different units: how far they spread over many rows."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FLAT = 1e-2
"""Columns that hardly move count as if they spread over this part of their size: rounding is no distance."""
ROUNDING = 1e-5
"""Spread of a column that is always 0: what float32 makes of it is no distance either."""


class Scale:
    """Divides columns by their spread over all rows (N, C)."""

    def __init__(self, rows: NDArray[np.floating]) -> None:
        known = rows.astype(np.float64)
        self.spread: Floats = np.maximum(known.std(0), FLAT * np.abs(known).max(0) + ROUNDING)

    def size(self, difference: NDArray[np.floating]) -> Floats:
        """(…, C) → (…): root mean square over columns, in spreads; 1 is one spread off in every column."""
        found: Floats = np.sqrt(np.mean((difference / self.spread) ** 2, axis=-1))
        return found
