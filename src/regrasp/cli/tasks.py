"""`regrasp tasks`: the tasks that there are, and whether one keeps the contract."""

from typing import TYPE_CHECKING, Any

from tyro.conf import Positional

from regrasp.cli.output import emit, table

if TYPE_CHECKING:
    from regrasp.tasks.contract import Finding
    from regrasp.tasks.task import Task

BROKEN = 1
"""Exit code of a check that found faults."""


def check(task: Positional[str], json: bool = False) -> None:
    """Check that a task keeps the contract; exit code 1 if it does not.

    Builds worlds of the task, steps them, draws starts and disturbances, and shows scripted traces to its judge: one
    that must be a success and six that must not be. Every fault is explained, and how to mend it.

    Args:
        task: name of the task, or its Python file, as my_task.py.
        json: print one JSON object instead of a table.
    """
    from regrasp.tasks import find_task
    from regrasp.tasks.contract import check_task

    found = find_task(task, "tasks check")
    findings = check_task(found)
    failed = [finding.name for finding in findings if not finding.passed]
    data = {"task": found.name, "passed": not failed, "failed": failed, "checks": [vars(one) for one in findings]}
    verdict = f"{len(failed)} of {len(findings)} checks failed." if failed else "It keeps the contract."
    rows = [[one.name, _outcome(one), one.explanation] for one in findings]
    shown = table(found.name, ["check", "", "found"], rows)
    shown.columns[0].no_wrap = True
    for column in shown.columns[1:]:
        column.justify, column.overflow = "left", "fold"
    emit(data, json, shown, verdict)
    if failed:
        raise SystemExit(BROKEN)


def _outcome(finding: "Finding") -> str:
    if not finding.checked:
        return "–"
    return "ok" if finding.passed else "failed"


def list_tasks(json: bool = False) -> None:
    """List the built-in tasks: what is to be done, with which hand and objects, how long.

    Args:
        json: print one JSON object instead of a table.
    """
    from regrasp.tasks import TASKS

    facts = [_facts(task) for task in TASKS.values()]
    rows = [
        [
            fact["task"],
            fact["description"],
            f"{fact['actions']} actions\n{len(fact['regions'])} regions",
            f"{fact['train']} train\n{fact['held_out']} held out",
            f"{fact['horizon']} steps\nat {fact['rate']:g} Hz",
        ]
        for fact in facts
    ]
    shown = table("Built-in tasks", ["task", "what", "hand", "objects", "trial"], rows)
    shown.columns[0].no_wrap, shown.columns[1].justify = True, "left"
    emit({"tasks": facts}, json, shown, "Your own task is a Python file: wherever a task is asked for, give its path.")


def _facts(task: "Task") -> dict[str, Any]:
    return {
        "task": task.name,
        "description": task.description,
        "actions": task.interface.fields.size,
        "regions": list(task.regions),
        "train": len(task.split("train")),
        "held_out": len(task.split("held_out")),
        "disturbances": list(task.disturbances),
        "observations": {name: group.fields.size for name, group in task.observations.items()},
        "horizon": task.horizon,
        "rate": task.interface.rate,
        "primary": task.judge.primary,
    }
