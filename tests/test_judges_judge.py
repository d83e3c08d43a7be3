"""The judge on sequences short enough to be judged by hand, and what its digest covers."""

import importlib.util
import itertools
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from regrasp.judges import adroit_door
from regrasp.judges.judge import Judge, Judgement, never

NEVER = 10**9


@dataclass
class Scene:
    """What the judge is shown at one step: one number per world and question."""

    success: Tensor
    touching: Tensor
    broken: Tensor
    qpos: Tensor
    period: float = 0.1

    @property
    def contacts(self) -> Tensor:
        """(B, 1, 8): one link, which touches where the scene is touched, without force."""
        return torch.nn.functional.pad(self.touching[:, None, None].double(), (0, 7))

    def strongest_force(self) -> Tensor:
        return self.contacts[:, :, 1].amax(1)


def judge_of(stable: int = 3, held: int = 4, window: int = 10) -> Judge:
    return Judge(
        success=lambda scene: scene.success,
        touching=lambda scene: scene.touching,
        primary="success_held",
        held_steps=held,
        stable_steps=stable,
        recovery_window=window,
        tracked=lambda scene: scene.qpos,
        fastest=20.0,
        violations={"too_hard": lambda scene: scene.broken},
    )


def observe(
    judgement: Judgement, touching: list[str], success: list[str], broken: list[str], watched: list[int]
) -> None:
    """One string per world: `x` where the answer is yes, one character per control step."""
    for t in range(len(touching[0])):
        rows = [torch.tensor([text[t] == "x" for text in texts]) for texts in (success, touching, broken)]
        still = torch.zeros(len(touching), 2, dtype=torch.float64)
        step = torch.full((len(touching),), t)
        judgement.observe(Scene(*rows, qpos=still), step, torch.tensor(watched))  # type: ignore[arg-type]


def judged(
    touching: str, success: str = "", watched: int = 0, broken: str = "", judge: Judge | None = None
) -> dict[str, Any]:
    """What is found in one world whose readings are the given texts."""
    steps = max(len(touching), len(success))
    judgement = Judgement(judge or judge_of(), 1)
    observe(judgement, [touching.ljust(steps)], [success.ljust(steps)], [broken.ljust(steps)], [watched])
    return {
        "once": bool(judgement.success_once[0]),
        "first": int(judgement.first_success[0]),
        "at_end": bool(judgement.success_at_end[0]),
        "held": bool(judgement.success_held[0]),
        "lost": int(judgement.lost_at[0]),
        "recovered": int(judgement.recovered_at[0]),
        "broken": sorted(name for name, found in judgement.broken.items() if found[0]),
    }


@pytest.mark.parametrize(
    ("success", "once", "first", "at_end", "held"),
    [
        ("..........", False, -1, False, False),
        ("..x.......", True, 2, False, False),
        (".........x", True, 9, True, False),
        ("xxxx......", True, 0, False, False),  # 4 steps are not more than 4
        ("xxxxx.....", True, 0, False, True),
        ("x.x.x.x.x.", True, 0, False, True),  # they need not be consecutive, as DAPG counts
        (".....xxxxx", True, 5, True, True),
    ],
)
def test_three_kinds_of_success(success: str, once: bool, first: int, at_end: bool, held: bool) -> None:
    found = judged("xxxxxxxxxx", success)
    assert (found["once"], found["first"], found["at_end"], found["held"]) == (once, first, at_end, held)


# Held from 3 steps in a row on, lost by 3 steps in a row without; window 10.  0         1         2         3
LOSSES = {  # touching, watched from, lost at, recovered at
    "never held": ("xx.xx.xx.xx.xx", 0, -1, -1),
    "held all along": ("..xxxxxxxxxxxxxx", 0, -1, -1),
    "lost": ("xxxxx.........", 0, 5, -1),
    "a flicker is no loss": ("xxxxx..xxxxx", 0, -1, -1),
    "flickers at every second step": ("xxx.x.x.x.x.x.x.x.x", 0, -1, -1),
    "two flickers without three steps between": ("xxxx..xx..xx..xx", 0, -1, -1),
    "gone too late to tell": ("xxxxxxxxxx..", 0, -1, -1),
    "lost before it counts": ("xxxx........", 9, -1, -1),
    "begins to be lost one step before it counts": ("xxxx........", 5, -1, -1),
    "lost as soon as it counts": ("xxxxx.......", 5, 5, -1),
    "lost and regained": ("xxxxx....xxxxxx", 0, 5, 9),
    "regained by a flicker alone": ("xxxxx....xx....", 0, 5, -1),
    "regained at the last moment of the window": ("xxxxx..........xxxx", 0, 5, 15),
    "regained after the window": ("xxxxx...........xxxx", 0, 5, -1),
    "regained, then lost again": ("xxxxx...xxxxx.....", 0, 5, -1),
    "regained twice inside the window": ("xxxxx...xxx...xxxx", 0, 5, 14),
    "regained in time, lost, regained too late": ("xxxxx...xxxxxxx.....xxxx", 0, 5, -1),
    "regained, with a flicker at the end": ("xxxxx....xxxxx..", 0, 5, 9),
    "regained too late in the trial to be stable": ("xxxxx....xx", 0, 5, -1),
    "only the first loss that counts is named": ("xxxx....xxxxx....xxxx", 6, 13, 17),
    "never watched": ("xxxx.........", NEVER, -1, -1),
}


@pytest.mark.parametrize("name", LOSSES)
def test_loss_and_recovery(name: str) -> None:
    touching, watched, lost, recovered = LOSSES[name]
    found = judged(touching, watched=watched)
    assert (found["lost"], found["recovered"]) == (lost, recovered)


def test_success_without_touch_still_holds() -> None:
    """An open door may be let go."""
    found = judged("xxxxx..........", "...xxxxxxxxxxxx")
    assert found["lost"] == -1
    found = judged("xxxxx..........", "...xxxxxx......")
    assert found["lost"] == 9


def test_violations() -> None:
    assert judged("..xxx", ".....", broken=".....")["broken"] == []
    assert judged("..xxx", ".....", broken="..x..")["broken"] == ["too_hard"]
    assert judged(".....", "..x..")["broken"] == ["untouched_success"]
    assert judged("..x..", "..x..")["broken"] == []
    assert judged("...x.", "..x..", broken="x....")["broken"] == ["too_hard", "untouched_success"]


def test_every_short_sequence_against_a_plain_reading_of_the_definition() -> None:
    """All 2^11 sequences of touching, as so many worlds at once, against a loop that a newcomer can follow."""
    texts = ["".join(row) for row in itertools.product("x.", repeat=11)]
    judgement = Judgement(judge_of(stable=2, window=4), len(texts))
    nothing = ["." * 11] * len(texts)
    observe(judgement, texts, nothing, nothing, [3] * len(texts))
    expected = [by_hand(text, stable=2, window=4, watched=3) for text in texts]
    assert list(zip(judgement.lost_at.tolist(), judgement.recovered_at.tolist(), strict=True)) == expected


def by_hand(text: str, stable: int, window: int, watched: int) -> tuple[int, int]:
    turns: list[int] = []  # steps at which the held condition was gained, lost, gained, …
    t = 0
    while t <= len(text) - stable:
        wanted = "." if len(turns) % 2 else "x"
        if text[t : t + stable] == wanted * stable:
            turns.append(t)
            t += stable
        else:
            t += 1
    losses = [turn for turn in turns[1::2] if turn >= watched]
    if not losses:
        return -1, -1
    back = turns[-1]
    stayed = len(turns) % 2 == 1 and 0 < back - losses[0] <= window
    return losses[0], back if stayed else -1


def test_worlds_start_afresh_by_themselves() -> None:
    judgement = Judgement(judge_of(), 2)
    observe(judgement, ["xxxxx....", "xxxxx...."], ["x........"] * 2, ["x........"] * 2, [0, 0])
    judgement.reset(torch.tensor([1]))
    assert judgement.lost_at.tolist() == [5, -1]
    assert judgement.first_success.tolist() == [0, -1]
    assert judgement.successes.tolist() == [1, 0]
    assert judgement.broken["too_hard"].tolist() == [True, False]
    observe(judgement, ["xxxx", "..xx"], ["...."] * 2, ["...."] * 2, [0, 0])
    fresh = Judgement(judge_of(), 1)
    observe(fresh, ["..xx"], ["...."], ["...."], [0])
    for name, value in fresh.tensors().items():
        torch.testing.assert_close(judgement.tensors()[name][1:], value, rtol=0, atol=0, equal_nan=True, msg=name)


def test_findings_are_saved_and_loaded() -> None:
    texts = (["xxxxx..", ".xxxxxx"], ["......x", "......."], ["..x....", "......."], [0, 2])
    first, second = Judgement(judge_of(), 2), Judgement(judge_of(), 2)
    observe(first, *texts)
    second.load(first.tensors())
    for judgement in (first, second):
        observe(judgement, [".....", "....."], [".....", "....."], ["....x", "....."], [0, 2])
    for name, value in first.tensors().items():
        torch.testing.assert_close(second.tensors()[name], value, rtol=0, atol=0, equal_nan=True)


CODE = '''"""A task."""


def success(readings):
    """Success."""
    return readings.joint("lid") > 1.0  # open
'''


def judge_from(folder: Path, source: str, **changes: Any) -> Judge:
    """A judge whose success is the code in `source`."""
    path = folder / f"task_{len(list(folder.iterdir()))}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # `inspect` looks a function's module up there
    spec.loader.exec_module(module)
    return replace(judge_of(), success=module.success, **changes)


def test_the_digest_ignores_comments_docstrings_and_layout(tmp_path: Path) -> None:
    reference = judge_from(tmp_path, CODE).digest
    assert judge_from(tmp_path, CODE).digest == reference
    assert judge_from(tmp_path, CODE.replace("# open", "# wide open")).digest == reference
    assert judge_from(tmp_path, CODE.replace("A task.", "The task.").replace("Success.", "Yes.")).digest == reference
    assert judge_from(tmp_path, CODE.replace("> 1.0", ">  1.0") + "\n\n").digest == reference


def test_the_digest_ignores_what_is_written_about_a_constant(tmp_path: Path) -> None:
    source = CODE + '\nANGLE = 1.0\n"""Where it is open."""\n'
    reference = judge_from(tmp_path, source).digest
    assert judge_from(tmp_path, source.replace("Where", "How far")).digest == reference
    assert judge_from(tmp_path, source.replace("ANGLE = 1.0", "ANGLE = 1.1")).digest != reference


def test_the_digest_changes_with_code_and_numbers(tmp_path: Path) -> None:
    changes: list[dict[str, Any]] = [
        {"primary": "success"},
        {"held_steps": 5},
        {"stable_steps": 4},
        {"recovery_window": 11},
        {"violations": {}},
        {"fastest": 21.0},
        {"unbroken": True},
        {"impossible": {"through_the_floor": never}},
    ]
    digests = [judge_from(tmp_path, CODE, **change).digest for change in changes]
    digests += [judge_from(tmp_path, CODE.replace("1.0", "1.1")).digest]
    digests += [judge_from(tmp_path, CODE.replace(">", ">=")).digest]
    digests += [judge_from(tmp_path, CODE.replace('"lid"', '"box"')).digest]
    digests += [judge_from(tmp_path, CODE).digest]
    assert len(set(digests)) == len(digests)


def test_the_door_is_judged_as_dapg_counts() -> None:
    judge = adroit_door.JUDGE
    assert (judge.primary, judge.held_steps, adroit_door.OPEN_ANGLE) == ("success_held", 25, 1.35)
    assert set(judge.violations) == {"excessive_force"}
    assert not judge.unbroken


def test_what_is_carried_counts_as_held() -> None:
    letting_go = "xxxxx          "
    carried = replace(judge_of(), carried=lambda scene: scene.broken)
    assert judged(letting_go)["lost"] == 5
    assert judged(letting_go, broken="     xxxxx     ", judge=carried)["lost"] == 10


def test_the_door_is_carried_only_while_it_turns_open() -> None:
    hinge = {"position": torch.tensor([0.1, 0.5, 0.5, 0.5]), "speed": torch.tensor([1.0, 1.0, 0.1, -1.0])}

    class Readings:
        def joint(self, name: str) -> Tensor:
            return {"door_hinge": hinge["position"]}[name]

        def joint_velocity(self, name: str) -> Tensor:
            return {"door_hinge": hinge["speed"]}[name]

    assert adroit_door.swinging_open(Readings()).tolist() == [False, True, False, False]  # type: ignore[arg-type]
