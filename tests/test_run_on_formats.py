"""`regrasp run --demos` on each format that regrasp writes: cloned, gated and fine-tuned as on its own file."""

import json
import shutil
from pathlib import Path

import pytest

import regrasp
from planar_run import TASK
from regrasp.cli import main
from regrasp.demonstrations.converting import convert
from regrasp.panel.cases import draw_cases, make_panel, write_panel

CURRICULUM = """
task = "planar-turn"
panel = "panel.json"
seed = 3
[bc]
updates = 40
batch_size = 32
hidden = [16]
rounds_limit = 1
[gate]
success = 0.99
cases = 4
force = true
[rl]
iterations = 2
worlds = 4
segment = 5
minibatch = 20
epochs = 1
critic_hidden = [16]
critic_warmup = 1
check_every = 2
check_cases = 4
"""
PLANAR = Path(regrasp.__file__).parent / "data" / "planar-turn.hdf5"
NAMES = {"robomimic": "out.hdf5", "minari": "out-v0", "maniskill": "out.h5"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("formats")
    (folder / "small.toml").write_text(CURRICULUM)
    write_panel(make_panel(TASK, draw_cases(TASK, {"none": 2}, 0, "panel")), folder / "panel.json")
    return folder


def weights(place: Path, demos: Path, name: str) -> dict[str, bytes]:
    """Runs the curriculum; the weights of every checkpoint."""
    out = place / "runs" / name
    assert main(["run", str(place / "small.toml"), "--demos", str(demos), "--out", str(out), "--json"]) == 0
    assert json.loads((out / "gate.json").read_text())
    return {path.parent.name: path.read_bytes() for path in sorted(out.glob("checkpoints/*/model.safetensors"))}


@pytest.fixture(scope="module")
def own(place: Path) -> dict[str, bytes]:
    return weights(place, PLANAR, "own")


@pytest.mark.parametrize("to", ["robomimic", "minari", "maniskill"])
def test_the_policies_are_those_of_the_own_file(place: Path, own: dict[str, bytes], to: str) -> None:
    convert(PLANAR, place / NAMES[to], to)
    assert {"bc", "rl"} <= own.keys()
    assert weights(place, place / NAMES[to], to) == own


@pytest.mark.parametrize("named", [True, False], ids=["as written", "without regrasp.json"])
def test_lerobot_without_last_observations_gives_the_same_clone(
    place: Path, own: dict[str, bytes], named: bool
) -> None:
    pytest.importorskip("pyarrow")
    folder = place / f"lerobot-{named}"
    convert(PLANAR, folder, "lerobot")
    if not named:  # a dataset by somebody else
        shutil.move(folder / "meta" / "regrasp.json", place / "left-out.json")
    found = weights(place, folder, folder.name)
    assert found["bc"] == own["bc"]
    assert len(found["rl"]) == len(own["rl"])
