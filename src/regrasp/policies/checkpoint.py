"""Checkpoints: a folder with the weights and a manifest that says what they are; complete or absent, or refused."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from regrasp.actor import ActionInterface
from regrasp.errors import InputError
from regrasp.fields import Fields, digest_of
from regrasp.policies.policy import Policy, PolicySpec
from regrasp.policies.tensors import flush_folder, parse_tensors, tensor_bytes, write_bytes

FORMAT = "regrasp-checkpoint-1"
WEIGHTS = "model.safetensors"
MANIFEST = "manifest.json"
KEYS = ("spec", "interface_digest", "parent", "provenance", "weights_sha256")


@dataclass(frozen=True)
class Manifest:
    """What a checkpoint says about itself.

    Attributes:
        folder: where it was read from; not part of the digest.
        spec: task, observation and action fields with units, action interface, and the network's shape.
        parent: digest of the checkpoint that training started from, or None.
        provenance: how it was made (phase, seed, settings, digests of its inputs); nothing of time or machine.
        weights_sha256: of `model.safetensors`.
        digest: SHA-256 of all of the above but the folder; it names the checkpoint.
    """

    folder: Path
    spec: PolicySpec
    parent: str | None
    provenance: Mapping[str, Any]
    weights_sha256: str
    digest: str


class Described(Protocol):
    """The part of an observation group that a policy must fit."""

    @property
    def fields(self) -> Fields:
        """Its columns."""
        ...


class Performable(Protocol):
    """The part of a task that a policy must fit."""

    @property
    def name(self) -> str:
        """The task's name."""
        ...

    @property
    def interface(self) -> ActionInterface:
        """What an action means in this task."""
        ...

    @property
    def observations(self) -> Mapping[str, Described]:
        """Observation groups by name; a policy reads the group `policy`."""
        ...


def save_checkpoint(policy: Policy, folder: Path, provenance: Mapping[str, Any], parent: str | None = None) -> str:
    """Write `folder` in one piece and return the checkpoint's digest. What was there before is replaced.

    The same policy, provenance and parent give the same bytes. `provenance` must be JSON data without time or machine.

    Raises:
        ValueError: a weight or a number in the provenance is not finite.
        TypeError: the provenance is not JSON data.
    """
    if bad := [name for name, tensor in policy.state_dict().items() if not bool(torch.isfinite(tensor).all())]:
        raise ValueError(f"weights that are not finite cannot be saved: {', '.join(bad)}")
    weights = tensor_bytes(policy.state_dict())
    content = {
        "format": FORMAT,
        "spec": policy.spec.to_json(),
        "interface_digest": policy.interface_digest,
        "parent": parent,
        "provenance": dict(provenance),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    digest = digest_of(content)
    _publish(Path(folder), {WEIGHTS: weights, MANIFEST: _manifest_bytes(content | {"digest": digest})})
    return digest


def load_checkpoint(folder: Path) -> tuple[Policy, Manifest]:
    """The policy and what its manifest says.

    Raises:
        InputError: a file is missing, a byte differs from what was written, the format is another one, or the weights
            are not those of the policy that the manifest describes.
    """
    folder = Path(folder)
    content = _read_manifest(folder)
    weights = _read_file(folder, WEIGHTS)
    found = hashlib.sha256(weights).hexdigest()
    if found != content["weights_sha256"]:
        expected = f"{content['weights_sha256']} as in {MANIFEST} (the file changed after it was written)"
        raise InputError(folder / WEIGHTS, "", f"sha256 {found}", expected)
    policy = _build(content, folder)
    _set_weights(policy, parse_tensors(weights, folder / WEIGHTS), folder / WEIGHTS)
    manifest = Manifest(
        folder=folder,
        spec=policy.spec,
        parent=content["parent"],
        provenance=content["provenance"],
        weights_sha256=content["weights_sha256"],
        digest=content["digest"],
    )
    return policy, manifest


def require_interface(manifest: Manifest, task: Performable) -> None:
    """Refuse a checkpoint that was made for another task, another action interface or other observations.

    Raises:
        InputError: which of the three differs, and how.
    """
    source, spec = manifest.folder / MANIFEST, manifest.spec
    if spec.task != task.name:
        raise InputError(source, "task", repr(spec.task), f"a checkpoint of task {task.name!r}")
    if spec.interface.digest != task.interface.digest:
        expected = f"{task.interface.digest}, the action interface of task {task.name!r}"
        raise InputError(source, "interface", f"digest {spec.interface.digest}", expected)
    seen = task.observations["policy"].fields
    if spec.observation != seen:
        raise InputError(source, "observation", repr(spec.observation), f"the task's {seen!r}")


def _manifest_bytes(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def _publish(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files into a sibling, then rename: a kill leaves the old folder, none, or the new one."""
    if all((folder / name).is_file() and (folder / name).read_bytes() == data for name, data in files.items()):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    writing, old = (folder.with_name(f".{folder.name}.{state}") for state in ("writing", "old"))
    for leftover in (writing, old):
        shutil.rmtree(leftover, ignore_errors=True)
    writing.mkdir()
    for name, data in files.items():
        write_bytes(writing / name, data)
    if folder.exists():
        folder.rename(old)
    writing.rename(folder)
    flush_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _read_file(folder: Path, name: str) -> bytes:
    if not folder.is_dir():
        raise InputError(folder, "", "no such folder", f"a checkpoint folder with {WEIGHTS} and {MANIFEST}")
    if not (folder / name).is_file():
        raise InputError(folder, name, "no such file", f"a checkpoint folder with {WEIGHTS} and {MANIFEST}")
    return (folder / name).read_bytes()


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")


def _read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest's content, once its format is ours and its bytes are those that were written."""
    data, source = _read_file(folder, MANIFEST), folder / MANIFEST
    try:
        content = json.loads(data, parse_constant=_refuse_constant)
    except ValueError as error:
        raise InputError(source, "", f"unreadable JSON ({error})", f"the manifest of a {FORMAT}") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise InputError(source, "format", repr(found), repr(FORMAT))
    digest = digest_of({key: value for key, value in content.items() if key != "digest"})
    if content.get("digest") != digest or _manifest_bytes(content) != data:
        expected = f"{digest!r} (the file changed after it was written)"
        raise InputError(source, "digest", repr(content.get("digest")), expected)
    if missing := [key for key in KEYS if key not in content]:
        raise InputError(source, "", f"no {', '.join(missing)}", f"the manifest of a {FORMAT}", KEYS)
    return dict(content)


def _build(content: Mapping[str, Any], folder: Path) -> Policy:
    """A policy of the shape that the manifest describes."""
    source = folder / MANIFEST
    try:
        policy = Policy.build(PolicySpec.from_json(content["spec"]), torch.Generator())
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(source, "spec", f"no policy can be made of it ({error})", f"that of a {FORMAT}") from error
    if policy.interface_digest != content["interface_digest"]:
        raise InputError(source, "interface_digest", repr(content["interface_digest"]), repr(policy.interface_digest))
    return policy


def _set_weights(policy: Policy, tensors: Mapping[str, torch.Tensor], source: Path) -> None:
    """Put the tensors into the policy, if they are exactly its own: names, shapes, types, finite values."""
    expected = policy.state_dict()
    if missing := sorted(set(expected) - set(tensors)):
        raise InputError(source, "", f"no tensor {', '.join(missing)}", "all of the policy's", sorted(expected))
    if extra := sorted(set(tensors) - set(expected)):
        raise InputError(source, "", f"extra tensor {', '.join(extra)}", "only the policy's", sorted(expected))
    for name, own in expected.items():
        found = tensors[name]
        if found.shape != own.shape or found.dtype != own.dtype:
            raise InputError(source, name, f"{found.dtype} {tuple(found.shape)}", f"{own.dtype} {tuple(own.shape)}")
        if not bool(torch.isfinite(found).all()):
            raise InputError(source, name, "a value that is not finite", "finite weights")
    policy.load_state_dict(dict(tensors))
