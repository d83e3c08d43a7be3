"""Hugging Face's `datasets`, in the owners' environment, offline.

read FILE OUT.npz              all rows of a Parquet file
rewrite FILE OUT               the file, read and written again
"""

import sys
import tempfile
from typing import Any

import datasets
import numpy as np


def _load(file: str, cache: str) -> datasets.Dataset:
    return datasets.load_dataset("parquet", data_files=[file], split="train", cache_dir=cache)


def _dtype(feature: Any) -> str:
    while not hasattr(feature, "dtype"):
        feature = feature.feature
    return feature.dtype


def read(file: str, out: str) -> None:
    """By column, in the types that its features state."""
    with tempfile.TemporaryDirectory() as cache:
        table = _load(file, cache)
        np.savez(out, **{name: np.array(table[name][:], _dtype(feature)) for name, feature in table.features.items()})


def rewrite(file: str, out: str) -> None:
    """As `datasets` writes it, with its own description of the columns beside Arrow's."""
    with tempfile.TemporaryDirectory() as cache:
        _load(file, cache).to_parquet(out)


if __name__ == "__main__":
    {"read": read, "rewrite": rewrite}[sys.argv[1]](*sys.argv[2:])
