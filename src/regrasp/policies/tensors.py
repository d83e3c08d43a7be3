"""Named tensors as bytes and files: nothing is unpickled, nothing is half-written, every damaged file is refused."""

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from regrasp.errors import InputError


def tensor_bytes(tensors: Mapping[str, torch.Tensor]) -> bytes:
    """Named tensors in safetensors format; the same tensors give the same bytes, whatever the order of the names."""
    return save({name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)})


def parse_tensors(data: bytes, source: Path) -> dict[str, torch.Tensor]:
    """The inverse of `tensor_bytes`.

    Raises:
        InputError: `data`, read from `source`, is not whole safetensors content.
    """
    try:
        return load(data)
    except (SafetensorError, KeyError, ValueError) as error:
        raise InputError(source, "", f"unreadable content ({error})", "a whole safetensors file") from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write and flush to the disk in one piece: after a kill at any moment `path` is the old file or the new one."""
    temporary = path.with_name(f".{path.name}.writing")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Make the renames inside `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Save named tensors (the state of a learning loop) to one file, atomically."""
    write_bytes(path, tensor_bytes(tensors))


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read what `write_tensors` wrote.

    Raises:
        InputError: no such file, or not a whole safetensors file.
    """
    if not path.is_file():
        raise InputError(path, "", "no file", "a safetensors file")
    return parse_tensors(path.read_bytes(), path)
