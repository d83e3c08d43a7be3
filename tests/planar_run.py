"""A run of `planar-turn`, the quickest task, with two untrained policies that nobody has judged yet."""

from pathlib import Path

from regrasp.panel.cases import Panel, draw_cases, make_panel, write_panel
from regrasp.policies.checkpoint import save_checkpoint
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.seeding import torch_stream
from regrasp.store.database import Database
from regrasp.store.run_folder import RunFolder
from regrasp.tasks import TASKS
from regrasp.trial import Trial

TASK = TASKS["planar-turn"]


def make_planar_run(path: Path, cases: int) -> tuple[Panel, dict[str, str]]:
    """Writes the run folder and its panel of so many cases; gives the panel and the checkpoints' digests by name."""
    folder = RunFolder(path)
    panel = make_panel(TASK, draw_cases(TASK, {"none": cases // 2, "push": cases - cases // 2}, 0, "test"))
    folder.claim({"curriculum": {"task": TASK.name}, "seed": 0, "panel": panel.digest}, {"regrasp": "0"})
    write_panel(panel, path / "panel.json")
    fields = TASK.observations["policy"].fields
    spec = PolicySpec(fields, TASK.interface.fields, (16,), "relu", TASK.interface, TASK.name)
    digests = {}
    for seed, name in enumerate(("bc", "rl")):
        policy = Policy.build(spec, torch_stream(seed, "test"))
        digests[name] = save_checkpoint(policy, folder.checkpoint(name), {"made": "in a test", "seed": seed})
    Database(folder.database, create=True).close()
    return panel, digests


def stored(path: Path, checkpoint: str, panel: Panel) -> list[Trial]:
    """The checkpoint's rows in the run's store."""
    with Database(RunFolder(path).database) as store:
        return store.trials(checkpoint, panel.digest)
