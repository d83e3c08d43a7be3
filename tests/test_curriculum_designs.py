"""Curricula of other designs than the default: cloned and judged, and resumed to the bit."""

import copy
import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from regrasp.cli import main
from regrasp.curriculum.phases import Candidate, Event, Ingredients, Snapshot, execute
from regrasp.curriculum.schema import read_curriculum
from regrasp.demonstrations import read_demonstrations
from regrasp.demonstrations.recording import RecordingConfig, record_attempts
from regrasp.errors import InputError
from regrasp.panel.cases import draw_cases, make_panel, write_panel
from regrasp.panel.evaluation import evaluate, record
from regrasp.policies.checkpoint import load_checkpoint
from regrasp.policies.design import Design
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.seeding import torch_stream
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
report_every = 10
batch_size = 16
hidden = [8]
rounds_limit = 2
[gate]
contact_entry = 0.0
cases = 4
force = true
[rl]
iterations = 0
"""
SEQUENCE = ('bc.body="transformer"', "bc.window=3", 'bc.head="flow"', "bc.chunk=4", "bc.execute=2")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_panel(make_panel(TASK, draw_cases(TASK, {"none": 2, "push": 1}, 0, "test")), tmp_path / "panel.json")
    (tmp_path / "small.toml").write_text(SMALL)
    return tmp_path / "small.toml"


def options(*settings: str) -> list[str]:
    return [part for setting in settings for part in ("--set", setting)]


def test_a_design_stands_among_the_settings_of_cloning(file: Path) -> None:
    curriculum = read_curriculum(file, SEQUENCE)
    assert curriculum.bc.cloning.design == Design("transformer", 3, "flow", 4, 2)
    again = file.with_name("again.toml")
    again.write_text(curriculum.to_toml())
    assert read_curriculum(again) == curriculum
    assert read_curriculum(file).bc.cloning.design == Design()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (['bc.body="rnn"'], r"--set .*: \[bc\] body: found 'rnn', .* \(valid names: mlp, transformer\)"),
        (['bc.head="diffusion"'], r"\[bc\] head: .* \(valid names: gaussian, mixture, flow\)"),
        (["bc.window=0"], r"\[bc\] window: found 0, expected a whole number at least 1 and at most 64"),
        (["bc.chunk=4", "bc.execute=5"], r"small.toml: \[bc\]: found .*execute must not be above chunk"),
        (["bc.ensemble=true"], r"\[bc\]: found .*ensemble needs a chunk of 2 or more"),
        (['bc.body="transformer"'], r"\[bc\]: found .*a transformer needs a window of 2 or more"),
        (['bc.body="transformer"', "bc.window=4", "bc.hidden=[8, 12]"], r"\[bc\]: found .*equal hidden widths"),
        (
            ['bc.head="flow"', "rl.iterations=1", "rl.residual=false"],
            r"found .*rl.residual = false needs body \"mlp\",",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(
    file: Path, settings: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        read_curriculum(file, settings)
    assert main(["run", str(file), "--out", str(tmp_path / "run"), *options(*settings)]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert not (tmp_path / "run").exists()


def test_without_demonstrations_and_without_fine_tuning_nothing_is_left(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(file), "--out", str(file.parent / "run"), "--without-demos"]) == 2
    assert "[rl] iterations: found 0, beside --without-demos" in capsys.readouterr().err


@pytest.mark.parametrize("settings", [(), SEQUENCE])
def test_a_run_may_end_after_cloning(
    file: Path, settings: tuple[str, ...], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert main(["run", str(file), "--out", str(out), "--threads", "1", "--json", *options(*settings)]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["phase"], list(found["checkpoints"]), found["results"]["bc"]["trials"]) == ("done", ["bc"], 3)
    policy, _ = load_checkpoint(out / "checkpoints" / "bc")
    assert policy.spec.design == read_curriculum(file, settings).bc.cloning.design
    assert main(["report", str(out)]) == 0
    assert "The run was to clone, and no more; the cloned policy has" in (out / "report.html").read_text("utf-8")


def test_every_snapshot_leads_to_the_same_clone(file: Path) -> None:
    curriculum, given = read_curriculum(file, SEQUENCE), Ingredients(TASK, read_demonstrations(DEMONSTRATIONS, TASK), 1)

    def events(resumed: Snapshot | None = None) -> list[Event]:
        return [copy.deepcopy(event) for event in execute(curriculum, given, copy.deepcopy(resumed))]

    def clones(found: list[Event]) -> list[dict[str, bytes]]:
        return [weights(event.policy) for event in found if isinstance(event, Candidate)]

    whole = events()
    snapshots = [event for event in whole if isinstance(event, Snapshot)]
    assert len(snapshots) >= 2
    for snapshot in snapshots:
        assert clones(events(snapshot)) == clones(whole)


def test_a_prior_with_a_memory_is_refused(file: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run = ["run", str(file), "--out", str(tmp_path / "run"), "--threads", "1", *options("bc.chunk=4")]
    assert main(run) == 0
    prior, out = tmp_path / "run" / "checkpoints" / "bc", tmp_path / "planned.hdf5"
    capsys.readouterr()
    assert main(["demos", "plan", "--task", TASK.name, "--out", str(out), "--prior", str(prior)]) == 2
    assert "spec: found a policy that remembers what came before" in capsys.readouterr().err


@pytest.fixture(scope="module")
def remembering() -> Policy:
    design = Design("mlp", 3, "flow", 4, 3)
    columns, interface = TASK.observations["policy"].fields, TASK.interface
    spec = PolicySpec(columns, interface.fields, (16,), "tanh", interface, TASK.name, design)
    return Policy.build(spec, torch_stream(3))


def test_a_case_is_the_same_alone_and_among_others_for_a_policy_with_a_memory(remembering: Policy) -> None:
    cases = draw_cases(TASK, {"none": 3, "push": 2}, 1, "test")
    rows = [trial for part in evaluate(remembering, TASK, cases, 1) for trial in part]
    assert len({trial.total_reward for trial in rows}) == 5
    for case, row in zip(cases, rows, strict=True):
        assert record(remembering, TASK, case)[0] == row


def test_attempts_are_recorded_from_their_own_start(remembering: Policy) -> None:
    config = RecordingConfig(np.zeros(TASK.interface.fields.size, np.float32), seed=1, threads=1)
    attempts = list(islice(record_attempts(remembering, TASK, config, {}), 33))
    for attempt in (attempts[0], attempts[32]):
        episode = attempt.episode
        remembering.begin(1)
        seen = torch.from_numpy(episode.observations["policy"])
        again = [remembering.act(seen[t : t + 1])[0] for t in range(episode.steps)]
        np.testing.assert_array_equal(torch.stack(again).numpy(), episode.actions)
