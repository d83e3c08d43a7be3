"""Fine-tuning by a correction of a frozen clone, on-policy and off-policy: the same end after a kill, or a refusal."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regrasp.cli import main
from regrasp.curriculum.phases import Candidate, Event, Ingredients, Snapshot, execute
from regrasp.curriculum.schema import Curriculum, read_curriculum
from regrasp.demonstrations import DemonstrationSet, read_demonstrations
from regrasp.panel.cases import draw_cases, make_panel, write_panel
from regrasp.policies.checkpoint import load_checkpoint
from regrasp.policies.design import Design
from regrasp.policies.policy import Policy
from regrasp.policies.progress import Progress
from regrasp.policies.residual import CorrectionHead, Residual
from regrasp.report.learning import curves
from regrasp.store.curves import read_curves
from regrasp.store.run_folder import RunFolder
from regrasp.tasks import TASKS
from small_run import weights

TASK = TASKS["planar-turn"]
DEMONSTRATIONS = Path(__file__).parent.parent / "src" / "regrasp" / "data" / "planar-turn.hdf5"
SMALL = f"""
task = "planar-turn"
panel = "panel.json"
demonstrations = "{DEMONSTRATIONS}"
[bc]
updates = 20
report_every = 20
batch_size = 16
hidden = [8]
rounds_limit = 1
[gate]
contact_entry = 0.0
cases = 4
force = true
[rl]
iterations = 7
worlds = 6
segment = 12
minibatch = 24
epochs = 2
critic_warmup = 1
critic_hidden = [8]
check_every = 3
check_cases = 2
disturbed = 0.9
residual_ramp = 0.5
[off_policy]
control_steps = 360
worlds = 3
segment = 4
report_every = 36
warmup_steps = 72
critic_warmup = 4
updates_per_step = 0.2
batch = 8
actor_every = 2
return_steps = 3
averaging = 0.5
capacity = 200
critic_hidden = [8]
check_every = 4
"""
FLOW = ("bc.window=3", 'bc.head="flow"', "bc.chunk=4", "bc.execute=3", "bc.sampled=true")
WAYS: dict[str, tuple[str, ...]] = {
    "flow": FLOW,
    "transformer": ('bc.body="transformer"', "bc.window=3", 'bc.head="mixture"', "bc.chunk=3", "bc.ensemble=true"),
    "default": ("rl.residual=true", "rl.contact_guard=true"),
}
LEARNERS = ("on_policy", "off_policy")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("curriculum")
    write_panel(make_panel(TASK, draw_cases(TASK, {"none": 2, "push": 1}, 0, "test")), folder / "panel.json")
    (folder / "small.toml").write_text(SMALL)
    return folder / "small.toml"


@pytest.fixture(scope="module")
def taught() -> DemonstrationSet:
    return read_demonstrations(DEMONSTRATIONS, TASK)


def events_of(curriculum: Curriculum, given: Ingredients, resumed: Snapshot | None = None) -> list[Event]:
    """Copies, because the phases go on changing what they have yielded."""
    return [copy.deepcopy(event) for event in execute(curriculum, given, copy.deepcopy(resumed))]


def candidates(events: list[Event]) -> dict[str, Policy]:
    return {event.name: event.policy for event in events if isinstance(event, Candidate)}


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("way", WAYS)
def test_a_correction_is_learned_and_snapshots_lead_to_the_same_end(
    file: Path, taught: DemonstrationSet, way: str, learner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regrasp.reinforcement.guard.FEWEST", 0)  # so the guard knows the clone at once
    curriculum = read_curriculum(file, [*WAYS[way], f"fine_tuning={learner}"])
    given = Ingredients(TASK, taught, threads=1)
    whole = events_of(curriculum, given)
    found = candidates(whole)
    ends = {name: weights(policy) for name, policy in found.items()}
    clone, last = found["bc"], found["rl"]
    assert last.base is not None
    assert clone.base is None
    assert weights(last.base) == ends["bc"]
    assert isinstance(last.head, CorrectionHead)
    assert last.head.linear.weight.abs().max() > 0
    assert last.head.bound.item() == pytest.approx(0.3)
    records = [event for event in whole if isinstance(event, Progress) and event.phase == "rl"]
    sizes, bounds = ([record.values[f"correction/{one}"] for record in records] for one in ("size", "bound"))
    assert sizes[0] == 0.0 < sizes[-1] < 0.3
    assert bounds == sorted(bounds)
    assert bounds[0] == pytest.approx(0.03)
    snapshots = [event for event in whole if isinstance(event, Snapshot) and event.phase == "rl"]
    for snapshot, threads in ((snapshots[0], 2), (snapshots[2], 1)):
        for name, policy in candidates(events_of(curriculum, replace(given, threads=threads), snapshot)).items():
            assert weights(policy) == ends[name], (snapshot.meta, name)


def options(*settings: str) -> list[str]:
    return [part for setting in settings for part in ("--set", setting)]


def checkpoints(run: Path) -> dict[str, str]:
    return {
        path.parent.name: json.loads(path.read_text())["digest"] for path in run.glob("checkpoints/*/manifest.json")
    }


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_run_that_was_killed_ends_where_it_would_have(
    file: Path, learner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", str(file), "--threads", "1", "--json", *options(*FLOW, f"fine_tuning={learner}"), "--out"]
    assert main([*command, str(tmp_path / "whole")]) == 0
    summary: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    save, left = RunFolder.save_state, [4]

    def killed(*given: Any) -> None:
        save(*given)
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunFolder, "save_state", killed)
    assert main([*command, str(tmp_path / "killed")]) == 130
    monkeypatch.undo()
    assert "rl" not in checkpoints(tmp_path / "killed")
    assert main([*command, str(tmp_path / "killed")]) == 0
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert checkpoints(tmp_path / "killed") == checkpoints(tmp_path / "whole")
    assert again["results"] == summary["results"]
    policy, manifest = load_checkpoint(tmp_path / "whole" / "checkpoints" / "rl")
    assert manifest.parent == checkpoints(tmp_path / "whole")["bc"]
    assert manifest.spec.residual == Residual(0.3, (8,))
    assert policy.spec.design == Design("mlp", 3, "flow", 4, 3, sampled=True)
    told, _ = curves(read_curves(tmp_path / "whole" / "progress.jsonl"))
    assert ("correction/size", "correction/bound") in [curve.names for curve in told]
    assert main(["report", str(tmp_path / "whole")]) == 0
    assert "Correction of the clone" in (tmp_path / "whole" / "report.html").read_text("utf-8")


def test_a_clone_that_is_fine_tuned_itself_says_nothing_of_corrections(file: Path) -> None:
    plain = read_curriculum(file)
    assert not plain.corrects
    assert not any(name.startswith("residual") for name in plain.identity["rl"])
    assert read_curriculum(file, ["rl.residual_limit=0.5"]).digest == plain.digest
    corrected = read_curriculum(file, ["rl.residual=true"])
    assert corrected.corrects
    assert corrected.identity["rl"]["residual_limit"] == 0.3
    assert read_curriculum(file, FLOW).corrects


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("rl.residual_limit=0",), "[rl] residual_limit: found 0, expected a number above 0.0 and at most 2.0"),
        (("rl.residual_ramp=1.5",), "[rl] residual_ramp: found 1.5, expected a number at least 0.0 and at most 1.0"),
        (("rl.residual_hidden=[0]",), "[rl] residual_hidden: found [0], expected a list, each a whole number at least"),
        (('rl.residual="often"',), "[rl] residual: found 'often', expected true or false, or \"none\""),
        (('bc.head="flow"', "rl.residual=false"), "found unusable settings (rl.residual = false needs body"),
    ],
)
def test_what_makes_no_sense_is_refused(
    file: Path, settings: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(file), "--out", str(tmp_path / "run"), *options(*settings)]) == 2
    said = capsys.readouterr().err
    assert message in " ".join(said.split())
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("setting", ["rl.residual=true", 'bc.head="flow"'])
def test_without_demonstrations_there_is_no_clone_to_correct(
    file: Path, setting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", str(file), "--out", str(tmp_path / "run"), "--without-demos", *options(setting)]
    assert main(command) == 2
    assert "[rl] residual: found a correction of a clone, beside --without-demos" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
