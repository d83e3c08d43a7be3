"""`regrasp demos show`: episodes as pictures over a time line of contacts and marks."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from regrasp.cli.output import console, emit, progress
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.episode import Episode
    from regrasp.report.strips import EpisodeStrip
    from regrasp.tasks.task import Task

FRAMES = 8
SIZE = (320, 240)
"""Of each picture before it is drawn [pixels]."""
SHEET = 30
"""Episodes on the sheet of all."""


def show(
    file: Positional[Path],
    out: Path,
    episodes: tuple[int, ...] = (),
    task: str | None = None,
    threads: int = 0,
    json: bool = False,
) -> None:
    """Draw demonstrations: pictures in a row, and under them who touched when and what happened.

    Writes one PNG per episode, and episodes.png with all of them (the first 30, if there are more). Episodes without
    recorded states or contacts are played again on today's engine, and marked as the task's judge sees them there.

    Args:
        file: the demonstration file.
        out: folder for the pictures; it is made if there is none.
        episodes: numbers of the episodes to draw, from 0, as 0 3 7; left out, all.
        task: name of the task; left out, the one that the file names or alone could be of.
        threads: engine threads for replays; 0 uses every core.
        json: print one JSON object instead of a sentence.
    """
    from regrasp.cli.opening import open_demonstrations
    from regrasp.report.strips import draw_strips
    from regrasp.store.atomic import replacing

    if out.exists() and not out.is_dir():
        raise InputError("--out", "", f"{out}, a file", "the name of a folder")
    demonstrations, found = open_demonstrations(file, task)
    numbers = _chosen(file, episodes, len(demonstrations.episodes))
    shown = with_states(file, found, [demonstrations.episodes[number] for number in numbers], numbers, threads)
    out.mkdir(parents=True, exist_ok=True)
    strips, files = [], []
    with progress("episodes", console()) as bar:
        work = bar.add_task("drawing", total=len(shown), unit="episodes")
        for number, episode in zip(numbers, shown, strict=True):
            strips.append(_strip(found, episode, number))
            files.append(out / f"episode-{number:03d}.png")
            with replacing(files[-1]) as picture:
                picture.write(draw_strips(strips[-1:]))
            bar.advance(work)
    sheet = out / "episodes.png"
    with replacing(sheet) as picture:
        picture.write(draw_strips(strips[:SHEET]))
    data = {"file": str(file), "task": found.name, "episodes": list(numbers), "sheet": str(sheet)}
    count = f"{len(files)} picture{'s' if len(files) > 1 else ''}"
    emit(data | {"pictures": [str(one) for one in files]}, json, f"{count} in {out}, all of them in {sheet}")


def _chosen(file: Path, episodes: Sequence[int], count: int) -> Sequence[int]:
    for number in episodes:
        if not 0 <= number < count:
            raise InputError("--episodes", "", str(number), f"the number of an episode of {file}, 0 to {count - 1}")
    return tuple(dict.fromkeys(episodes)) or range(count)


def with_states(
    file: Path, task: "Task", episodes: Sequence["Episode"], numbers: Sequence[int], threads: int
) -> list["Episode"]:
    """The episodes, those without states or contact modes replaced by their replay."""
    from regrasp.demonstrations.replay import replay

    bare = [i for i, episode in enumerate(episodes) if episode.states is None or episode.contact_modes is None]
    for i in bare:
        if episodes[i].start is None:
            raise InputError(
                file, f"episode {numbers[i]}", "neither states nor a start state", "one of them, to draw the episode"
            )
    played = replay(task, [episodes[i] for i in bare], threads) if bare else []
    again = {i: one.episode for i, one in zip(bare, played, strict=True)}
    return [again.get(i, episode) for i, episode in enumerate(episodes)]


def _strip(task: "Task", episode: "Episode", number: int) -> "EpisodeStrip":
    import numpy as np

    from regrasp.contact import regions_of
    from regrasp.report.strips import EpisodeStrip
    from regrasp.simulation.render import render_states

    assert episode.states is not None
    assert episode.contact_modes is not None
    period = task.scene.control_period
    rows = np.unique(np.linspace(0, episode.steps, FRAMES).round().astype(int))
    model = task.scene.model_of(episode.object or task.objects[0])
    pixels = render_states(model, episode.states[rows], task.camera, *SIZE)
    # A disturbance begins in the state before its control step, what it leads to shows in the one after.
    marks = {name: (step + (name != "disturbed")) * period for name, step in episode.marks.items()}
    return EpisodeStrip(
        title=f"Episode {number}",
        note=describe(task, episode),
        frames=[(float(row * period), picture) for row, picture in zip(rows, pixels, strict=True)],
        regions=task.regions,
        touching=regions_of(episode.contact_modes, len(task.regions)),
        marks=marks,
    )


def describe(task: "Task", episode: "Episode") -> str:
    """An episode in one line: task, object, length, disturbance."""
    from regrasp.demonstrations.disturbed import disturbance_of
    from regrasp.report.wording import kind, number
    from regrasp.simulation.disturbance import UNITS

    name = episode.object or task.objects[0]
    parts = [task.name, *([name] if len(task.objects) > 1 else [])]
    parts.append(f"{episode.steps} control steps, {episode.steps * task.scene.control_period:.2f} s")
    disturbance, _ = disturbance_of(episode)
    if disturbance.kind != "none":
        parts.append(f"{kind(disturbance.kind)} of {number(disturbance.magnitude)} {UNITS[disturbance.kind]}")
    return " · ".join(parts)
