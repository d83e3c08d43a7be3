"""Two policies compared case by case, against tables that were counted by hand."""

import json
from typing import Any

import pytest

from regrasp.errors import InputError
from regrasp.panel.comparison import compare, pair_by_case
from regrasp.panel.statistics import Facts
from regrasp.trial import Trial

PANEL = "ab" * 32


def trial(case: int, held: bool, disturbance: str = "none", **changes: Any) -> Trial:
    """A trial in contact whose primary outcome is `held`."""
    row: dict[str, Any] = {
        "case": case, "object": "door", "disturbance": disturbance, "magnitude": 1.0, "seed": case,
        "source": "simulation", "success": held, "success_at_end": held, "success_held": held, "first_success": -1,
        "contact_entry": 10, "disturbed_at": -1 if disturbance == "none" else 50, "lost_at": -1, "recovered_at": -1,
        "slip": 0.0, "total_reward": 0.0, "steps": 300, "violations": (), "failure": "", "modes": b"",
    }  # fmt: skip
    return Trial(**(row | changes))


def rows(outcomes: dict[str, list[bool]], **changes: Any) -> list[Trial]:
    """One trial per outcome, kind after kind, numbered from 0."""
    flat = [(kind, held) for kind, values in outcomes.items() for held in values]
    return [trial(case, held, kind, **changes) for case, (kind, held) in enumerate(flat)]


A = {
    "none": [True] * 10 + [False] * 30,
    "push": [True] * 4 + [False] * 16,
    "slip": [True] * 12 + [False] * 8,
    "mass": [True] * 3 + [False] * 3,
}
B = {
    "none": [True] * 40,
    "push": [True] * 18 + [False] * 2,
    "slip": [False] * 12 + [False] * 8,
    "mass": [True] * 5 + [False] * 1,
}


def test_the_table_by_hand() -> None:
    result = compare(rows(A), rows(B), "success_held", PANEL, PANEL)
    none, push, slip, mass = (result.strata[kind] for kind in ("none", "push", "slip", "mass"))
    assert [s.n for s in (none, push, slip, mass)] == [40, 20, 20, 6]
    assert [s.difference.difference for s in (none, push, slip, mass)] == pytest.approx([0.75, 0.7, -0.6, 1 / 3])
    assert [(s.test.only_a, s.test.only_b) for s in (none, push, slip, mass)] == [(0, 30), (0, 14), (12, 0), (0, 2)]
    assert [s.test.p for s in (none, push, slip, mass)] == pytest.approx([2 / 2**30, 2 / 2**14, 2 / 2**12, 0.5])
    assert [s.p_corrected for s in (none, push, slip, mass)] == pytest.approx([8 / 2**30, 6 / 2**14, 4 / 2**12, 0.5])
    assert [s.verdict for s in (none, push, slip, mass)] == ["improved", "improved", "regressed", "undecided"]
    assert result.did_not_help == ("mass", "slip")


def test_the_whole_and_its_two_halves() -> None:
    result = compare(rows(A), rows(B), "success_held", PANEL, PANEL)
    assert result.overall.verdict == "improved"
    assert (result.overall.n, result.overall.a.primary.count, result.overall.b.primary.count) == (86, 29, 63)
    assert result.undisturbed is result.strata["none"]
    assert result.disturbed is not None
    assert (result.disturbed.n, result.disturbed.test.only_a, result.disturbed.test.only_b) == (46, 12, 16)
    assert result.disturbed.p_corrected == result.disturbed.test.p
    assert result.disturbed.verdict == "undecided"


def test_broken_and_gained_cases_are_named() -> None:
    result = compare(rows(A), rows(B), "success_held", PANEL, PANEL)
    assert result.broken == tuple(range(60, 72))
    assert result.gained == (*range(10, 40), *range(44, 58), 83, 84)


def test_correction_can_undo_a_stratum_that_looks_decided_alone() -> None:
    six = {"push": [False] * 6, "slip": [False] * 6, "mass": [True] * 6}
    better = {"push": [True] * 6, "slip": [False] * 6, "mass": [True] * 6}
    push = compare(rows(six), rows(better), "success", PANEL, PANEL).strata["push"]
    assert push.test.p == pytest.approx(2 / 64)
    assert push.p_corrected == pytest.approx(6 / 64)
    assert push.verdict == "undecided"
    alone = compare(rows({"push": six["push"]}), rows({"push": better["push"]}), "success", PANEL, PANEL)
    assert alone.strata["push"].verdict == "improved"


def test_few_cases_stay_undecided_however_different() -> None:
    result = compare(rows({"none": [False] * 5}), rows({"none": [True] * 5}), "success", PANEL, PANEL)
    assert result.overall.difference.difference == 1.0
    assert (result.overall.verdict, result.overall.smallest_n, result.disturbed) == ("undecided", 6, None)


def test_a_policy_against_itself_is_undecided() -> None:
    result = compare(rows(A), rows(A), "success_held", PANEL, PANEL)
    assert (result.overall.verdict, result.overall.test.p, result.overall.smallest_n) == ("undecided", 1.0, None)
    assert (result.broken, result.gained) == ((), ())


def test_swapping_the_policies_mirrors_the_result() -> None:
    forth, back = (compare(x, y, "success_held", PANEL, PANEL) for x, y in ((rows(A), rows(B)), (rows(B), rows(A))))
    assert back.overall.verdict == "regressed"
    assert back.overall.difference.difference == -(forth.overall.difference.difference or 0)
    assert (back.broken, back.gained) == (forth.gained, forth.broken)


def test_rows_may_come_in_any_order() -> None:
    first = compare(rows(A), rows(B), "success_held", PANEL, PANEL)
    assert compare(rows(A)[::-1], rows(B), "success_held", PANEL, PANEL) == first


def test_loss_and_recovery_of_both_sides() -> None:
    a = rows({"push": [False] * 8}, lost_at=60)
    b = rows({"push": [True] * 8}, lost_at=60, recovered_at=70)
    push = compare(a, b, "success", PANEL, PANEL).strata["push"]
    assert [(r.count, r.n) for r in (push.a.loss, push.a.recovery)] == [(8, 8), (0, 8)]
    assert [(r.count, r.n) for r in (push.b.loss, push.b.recovery)] == [(8, 8), (8, 8)]


def test_the_primary_outcome_is_the_one_compared() -> None:
    a = [trial(i, False, success=True) for i in range(10)]
    b = [trial(i, True) for i in range(10)]
    assert compare(a, b, "success", PANEL, PANEL).overall.verdict == "undecided"
    assert compare(a, b, "success_held", PANEL, PANEL).overall.verdict == "improved"


def test_json_has_the_keys_that_programs_rely_on() -> None:
    result = compare(rows(A), rows(B), "success_held", PANEL, PANEL)
    data = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert {"panel", "verdict", "difference", "p", "strata"} <= data.keys()
    assert data["panel"] == PANEL
    assert data["verdict"] == "improved"
    assert set(data["difference"]) == {"difference", "low", "high"}
    assert list(data["strata"]) == ["none", "mass", "push", "slip"]
    assert data["strata"]["push"]["a"]["primary"]["count"] == 4
    assert data["undisturbed"] == data["strata"]["none"]
    assert data["did_not_help"] == ["mass", "slip"]


def test_the_interval_does_not_depend_on_the_other_strata() -> None:
    alone = compare(rows({"none": A["none"]}), rows({"none": B["none"]}), "success", PANEL, PANEL)
    together = compare(rows(A), rows(B), "success", PANEL, PANEL)
    assert alone.strata["none"].difference == together.strata["none"].difference


def test_other_panels_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"comparison: panel: found digests abab.* and cdcd.*, expected trials of one panel\."
    ):
        compare(rows(A), rows(B), "success", PANEL, "cd" * 32)


def test_other_cases_are_refused() -> None:
    expected = r"cases: found 1 cases \(85\) only in A and none only in B, expected the same cases in both"
    with pytest.raises(InputError, match=expected):
        compare(rows(A), rows(B)[:-1], "success", PANEL, PANEL)


def test_cases_that_changed_are_refused() -> None:
    with pytest.raises(InputError, match=r"case 0: found .*'none'.* in A and .*'push'.* in B"):
        pair_by_case([trial(0, True)], [trial(0, True, "push")])


@pytest.mark.parametrize(
    ("given", "found"), [([], "0 trials of 0 cases"), ([trial(0, True)] * 2, "2 trials of 1 cases")]
)
def test_repeated_and_missing_trials_are_refused(given: list[Trial], found: str) -> None:
    with pytest.raises(InputError, match=f"trials of B: found {found}, expected one trial of every case"):
        pair_by_case([trial(0, True)], given)


def test_an_unknown_outcome_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(
        InputError, match=r"primary: found 'won', .* \(valid names: success, success_at_end, success_held"
    ):
        compare(rows(A), rows(B), "won", PANEL, PANEL)


FACTS = Facts(held_out=("cone",), horizon=300, envelopes={"push": (0.0, 0.5)})


def losses(lost: int, recovered: int, cases: int, obj: str, first: int = 0) -> list[Trial]:
    """Pushed cases of one object, the first `lost` lost, the first `recovered` of these recovered and successful."""
    return [
        trial(
            first + i, i < recovered, "push", object=obj, lost_at=60 if i < lost else -1,
            recovered_at=70 if i < recovered else -1,
        )
        for i in range(cases)
    ]  # fmt: skip


def test_recovery_is_tested_on_counts_whose_denominators_differ() -> None:
    a, b = losses(40, 4, 60, "door"), losses(20, 15, 60, "door")
    found = compare(a, b, "success_held", PANEL, PANEL).recovery
    assert found is not None
    assert [(rate.count, rate.n) for rate in (found.a, found.b)] == [(4, 40), (15, 20)]
    assert found.difference.difference == pytest.approx(0.75 - 0.1)
    assert (found.p < 0.001, found.verdict) == (True, "improved")
    back = compare(b, a, "success_held", PANEL, PANEL).recovery
    assert back is not None
    assert (back.verdict, back.p) == ("regressed", pytest.approx(found.p))


def test_few_losses_leave_recovery_undecided() -> None:
    found = compare(losses(4, 1, 60, "door"), losses(4, 3, 60, "door"), "success_held", PANEL, PANEL).recovery
    assert found is not None
    assert found.verdict == "undecided"
    none = compare(losses(0, 0, 9, "door"), losses(4, 3, 9, "door"), "success_held", PANEL, PANEL).recovery
    assert none is not None
    assert (none.p, none.difference.difference, none.verdict) == (1.0, None, "undecided")
    assert compare(rows({"none": [True]}), rows({"none": [True]}), "success", PANEL, PANEL).recovery is None


def mixed(recovered: int) -> list[Trial]:
    """30 cases of an object that learning saw, 30 of one that it did not; only the latter change."""
    return losses(20, 10, 30, "door") + losses(20, recovered, 30, "cone", 30)


def test_splits_stand_beside_the_whole_and_alone_are_the_same() -> None:
    a, b = mixed(2), mixed(18)
    whole = compare(a, b, "success_held", PANEL, PANEL, facts=FACTS)
    train, held_out = whole.by_split["train"], whole.by_split["held_out"]
    assert (train.overall.n, held_out.overall.n) == (30, 30)
    assert train.recovery is not None
    assert held_out.recovery is not None
    assert (train.recovery.verdict, held_out.recovery.verdict) == ("undecided", "improved")
    assert (held_out.overall.test.only_a, held_out.overall.test.only_b) == (0, 16)
    alone = compare(a, b, "success_held", PANEL, PANEL, facts=FACTS, objects="held_out")
    assert (alone.whole, alone.by_split) == (held_out, {})
    assert alone.gained == tuple(range(32, 48))
    assert compare(a, b, "success_held", PANEL, PANEL).by_split == {}


def test_a_split_without_cases_is_refused() -> None:
    expected = r"objects: found train, of which the panel has no case, .* \(valid names: all, held_out\)"
    only = losses(2, 1, 3, "cone")
    with pytest.raises(InputError, match=expected):
        compare(only, only, "success", PANEL, PANEL, facts=FACTS, objects="train")


def test_drops_and_unrealistic_cases_are_counted() -> None:
    a = [trial(i, True, "push", steps=300 - i, magnitude=i / 4) for i in range(4)]
    push = compare(a, a, "success", PANEL, PANEL, facts=FACTS).strata["push"]
    assert push.unrealistic == 1
    assert push.a.dropped is not None
    assert (push.a.dropped.count, push.a.dropped.n) == (3, 4)
    data = compare(a, a, "success", PANEL, PANEL, facts=FACTS).to_json()
    assert (data["strata"]["push"]["unrealistic"], data["a"]["dropped"]["count"]) == (1, 3)
    assert "dropped" not in compare(a, a, "success", PANEL, PANEL).to_json()["a"]
