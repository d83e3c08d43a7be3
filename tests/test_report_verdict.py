"""The sentences, against rows whose counts are known by construction."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

import report_example as example
from regrasp.report.record import RunRecord
from regrasp.report.results import disturbances_section
from regrasp.report.verdict import gate_sentence, rates_of, verdict, where_it_did_not_help
from regrasp.report.wording import duration, listed, number, p_value, percent, points, span
from regrasp.trial import Trial

THIN = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
PLAIN = replace(
    example.trials(False, 0)[0],
    success=False,
    success_at_end=False,
    success_held=False,
    contact_entry=40,
    disturbed_at=-1,
    lost_at=-1,
    recovered_at=-1,
    modes=bytes(10),
)


def rows(held: Sequence[bool], kind: str = "none", lost: int = 0, recovered: int = 0, first: int = 0) -> list[Trial]:
    """One trial per entry of `held`; the first `lost` lose, and `recovered` of these recover."""
    return [
        replace(
            PLAIN,
            case=first + i,
            seed=i,
            disturbance=kind,
            magnitude=0.0 if kind == "none" else 1.5,
            success_held=done,
            disturbed_at=-1 if kind == "none" else 50,
            lost_at=60 if i < lost else -1,
            recovered_at=80 if i < recovered else -1,
        )
        for i, done in enumerate(held)
    ]


def said(record: RunRecord) -> str:
    return verdict(record).sentence.replace(THIN, " ")


def mixed() -> RunRecord:
    """20 undisturbed cases, 2 → 18; 20 pushed ones, 1 → 10, with losses 8 → 5 and recoveries 1 → 4."""
    before = rows([True] * 2 + [False] * 18) + rows([True] + [False] * 19, "push", 8, 1, 20)
    after = rows([True] * 18 + [False] * 2) + rows([True] * 10 + [False] * 10, "push", 5, 4, 20)
    return example.compared(tuple(before), tuple(after))


def test_rates_are_the_rows_counted() -> None:
    record = mixed()
    assert record.tuned is not None
    rates = rates_of(record.tuned, "success_held")
    found = [
        (rate.count, rate.n) for rate in (rates.primary, rates.undisturbed, rates.disturbed, rates.loss, rates.recovery)
    ]
    assert found == [(28, 40), (18, 20), (10, 20), (5, 20), (4, 5)]
    assert (rates.entry.count, rates.entry.n) == (40, 40)


def test_improvement() -> None:
    found = verdict(mixed())
    sentence = found.sentence.replace(THIN, " ")
    assert found.tone == "good"
    assert sentence.startswith("Fine-tuning raised held success on the 40-case panel from 7.5 % (3/40) to 70 % (28/40)")
    assert "(+62.5 points, 95 % interval +" in sentence
    assert "p < 0.001" in sentence
    assert "under disturbances it went from 5 % to 50 %, losses from 8/20 to 5/20" in sentence
    assert sentence.endswith("recoveries after a loss from 1/8 to 4/5.")
    assert sentence.count(". ") == 0


def test_regression_is_bad_news() -> None:
    record = mixed()
    assert record.cloned is not None
    assert record.tuned is not None
    found = verdict(example.compared(record.tuned.trials, record.cloned.trials))
    assert found.tone == "bad"
    assert (
        f"lowered held success on the 40-case panel from 70{THIN}% (28/40) to 7.5{THIN}% (3/40) ({MINUS}62.5"
        in found.sentence
    )


def test_too_few_cases_are_undecided_and_say_how_many_it_takes() -> None:
    before, after = rows([False] * 10), rows([True] * 2 + [False] * 8)
    record = example.compared(tuple(before), tuple(after))
    sentence = said(record)
    assert verdict(record).tone == "open"
    assert sentence.startswith(
        "The 10 cases do not show whether fine-tuning changed held success: from 0 % (0/10) to 20 %"
    )
    assert "p = 0.5)" in sentence
    # Six differing pairs are needed for p < 0.05; at 20 % differing that is 30 cases.
    assert sentence.endswith("which takes at least 30 cases to show.")


def test_two_policies_without_a_comparison() -> None:
    assert "have not been compared" in said(replace(mixed(), comparison=None))


def test_gate_passed_but_nothing_fine_tuned_yet() -> None:
    sentence = said(replace(mixed(), tuned=None, comparison=None))
    assert sentence.startswith(
        "The fine-tuned policy has not been judged yet; the cloned policy has held success in 7.5 % (3/40)"
    )


def test_gate_sentence_names_thresholds_basis_and_findings() -> None:
    gate = example.gate("continue_bc", success=0.7)
    sentence = gate_sentence(replace(gate, rounds=3)).replace(THIN, " ")
    assert "asked for success above 70 % and contact entry above 80 %" in sentence
    assert "success 14 % (28/200), 95 % interval 9.9 % to 19.5 %" in sentence
    assert "after 3 rounds of cloning: it said to go on cloning." in sentence
    assert "alone" not in sentence


def test_sentence_on_where_it_did_not_help() -> None:
    same = [True] * 10 + [False] * 10
    better = rows([True] * 19 + [False]) + rows(same, "friction", first=20)
    worse = rows([False] * 20) + rows(same, "friction", first=20)
    comparison = example.compared(tuple(worse), tuple(better)).comparison
    assert comparison is not None
    sentence = where_it_did_not_help(comparison).replace(THIN, " ")
    assert sentence == (
        "Fine-tuning is shown to help in 1 of 2 groups of cases. "
        "It is not shown to help in object friction (50 % to 50 %, undecided)."
    )


def test_table_of_disturbances_has_magnitudes_and_verdicts() -> None:
    text = disturbances_section(mixed()).replace(THIN, " ")
    assert "push\n<small>1.5 N·s</small>" in text
    assert "10/20, 30–70 %" in text  # Wilson 95 % of 10/20: 0.299 to 0.701
    assert '<span class="badge improved">improved</span>' in text


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (percent(0.934), "93.4 %"),
        (percent(1.0), "100 %"),
        (percent(None), "–"),
        (points(0.81), "+81"),
        (points(-0.005), f"{MINUS}0.5"),
        (points(0.0), "0"),
        (points(-0.0001), "0"),
        (span(0.9049, 0.951), "90–95 %"),
        (p_value(0.00004), "p < 0.001"),
        (p_value(0.0132), "p = 0.013"),
        (duration(4.25), "4.2 s"),
        (duration(250), "4 min 10 s"),
        (duration(7300), "2 h 1 min"),
        (number(768000), "768 k"),
        (number(-0.0314159), f"{MINUS}0.0314"),
        (listed(["a", "b", "c"]), "a, b and c"),
        (listed([]), ""),
    ],
)
def test_wording(shown: str, expected: str) -> None:
    assert shown.replace(THIN, " ") == expected
