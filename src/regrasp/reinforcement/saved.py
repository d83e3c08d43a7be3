"""Optimisers as named tensors, and parts of a snapshot by their prefix."""

from collections.abc import Mapping

import torch
from torch import Tensor


def moments(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Adam's step counts and running averages, by number of the parameter and name."""
    state = optimiser.state_dict()["state"]
    return {f"{index}.{name}": value for index, own in state.items() for name, value in own.items()}


def set_moments(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `moments`."""
    found: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        found.setdefault(int(index), {})[name] = value.clone()
    optimiser.load_state_dict({"state": found, "param_groups": optimiser.state_dict()["param_groups"]})


def below(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """What stands below `part/`, without the prefix."""
    return {key.removeprefix(f"{part}/"): value for key, value in tensors.items() if key.startswith(f"{part}/")}
