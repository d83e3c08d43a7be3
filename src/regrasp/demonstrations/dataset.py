"""Demonstrations of one task: read from any format, checked against the task, given to learning as arrays."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.demonstrations.formats import Contents, Storage, append_robomimic, read_contents, write_robomimic
from regrasp.episode import Episode
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.tasks.task import Task


@dataclass(frozen=True)
class DemonstrationSet:
    """Episodes that fit one task.

    Attributes:
        episodes: in the file's order.
        task: name of the task.
        interface_digest: of the action interface that the source states, or None if it states none.
        source: name of the file, without its folder.
        digest: SHA-256 of every array, end flag and object; neither the file's name, format, marks nor provenance is
            part of it.
        format: of the source, `dapg` or `robomimic`.
    """

    episodes: tuple[Episode, ...]
    task: str
    interface_digest: str | None
    source: str
    digest: str
    format: str = ""


def read_demonstrations(path: Path | str, task: "Task") -> DemonstrationSet:
    """Reads a file of any known format, recognised by its content.

    Raises:
        InputError: the file is damaged, or its episodes do not fit the task.
    """
    return accept(path, read_contents(Path(path)), task)


def accept(path: Path | str, contents: Contents, task: "Task") -> DemonstrationSet:
    """What was read from a file, as demonstrations of a task.

    Raises:
        InputError: the episodes do not fit the task.
    """
    path = Path(path)
    _check_task(path, contents, task)
    for place, episode in zip(contents.places, contents.episodes, strict=True):
        _check_object(path, place, episode, task)
        _check_widths(path, place, episode, task)
    return DemonstrationSet(
        episodes=contents.episodes,
        task=task.name,
        interface_digest=contents.interface_digest,
        source=path.name,
        digest=digest_episodes(contents.episodes),
        format=contents.format,
    )


def write_demonstrations(
    path: Path | str, episodes: Sequence[Episode], task: "Task", storage: Storage | None = None
) -> None:
    """Writes episodes of a task to regrasp's native file (robomimic layout), complete or not at all."""
    fields = {group: observation.fields for group, observation in task.observations.items()}
    scene = task.scene
    there = {"qpos": True, "qvel": True, "mocap_pos": scene.model.nmocap > 0, "mocap_quat": scene.fixture_turns}
    layout = ", ".join(part for part, present in there.items() if present)
    write_robomimic(Path(path), episodes, task.name, task.interface, fields, storage, layout)


def append_demonstration(path: Path | str, episode: Episode, task: "Task", storage: Storage | None = None) -> None:
    """Adds an episode to a native file of the task, or begins one; whenever it is killed, the file is whole."""
    if not Path(path).exists():
        return write_demonstrations(path, [episode], task, storage)
    fields = {group: observation.fields for group, observation in task.observations.items()}
    return append_robomimic(Path(path), episode, task.interface, fields, storage or Storage())


def transitions(demonstrations: DemonstrationSet) -> tuple[Tensor, Tensor]:
    """Every step: policy observation (N, O) float32 and action (N, A) float32, clipped to [-1, 1]."""
    observations = [episode.observations["policy"][:-1] for episode in demonstrations.episodes]
    actions = [episode.actions for episode in demonstrations.episodes]
    return torch.from_numpy(np.concatenate(observations)), torch.from_numpy(np.concatenate(actions).clip(-1, 1))


def control_steps(demonstrations: DemonstrationSet) -> tuple[int, ...]:
    """Of each episode; in the rows of `transitions`, they are where one ends and the next begins."""
    return tuple(episode.steps for episode in demonstrations.episodes)


def start_states(demonstrations: DemonstrationSet) -> NDArray[np.float64]:
    """The state (E, S) that each episode began in; episodes without one are left out."""
    starts = [episode.start for episode in demonstrations.episodes if episode.start is not None]
    if not starts:
        raise InputError(demonstrations.source, "", "no start state in any episode", "at least one to begin from")
    return np.stack(starts)


def digest_episodes(episodes: Iterable[Episode]) -> str:
    """SHA-256 (hex) of what the episodes hold, marks and provenance aside: equal digest, equal training data."""
    content = hashlib.sha256()
    for episode in episodes:
        flags = [episode.terminated, episode.truncated, episode.terminal_observed]
        _feed(content, "flags", np.array(flags, dtype=np.uint8))
        for name in ("actions", "rewards", "states", "start", "contact_modes"):
            _feed(content, name, getattr(episode, name))
        if episode.object:
            content.update(json.dumps(["object", episode.object]).encode())
        for group in sorted(episode.observations):
            _feed(content, f"observations/{group}", episode.observations[group])
    return content.hexdigest()


def _feed(content: "hashlib._Hash", name: str, array: NDArray[Any] | None) -> None:
    if array is None:
        content.update(json.dumps([name, None]).encode())
        return
    little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    content.update(json.dumps([name, little.dtype.str, list(little.shape)]).encode())
    content.update(little.tobytes())


def _check_task(path: Path, contents: Contents, task: "Task") -> None:
    """What the file says about itself must be what the task says."""
    if contents.task not in (None, task.name):
        raise InputError(path, "data, attribute task", f"demonstrations of {contents.task!r}", f"{task.name!r}")
    if contents.interface_digest not in (None, task.interface.digest):
        found = f"action interface {str(contents.interface_digest)[:12]}"
        expected = f"{task.interface.digest[:12]} of {task.name}"
        raise InputError(path, "data, attribute interface_digest", found, expected)
    for group, fields in contents.observations.items():
        if group in task.observations and fields != task.observations[group].fields:
            expected = f"{task.observations[group].fields} of {task.name}"
            raise InputError(path, f"data, attribute observation_fields, {group}", f"{fields}", expected)


def _check_object(path: Path, place: str, episode: Episode, task: "Task") -> None:
    if episode.object and episode.object not in task.objects:
        expected = f"an object of {task.name}"
        raise InputError(path, f"{place}, attribute object", repr(episode.object[:80]), expected, task.objects)


def _check_widths(path: Path, place: str, episode: Episode, task: "Task") -> None:
    if "policy" not in episode.observations:
        found = f"observations {', '.join(sorted(episode.observations)) or 'none'}"
        raise InputError(path, place, found, "the group 'policy'", task.observations)
    _check_width(path, f"{place}, actions", episode.actions, task.interface.fields.size, task)
    for group, array in episode.observations.items():
        if group in task.observations:
            size = task.observations[group].fields.size
            _check_width(path, f"{place}, observations {group}", array, size, task)
    if episode.start is not None:
        _check_width(path, f"{place}, states", episode.start, task.scene.state_size, task)


def _check_width(path: Path, place: str, array: NDArray[Any], size: int, task: "Task") -> None:
    if array.shape[-1] != size:
        raise InputError(path, place, f"{array.shape[-1]} columns", f"{size} of {task.name}")
