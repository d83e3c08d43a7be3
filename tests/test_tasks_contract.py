"""The contract holds for every built-in task, and each of its checks can fail."""

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.judges.judge import never
from regrasp.simulation.readings import Readings
from regrasp.tasks import TASKS
from regrasp.tasks.contract import CHECKS, Finding, check_task
from regrasp.tasks.task import Observation, Range, Task

TASK = TASKS["planar-turn"]
CALLS = itertools.count()


@pytest.mark.parametrize("name", TASKS)
def test_a_task_keeps_the_contract(name: str) -> None:
    findings = check_task(TASKS[name])
    assert [finding.name for finding in findings] == list(CHECKS)
    assert [finding for finding in findings if not finding.passed] == []


def scene_with(**changes: object) -> Task:
    scene = dataclasses.replace(TASK.scene, **changes)  # type: ignore[arg-type]
    return dataclasses.replace(TASK, make_scene=lambda: scene)


def judge_with(**changes: object) -> Task:
    return dataclasses.replace(TASK, judge=dataclasses.replace(TASK.judge, **changes))  # type: ignore[arg-type]


def interface_with(**changes: object) -> Task:
    return dataclasses.replace(TASK, interface=dataclasses.replace(TASK.interface, **changes))  # type: ignore[arg-type]


def policy_with(read: Callable[[Readings], Tensor]) -> Task:
    group = Observation(TASK.observations["policy"].fields, read)
    return dataclasses.replace(TASK, observations={**TASK.observations, "policy": group})


def seen_times(factor: float) -> Task:
    return policy_with(lambda readings: TASK.observations["policy"].read(readings) * factor)


def term(read: Callable[[Readings], Tensor]) -> Task:
    return dataclasses.replace(TASK, rewards={"broken": read})


def disturbed(kind: str, span: Range) -> Task:
    return dataclasses.replace(TASK, disturbances={kind: span})


def starting(change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Task:
    return dataclasses.replace(TASK, draw_starts=lambda objects, own: change(TASK.draw_starts(objects, own)))


def same_start(states: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.zeros_like(states)


def racing(states: NDArray[np.float64]) -> NDArray[np.float64]:
    states[:, TASK.scene.model.nq :] = 1e9
    return states


def unseeded(states: NDArray[np.float64]) -> NDArray[np.float64]:
    return states + 1e-3 * next(CALLS)


def a_start() -> NDArray[np.float64]:
    return TASK.draw_starts(np.zeros(1, np.int64), np.random.default_rng(0))[0]


def always(readings: Readings) -> Tensor:
    return ~never(readings)


def counted(readings: Readings) -> Tensor:
    return torch.full((len(readings.qpos),), float(next(CALLS)))


def sketched(motion: Callable[[Tensor], Tensor]) -> Task:
    return dataclasses.replace(TASK, sketch=motion)


WIDTH = TASK.interface.fields.size
GOAL = a_start()
BROKEN: list[tuple[str, str, Task, str]] = [
    ("names", "spaces in the name", dataclasses.replace(TASK, name="Planar Turn"), "'Planar Turn'"),
    ("names", "no description", dataclasses.replace(TASK, description=""), "description"),
    ("names", "a term in capitals", dataclasses.replace(TASK, rewards={"Big One": counted}), "'Big One'"),
    ("scene", "no hand", scene_with(hand_geoms=()), "hand_geoms"),
    ("scene", "a body that is not there", scene_with(pushed_body="moon"), "'moon'"),
    ("scene", "another rate", scene_with(substeps=1), "substeps"),
    ("scene", "links out of order", scene_with(links=dict(reversed(TASK.scene.links.items()))), "contact sensors"),
    ("scene", "a place of this machine", scene_with(description='<x meshdir="/home/me"/>'), "/home/me"),
    ("interface", "no range", interface_with(low=TASK.interface.high), "no range"),
    ("interface", "a limit too few", interface_with(low=TASK.interface.low[1:]), "one per actuator"),
    ("interface", "rest outside", dataclasses.replace(TASK, rest=(2.0,) * len(TASK.rest)), "rest action"),
    ("objects", "an unknown one held out", dataclasses.replace(TASK, held_out=("teapot",)), "'teapot'"),
    ("objects", "all held out", dataclasses.replace(TASK, held_out=TASK.objects), "no object to train on"),
    ("judge", "no time to recover", judge_with(recovery_window=0), "recovery_window"),
    ("judge", "a trial too short", dataclasses.replace(TASK, horizon=TASK.judge.held_steps), "horizon"),
    ("judge", "an unknown primary", judge_with(primary="luck"), "'luck'"),
    ("starts", "always the same", starting(same_start), "same start"),
    ("starts", "not from the generator", starting(unseeded), "same seed"),
    ("starts", "too narrow", starting(lambda states: states[:, 1:]), "shape"),
    ("starts", "dropped at once", judge_with(dropped=always), "judged a drop"),
    ("starts", "solved at once", judge_with(success=always), "in success already"),
    ("observations", "no policy group", dataclasses.replace(TASK, observations={}), "'policy'"),
    ("observations", "too narrow", policy_with(lambda readings: readings.qpos[:, :1]), "agree"),
    ("observations", "not a number", seen_times(float("nan")), "not finite"),
    ("observations", "too large", seen_times(1e9), "less than 1000"),
    ("observations", "misjudged nothing", dataclasses.replace(TASK, misjudged=("moon",)), "'moon'"),
    ("rewards", "not a number", term(lambda readings: readings.qpos[:, 0] / 0.0), "finite"),
    ("rewards", "one too many axes", term(lambda readings: readings.qpos[:, :1]), "shape"),
    ("rewards", "none", dataclasses.replace(TASK, rewards={}), "no reward term"),
    ("predicates", "numbers", judge_with(success=lambda readings: readings.qpos[:, 0]), "success"),
    ("predicates", "a place without axes", judge_with(tracked=lambda readings: readings.qpos[:, 0]), "tracked"),
    ("determinism", "a count of calls", term(counted), "played again"),
    ("determinism", "worlds mixed", term(lambda readings: readings.qpos[:, 0] - readings.qpos[:, 0].mean()), "alone"),
    ("resuming", "a count of calls", term(counted), "after saving"),
    ("aliasing", "a live view", term(lambda readings: readings.qpos[:, 0]), "changed with the next step"),
    ("aliasing", "the same goal", dataclasses.replace(TASK, goal=lambda: GOAL), "same array twice"),
    ("rest", "a start that explodes", starting(racing), "break down"),
    ("sketch", "one action for all", sketched(lambda seen: torch.zeros(WIDTH)), "of shape"),
    ("sketch", "worlds mixed", sketched(lambda seen: seen.mean() * torch.ones(len(seen), WIDTH)), "alone"),
    ("disturbances", "no reason", disturbed("mass", Range(0.5, 2.0)), "without a reason"),
    ("disturbances", "an unknown kind", disturbed("earthquake", Range(1, 2, "so")), "'earthquake'"),
    ("disturbances", "beyond the limits", disturbed("mass", Range(0.0, 2.0, "so")), "0.01 to 100"),
    ("disturbances", "no duration", disturbed("push", Range(1.0, 2.0, "so")), "lasts 0 control steps"),
    ("acting", "a factor of one", disturbed("friction", Range(1.0, 1.0, "so")), "changes nothing"),
    ("acting", "a push of nothing", disturbed("push", Range(0.0, 0.0, "so", duration=5)), "changes nothing"),
    ("acting", "no noise", disturbed("sensor_noise", Range(0.0, 0.0, "so")), "changes nothing"),
    ("good trace", "a goal that is a start", dataclasses.replace(TASK, goal=a_start), "when carried to the goal"),
    ("dropped", "a judge that sees no drop", judge_with(dropped=never), "then dropped judged a success"),
    ("thrown", "success at any step", judge_with(primary="success"), "in the goal for 2 steps"),
    ("untouched", "touch without contact", judge_with(touching=always), "nothing touched"),
    ("pushed in", "nothing impossible", judge_with(impossible={}), "inside the object"),
    ("teleported", "faster than anything", judge_with(fastest=1e9), "a jump"),
    ("held too short", "success at any step", judge_with(primary="success"), "success on"),
    ("rewards", "an exception", term(lambda readings: readings.joint("moon")), "in line"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "what", "task", "words"), BROKEN, ids=[f"{row[0]}, {row[1]}" for row in BROKEN])
def test_a_broken_task_is_found(check: str, what: str, task: Task, words: str) -> None:
    (finding,) = check_task(task, [check])
    assert not finding.passed
    assert words in finding.explanation
    assert finding.explanation.startswith("Found ")
    assert "expected" in finding.explanation


def test_every_check_was_shown_to_fail() -> None:
    assert {row[0] for row in BROKEN} == set(CHECKS)


def test_what_cannot_be_checked_says_so() -> None:
    without = dataclasses.replace(TASK, goal=None, dropped=None, disturbances={})
    findings = {one.name: one for one in check_task(without, ["acting", "good trace", "dropped", "thrown"])}
    assert not any(finding.checked for finding in findings.values())
    assert all(finding.passed for finding in findings.values())
    assert "`goal`" in findings["good trace"].explanation
    assert isinstance(findings["acting"], Finding)


def test_frauds_say_nothing_where_the_good_trace_fails() -> None:
    found = check_task(dataclasses.replace(TASK, goal=a_start), ["good trace", "thrown"])
    assert [(one.passed, one.checked) for one in found] == [(False, True), (True, False)]
