"""How an object moved, against paths worked out by hand; wedging, sign flips and turning back on the real scenes."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from regrasp.judges.judge import Judgement
from regrasp.judges.motion import NEAR, Motion
from regrasp.simulation.readings import Readings
from regrasp.tasks import TASKS
from regrasp.tasks.contract.traces import placed, scripted
from regrasp.tasks.task import Task


@dataclass
class Shown:
    """What `Motion` reads at one step."""

    place: Tensor
    angle: Tensor
    apart: Tensor
    force: Tensor
    period: float = 0.1

    @property
    def contacts(self) -> Tensor:
        return torch.nn.functional.pad((self.apart <= 0)[:, None, None].double(), (0, 7))

    def strongest_force(self) -> Tensor:
        return self.force


READ: dict[str, Any] = {name: lambda shown, name=name: getattr(shown, name) for name in ("place", "angle", "apart")}


def moved(motion: Motion, **rows: list[float]) -> Motion:
    """One world along lists of numbers, one per control step; what is left out stays 0."""
    steps = len(next(iter(rows.values())))
    for t in range(steps):
        place, angle, apart, force = (
            torch.tensor([rows.get(name, [0.0] * steps)[t]], dtype=torch.float64)
            for name in ("place", "angle", "apart", "force")
        )
        live = torch.tensor([rows.get("live", [1.0] * steps)[t] > 0])
        motion.observe(Shown(place[:, None], angle, apart, force), live)  # type: ignore[arg-type]
    return motion


def fresh(worlds: int = 1) -> Motion:
    return Motion(READ["place"], None, READ["angle"], READ["apart"], worlds)


def test_travel_and_peaks_of_a_path() -> None:
    found = moved(fresh(), place=[5.0, 5.5, 5.2, 5.2], force=[1.0, 7.0, 2.0, 0.0])
    assert float(found.travel) == pytest.approx(0.8)
    assert float(found.peak_speed) == pytest.approx(5.0)
    assert float(found.peak_force) == 7.0


def test_rotation_is_signed_and_unsigned() -> None:
    rocking = moved(fresh(), angle=[0.3, 1.0, 0.2, 1.1])
    assert float(rocking.turned) == pytest.approx(0.8)
    assert float(rocking.turning) == pytest.approx(2.4)
    assert float(rocking.turned_back) == pytest.approx(0.8)


def test_an_angle_that_jumps_at_half_a_turn_turned_on() -> None:
    once_around = [math.remainder(angle, 2 * math.pi) for angle in np.linspace(0.0, 2 * math.pi, 9)]
    found = moved(fresh(), angle=once_around)
    assert float(found.turned) == pytest.approx(2 * math.pi)
    assert float(found.turned_back) == pytest.approx(0.0, abs=1e-12)
    assert float(moved(fresh(), angle=once_around[::-1]).turned_back) == pytest.approx(2 * math.pi)


def test_near_steps_fall_with_the_distance() -> None:
    assert float(moved(fresh(), apart=[0.0, NEAR, 3 * NEAR]).near) == pytest.approx(1 + math.exp(-1) + math.exp(-3))
    by_contact = Motion(READ["place"], None, None, None, 1)
    assert float(moved(by_contact, apart=[0.0, 0.1, 0.0]).near) == 2.0


def test_what_is_over_adds_nothing_and_what_is_reset_starts_afresh() -> None:
    over = moved(fresh(), place=[0.0, 1.0, 9.0], angle=[0.0, 1.0, 2.0], force=[1.0, 1.0, 9.0], live=[1, 1, 0])
    assert (float(over.travel), float(over.turning), float(over.peak_force)) == (1.0, 1.0, 1.0)
    over.reset(torch.tensor([0]))
    again = moved(over, place=[4.0, 4.5], angle=[3.0, 3.1])
    assert float(again.travel) == 0.5
    assert float(again.turning) == pytest.approx(0.1)
    assert float(again.peak_force) == 0.0


def judged(task: Task, states: list[Any], regions: tuple[str, ...]) -> Judgement:
    """What the judge finds in states (S,) placed one after the other, touched by these regions."""
    judgement = Judgement(task.judge, 1)
    for step, state in enumerate(states):
        readings = touched_by(placed(task.scene, np.array([state]), np.ones(1, bool)), regions)
        judgement.observe(readings, torch.tensor([step]), torch.zeros(1, dtype=torch.int64))
    return judgement


def touched_by(live: Readings, regions: tuple[str, ...]) -> Readings:
    readings = scripted(live, torch.tensor([True]), 0.0)
    for region, links in readings.regions.items():
        if region not in regions:
            readings.contacts[:, links] = 0.0
    return readings


def broken(judgement: Judgement) -> list[str]:
    return sorted(name for name, found in judgement.broken.items() if found[0])


def disc(*angles: float) -> list[Any]:
    task = TASKS["planar-turn"]
    states = []
    for angle in angles:
        assert task.goal is not None
        state = task.goal().copy()
        state[task.scene.joint_column("disc_turn")] = angle
        states.append(state)
    return states


HELD = TASKS["planar-turn"].judge.held_steps


@pytest.mark.parametrize(
    ("degrees", "steps", "rules"),
    [
        (100.0, HELD + 1, []),
        (-100.0, HELD, []),
        (-100.0, HELD + 1, ["sign_flip"]),
        (460.0, HELD + 1, ["sign_flip"]),
        (-60.0, HELD + 1, []),
        (180.0, HELD + 1, []),
    ],
)
def test_a_disc_turned_but_for_the_sign(degrees: float, steps: int, rules: list[str]) -> None:
    found = judged(TASKS["planar-turn"], disc(*[math.radians(degrees)] * steps), ("left",))
    assert broken(found) == rules
    assert bool(found.success_held[0]) == (degrees == 100.0)


def test_a_disc_that_rocks_has_turned_back_and_counts_all_the_same() -> None:
    once = [*np.linspace(0.0, 1.0, 11), *np.linspace(0.9, 0.0, 10)]
    assert broken(judged(TASKS["planar-turn"], disc(*once), ("left",))) == []
    rocked = [*once, *once, *np.linspace(0.0, 1.7, 17), *[1.7] * (HELD + 1)]
    found = judged(TASKS["planar-turn"], disc(*rocked), ("left",))
    assert broken(found) == ["turned_back"]
    assert float(found.motion.turned_back) == pytest.approx(2.0, abs=1e-6)
    assert bool(found.success_held[0])
    # From 45° up to 90°, each time.
    assert int(found.close[0]) == sum(math.pi / 4 <= angle < math.pi / 2 for angle in rocked)


def tool(turned: bool) -> Any:
    """Held up; or the same with its head down."""
    task = TASKS["tool-pickup"]
    assert task.goal is not None
    state = task.goal().copy()
    if turned:
        first = task.scene.joint_column("object") + 3
        w, x, y, z = state[first : first + 4]
        # Half a turn about the world's x axis, in front.
        state[first : first + 4] = (-x, w, -z, y)
    return state


GRIP, LEAN = ("thumb", "index"), ("index", "middle")


def lifted(turned: bool, touching: list[tuple[str, ...]]) -> Judgement:
    """What the judge finds in a tool that stays up, touched by these regions at each step."""
    task = TASKS["tool-pickup"]
    judgement, state = Judgement(task.judge, 1), np.array([tool(turned)])
    for step, regions in enumerate(touching):
        readings = touched_by(placed(task.scene, state, np.ones(1, bool)), regions)
        judgement.observe(readings, torch.tensor([step]), torch.zeros(1, dtype=torch.int64))
    return judgement


LONG = TASKS["tool-pickup"].judge.held_steps + 1


@pytest.mark.parametrize(
    ("turned", "regions", "rules"),
    [(False, GRIP, []), (False, LEAN, ["wedged"]), (True, GRIP, ["sign_flip"]), (True, LEAN, ["sign_flip"])],
)
def test_a_tool_up_without_a_grip_or_upside_down(turned: bool, regions: tuple[str, ...], rules: list[str]) -> None:
    found = lifted(turned, [GRIP] + [regions] * LONG)
    assert broken(found) == rules
    assert bool(found.success_held[0]) == (not turned)


def test_a_tool_is_wedged_only_by_many_steps_in_a_row() -> None:
    short = LONG - 1
    assert broken(lifted(False, [GRIP] + [LEAN] * short + [GRIP] + [LEAN] * short)) == []
    assert broken(lifted(False, [GRIP] + [LEAN] * short + [GRIP] + [LEAN] * LONG)) == ["wedged"]


def test_a_rule_of_a_task_without_an_angle_is_not_there() -> None:
    door, planar = TASKS["adroit-door"].judge, TASKS["planar-turn"].judge
    assert not {"turned_back", "sign_flip", "wedged"} & set(door.rules)
    assert {"turned_back", "sign_flip"} <= set(planar.rules)
    assert replace(planar, most_back=9.0).digest != planar.digest
    assert replace(planar, lasting={}).digest != planar.digest


def test_motion_and_lasting_rules_are_saved_and_loaded() -> None:
    task = TASKS["planar-turn"]
    whole = judged(task, disc(*[-1.75] * (HELD + 1), *np.linspace(-1.75, 0.0, 18)), ("left",))
    first = judged(task, disc(*[-1.75] * HELD), ("left",))
    second = Judgement(task.judge, 1)
    second.load(first.tensors())
    for step, state in enumerate(disc(-1.75, *np.linspace(-1.75, 0.0, 18)), HELD):
        readings = touched_by(placed(task.scene, np.array([state]), np.ones(1, bool)), ("left",))
        second.observe(readings, torch.tensor([step]), torch.zeros(1, dtype=torch.int64))
    assert broken(second) == broken(whole) == ["sign_flip"]
    for name, value in whole.tensors().items():
        torch.testing.assert_close(second.tensors()[name], value, rtol=0, atol=0, equal_nan=True, msg=name)
