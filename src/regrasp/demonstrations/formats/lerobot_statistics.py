"""LeRobot's statistics of columns: of each episode, and of all together, merged as they come."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Statistics:
    """Minimum, maximum, mean and population standard deviation of every column that is a number or a vector."""

    def __init__(self) -> None:
        self._all: dict[str, dict[str, NDArray[np.float64]]] = {}

    def add(self, values: Mapping[str, NDArray[Any]]) -> dict[str, dict[str, list[Any]]]:
        """Those of one episode, as lists; arrays (T, …) by column."""
        found = {name: _of(array) for name, array in values.items() if array.ndim <= 2}
        for name, one in found.items():
            self._all[name] = _merged(self._all[name], one) if name in self._all else one
        return {name: _lists(one) for name, one in found.items()}

    def total(self) -> dict[str, dict[str, list[Any]]]:
        """Those of all episodes so far."""
        return {name: _lists(one) for name, one in self._all.items()}


def _of(array: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    rows = array.reshape(len(array), -1).astype(np.float64)
    return {
        "min": rows.min(0),
        "max": rows.max(0),
        "mean": rows.mean(0),
        "std": rows.std(0),
        "count": np.array([float(len(rows))]),
    }


def _merged(one: dict[str, NDArray[np.float64]], two: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Count-weighted mean and parallel variance."""
    count = one["count"] + two["count"]
    mean = (one["mean"] * one["count"] + two["mean"] * two["count"]) / count
    squares = sum(part["count"] * (part["std"] ** 2 + (part["mean"] - mean) ** 2) for part in (one, two))
    return {
        "min": np.minimum(one["min"], two["min"]),
        "max": np.maximum(one["max"], two["max"]),
        "mean": mean,
        "std": np.sqrt(squares / count),
        "count": count,
    }


def _lists(found: Mapping[str, NDArray[np.float64]]) -> dict[str, list[Any]]:
    return {name: [int(n) for n in value] if name == "count" else value.tolist() for name, value in found.items()}
