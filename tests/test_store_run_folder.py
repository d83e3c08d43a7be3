"""The run folder: it is one run's, one command's at a time, and its snapshots come back bit for bit."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regrasp.errors import InputError
from regrasp.fields import digest_of
from regrasp.store.differences import differences
from regrasp.store.run_folder import RunFolder

RESOLVED: dict[str, Any] = {
    "curriculum": {"task": "adroit-door", "phases": {"bc": {"updates": 4000}, "rl": {"learning_rate": 3e-4}}},
    "demonstrations": "ab12",
    "seed": 1,
}
VERSIONS = {"torch": "2.13.0"}


def test_the_same_command_may_come_again(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "runs" / "door")
    assert run.claim(RESOLVED, VERSIONS) == digest_of(RESOLVED) == run.digest()
    before = (run.path / "run.json").read_bytes()
    assert run.claim(RESOLVED, VERSIONS) == digest_of(RESOLVED)
    assert (run.path / "run.json").read_bytes() == before
    assert run.resolved() == RESOLVED
    assert run.checkpoints.is_dir()


def test_versions_are_kept_when_they_change(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for torch_version in ("2.13.0", "2.13.0", "2.14.0"):
        run.claim(RESOLVED, {"torch": torch_version})
    assert run.versions() == [{"torch": "2.13.0"}, {"torch": "2.14.0"}]


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"seed": 2}, ("seed: found a run of 1,", "expected 2 as asked now")),
        ({"demonstrations": "cd34"}, ('demonstrations: found a run of "ab12"', 'expected "cd34" as asked now')),
        ({"seed": 2, "demonstrations": "x"}, ("demonstrations: found", "differs in 1 more: seed")),
        (
            {"curriculum": {"task": "adroit-door", "phases": {"bc": {"updates": 4000}, "rl": {}}}},
            ("curriculum.phases.rl.learning_rate: found a run of 0.0003", "expected nothing"),
        ),
    ],
)
def test_another_run_is_refused_and_the_difference_named(tmp_path: Path, change: Any, parts: tuple[str, ...]) -> None:
    run = RunFolder(tmp_path)
    run.claim(RESOLVED, VERSIONS)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    with pytest.raises(InputError) as refused:
        run.claim(RESOLVED | change, {"torch": "other"})
    for part in (str(tmp_path), *parts):
        assert part in str(refused.value)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == before


trees = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 0.5, "a"]),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@given(trees, trees)
def test_differences_agree_with_the_digest(old: Any, new: Any) -> None:
    assert bool(differences(old, new)) == (digest_of(old) != digest_of(new))


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("{", "text that is no JSON"),
        (json.dumps({"format": 9, "run": {}}), "another format"),
        (json.dumps({"format": 1, "digest": "x", "run": {"seed": 2}}), "changed content"),
        ("[1]", "another format"),
    ],
)
def test_a_damaged_identity_is_refused(tmp_path: Path, content: str, part: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(InputError, match=part):
        RunFolder(tmp_path).claim(RESOLVED, VERSIONS)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no run\.json, expected the folder of a run"):
        RunFolder(tmp_path / "nowhere").resolved()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="a file in the way"):
        RunFolder(tmp_path / "file").claim(RESOLVED, VERSIONS)


def test_checkpoint_names_stay_inside(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.checkpoint("bc") == tmp_path / "checkpoints" / "bc"
    for name in ("", "../bc", "a/b", ".hidden"):
        with pytest.raises(InputError, match="expected a name of letters"):
            run.checkpoint(name)


def test_two_commands_do_not_share_a_run(tmp_path: Path) -> None:
    code = "import sys, time; from regrasp.store.run_folder import RunFolder\nwith RunFolder(sys.argv[1]).lock(): "
    command = [sys.executable, "-c", code + "print('in', flush=True); time.sleep(60)", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "in\n"
        with pytest.raises(InputError, match=rf"another command at work in it \(process {other.pid}\)"):
            RunFolder(tmp_path).lock().__enter__()
        other.kill()
    with RunFolder(tmp_path).lock():
        assert (tmp_path / "lock").read_text() == str(os.getpid())
    with RunFolder(tmp_path).lock():
        pass


TENSORS = {
    "weights/0": torch.randn(31, 7, generator=torch.Generator().manual_seed(0)),
    "moments": torch.randn(5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)),
    "special": torch.tensor([float("nan"), float("inf"), -0.0, 5e-324], dtype=torch.float64),
    "generator": torch.Generator().manual_seed(7).get_state(),
    "step": torch.tensor(2**62 + 1),
    "flags": torch.tensor([True, False]),
    "none": torch.empty(0, 3),
    "file": torch.arange(12, dtype=torch.int32).reshape(3, 4).T,
    "meta": torch.ones(2, requires_grad=True),
}


def test_a_snapshot_comes_back_bit_for_bit(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert run.load_state() is None
    meta = {"update": 17, "loss": 0.1 + 0.2, "best": None, "names": ["a"]}
    run.save_state("bc", meta, TENSORS)
    state = run.load_state()
    assert state is not None
    assert (state.phase, state.meta) == ("bc", meta)
    assert list(state.tensors) == list(TENSORS)
    for name, tensor in TENSORS.items():
        found = state.tensors[name]
        assert (found.dtype, found.shape) == (tensor.dtype, tensor.shape)
        assert found.numpy().tobytes() == tensor.detach().numpy().tobytes()
        found += 1 if found.dtype != torch.bool else False


def test_only_the_last_snapshot_is_kept(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for step in range(3):
        run.save_state("rl", {"step": step}, {})
    state = run.load_state()
    assert state is not None
    assert state.meta == {"step": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


def test_a_snapshot_that_cannot_be_written_leaves_the_last_one(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.save_state("rl", {"step": 1}, {})
    with pytest.raises(TypeError):
        run.save_state("rl", {"step": 2}, {"w": torch.zeros(2, dtype=torch.bfloat16)})
    state = run.load_state()
    assert state is not None
    assert state.meta == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


def test_a_damaged_snapshot_is_refused(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.save_state("rl", {"step": 1}, {"w": torch.arange(100.0)})
    path = tmp_path / "state.npz"
    whole = path.read_bytes()
    middle = whole.index(torch.arange(100.0).numpy().tobytes()) + 50
    changed = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    for content in (b"", b"text", whole[: len(whole) // 2], whole[:-1], changed):
        path.write_bytes(content)
        with pytest.raises(InputError, match="a damaged file"):
            run.load_state()
