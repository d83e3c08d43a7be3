"""The gate against the textbook's example and against counted trials."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrasp.curriculum.gate import TEXTBOOK, GateConfig, decide, decide_on_trials
from regrasp.errors import InputError
from regrasp.trial import Trial


def trials(n: int, held: int, entered: int) -> list[Trial]:
    """The first `held` of n trials succeed, the first `entered` enter contact."""
    row: dict[str, Any] = {
        "object": "door", "disturbance": "none", "magnitude": 0.0, "source": "simulation",
        "success": True, "success_at_end": False, "first_success": -1,
        "disturbed_at": -1, "lost_at": -1, "recovered_at": -1,
        "slip": 0.0, "total_reward": 0.0, "steps": 300, "violations": (), "failure": "", "modes": b"",
    }  # fmt: skip
    return [
        Trial(case=i, seed=i, success_held=i < held, contact_entry=10 if i < entered else -1, **row) for i in range(n)
    ]


def test_the_textbook_example_to_the_letter() -> None:
    printed = json.dumps(decide(0.78, 0.86).to_json())
    assert printed == '{"phase": "rl_finetune", "bc_success": 0.78, "contact_entry_rate": 0.86}'


@pytest.mark.parametrize(
    ("success", "entry", "phase"),
    [
        (0.7, 0.86, "continue_bc"),
        (0.78, 0.8, "continue_bc"),
        (0.69, 0.86, "continue_bc"),
        (0.78, 0.79, "continue_bc"),
        (math.nextafter(0.7, 1), math.nextafter(0.8, 1), "rl_finetune"),
        (0, 0, "continue_bc"),
        (1, 1, "rl_finetune"),
    ],
)
def test_thresholds_are_strict(success: float, entry: float, phase: str) -> None:
    assert decide(success, entry).phase == phase


def test_a_counted_rate_equal_to_the_threshold_does_not_pass() -> None:
    assert decide_on_trials(trials(200, held=140, entered=200), "success_held").phase == "continue_bc"
    assert decide_on_trials(trials(200, held=141, entered=200), "success_held").phase == "rl_finetune"


def test_unmet_demands_are_named() -> None:
    assert decide(0.5, 0.8).unmet == ("success 0.5 is not above 0.7", "contact entry 0.8 is not above 0.8")
    assert decide(0.78, 0.86).unmet == ()


def test_the_door_asks_for_contact_entry_alone() -> None:
    door = GateConfig(contact_entry=0.8)
    assert decide(0.1, 0.98, door).phase == "rl_finetune"
    assert decide(0.1, 0.78, door).phase == "continue_bc"
    assert decide(0.9, 0.0, GateConfig(success=0.7)).phase == "rl_finetune"


def test_a_gate_without_demands_is_refused() -> None:
    expected = r"gate: thresholds: found none, expected at least one \(valid names: success, contact_entry\)\."
    with pytest.raises(InputError, match=expected):
        GateConfig()


@pytest.mark.parametrize("value", [-0.01, 1.01, math.nan, math.inf, True, "0.5", None])
def test_numbers_that_are_no_rates_are_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"gate: bc_success: found .*, expected a number between 0 and 1\."):
        decide(value, 0.9)
    with pytest.raises(InputError, match="gate: contact_entry_rate: found"):
        decide(0.9, value)
    if value is not None:
        with pytest.raises(InputError, match="gate: threshold success: found"):
            GateConfig(success=value)


def test_the_lower_bound_asks_for_enough_trials() -> None:
    # 8 of 10 has the Wilson interval 0.490 … 0.943; 160 of 200 has 0.739 … 0.850.
    config = GateConfig(success=0.7, contact_entry=0.6, decided_on="lower_bound")
    few, many = (decide_on_trials(trials(n, held=4 * n // 5, entered=n), "success_held", config) for n in (10, 200))
    assert (few.phase, few.on_rate.phase, few.on_lower_bound.phase) == ("continue_bc", "rl_finetune", "continue_bc")
    assert few.decision.unmet == ("success 0.49 is not above 0.7",)
    assert many.phase == "rl_finetune"


def test_a_decision_on_trials_says_what_it_used() -> None:
    data = json.loads(json.dumps(decide_on_trials(trials(10, held=8, entered=10), "success_held").to_json()))
    assert list(data)[:3] == ["phase", "bc_success", "contact_entry_rate"]
    assert (data["phase"], data["bc_success"], data["contact_entry_rate"]) == ("rl_finetune", 0.8, 1.0)
    assert data["decided_on"] == "rate"
    assert (data["phase_on_rate"], data["phase_on_lower_bound"]) == ("rl_finetune", "continue_bc")
    assert data["thresholds"] == {"success": 0.7, "contact_entry": 0.8}
    assert (data["success"]["count"], data["contact_entry"]["n"]) == (8, 10)


def test_success_means_the_primary_outcome() -> None:
    rows = trials(50, held=0, entered=50)
    assert decide_on_trials(rows, "success").success.count == 50
    assert decide_on_trials(rows, "success_held").success.count == 0
    with pytest.raises(InputError, match=r"gate: primary: found 'reward', .*valid names: success, success_at_end"):
        decide_on_trials(rows, "reward")


def test_no_trials_are_refused() -> None:
    with pytest.raises(InputError, match=r"gate: trials: found none, expected at least one judged trial\."):
        decide_on_trials([], "success")


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 80), st.data())
def test_the_lower_bound_never_passes_what_the_rate_does_not(n: int, data: st.DataObject) -> None:
    held, entered = (data.draw(st.integers(0, n)) for _ in range(2))
    decision = decide_on_trials(trials(n, held, entered), "success_held", TEXTBOOK)
    assert (decision.on_lower_bound.phase, decision.on_rate.phase) != ("rl_finetune", "continue_bc")
    assert decision.on_rate.phase == ("rl_finetune" if held * 10 > 7 * n and entered * 10 > 8 * n else "continue_bc")
