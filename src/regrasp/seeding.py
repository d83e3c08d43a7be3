"""Named random streams: every draw in regrasp takes a generator made here, so no draw depends on another's order."""

import hashlib

import numpy as np
import torch


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit seed that depends on `seed` and on every name, and on nothing else."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def torch_stream(seed: int, *names: str | int) -> torch.Generator:
    """A torch generator of its own for the use that `names` spell out."""
    return torch.Generator().manual_seed(derive(seed, *names))


def numpy_stream(seed: int, *names: str | int) -> np.random.Generator:
    """A numpy generator of its own for the use that `names` spell out."""
    return np.random.default_rng(derive(seed, *names))
