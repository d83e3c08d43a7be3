"""Demonstration files into other formats, joined or divided, one episode at a time; what is lost is listed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from regrasp.demonstrations.formats import WRITERS, open_source
from regrasp.demonstrations.formats.hdf5_writing import observed
from regrasp.demonstrations.formats.keys import Keys
from regrasp.demonstrations.formats.placing import check_new
from regrasp.demonstrations.formats.recording import Fact, Losses, Recording, Source, count_losses
from regrasp.demonstrations.formats.rows import Unreadable
from regrasp.errors import InputError
from regrasp.seeding import numpy_stream

Watch = Callable[[Recording], None]
"""Called with every episode that has been written."""


@dataclass
class Converted:
    """What was written, and what was lost: in words, and in how many episodes (0: of the file as a whole)."""

    episodes: int
    steps: int
    losses: Losses


def convert(
    path: Path,
    out: Path,
    to: str,
    keys: Keys | None = None,
    watch: Watch = lambda _: None,
    next_obs: bool = False,
) -> Converted:
    """Writes all episodes of a file in another format, or in the same under other names.

    `next_obs`, in robomimic's layout alone: its offline RL reads the observation after each action from there, where
    its cloning asks for none. It doubles the observations.
    """
    if next_obs and to != "robomimic":
        raise InputError("--next-obs", "", f"--to {to}", "--to robomimic, whose files alone have it")
    with open_source(path) as opened:
        source = keys.applied(opened) if keys else opened
        source = _with_next(source) if next_obs else source
        return _write(out, to, source, range(source.count), watch)


def merge(paths: Sequence[Path], out: Path, to: str, watch: Watch = lambda _: None) -> Converted:
    """Writes the episodes of several files as one.

    Raises:
        InputError: they differ in their arrays, or in what they say about all their episodes.
    """
    with ExitStack() as opened:
        sources = [opened.enter_context(open_source(path)) for path in paths]
        for other in sources[1:]:
            _check_alike(sources[0], other)
        first = sources[0]
        chosen = [(source, index) for source in sources for index in range(source.count)]
        joined = Source(
            format=first.format,
            path=first.path,
            count=len(chosen),
            recording=lambda number: chosen[number][0].recording(chosen[number][1]),
            facts=_shared(sources),
            losses=tuple(dict.fromkeys(loss for source in sources for loss in source.losses)),
        )
        return _write(out, to, joined, range(joined.count), watch)


def split(
    path: Path, outs: tuple[Path, Path], share: float, seed: int, to: str, watch: Watch = lambda _: None
) -> tuple[Converted, Converted]:
    """Writes a random share of the episodes to the first file, the others to the second, both in the file's order."""
    for out in outs:
        check_new(out)
    with open_source(path) as source:
        count = round(share * source.count)
        if not 0 < count < source.count:
            raise InputError(
                "--share", "", f"{share} of {source.count} episodes", "at least one episode on either side"
            )
        drawn = numpy_stream(seed, "split of demonstrations").permutation(source.count)
        parts = sorted(drawn[:count].tolist()), sorted(drawn[count:].tolist())
        first, second = (_write(out, to, source, part, watch) for out, part in zip(outs, parts, strict=True))
        return first, second


def _with_next(source: Source) -> Source:
    """The same file with the observation after each action as arrays of their own."""

    def recording(index: int) -> Recording:
        found = source.recording(index)
        following = {
            f"extra/next_obs/{name.removeprefix('observations/')}": rows.cut(1, found.steps + 1)
            for name, rows in observed(found).items()
        }
        return replace(found, arrays={**found.arrays, **following})

    return replace(source, recording=recording)


def _write(out: Path, to: str, source: Source, chosen: Sequence[int], watch: Watch) -> Converted:
    done = Converted(0, 0, dict.fromkeys(source.losses, 0))

    def passing() -> Iterator[Recording]:
        for index in chosen:
            recording = _read(source, index)
            count_losses(done.losses, [*recording.losses, *recording.missing])
            yield recording
            done.episodes += 1
            done.steps += recording.steps
            watch(recording)

    done.losses |= WRITERS[to](out, source.facts, passing())
    return done


def _read(source: Source, index: int) -> Recording:
    """An episode; an error of the file that is read must not pass for one of the file that is written."""
    try:
        return source.recording(index)
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise Unreadable(str(error)) from error


def _shared(sources: Sequence[Source]) -> Mapping[str, Fact]:
    """What all files say alike."""
    first, *others = (source.facts for source in sources)
    return {name: fact for name, fact in first.items() if all(other.get(name) == fact for other in others)}


def _check_alike(first: Source, other: Source) -> None:
    for name in ("task", "interface_digest", "observation_fields", "states_layout"):
        one, two = first.facts.get(name), other.facts.get(name)
        if one != two:
            expected = f"{one!r}"[:80] + f", as in {first.path.name}"
            raise InputError(other.path, name, f"{two!r}"[:80], expected)
    one_shapes, two_shapes = _shapes(first), _shapes(other)
    for name in sorted(one_shapes.keys() | two_shapes.keys()):
        if one_shapes.get(name) != two_shapes.get(name):
            expected = f"{one_shapes.get(name, 'nothing')}, as in {first.path.name}"
            raise InputError(other.path, name, f"{two_shapes.get(name, 'nothing')}", expected)


def _shapes(source: Source) -> dict[str, str]:
    """Row shape and type of each array in the first episode."""
    return {name: f"{rows.row} {rows.dtype}" for name, rows in source.recording(0).arrays.items()}
