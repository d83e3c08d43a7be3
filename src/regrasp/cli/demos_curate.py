"""`regrasp demos curate`: leave out, by rules, what demonstrations are better without, and keep a record of it."""

import json as json_text
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tyro.conf import Positional

from regrasp.cli.output import emit, require_writable, table
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.demonstrations import DemonstrationSet
    from regrasp.demonstrations.inspection.curating import Fate, Rules
    from regrasp.episode import Episode

KEYS = ("of", "rules", "episodes")
ROW = ("episode", "first", "last", "why")


def curate(
    file: Positional[Path],
    out: Positional[Path],
    task: str | None = None,
    success: bool = False,
    duplicates: bool = False,
    idle: bool = False,
    outliers: bool = False,
    balance: int | None = None,
    spread: int | None = None,
    again: Path | None = None,
    threads: int = 0,
    json: bool = False,
) -> None:
    """Write the episodes, and the parts of episodes, that rules leave, and beside them what was left out and why.

    FILE stays as it is. OUT, a new name, is a file of regrasp's own format; beside it, OUT.fates.json names every
    episode of FILE, the control steps of it that are kept, and why not the others. That file can be edited, and applied
    with --again.

    Args:
        file: the demonstration file, or the folder of a dataset.
        out: the file to write, a new name.
        task: name of the task that it should fit; left out, the one that the file names or alone could be of.
        success: leave out episodes that do not succeed when played again, as the task's judge sees it.
        duplicates: leave out episodes like an earlier one.
        idle: cut off the beginning and the end of an episode where nothing happens.
        outliers: leave out episodes whose return is more than 1.5 quartile distances below the first quartile.
        balance: keep at most so many episodes per contact mode at contact entry, the first ones.
        spread: keep at most so many episodes, those whose first observations lie farthest apart, so that they cover
            where the task begins.
        again: apply the fates of such a file, perhaps edited, in place of rules.
        threads: engine threads; 0 uses every core. The result is the same for any number.
        json: print one JSON object instead of tables.
    """
    from dataclasses import asdict

    from regrasp.cli.opening import open_demonstrations
    from regrasp.demonstrations import digest_episodes, write_demonstrations
    from regrasp.demonstrations.inspection.curating import Rules, apply_fates, judge_fates

    rules = Rules(success, duplicates, idle, outliers, balance, spread)
    _require_sense(rules, rules == Rules(), again)
    beside = _beside(out, again)
    demonstrations, known = open_demonstrations(file, task)
    fates = _read(again, demonstrations) if again else judge_fates(known, demonstrations.episodes, rules, threads)
    kept = list(apply_fates(known, demonstrations.episodes, fates, threads))
    if not kept:
        raise InputError(file, "", f"none of {len(fates)} episodes left", "rules that leave at least one")
    rows = [{"episode": place} | asdict(fate) for place, fate in enumerate(fates)]
    if not beside.exists():  # else they are the fates that were just applied
        _keep(beside, {"of": demonstrations.digest, "rules": asdict(rules), "episodes": rows})
    write_demonstrations(out, kept, known)
    data: dict[str, Any] = {"file": str(file), "out": str(out), "fates": str(beside), "digest": digest_episodes(kept)}
    data |= {"kept": _size(kept), "of": _size(demonstrations.episodes), "left_out": [row for row in rows if row["why"]]}
    emit(data, json, *_shown(data))


def _require_sense(rules: "Rules", none: bool, again: Path | None) -> None:
    if none == (again is None):
        found = "rules and --again" if again else "no rule"
        valid = ("--success", "--duplicates", "--idle", "--outliers", "--balance", "--spread", "--again")
        raise InputError("demos curate", "", found, "at least one rule, or --again alone", valid)
    for option, count in (("--balance", rules.balance), ("--spread", rules.spread)):
        if count is not None and count < 1:
            raise InputError(option, "", str(count), "a whole number, at least 1")


def _beside(out: Path, again: Path | None) -> Path:
    """Where the fates go, once both names are free; the fates that are applied may have theirs already."""
    from regrasp.demonstrations.formats.placing import check_free

    require_writable(out)
    check_free(out)
    beside = out.with_name(f"{out.name}.fates.json")
    if not (again and again.exists() and beside.exists() and beside.samefile(again)):
        check_free(beside)
    return beside


def _keep(beside: Path, record: dict[str, Any]) -> None:
    from regrasp.store.atomic import replacing

    beside.parent.mkdir(parents=True, exist_ok=True)
    with replacing(beside) as stream:
        stream.write(json_text.dumps(record, indent=1).encode() + b"\n")


def _size(episodes: "Sequence[Episode]") -> dict[str, int]:
    return {"episodes": len(episodes), "steps": sum(episode.steps for episode in episodes)}


def _shown(data: dict[str, Any]) -> list[Any]:
    kept, of = data["kept"], data["of"]
    said = f"{data['out']}: {kept['episodes']} of {of['episodes']} episodes"
    said += f", {kept['steps']} of {of['steps']} control steps"
    left = [[str(row["episode"]), _part(row), str(row["why"])] for row in data["left_out"]]
    shown: list[Any] = [f"{said}; {data['fates']} says why"]
    return [*shown, *([table("Left out", ["episode", "kept", "why"], left)] if left else [])]


def _part(row: dict[str, Any]) -> str:
    return f"{row['first']} to {row['last']}" if row["last"] > row["first"] else "nothing"


def _read(path: Path, demonstrations: "DemonstrationSet") -> "Sequence[Fate]":
    """Fates that were written down for this very set."""
    from regrasp.demonstrations.inspection.curating import Fate
    from regrasp.json_files import read_json, require_keys

    kind = "a file of fates"
    record = read_json(path, kind)
    require_keys(path, "", record, KEYS, kind)
    if record["of"] != demonstrations.digest:
        found = f"fates of demonstrations {str(record['of'])[:12]}"
        raise InputError(path, "of", found, f"{demonstrations.digest[:12]}, which {demonstrations.source} has")
    rows, lengths = record["episodes"], [episode.steps for episode in demonstrations.episodes]
    if not isinstance(rows, list) or len(rows) != len(lengths):
        found = f"{len(rows)} rows" if isinstance(rows, list) else type(rows).__name__
        raise InputError(path, "episodes", found, f"{len(lengths)} rows, one per episode")
    fates = []
    for place, (row, steps) in enumerate(zip(rows, lengths, strict=True)):
        require_keys(path, f"episodes {place}", row, ROW, "a fate")
        first, last = row["first"], row["last"]
        if type(first) is not int or type(last) is not int or not 0 <= first <= last <= steps:
            raise InputError(path, f"episodes {place}", f"{first!r} to {last!r}", f"control steps from 0 to {steps}")
        fates.append(Fate(first, last, str(row["why"])))
    return fates
