"""`regrasp demos info`: what is in a demonstration file."""

from pathlib import Path
from typing import Any

from tyro.conf import Positional

from regrasp.cli.output import emit, table


def info(file: Positional[Path], task: str | None = None, threads: int = 0, json: bool = False) -> None:
    """Show what is in a demonstration file, whether it fits the task, and how it replays.

    Reads files of robomimic, Isaac Lab, ManiSkill, Minari and D4RL and DAPG's pickles, recognised by their content;
    nothing in them is executed. Episodes that have their start state are played again on today's engine, and the task's
    judge looks at the result. Of a file that fits no built-in task, the arrays are listed.

    Args:
        file: the demonstration file, or the folder of a dataset.
        task: name of the task that it should fit; left out, the one that the file names or alone could be of.
        threads: engine threads for the replay; 0 uses every core.
        json: print one JSON object instead of tables.
    """
    from regrasp.cli.fidelity import replay_facts
    from regrasp.cli.opening import open_demonstrations
    from regrasp.demonstrations import summarise
    from regrasp.demonstrations.formats import Unfit, detect_format

    try:
        demonstrations, found = open_demonstrations(file, task)
    except Unfit as reason:
        # A DAPG pickle is of the door, or damaged.
        if task is not None or detect_format(file) == "dapg":
            raise
        return _outlined(file, str(reason), json)
    facts = summarise(demonstrations).to_json()
    data: dict[str, Any] = {"file": str(file), "format": demonstrations.format, "task": found.name, "fits": True}
    data |= {"digest": demonstrations.digest, **facts, "replay": replay_facts(demonstrations, found, threads)}
    title = f"{file}: {data['format']}, fits {found.name}, digest {demonstrations.digest}"
    recorded = table("Recorded", ["", ""], _recorded(facts))
    emit(data, json, title, recorded, *_objects(facts), *_replayed(data["replay"]))


def _outlined(file: Path, reason: str, json: bool) -> None:
    """What is known of a file without a task."""
    from regrasp.demonstrations.formats import open_source
    from regrasp.demonstrations.outline import outline

    with open_source(file) as source:
        found = outline(source)
    shapes = [[name, " × ".join(["T", *map(str, row)]), kind, str(n)] for name, (row, kind, n) in found.arrays.items()]
    lost = [f"{text} ({count} episodes)" if count else text for text, count in found.losses.items()]
    data = {"file": str(file), "fits": False, "reason": reason, **found.to_json()}
    emit(
        data,
        json,
        f"{file}: {found.format}, {found.episodes} episodes, {found.steps} control steps, for no built-in task",
        table("Arrays", ["name", "shape", "numbers", "episodes"], shapes),
        *([table("Not there, or not read", [""], [[text] for text in lost])] if lost else []),
        f"Why no task: {reason}",
    )


def _recorded(facts: dict[str, Any]) -> list[list[str]]:
    from regrasp.report.wording import plain

    def spread(name: str, form: str) -> str:
        return " / ".join(f"{facts[f'{name}_{part}']:{form}}" for part in ("min", "median", "max"))

    outside = f"{facts['outside_share']:.2%} of components, in {facts['outside_steps_share']:.1%} of steps"
    return [
        ["episodes", str(facts["episodes"])],
        ["control steps", str(facts["steps"])],
        ["control steps per episode (min / median / max)", spread("length", "g")],
        ["return (min / median / max)", spread("return", ".1f")],
        ["action range", f"{facts['action_min']:.3f} to {facts['action_max']:.3f}"],
        ["actions outside [-1, 1], clipped for learning", outside],
        ["episodes with a start state / with all states", f"{facts['with_start']} / {facts['with_states']}"],
        *[[f"episodes with the mark: {plain(name)}", str(count)] for name, count in facts["marks"].items()],
    ]


def _objects(facts: dict[str, Any]) -> list[Any]:
    """Which objects, the most frequent first; nothing where the file has no choice of them."""
    if len(facts["objects"]) <= 1:
        return []
    counts = sorted(facts["objects"].items(), key=lambda item: (-item[1], item[0]))
    return [table(f"Objects: {len(counts)}", ["object", "episodes"], [[name, str(count)] for name, count in counts])]


def _replayed(facts: dict[str, Any] | None) -> list[Any]:
    if facts is None:
        return ["No episode has a start state, so nothing can be replayed."]
    from regrasp.panel.statistics import Rate
    from regrasp.report.wording import counted, outcome, span

    rates = {name: Rate(**facts[name]) for name in ("contact_entry", "success", "success_at_end", "success_held")}
    rows = [[outcome(name), counted(rate), span(rate.low, rate.high)] for name, rate in rates.items()]
    differences = [[place, f"{d['median']:.2g}", f"{d['max']:.2g}"] for place, d in facts["difference"].items()]
    return [
        table("Replayed on this engine, as the task's judge sees it", ["", "episodes", "95 % interval"], rows),
        table("Absolute difference of replay and recording", ["", "median", "max"], differences),
    ]
