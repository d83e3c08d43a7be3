"""The sketched motion of picking up tools, and what ships of it: demonstrations, curriculum, panel."""

from pathlib import Path

import numpy as np
import torch

from regrasp.curriculum.schema import read_curriculum
from regrasp.demonstrations import read_demonstrations, transitions
from regrasp.panel.cases import read_panel
from regrasp.seeding import numpy_stream
from regrasp.tasks.environment import Environment
from regrasp.tasks.task import Sketch
from regrasp.tasks.tool_pickup import TASK

REPOSITORY = Path(__file__).parents[1]


def actor() -> Sketch:
    """The task's sketch of the motion."""
    found = TASK.sketched
    assert found is not None
    return found


class TestSketch:
    def test_it_succeeds_from_most_starts_and_comes_back_after_losses(self) -> None:
        """86 % of undisturbed attempts, when it was written; a grip that opens costs it a third of those."""
        stream, objects = numpy_stream(4), TASK.split("train")
        count = len(objects)
        opened = [TASK.draw_disturbance("drop" if row % 3 == 0 else "none", stream) for row in range(count)]
        environment = Environment(TASK, count, 1)
        environment.reset(np.arange(count), TASK.draw_starts(objects, stream), opened, list(range(count)), objects)
        observation = environment.observe()["policy"]
        for _ in range(TASK.horizon):
            observation = environment.step(actor().act(observation)).observations["policy"]
        assert environment.entry.entered.all()
        assert environment.judgement.success_held.sum() >= 15
        assert (environment.judgement.recovered_at >= 0).sum() >= 3

    def test_it_acts_on_each_row_alone(self) -> None:
        observation = torch.randn(
            37, TASK.observations["policy"].fields.size, generator=torch.Generator().manual_seed(0)
        )
        together = actor().act(observation)
        assert together.equal(torch.cat([actor().act(row[None]) for row in observation]))
        assert together.abs().max() <= 1.0


class TestShipped:
    def test_demonstrations_fit_and_contain_recoveries(self) -> None:
        demonstrations = read_demonstrations(REPOSITORY / "src/regrasp/data/tool-pickup.hdf5", TASK)
        episodes = demonstrations.episodes
        assert len(episodes) == 39
        assert all("success" in episode.marks for episode in episodes)
        assert sum("recovered" in episode.marks for episode in episodes) >= 0.15 * len(episodes)
        assert not {episode.object for episode in episodes} & set(TASK.held_out)
        assert all(episode.provenance["policy"] == "the sketch of tool-pickup" for episode in episodes)

    def test_the_sketch_would_act_the_same_but_for_the_noise(self) -> None:
        observations, actions = transitions(read_demonstrations(REPOSITORY / "src/regrasp/data/tool-pickup.hdf5", TASK))
        assert (actor().act(observations) - actions).square().mean().sqrt() < 0.085

    def test_curriculum_and_panel_fit_the_task(self) -> None:
        curriculum = read_curriculum(REPOSITORY / "curricula/tool-pickup.toml")
        assert curriculum.task == TASK.name
        panel = read_panel(REPOSITORY / "panels/tool-pickup.json")
        panel.require(TASK, "panel")
        assert sum(case.object in TASK.held_out for case in panel.cases) == len(panel.cases) / 2
