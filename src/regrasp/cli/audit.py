"""`regrasp audit`: does the reward pay for what the judge counts?"""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from tyro.conf import Positional

from regrasp.cli.output import console, emit, table
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.cli.judging import Checkpoint
    from regrasp.panel.cases import Panel
    from regrasp.trial import Trial

SHOWN = 20
"""Named trials listed before the rest is counted."""
_PAID_FOR = {
    "nearness": "control steps of the hand near the object",
    "partial_success": "control steps close to success or in it",
    "unsigned_rotation": "rotation either way",
    "speed": "path of the object",
}
_WITHOUT_A_NAME = {
    "none_found": "no hack found",
    "impossible_physics": "impossible_physics",
    "unnamed": "a hack that follows none of the four sums below",
}


def audit(
    checkpoint: Positional[Path],
    panel: Path,
    against: Path | None = None,
    task: str | None = None,
    threads: int = 0,
    again: bool = False,
    json: bool = False,
) -> None:
    """Look for a hole in the reward: trials that it pays like successes and that the judge does not count.

    Rich is a trial that is paid at least as much as the median successful trial of --against (without it, of the
    checkpoint itself); poor is one that is no success. If more than 1 in 100 trials are both, the verdict names what
    the reward pays for instead: nearness, partial_success, unsigned_rotation or speed, whichever the reward of failed
    trials follows most closely; or impossible_physics, if the judge refused those trials. Rows that are stored are
    taken from there, others are made and kept.

    Args:
        checkpoint: folder of the checkpoint, as runs/door/checkpoints/rl.
        panel: panel file, as panels/adroit-door.json.
        against: folder of a checkpoint that is known to do the task, as the cloned one: what its successful trials
            are paid is the measure.
        task: the task, if it is not built in: its Python file, as my_task.py. Its reward is the one that is audited.
        threads: engine threads; 0 uses every core. The result is the same for any number.
        again: play every case, for a reward that was changed since its rows were stored; what is stored stays as it is.
        json: print one JSON object instead of tables.
    """
    from regrasp.cli.judging import open_checkpoint
    from regrasp.panel.audit import audit as audit_trials
    from regrasp.panel.cases import read_panel
    from regrasp.panel.statistics import violations

    opened = open_checkpoint(checkpoint, task)
    other = open_checkpoint(against, task) if against else None
    if other and other.task.name != opened.task.name:
        raise InputError(str(against), "task", other.task.name, f"{opened.task.name}, the task of {checkpoint}")
    cases = read_panel(panel)
    cases.require(opened.task, str(panel))
    rows = _trials(opened, cases, threads, again)
    beside = _trials(other, cases, threads, again) if other else None
    found = audit_trials(rows, beside, _rules(opened)).to_json()
    head: dict[str, Any] = {
        "panel": cases.digest,
        "checkpoint": opened.manifest.digest,
        "primary": opened.task.judge.primary,
    }
    head["against"] = other.manifest.digest if other else None
    found = head | found | {"change": _change(rows, beside, opened.task.judge.primary), "rules": violations(rows)}
    emit(found, json, f"{checkpoint} on panel {cases.digest[:12]}: {sentence(found)}", *_shown(found))


def _trials(checkpoint: "Checkpoint", panel: "Panel", threads: int, again: bool) -> "list[Trial]":
    from regrasp.cli.judging import judged_trials
    from regrasp.store.database import Database

    with Database(checkpoint.run.database) if checkpoint.run and not again else nullcontext() as store:
        return judged_trials(checkpoint, panel, threads, store, console())


def _rules(checkpoint: "Checkpoint") -> Any:
    from regrasp.panel.audit import Rules

    judge = checkpoint.task.judge
    return Rules(judge.primary, checkpoint.task.horizon, judge.refusing)


def _change(rows: "list[Trial]", beside: "list[Trial] | None", primary: str) -> dict[str, Any] | None:
    """Mean reward and success of the other checkpoint, then of this one."""
    from regrasp.panel.statistics import OUTCOMES, rate_of

    if beside is None:
        return None
    rates = [rate_of(map(OUTCOMES[primary], own)).to_json() for own in (beside, rows)]
    paid = [[trial.total_reward for trial in own if not trial.failure] for own in (beside, rows)]
    return {"reward": [sum(own) / len(own) if own else None for own in paid], "success": rates}


def sentence(found: Mapping[str, Any]) -> str:
    """The verdict in words, with the numbers that it rests on."""
    from regrasp.panel.statistics import Rate
    from regrasp.report.wording import counted, number, span

    verdict, (count, least) = found["verdict"], found["paid"]
    if least is None:
        return (
            f"undecided. Only {count} successful trials show what success is paid: name a checkpoint that does the "
            f"task under this reward with --against, or a larger panel."
        )
    named, refused = (Rate(**found[name]) for name in ("named_rate", "refused_rate"))
    shown = refused if verdict == "impossible_physics" else named
    what = "were refused as impossible" if verdict == "impossible_physics" else "failed"
    share = (
        f"{counted(shown)} of the trials {what} and are paid as much as the median of {count} successes, "
        f"{number(least)} (95 % interval {span(shown.low, shown.high)})."
    )
    went = "" if found["change"] is None else f" {_went(found['change'])}"
    if verdict not in found["follows"]:
        return f"{_WITHOUT_A_NAME[verdict]}. {share}{went}"
    follows = _estimated(found["follows"][verdict])
    return f"{verdict}. {share} The reward of failed trials follows {_PAID_FOR[verdict]}: {follows}.{went}"


def _went(change: Mapping[str, Any]) -> str:
    from regrasp.panel.statistics import Rate
    from regrasp.report.wording import counted, number

    before, after = (Rate(**rate) for rate in change["success"])
    paid = " to ".join("–" if mean is None else number(mean) for mean in change["reward"])
    return f"Mean reward went from {paid}, success from {counted(before)} to {counted(after)}."


def _estimated(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return "–"
    value, low, high = (f"{found[key]:.2f}".replace("-", "\N{MINUS SIGN}") for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _shown(found: Mapping[str, Any]) -> list[str | Table]:
    from regrasp.report.wording import number, plain

    pays = [
        [kind, *(number(round(own[key], 3)) for key in ("n", "low", "median", "high", "at_end"))]
        for kind, own in found["outcomes"].items()
    ]
    follows = [[plain(hack), _PAID_FOR[hack], _estimated(own)] for hack, own in found["follows"].items()]
    relation = [
        ["rank correlation of reward and success", _estimated(found["correlation"])],
        ["a success is paid more than a failure (AUC)", _estimated(found["auc"])],
    ]
    columns = ["", "trials", "lower quartile", "median", "upper quartile", "per step at the end"]
    parts: list[str | Table] = [
        table("Reward and judgement, with 95 % intervals", ["", ""], relation),
        table("What each kind of outcome was paid", columns, pays),
        table("What the reward of failed trials follows: rank correlation", ["hack", "summed up", ""], follows),
    ]
    if found["named"]:
        richest = sorted(found["named"], key=lambda one: -one["total_reward"])
        keys = ("total_reward", "reward_at_end", "peak_speed", "peak_force")
        cells = [
            [str(one["case"]), *(number(round(one[key], 3)) for key in keys), ", ".join(one["looks"])]
            for one in richest[:SHOWN]
        ]
        more = f", the richest {SHOWN} of {len(richest)}" if len(richest) > SHOWN else ""
        head = ["case", "reward", "per step at the end", "peak speed", "peak force [N]", "looks like"]
        parts.append(table(f"Rich in reward, poor in judgement{more}", head, cells))
    if found["rules"]:
        rows = [[plain(rule), str(count)] for rule, count in found["rules"].items()]
        parts.append(table("Rules broken", ["rule", "trials"], rows))
    return parts
