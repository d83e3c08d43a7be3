"""Who may import whom: the table of docs/architecture.md, walked over every import of the package.

Foundation modules and the standard library, numpy and torch are open to every room; everything else is named here.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "regrasp"
TESTS = Path(__file__).parent

FOUNDATION = {"errors", "fields", "seeding", "actor", "episode", "trial", "rotations", "json_files", "scale"}
OPEN = sys.stdlib_module_names | {"numpy", "torch", "__future__"}

# room → (what of regrasp it may import, which third parties). `simulation.readings` opens that module, not its room.
ROOMS: dict[str, tuple[set[str], set[str]]] = {
    "simulation": (set(), {"mujoco"}),
    "contact": ({"simulation.readings"}, set()),
    "judges": ({"simulation.readings"}, set()),
    "tasks": ({"simulation", "judges", "contact"}, {"mujoco", "gymnasium_robotics"}),
    "policies": (set(), {"safetensors"}),
    "demonstrations": ({"simulation", "tasks", "contact"}, {"h5py", "pyarrow"}),
    "demonstrations.formats": (set(), {"h5py", "pyarrow"}),
    "imitation": ({"policies", "demonstrations"}, set()),
    "reinforcement": ({"policies", "tasks", "demonstrations", "contact"}, set()),
    "panel": ({"simulation", "tasks", "judges", "contact"}, {"scipy"}),
    "store": (set(), {"tensorboard"}),
    "deploy": ({"policies", "panel.cases"}, {"onnx", "onnxruntime"}),
    "report": ({"store", "panel.statistics", "panel.survival"}, {"matplotlib"}),
    "viewer": ({"simulation", "tasks", "demonstrations", "contact"}, {"mujoco", "trimesh", "viser"}),
    "curriculum": ({"tasks", "demonstrations", "imitation", "reinforcement", "panel", "policies"}, set()),
}
ROOMS["cli"] = (set(ROOMS), {"tyro", "rich"})
# The benchmark's yardsticks are the bare engine and Gymnasium's own environments.
ROOMS["cli.stepping"] = (set(ROOMS) - {"cli"}, {"mujoco", "gymnasium", "gymnasium_robotics"})
ROOMS["cli"][0].add("cli.stepping")

# Open modules that belong to some rooms only: the database, a logger, whatever could execute a file's content.
RESERVED = {
    "sqlite3": {"store"},
    "torch.utils.tensorboard": {"store"},
    "logging": {"cli"},
    "pickle": {"demonstrations.formats"},
}
DYNAMIC = {"import_module", "__import__"}
# Tasks compose scenes with MjSpec; compiling and stepping them is the simulation's.
STEPPING = {"MjModel", "MjData", "mj_step", "mj_step1", "mj_step2", "mj_forward", "batch", "rollout", "Renderer"}

FORBIDDEN = {"util", "utils", "common", "helper", "helpers", "base", "manager", "trainer", "runner", "wrapper"}
LONGEST = 300


def within(name: str, scope: str) -> bool:
    return name == scope or name.startswith(scope + ".")


def room_of(module: str) -> str:
    """`demonstrations.formats.dapg` → `demonstrations.formats`; a foundation module is `foundation`."""
    first = module.partition(".")[0]
    if first in FOUNDATION | {"", "__init__", "__version__"}:
        return "foundation"
    named = [room for room in ROOMS if within(module, room)]
    return max(named, key=len) if named else "cli" if first == "__main__" else first


def imports(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Line and absolute name of every import, those inside functions too; `from a import b` gives `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*parent, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in DYNAMIC:
                module = node.args[0] if node.args else None
                yield node.lineno, str(module.value) if isinstance(module, ast.Constant) else "an unknown module"


def allowed(room: str, name: str) -> bool:
    """Whether a module of `room` may import the absolute `name`."""
    for module, rooms in RESERVED.items():
        if within(name, module):
            return room in rooms
    modules, parties = ROOMS.get(room, (set(), set()))
    top, _, inner = name.partition(".")
    if top != "regrasp":
        return top in OPEN or top in parties
    target = room_of(inner)
    if target in {"foundation", room}:
        return inner != ""
    if room == "demonstrations" and target == "demonstrations.formats":
        return True
    return target in modules or any(within(inner, module) for module in modules if "." in module)


def violations(package: Path) -> list[str]:
    found = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        holder = ".".join(["regrasp", *parts[:-1]])
        room = room_of(module)
        tree = ast.parse(path.read_text("utf-8"))
        where = path.relative_to(package).as_posix()
        if room != "foundation" and room not in ROOMS:
            found.append(f"{where}: {room} is no room")
        found += [
            f"{where}:{line}: {room} imports {name}" for line, name in imports(tree, holder) if not allowed(room, name)
        ]
        if room == "tasks":
            found += [f"{where}:{line}: {room} uses {name}" for line, name in stepping(tree)]
    return found


def stepping(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Uses of MuJoCo beyond building a specification."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in {"mujoco", "mj"}:
            if node.attr in STEPPING:
                yield node.lineno, f"mujoco.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mujoco":
            yield from ((node.lineno, f"mujoco.{alias.name}") for alias in node.names if alias.name in STEPPING)


def forbidden_names(package: Path) -> list[str]:
    paths = [path for path in package.rglob("*") if path.suffix == ".py" or path.is_dir()]
    return [str(path.relative_to(package)) for path in paths if FORBIDDEN & set(re.split(r"[_.]+", path.stem.lower()))]


def too_long(*folders: Path) -> list[str]:
    paths = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in paths}
    return [f"{path.name}: {lines} lines" for path, lines in lengths.items() if lines > LONGEST]


def test_every_import_is_allowed() -> None:
    assert violations(PACKAGE) == []


def test_no_room_of_leftovers() -> None:
    assert forbidden_names(PACKAGE) == []


def test_no_file_is_longer_than_a_reader_wants() -> None:
    assert too_long(PACKAGE, TESTS) == []


def test_the_table_goes_downwards_only() -> None:
    below: dict[str, set[str]] = {room: {room_of(module) for module in modules} for room, (modules, _) in ROOMS.items()}
    below["demonstrations"].add("demonstrations.formats")
    while below:
        leaves = {room for room, under in below.items() if not under & below.keys()}
        assert leaves, f"a cycle among {sorted(below)}"
        below = {room: under for room, under in below.items() if room not in leaves}


PLANTED = {
    "judges/door.py": ("from regrasp.tasks import door", "judges imports regrasp.tasks.door"),
    "judges/cube.py": ("from regrasp.simulation import batch", "judges imports regrasp.simulation.batch"),
    "tasks/door.py": ("import mujoco\nmujoco.mj_step(1, 2)", "tasks uses mujoco.mj_step"),
    "tasks/cube.py": ("from mujoco import MjData", "tasks uses mujoco.MjData"),
    "simulation/scene.py": ("from ..tasks.door import TASK", "simulation imports regrasp.tasks.door.TASK"),
    "simulation/batch.py": ("import regrasp", "simulation imports regrasp"),
    "fields.py": ("import regrasp.store.rows", "foundation imports regrasp.store.rows"),
    "trial.py": ("import scipy.stats", "foundation imports scipy.stats"),
    "contact.py": ("def f():\n    import mujoco", "contact imports mujoco"),
    "policies/heads.py": ("from . import bodies\nimport h5py", "policies imports h5py"),
    "policies/policy.py": (
        "from torch.utils.tensorboard import SummaryWriter",
        "policies imports torch.utils.tensorboard",
    ),
    "imitation/cloning.py": ("import logging", "imitation imports logging"),
    "reinforcement/ppo.py": ("from regrasp.imitation.cloning import clone", "reinforcement imports regrasp.imitation"),
    "reinforcement/sac.py": (
        "from importlib import import_module\nimport_module('regrasp.store')",
        "reinforcement imports regrasp.store",
    ),
    "reinforcement/replay.py": ("name = 'x'\n__import__(name)", "reinforcement imports an unknown module"),
    "demonstrations/formats/dapg.py": ("import regrasp.tasks", "demonstrations.formats imports regrasp.tasks"),
    "demonstrations/replay.py": ("import pickle", "demonstrations imports pickle"),
    "report/page.py": ("from regrasp.panel.evaluation import evaluate", "report imports regrasp.panel.evaluation"),
    "panel/cases.py": ("import sqlite3", "panel imports sqlite3"),
    "tools/extra.py": ("import json", "tools is no room"),
}


@pytest.mark.parametrize("place", PLANTED)
def test_a_planted_violation_is_found(tmp_path: Path, place: str) -> None:
    source, expected = PLANTED[place]
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    found = violations(tmp_path)
    assert len(found) == 1
    assert expected in found[0]


def test_what_is_allowed_is_not_found(tmp_path: Path) -> None:
    sources = {
        "judges/door.py": "from regrasp.simulation.readings import Readings\nfrom regrasp import fields\nimport torch",
        "tasks/door.py": "import mujoco\nfrom mujoco import MjSpec\nimport gymnasium_robotics\nx = mujoco.MjSpec()",
        "demonstrations/dataset.py": "from regrasp.demonstrations.formats.dapg import read\nfrom .replay import replay",
        "demonstrations/formats/dapg.py": "import pickle\nfrom regrasp.episode import Episode\nfrom ... import errors",
        "report/page.py": "from regrasp.panel import statistics\nfrom regrasp.store.database import Database",
        "cli/__init__.py": "import tyro\nfrom regrasp.report.page import page\nfrom regrasp import __version__",
    }
    for place, source in sources.items():
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    assert violations(tmp_path) == []


def test_planted_names_and_lengths_are_found(tmp_path: Path) -> None:
    (tmp_path / "utils").mkdir()
    (tmp_path / "policy_trainer.py").write_text("x = 1\n" * (LONGEST + 1))
    (tmp_path / "database.py").write_text("x = 1\n" * LONGEST)
    assert sorted(forbidden_names(tmp_path)) == ["policy_trainer.py", "utils"]
    assert too_long(tmp_path) == [f"policy_trainer.py: {LONGEST + 1} lines"]
