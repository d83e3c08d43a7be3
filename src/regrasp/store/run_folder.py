"""One run's folder: what it is, where its parts lie, and that one command at a time works in it.

run.json                what was asked: the resolved curriculum, demonstrations, seed; never changes
versions.json           versions of the packages that worked on it, one record per change
inputs.json             where its curriculum and demonstrations were read from last; no part of its identity
checkpoints/<name>/     policies, written by the policies room
store.sqlite            rows: checkpoints, trials, datasets, wall clock
progress.jsonl          every progress record
tensorboard/            the same, as TensorBoard events
state.npz               the phase in progress, as of its last saved step
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from regrasp.errors import InputError
from regrasp.fields import digest_of
from regrasp.store.atomic import locked, replacing
from regrasp.store.differences import differences
from regrasp.store.training_state import TrainingState, read_state, write_state

FORMAT = 1
WITHOUT_DEMOS = "without-demos"
"""Folder inside a run's folder, itself a run's: the same fine-tuning without any demonstration."""


class RunFolder:
    """The folder of one run. Making the object touches nothing.

    Args:
        path: the folder, existing or not.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.database = self.path / "store.sqlite"
        self.progress = self.path / "progress.jsonl"
        self.tensorboard = self.path / "tensorboard"
        self.report = self.path / "report.html"
        self._identity = self.path / "run.json"
        self._versions = self.path / "versions.json"
        self._inputs = self.path / "inputs.json"
        self._state = self.path / "state.npz"

    def checkpoint(self, name: str) -> Path:
        """Where the checkpoint of that name lies or will lie."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise InputError(self.path, "checkpoints", repr(name), "a name of letters, digits, '.', '_' and '-'")
        return self.checkpoints / name

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps every other command out of the folder; the kernel lifts it when the process ends, however it ends."""
        self._make()
        with locked(self.path, self.path / "lock"):
            yield

    def claim(self, resolved: Mapping[str, Any], versions: Mapping[str, str]) -> str:
        """Makes the folder this run's, or checks that it already is; returns the run's digest.

        Args:
            resolved: all that decides the result (curriculum, demonstrations' digest, seed), as JSON can hold it.
            versions: of the packages that work on it now; kept whenever they differ from the last ones.
        """
        asked = json.loads(json.dumps(resolved, allow_nan=False))
        self._make()
        self.checkpoints.mkdir(exist_ok=True)
        if self._identity.exists():
            self._refuse_other(asked)
        else:
            self._write(self._identity, {"format": FORMAT, "digest": digest_of(asked), "run": asked})
        known = self.versions()
        if not known or known[-1] != dict(versions):
            self._write(self._versions, [*known, dict(versions)])
        return digest_of(asked)

    def resolved(self) -> dict[str, Any]:
        """What was asked of this run: curriculum, demonstrations, seed."""
        if not self._identity.exists():
            raise InputError(self.path, "", "no run.json", "the folder of a run, as `regrasp run --out` makes it")
        content = self._read(self._identity)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise InputError(self._identity, "", "another format", f"a run of format {FORMAT}")
        run = content.get("run")
        if not isinstance(run, dict) or digest_of(run) != content.get("digest"):
            raise InputError(self._identity, "run", "changed content", f"content of digest {content.get('digest')}")
        return run

    def digest(self) -> str:
        """SHA-256 of what was asked of this run."""
        return digest_of(self.resolved())

    def versions(self) -> list[dict[str, str]]:
        """Package versions that worked on this run, oldest first."""
        found: list[dict[str, str]] = self._read(self._versions) if self._versions.exists() else []
        return found

    def note_inputs(self, inputs: Mapping[str, str]) -> None:
        """Keep where files were read from: what → path."""
        self._write(self._inputs, dict(inputs))

    def inputs(self) -> dict[str, str]:
        """Where files were read from, as far as it is known; they may lie elsewhere by now."""
        found: dict[str, str] = self._read(self._inputs) if self._inputs.exists() else {}
        return found

    def save_state(self, phase: str, meta: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
        """Replaces the snapshot of the phase in progress, atomically and durably."""
        self._make()
        write_state(self._state, phase, meta, tensors)

    def load_state(self) -> TrainingState | None:
        """The last saved snapshot, or None before the first."""
        return read_state(self._state)

    def _make(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise InputError(self.path, "", "a file in the way", "a folder, or nothing yet") from error

    def _refuse_other(self, asked: Mapping[str, Any]) -> None:
        found = differences(self.resolved(), asked)
        if not found:
            return
        first, others = found[0], found[1:]
        more = (
            f" (it differs in {len(others)} more: {', '.join(other.place for other in others[:5])})" if others else ""
        )
        expected = f"{first.new} as asked now{more}, or another folder for a new run"
        raise InputError(self.path, first.place, f"a run of {first.old}", expected)

    @staticmethod
    def _read(path: Path) -> Any:
        try:
            return json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise InputError(path, "", "text that is no JSON", "a file written by regrasp") from error

    @staticmethod
    def _write(path: Path, content: Any) -> None:
        with replacing(path) as file:
            file.write((json.dumps(content, indent=2) + "\n").encode())
