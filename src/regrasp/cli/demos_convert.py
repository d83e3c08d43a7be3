"""`regrasp demos convert`, `merge` and `split`: demonstration files into other formats, joined or divided."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tyro.conf import Positional

from regrasp.cli.output import console, emit, progress, table
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.demonstrations.converting import Converted, Watch

Format = Literal["robomimic", "minari", "maniskill", "lerobot"]


def convert(
    file: Positional[Path],
    out: Positional[Path],
    to: Format = "robomimic",
    keys: Path | None = None,
    next_obs: bool = False,
    json: bool = False,
) -> None:
    """Write a demonstration file in another format, and list what is lost.

    The format of FILE is recognised by its content; `regrasp demos info` shows its arrays. One episode is read at a
    time, so files may be larger than memory. OUT must be a new name: a file for robomimic, a file ending in .h5 for
    ManiSkill (a .json comes beside it), a folder whose name ends in a version (door-human-v0) for Minari, a folder for
    LeRobot.

    Args:
        file: the demonstration file, or the folder of a dataset.
        out: the file or folder to write.
        to: the format to write.
        keys: a TOML file that names arrays: `[observations]` with lines like `policy = ["agent/qpos", "agent/qvel"]`
            joins arrays to one observation, `actions = [...]` does so for actions, `quaternions = "xyzw"` tells the
            order in Isaac Lab's poses, which are then turned to wxyz, `rate = 20` is the control rate in Hz.
        next_obs: write robomimic's `next_obs` too, which its offline RL asks for and its cloning does not; it doubles
            the observations.
        json: print one JSON object instead of tables.
    """
    from regrasp.demonstrations.converting import convert as write
    from regrasp.demonstrations.formats.keys import read_keys

    named = read_keys(keys) if keys else None
    with _watched() as watch:
        done = write(file, out, to, named, watch, next_obs)
    _tell({"file": str(file)}, json, [(out, to, done)])


def merge(files: Positional[list[Path]], out: Path, to: Format = "robomimic", json: bool = False) -> None:
    """Join demonstration files of the same arrays, of any formats, in the order given.

    Args:
        files: two files or more.
        out: the file or folder to write, a new name.
        to: the format to write.
        json: print one JSON object instead of tables.
    """
    from regrasp.demonstrations.converting import merge as write

    if len(files) < 2:
        raise InputError("FILES", "", f"{len(files)} file", "at least two")
    with _watched() as watch:
        done = write(files, out, to, watch)
    _tell({"files": [str(file) for file in files]}, json, [(out, to, done)])


def split(
    file: Positional[Path],
    first: Positional[Path],
    second: Positional[Path],
    share: float = 0.9,
    seed: int = 0,
    to: Format = "robomimic",
    json: bool = False,
) -> None:
    """Divide the episodes of a demonstration file at random in two, as for training and validation.

    Args:
        file: the demonstration file, or the folder of a dataset.
        first: the file or folder to write the share of the episodes to, a new name.
        second: the file or folder to write the other episodes to, a new name.
        share: of the episodes that go to the first, between 0 and 1.
        seed: of the draw.
        to: the format to write.
        json: print one JSON object instead of tables.
    """
    from regrasp.demonstrations.converting import split as write

    if not 0 < share < 1:
        raise InputError("--share", "", str(share), "a number between 0 and 1")
    if seed < 0:
        raise InputError("--seed", "", str(seed), "a whole number, at least 0")
    with _watched() as watch:
        done = write(file, (first, second), share, seed, to, watch)
    _tell({"file": str(file)}, json, [(out, to, one) for out, one in zip((first, second), done, strict=True)])


@contextmanager
def _watched() -> Iterator["Watch"]:
    bar = progress("episodes", console())
    with bar:
        task = bar.add_task("writing", total=None, unit="episodes")
        yield lambda _: bar.advance(task)


def _tell(read: dict[str, Any], json: bool, written: list[tuple[Path, str, "Converted"]]) -> None:
    data = read | {
        "written": [
            {"file": str(out), "format": to, "episodes": one.episodes, "steps": one.steps, "losses": one.losses}
            for out, to, one in written
        ]
    }
    shown = []
    for out, to, one in written:
        shown.append(f"{out}: {to}, {one.episodes} episodes, {one.steps} control steps")
    losses = {loss: n for _, _, one in written for loss, n in one.losses.items()}
    rows = [[loss, str(count) if count else "all"] for loss, count in losses.items()]
    emit(data, json, *shown, *([table("Lost, or not there to begin with", ["what", "episodes"], rows)] if rows else []))
