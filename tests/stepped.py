"""Steps of an environment as named tensors, for comparison to the bit."""

import torch

from regrasp.tasks.environment import Step


def tensors_of(step: Step) -> dict[str, torch.Tensor]:
    whole = {"reward": step.reward, "terminated": step.terminated, "truncated": step.truncated}
    parts = {f"observation {name}": value for name, value in step.observations.items()}
    return whole | parts | {f"term {name}": value for name, value in step.terms.items()}


def assert_same(first: list[dict[str, torch.Tensor]], second: list[dict[str, torch.Tensor]]) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            assert torch.equal(value, other[name]), name
