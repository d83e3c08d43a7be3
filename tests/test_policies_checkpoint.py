"""Checkpoints: complete or absent, the same bytes for the same policy, and every kind of damage refused."""

import hashlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.numpy
import torch

from regrasp.actor import ActionInterface
from regrasp.errors import InputError
from regrasp.fields import Field, Fields, digest_of
from regrasp.policies.checkpoint import load_checkpoint, require_interface, save_checkpoint
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.policies.tensors import read_tensors, write_tensors
from regrasp.seeding import torch_stream

ACTION = Fields([Field("wrist", 2, "rad"), Field("thumb", 3, "rad")])
OBSERVATION = Fields([Field("qpos", 5, "rad"), Field("palm_position", 3, "m")])
INTERFACE = ActionInterface(ACTION, (-0.5,) * 5, (0.75,) * 5, 100.0)
SPEC = PolicySpec(OBSERVATION, ACTION, (8, 4), "relu", INTERFACE, "some-task")
PROVENANCE = {"phase": "bc", "seed": 3, "settings": {"updates": 10, "learning_rate": 1e-3}}


@dataclass(frozen=True)
class Group:
    fields: Fields


@dataclass(frozen=True)
class SomeTask:
    name: str
    interface: ActionInterface
    observations: dict[str, Group]


TASK = SomeTask("some-task", INTERFACE, {"policy": Group(OBSERVATION)})


@pytest.fixture
def policy() -> Policy:
    policy = Policy.build(SPEC, torch_stream(0))
    policy.normaliser.fit(torch.randn(20, 8, generator=torch_stream(1)))
    return policy


@pytest.fixture
def folder(policy: Policy, tmp_path: Path) -> Path:
    save_checkpoint(policy, tmp_path / "bc", PROVENANCE, "a-parent")
    return tmp_path / "bc"


def rewrite(folder: Path, weights: bytes | None = None, **changes: Any) -> None:
    """A manifest that is consistent in itself but says something else."""
    if weights is not None:
        (folder / "model.safetensors").write_bytes(weights)
        changes["weights_sha256"] = hashlib.sha256(weights).hexdigest()
    content = json.loads((folder / "manifest.json").read_text()) | changes
    content = {key: value for key, value in content.items() if value != "absent"}
    content["digest"] = digest_of({key: value for key, value in content.items() if key != "digest"})
    (folder / "manifest.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def test_a_policy_comes_back_bit_for_bit(policy: Policy, folder: Path) -> None:
    loaded, manifest = load_checkpoint(folder)
    x = torch.randn(7, 8, generator=torch_stream(2))
    assert torch.equal(loaded.act(x), policy.act(x))
    assert loaded.state_dict().keys() == policy.state_dict().keys()
    assert all(torch.equal(loaded.state_dict()[name], value) for name, value in policy.state_dict().items())
    assert (loaded.spec, manifest.spec) == (SPEC, SPEC)
    assert (manifest.parent, manifest.provenance) == ("a-parent", PROVENANCE)
    assert loaded.interface_digest == INTERFACE.digest


def test_the_normaliser_is_part_of_the_weights(policy: Policy, folder: Path) -> None:
    tensors = safetensors.numpy.load_file(folder / "model.safetensors")
    assert tensors["normaliser.mean"].tolist() == policy.normaliser.mean.tolist()


def test_the_same_policy_gives_the_same_bytes_and_digest(policy: Policy, folder: Path, tmp_path: Path) -> None:
    digest = save_checkpoint(policy, tmp_path / "elsewhere", dict(reversed(PROVENANCE.items())), "a-parent")
    for name in ("model.safetensors", "manifest.json"):
        assert (folder / name).read_bytes() == (tmp_path / "elsewhere" / name).read_bytes()
    assert digest == load_checkpoint(folder)[1].digest
    assert digest != save_checkpoint(policy, tmp_path / "other", PROVENANCE, None)


def test_the_manifest_states_fields_with_units(folder: Path) -> None:
    content = json.loads((folder / "manifest.json").read_text())
    assert {"name": "palm_position", "size": 3, "unit": "m"} in content["spec"]["observation"]
    assert content["spec"]["interface"]["rate"] == 100.0
    assert content["interface_digest"] == INTERFACE.digest


def test_saving_replaces_and_leaves_nothing_else(policy: Policy, folder: Path) -> None:
    (folder.parent / ".bc.writing").mkdir()  # as a kill leaves it
    (folder.parent / ".bc.writing" / "model.safetensors").write_bytes(b"half")
    first = load_checkpoint(folder)[1].digest
    with torch.no_grad():
        policy.head.log_std.fill_(-3.0)
    second = save_checkpoint(policy, folder, PROVENANCE, "a-parent")
    assert first != second == load_checkpoint(folder)[1].digest
    assert [path.name for path in folder.parent.iterdir()] == ["bc"]
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "model.safetensors"]


SAVER = """
import sys, torch
from pathlib import Path
from test_policies_checkpoint import SPEC
from regrasp.policies.checkpoint import save_checkpoint
from regrasp.policies.policy import Policy
from regrasp.seeding import torch_stream
print("ready", flush=True)
for seed in range(100000):
    save_checkpoint(Policy.build(SPEC, torch_stream(seed)), Path(sys.argv[1]), {"seed": seed})
"""


@pytest.mark.parametrize("delay", [0.05, 0.113])
def test_after_a_kill_a_checkpoint_is_complete_or_absent(tmp_path: Path, delay: float) -> None:
    command = [sys.executable, "-c", SAVER, str(tmp_path / "bc")]
    with subprocess.Popen(command, cwd=Path(__file__).parent, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(delay)
        process.kill()
    if (tmp_path / "bc").exists():
        _, manifest = load_checkpoint(tmp_path / "bc")
        assert manifest.provenance["seed"] >= 0
    save_checkpoint(Policy.build(SPEC, torch_stream(0)), tmp_path / "bc", {})
    assert [path.name for path in tmp_path.iterdir()] == ["bc"]


@pytest.mark.parametrize("name", ["manifest.json", "model.safetensors"])
def test_a_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=rf"bc: {name}: found no such file, expected a checkpoint folder with"):
        load_checkpoint(folder)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: found no such folder"):
        load_checkpoint(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["manifest.json", "model.safetensors"])
def test_every_changed_byte_is_refused(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    for position in range(0, len(data), 7):
        changed = bytearray(data)
        changed[position] ^= 1
        (folder / name).write_bytes(changed)
        with pytest.raises(InputError, match=name.replace(".", r"\.")):
            load_checkpoint(folder)


@pytest.mark.parametrize("name", ["manifest.json", "model.safetensors"])
def test_a_truncated_or_lengthened_file_is_refused(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    for other in (b"", data[:-1], data[: len(data) // 2], data + b"\n"):
        (folder / name).write_bytes(other)
        with pytest.raises(InputError, match=name.replace(".", r"\.")):
            load_checkpoint(folder)


def test_another_format_is_refused(folder: Path) -> None:
    rewrite(folder, format="regrasp-checkpoint-99")
    with pytest.raises(InputError, match=r"format: found 'regrasp-checkpoint-99', expected 'regrasp-checkpoint-1'"):
        load_checkpoint(folder)
    (folder / "manifest.json").write_text("[1, 2]")
    with pytest.raises(InputError, match="format: found None"):
        load_checkpoint(folder)


def test_a_number_that_json_does_not_have_is_refused(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace("100.0", "NaN"))
    with pytest.raises(InputError, match=r"found unreadable JSON \(NaN is no JSON number\)"):
        load_checkpoint(folder)


def test_a_manifest_without_a_part_is_refused(folder: Path) -> None:
    rewrite(folder, parent="absent")
    with pytest.raises(InputError, match=r"found no parent, expected .* \(valid names: spec, interface_digest"):
        load_checkpoint(folder)


@pytest.mark.parametrize("change", [{"activation": "gelu"}, {"hidden": []}, {"hidden": "x"}, {"interface": {}}])
def test_a_manifest_that_describes_no_policy_is_refused(folder: Path, change: dict[str, Any]) -> None:
    rewrite(folder, spec=SPEC.to_json() | change)
    with pytest.raises(InputError, match=r"manifest\.json: spec: found no policy can be made of it"):
        load_checkpoint(folder)


def test_a_manifest_of_two_minds_about_its_interface_is_refused(folder: Path) -> None:
    rewrite(folder, interface_digest="0" * 64)
    with pytest.raises(InputError, match=f"interface_digest: found '0+', expected '{INTERFACE.digest}'"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head.log_std": None}, r"found no tensor head\.log_std, expected all of .* \(valid names: body\.layers\.0"),
        ({"extra": torch.zeros(1)}, "found extra tensor extra"),
        ({"head.log_std": torch.zeros(6)}, r"head\.log_std: found torch\.float32 \(6,\), expected .* \(5,\)"),
        ({"head.log_std": torch.zeros(5).double()}, r"head\.log_std: found torch\.float64"),
        ({"head.log_std": torch.full((5,), float("nan"))}, r"head\.log_std: found a value that is not finite"),
    ],
)
def test_weights_that_are_not_the_policys_are_refused(
    policy: Policy, folder: Path, tmp_path: Path, change: dict[str, torch.Tensor | None], message: str
) -> None:
    tensors = {name: value for name, value in (policy.state_dict() | change).items() if value is not None}
    write_tensors(tmp_path / "tensors", tensors)
    rewrite(folder, weights=(tmp_path / "tensors").read_bytes())
    with pytest.raises(InputError, match=message):
        load_checkpoint(folder)


def test_weights_in_another_format_are_refused(folder: Path) -> None:
    rewrite(folder, weights=b"\x80\x04K\x01.")
    with pytest.raises(InputError, match=r"model\.safetensors: found unreadable content"):
        load_checkpoint(folder)


def test_weights_that_are_not_finite_are_not_saved(policy: Policy, tmp_path: Path) -> None:
    with torch.no_grad():
        policy.head.log_std[0] = float("inf")
    with pytest.raises(ValueError, match=r"head\.log_std"):
        save_checkpoint(policy, tmp_path / "bc", {})
    assert not (tmp_path / "bc").exists()


def test_a_checkpoint_is_for_one_task_interface_and_observation(folder: Path) -> None:
    manifest = load_checkpoint(folder)[1]
    require_interface(manifest, TASK)
    with pytest.raises(InputError, match="task: found 'some-task', expected a checkpoint of task 'other'"):
        require_interface(manifest, replace(TASK, name="other"))
    faster = replace(INTERFACE, rate=50.0)
    with pytest.raises(InputError, match=f"interface: found digest {INTERFACE.digest}, expected {faster.digest}"):
        require_interface(manifest, replace(TASK, interface=faster))
    degrees = Fields([Field("qpos", 5, "deg"), Field("palm_position", 3, "m")])
    with pytest.raises(InputError, match=r"observation: found .*qpos\[5\] rad.* expected .*qpos\[5\] deg"):
        require_interface(manifest, replace(TASK, observations={"policy": Group(degrees)}))


def test_tensor_files_come_back_and_damage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_tensors(path, {"b": torch.arange(3), "a": torch.rand(2, 2, generator=torch_stream(0)).t()})
    back = read_tensors(path)
    assert torch.equal(back["b"], torch.arange(3))
    assert torch.equal(back["a"], torch.rand(2, 2, generator=torch_stream(0)).t())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="found unreadable content"):
        read_tensors(path)
    with pytest.raises(InputError, match="missing: found no file"):
        read_tensors(tmp_path / "missing")
