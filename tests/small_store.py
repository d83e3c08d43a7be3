"""A run folder as `regrasp run` leaves it, without the training: two random policies and a panel of a few cases."""

from pathlib import Path

from regrasp.panel.cases import Panel, draw_cases, make_panel, write_panel
from regrasp.policies.checkpoint import save_checkpoint
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.seeding import torch_stream
from regrasp.store.database import Database
from regrasp.store.rows import CheckpointRow
from regrasp.store.run_folder import RunFolder
from regrasp.tasks import TASKS

TASK = TASKS["adroit-door"]


def make_spec() -> PolicySpec:
    """The door's fields and interface, one small layer."""
    observation = TASK.observations["policy"].fields
    return PolicySpec(observation, TASK.interface.fields, (16,), "relu", TASK.interface, TASK.name)


def make_checkpoint(folder: Path, seed: int, spec: PolicySpec | None = None, parent: str | None = None) -> str:
    """A checkpoint of a policy that nobody trained; gives its digest."""
    policy = Policy.build(spec or make_spec(), torch_stream(seed, "test"))
    return save_checkpoint(policy, folder, {"made": "in a test", "seed": seed}, parent)


def small_panel(seed: int = 0) -> Panel:
    """Two undisturbed cases and two with weak actuators, which disturb whatever the policy does."""
    return make_panel(TASK, draw_cases(TASK, {"none": 2, "actuator": 2}, seed, "test"))


def make_run(path: Path) -> Path:
    """A finished run whose checkpoints nobody has judged yet."""
    folder, panel = RunFolder(path), small_panel()
    demonstrations = {"digest": "d" * 64, "source": "test", "episodes": 1, "steps": 1}
    curriculum = {"task": TASK.name}
    resolved = {"curriculum": curriculum, "seed": 0, "demonstrations": demonstrations, "panel": panel.digest}
    folder.claim(resolved, {"regrasp": "0"})
    write_panel(panel, path / "panel.json")
    (path / "command.txt").write_text("regrasp run test.toml\n")
    with Database(folder.database, create=True) as store:
        parent = None
        for seed, name in enumerate(("bc", "rl")):
            digest = make_checkpoint(folder.checkpoint(name), seed, parent=parent)
            store.record_checkpoint(CheckpointRow(digest, name, parent, name, 0, f"checkpoints/{name}"))
            parent = digest
    return path
