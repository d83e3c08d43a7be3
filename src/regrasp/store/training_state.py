"""Snapshots of a phase in progress: plain data and tensors in one file, bit for bit, nothing pickled.

The file is NumPy's `.npz` (a zip without compression, whose checksums are verified when read): `meta` holds JSON, and
`0`, `1`, … hold the tensors in the order of `meta["tensors"]`.
"""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from regrasp.errors import InputError
from regrasp.store.atomic import replacing

FORMAT = 1


@dataclass(frozen=True)
class TrainingState:
    """What a phase needs to go on from its last finished step.

    Attributes:
        phase: name of the phase (`bc`, `rl`).
        meta: counters and other plain data, as JSON can hold it.
        tensors: weights, optimiser moments, generator states, … by name.
    """

    phase: str
    meta: dict[str, Any]
    tensors: dict[str, torch.Tensor]


def write_state(path: Path, phase: str, meta: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    """Replaces the snapshot; the previous one stays until the new one is on disk."""
    head = {"format": FORMAT, "phase": phase, "meta": dict(meta), "tensors": list(tensors)}
    arrays = {str(i): tensor.detach().cpu().numpy() for i, tensor in enumerate(tensors.values())}
    text = np.frombuffer(json.dumps(head).encode(), dtype=np.uint8)
    with replacing(path) as file:
        np.savez(file, allow_pickle=False, meta=text, **arrays)


def read_state(path: Path) -> TrainingState | None:
    """The last snapshot, or None where there is none; a damaged one is an InputError."""
    if not path.exists():
        return None
    try:
        # NumPy leaves a damaged file open if it opened it itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            head = json.loads(data["meta"].tobytes())
            arrays = [data[str(i)] for i in range(len(head["tensors"]))]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(path, "", f"a damaged file ({error})", "a training state written by regrasp") from error
    if head.get("format") != FORMAT:
        raise InputError(path, "format", str(head.get("format")), f"{FORMAT}, the one this version of regrasp writes")
    tensors = {name: torch.from_numpy(array) for name, array in zip(head["tensors"], arrays, strict=True)}
    return TrainingState(head["phase"], head["meta"], tensors)
