"""`regrasp bench evaluation`, and that reading only what actors see changes nothing that they see."""

import json

import numpy as np
import pytest
import torch

from regrasp.cli import main
from regrasp.panel.cases import draw_cases
from regrasp.seeding import torch_stream
from regrasp.tasks import TASKS
from regrasp.tasks.environment import Environment

TASK = TASKS["planar-turn"]


def test_it_prints_its_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--task", "planar-turn", "--worlds", "4", "--seconds", "0.1"]
    assert main(["bench", "evaluation", *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["task"], found["worlds"]) == ("planar-turn", 4)
    assert found["rounds"] >= 3
    assert found["engine_steps_per_s"] > 0
    assert 0 < found["engine_ratio"] < 1.5


@pytest.mark.parametrize("option", [("--worlds", "0"), ("--worlds", "257"), ("--seconds", "0")])
def test_what_it_refuses(capsys: pytest.CaptureFixture[str], option: tuple[str, str]) -> None:
    assert main(["bench", "evaluation", *option]) == 2
    assert option[0] in capsys.readouterr().err


def test_observing_some_groups_is_observing_all_of_them() -> None:
    cases = draw_cases(TASK, dict.fromkeys(("none", *TASK.disturbances), 1), 0, "test")
    both = [Environment(TASK, len(cases), 1) for _ in range(2)]
    starts = np.array([case.state for case in cases])
    objects = np.array([TASK.scene.objects.index(case.object) for case in cases])
    for one in both:
        schedules, seeds = [case.disturbance for case in cases], [case.seed for case in cases]
        one.reset(np.arange(len(cases)), starts, schedules, seeds, objects)
    generator = torch_stream(0, "test")
    for _ in range(20):
        action = torch.rand(len(cases), TASK.interface.fields.size, generator=generator) * 2 - 1
        every, some = both[0].step(action), both[1].step(action, ("policy",))
        assert set(some.observations) == {"policy"}
        assert torch.equal(some.observations["policy"], every.observations["policy"])
        assert torch.equal(some.reward, every.reward)
    alone = both[1].observe(("privileged",))["privileged"]
    assert torch.equal(alone, both[0].observe()["privileged"])
