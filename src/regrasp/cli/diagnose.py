"""`regrasp diagnose`: why fine-tuning regressed, or gained less than hoped."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from tyro.conf import Positional

from regrasp.cli.output import console, emit, progress, table
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.cli.diagnosing import Judged
    from regrasp.cli.opening import Run
    from regrasp.panel.suspects import Realism

SUSPECTS = {
    "reward": "the reward changed the contact style",
    "disturbances": "the disturbances are unrealistic",
    "demonstrations": "the demonstrations cover too narrow a contact manifold",
}
_SAID = {True: "holds", False: "does not hold", None: "cannot be told"}
SHOWN = 20
"""Case numbers printed before the rest is counted."""


def diagnose(
    run: Positional[Path],
    demos: Path | None = None,
    plan: int = 0,
    task: str | None = None,
    threads: int = 0,
    json: bool = False,
) -> None:
    """Ask three suspects why fine-tuning regressed or gained less than hoped, and name the one that holds, or none.

    The reward changed the contact style: another style, more reward, less success. The disturbances are unrealistic:
    most losses lie outside what the task says a bench shows. The demonstrations cover too narrow a contact manifold:
    most failures of the cloned policy have their last contact outside of what was demonstrated, or most recoveries
    of the fine-tuned one rely on contact modes that no demonstration shows. Each is tested on the trials of the run's
    panel, with the evidence printed.

    Args:
        run: the run folder, as runs/door, with a cloned and a fine-tuned policy.
        demos: the run's demonstrations, if their file was moved since.
        plan: try the sampling-based planner on up to so many of the disturbed cases that neither policy could do.
        task: the task, if it is not built in: its Python file, as my_task.py.
        threads: engine threads; 0 uses every core. The result is the same for any number.
        json: print one JSON object instead of tables.
    """
    from regrasp.cli.diagnosing import judged_policies, last_contacts, manifold_of, repertoire_of, taught_episodes
    from regrasp.cli.judging import facts_of
    from regrasp.cli.opening import open_run
    from regrasp.panel.comparison import compare
    from regrasp.panel.repertoire import shown_in
    from regrasp.panel.suspects import suspect_demonstrations, suspect_disturbances, suspect_reward

    if plan < 0:
        raise InputError("--plan", "", str(plan), "a whole number, at least 0")
    opened = open_run(run, task)
    taught = taught_episodes(opened, demos, threads)
    cloned, tuned = judged_policies(opened, ("bc", "rl"), threads)
    own, facts, primary = opened.task, facts_of(opened.task), opened.task.judge.primary
    trained = _trained(opened)
    compared = compare(cloned.trials, tuned.trials, primary, opened.panel.digest, opened.panel.digest, facts=facts)
    reward = suspect_reward(cloned.trials, tuned.trials, primary, own.regions)
    disturbances = suspect_disturbances(cloned.trials, tuned.trials, primary, facts, trained)
    manifold = manifold_of(own, taught)
    narrow = None
    if manifold:
        moments = last_contacts(opened, cloned, manifold, threads)
        shown = shown_in(tuned.trials)
        narrow = suspect_demonstrations(moments, manifold.reach, tuple(manifold.modes), shown, own.regions).to_json()
    suspects = {"reward": reward.to_json(), "disturbances": disturbances.to_json(), "demonstrations": narrow}
    found: dict[str, Any] = {
        "run": str(run),
        "panel": opened.panel.digest,
        "primary": primary,
        "change": {name: compared.to_json()[name] for name in ("verdict", "a", "b", "difference", "p", "recovery")},
        "holds": [name for name, one in suspects.items() if one and one["holds"]],
        "suspects": suspects,
        "planner": _planned(opened, tuned, disturbances, plan, threads) if plan else None,
        "repertoire": repertoire_of(own, taught, cloned.trials, tuned.trials).to_json(),
    }
    emit(found, json, *_shown(found))


def _trained(run: "Run") -> dict[str, tuple[float, float]]:
    """Kind → range of the disturbances that training drew, as the task has them today."""
    settings = run.resolved["curriculum"]["rl"]
    ranges = run.task.disturbances
    kinds = settings["disturbances"] if settings["disturbed"] else ()
    return {kind: (ranges[kind].low, ranges[kind].high) for kind in kinds if kind in ranges}


def _planned(run: "Run", tuned: "Judged", realism: "Realism", most: int, threads: int) -> dict[str, Any]:
    """Whether a planner, which is not told of the disturbance, does what neither policy could."""
    import numpy as np

    from regrasp.demonstrations.planner import Sampling
    from regrasp.demonstrations.planning import Beginning, PlanningConfig, plan_from
    from regrasp.panel.statistics import rate_of

    # Evenly spread, because a panel's cases stand in the order of their disturbances.
    unsolved = realism.unsolved
    places = np.unique(np.linspace(0, len(unsolved) - 1, min(most, len(unsolved))).round().astype(int))
    cases = [run.panel.cases[unsolved[place]] for place in places]
    objects = [run.task.objects.index(case.object) for case in cases]
    beginnings = [
        Beginning(case.number, held, np.array(case.state), case.disturbance, case.seed, 0)
        for case, held in zip(cases, objects, strict=True)
    ]
    config = PlanningConfig(Sampling(candidates=32, every=2), tail=0, threads=threads)
    solved = {}
    with progress("cases", console()) as bar:
        work = bar.add_task("planning", total=len(cases), unit="cases")
        for number, attempt in plan_from(run.task, config, iter(beginnings), {}, tuned.checkpoint.policy):
            solved[number] = bool(getattr(attempt, run.task.judge.primary))
            bar.advance(work)
    hopeless = sorted(number for number, done in solved.items() if not done)
    return {"solved": rate_of(solved.values()).to_json(), "unsolved": hopeless}


def _shown(found: Mapping[str, Any]) -> list[str | Table]:
    from regrasp.report.diagnosed import evidence, taught_lines

    lines: list[str | Table] = [sentence(found)]
    for place, (name, one) in enumerate(found["suspects"].items(), 1):
        lines.append(f"{place}. {SUSPECTS[name].capitalize()}: {_SAID[one['holds'] if one else None]}")
        lines += [f"   - {line}" for line in evidence(name, one)]
    lines += [*_recovery(found["suspects"]["disturbances"]), *_planner(found), *taught_lines(found["repertoire"])]
    if "demonstrations" in found["holds"]:
        lines.append(f"What to record next: regrasp demos advise FILE --run {found['run']}")
    return lines


def sentence(found: Mapping[str, Any]) -> str:
    """What fine-tuning did, and which suspect holds."""
    from regrasp.panel.statistics import Rate
    from regrasp.report.wording import counted, listed, outcome, p_value

    change = found["change"]
    before, after = (counted(Rate(**change[side]["primary"])) for side in "ab")
    verb = {"improved": "improved", "regressed": "regressed", "undecided": "is not shown to have changed"}
    went = f"{outcome(found['primary'])} went from {before} to {after}, {p_value(change['p'])}"
    named = [SUSPECTS[name] for name in found["holds"]]
    return f"Fine-tuning {verb[change['verdict']]}: {went}. " + (
        f"What holds: {listed(named)}." if named else "None of the three suspects holds."
    )


def _recovery(realism: Mapping[str, Any]) -> list[Table]:
    from regrasp.panel.statistics import Rate
    from regrasp.report.wording import counted

    lost = {name: pair for name, pair in realism["recovery"].items() if any(rate["n"] for rate in pair)}
    rows = [[name, *(counted(Rate(**rate)) for rate in pair)] for name, pair in lost.items()]
    return [table("Recovery by magnitude", ["", "cloned", "fine-tuned"], rows)] if rows else []


def _planner(found: Mapping[str, Any]) -> list[str]:
    from regrasp.panel.statistics import Rate
    from regrasp.report.wording import counted

    unsolved = found["suspects"]["disturbances"]["unsolved"]
    said = f"Neither policy could do {len(unsolved)} disturbed cases{_numbers(unsolved)}."
    if found["planner"] is None or not unsolved:
        return [said]
    solved = Rate(**found["planner"]["solved"])
    rest = found["planner"]["unsolved"]
    return [f"{said} The planner did {counted(solved)} of those it tried; nobody could do {len(rest)}{_numbers(rest)}."]


def _numbers(cases: list[int]) -> str:
    if not cases:
        return ""
    more = f" and {len(cases) - SHOWN} more" if len(cases) > SHOWN else ""
    return f" ({', '.join(map(str, cases[:SHOWN]))}{more})"
