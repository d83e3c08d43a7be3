"""Drops, unbroken streaks and what no bench can show, on readings short enough to be judged by hand."""

import itertools
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from regrasp.judges.judge import Judge, Judgement, never

NEVER = 10**9


@dataclass
class Shown:
    """What the judge is shown at one step."""

    touching: Tensor
    success: Tensor
    dropped: Tensor
    broken: Tensor
    place: Tensor
    qpos: Tensor
    period: float = 0.1

    @property
    def contacts(self) -> Tensor:
        """(B, 1, 8): one link, which touches where the object is touched, without force."""
        return torch.nn.functional.pad(self.touching[:, None, None].double(), (0, 7))

    def strongest_force(self) -> Tensor:
        return self.contacts[:, :, 1].amax(1)


JUDGE = Judge(
    success=lambda shown: shown.success,  # type: ignore[attr-defined]
    touching=lambda shown: shown.touching,  # type: ignore[attr-defined]
    dropped=lambda shown: shown.dropped,  # type: ignore[attr-defined]
    impossible={"inside": lambda shown: shown.broken},  # type: ignore[attr-defined]
    violations={},
    primary="success_held",
    held_steps=3,
    stable_steps=3,
    recovery_window=10,
    tracked=lambda shown: shown.place,  # type: ignore[attr-defined]
    fastest=2.0,
    unbroken=True,
)
"""The tracked place moves by 0.2 m at most between two of its steps of 0.1 s."""


def observe(judgement: Judgement, rows: list[dict[str, Any]], watched: int = 0, first: int = 0) -> None:
    """One dictionary per world: texts with an `x` where the answer is yes, and places [m], one per control step."""
    steps = max(len(value) for row in rows for value in row.values())
    for t in range(steps):
        shown = {
            name: torch.tensor([row.get(name, "").ljust(steps, ".")[t] == "x" for row in rows])
            for name in ("touching", "success", "dropped", "broken")
        }
        places = [row.get("place", [0.0] * steps)[t] for row in rows]
        place = torch.tensor(places, dtype=torch.float64)[:, None]
        step, from_step = torch.full((len(rows),), first + t), torch.full((len(rows),), watched)
        judgement.observe(Shown(**shown, place=place, qpos=place), step, from_step)  # type: ignore[arg-type]


def found(judgement: Judgement, world: int = 0) -> dict[str, Any]:
    """What is found in a world."""
    names = ("first_success", "dropped_at", "lost_at", "recovered_at", "held_for")
    flags = ("success_once", "success_at_end", "success_held", "over", "honest")
    numbers = {name: int(getattr(judgement, name)[world]) for name in names}
    broken = sorted(name for name, value in judgement.broken.items() if value[world])
    return numbers | {name: bool(getattr(judgement, name)[world]) for name in flags} | {"broken": broken}


def judged(judge: Judge = JUDGE, watched: int = 0, **row: Any) -> dict[str, Any]:
    judgement = Judgement(judge, 1)
    observe(judgement, [row], watched)
    return found(judgement)


class TestDrop:
    def test_it_is_lost_at_once(self) -> None:
        """Elsewhere a loss takes three steps to tell; here nothing can come back."""
        seen = judged(touching="xxxxxx", dropped=".....x")
        assert (seen["over"], seen["dropped_at"], seen["lost_at"], seen["recovered_at"]) == (True, 5, 5, -1)

    def test_it_is_lost_where_it_began_to_slip_away(self) -> None:
        assert judged(touching="xxxxx..", dropped="......x")["lost_at"] == 5

    def test_nothing_held_is_nothing_lost(self) -> None:
        seen = judged(touching="xx.....", dropped="......x")
        assert (seen["dropped_at"], seen["lost_at"]) == (6, -1)

    def test_a_loss_before_the_disturbance_does_not_count(self) -> None:
        seen = judged(touching="xxxxxx", dropped=".....x", watched=6)
        assert (seen["dropped_at"], seen["lost_at"]) == (5, -1)

    def test_a_loss_before_the_drop_is_the_first(self) -> None:
        seen = judged(touching="xxxx...xxxxx", dropped="............x")
        assert (seen["lost_at"], seen["recovered_at"], seen["dropped_at"]) == (4, -1, 12)

    def test_nothing_counts_afterwards(self) -> None:
        """Neither touch, success, another drop nor a broken rule; but at the very step a broken rule does."""
        row = {"touching": "xxxx" + "x" * 9, "success": "...." + "x" * 9, "dropped": "....x..x.....", "broken": ""}
        cut = {name: text[:5] for name, text in row.items()}
        assert judged(**row, place=[0.0] * 6 + [9.0] * 7) == judged(**cut, place=[0.0] * 5)
        assert judged(**row)["first_success"] == -1
        assert judged(**row | {"broken": ".....x......."})["broken"] == []
        assert judged(**row | {"broken": "....x........"})["broken"] == ["inside"]

    def test_success_before_it_was_success_once(self) -> None:
        seen = judged(touching="xxxxxxxx", success="..xxxxxx", dropped=".......x")
        assert (seen["first_success"], seen["success_once"]) == (2, True)
        assert (seen["success_at_end"], seen["success_held"], seen["held_for"]) == (False, False, 0)

    def test_a_task_without_drops_goes_on(self) -> None:
        seen = judged(replace(JUDGE, dropped=never), touching="xxxxxxxx", success="..xxxxxx", dropped="...x....")
        assert (seen["over"], seen["dropped_at"], seen["success_held"]) == (False, -1, True)

    def test_every_short_sequence(self) -> None:
        """All sequences of touch with a drop at every step: as the same one cut there, and lost at once if held."""
        texts = ["".join(row) for row in itertools.product("x.", repeat=8)]
        for at in range(8):
            whole, cut = Judgement(JUDGE, len(texts)), Judgement(JUDGE, len(texts))
            mark = "." * at + "x"
            observe(whole, [{"touching": text, "dropped": mark.ljust(8, ".")} for text in texts], 1)
            if at:
                observe(cut, [{"touching": text[:at]} for text in texts], 1)
            for world, text in enumerate(texts):
                seen, before = found(whole, world), found(cut, world)
                began = len(text[:at].rstrip("."))
                lost = began if bool(cut.held[world]) and began >= 1 else -1
                assert seen["lost_at"] == (before["lost_at"] if before["lost_at"] >= 0 else lost), (text, at)
                assert seen["recovered_at"] == -1
                assert seen["dropped_at"] == at

    def test_it_is_forgotten_by_a_reset(self) -> None:
        judgement = Judgement(JUDGE, 2)
        observe(judgement, [{"touching": "xxxx", "dropped": "...x", "success": ".x.."}] * 2)
        judgement.reset(torch.tensor([0]))
        assert judgement.over.tolist() == [False, True]
        observe(judgement, [{"touching": "xxxxx", "success": "xxxxx"}] * 2)
        fresh = Judgement(JUDGE, 1)
        observe(fresh, [{"touching": "xxxxx", "success": "xxxxx"}])
        assert found(judgement) == found(fresh)
        assert found(judgement)["success_held"]
        assert found(judgement, 1)["dropped_at"] == 3

    def test_it_is_saved(self) -> None:
        first, second = Judgement(JUDGE, 1), Judgement(JUDGE, 1)
        observe(first, [{"touching": "xxxxx", "success": "xxxxx", "dropped": "....x", "place": [0.1] * 5}])
        second.load(first.tensors())
        for judgement in (first, second):
            observe(judgement, [{"touching": "xxxxx", "success": "xxxxx", "place": [0.5] * 5}], first=5)
        assert found(first) == found(second)
        assert found(second)["dropped_at"] == 4


@pytest.mark.parametrize(
    ("success", "longest", "total"),
    [
        ("....", 0, 0),
        ("xxx.", 3, 3),
        ("xxx.xxx", 3, 6),
        ("x.xx.xxxx", 4, 7),
        ("xxxx.xx", 4, 6),
        ("xxxxx", 5, 5),
    ],
)
def test_unbroken_success_is_counted_in_a_row(success: str, longest: int, total: int) -> None:
    row = {"touching": "x" * len(success), "success": success}
    in_a_row, anyhow = judged(**row), judged(replace(JUDGE, unbroken=False), **row)
    assert (in_a_row["held_for"], in_a_row["success_held"]) == (longest, longest > 3)
    assert (anyhow["held_for"], anyhow["success_held"]) == (total, total > 3)


def assert_void(seen: dict[str, Any], reason: str) -> None:
    assert seen["broken"] == [reason]
    assert not any(seen[name] for name in ("honest", "success_once", "success_at_end", "success_held", "held_for"))


class TestImpossible:
    """Success does not count with what cannot happen on a bench, whenever it happened; the rest of the row stays."""

    ROW = {"touching": "xxxxxxxx", "success": "..xxxxxx"}  # noqa: RUF012

    def test_an_honest_trial_counts(self) -> None:
        seen = judged(**self.ROW, place=[0.19 * t for t in range(8)])
        assert seen["honest"]
        assert seen["broken"] == []
        assert (seen["success_once"], seen["success_at_end"], seen["success_held"]) == (True, True, True)
        assert seen["held_for"] == 6

    @pytest.mark.parametrize("at", [0, 4, 7])
    def test_of_the_task(self, at: int) -> None:
        seen = judged(**self.ROW, broken="." * at + "x")
        assert_void(seen, "inside")
        assert seen["first_success"] == 2

    @pytest.mark.parametrize("at", [1, 4, 7])
    def test_teleported(self, at: int) -> None:
        assert_void(judged(**self.ROW, place=[0.0] * at + [0.21] * (8 - at)), "teleported")
        assert judged(**self.ROW, place=[0.0] * at + [0.19] * (8 - at))["honest"]

    def test_the_first_step_and_a_reset_are_no_jumps(self) -> None:
        judgement = Judgement(JUDGE, 2)
        observe(judgement, [self.ROW | {"place": [5.0] * 8}] * 2)
        judgement.reset(torch.tensor([1]))
        observe(judgement, [self.ROW | {"place": [7.0] * 8}] * 2, first=8)
        assert judgement.broken["teleported"].tolist() == [True, False]

    def test_the_place_is_copied(self) -> None:
        """Readings are live views: a judge that kept one would never see a jump."""
        judgement, place = Judgement(JUDGE, 1), torch.zeros(1, 1, dtype=torch.float64)
        nothing = torch.zeros(1, dtype=torch.bool)
        for t in range(2):
            shown = Shown(nothing, nothing, nothing, nothing, place, place)
            judgement.observe(shown, torch.tensor([t]), torch.tensor([0]))  # type: ignore[arg-type]
            place += 1.0
        assert bool(judgement.broken["teleported"][0])

    def test_untouched(self) -> None:
        assert_void(judged(touching="...xxxxx", success="..xxxxxx"), "untouched_success")
        assert judged(touching="..x.....", success="..xxxxxx")["honest"]
        assert judged(touching="x.......", success="..xxxxxx")["honest"], "it may be let go before success"

    def test_loss_is_found_all_the_same(self) -> None:
        assert judged(touching="xxxxx......", broken="x")["lost_at"] == 5
