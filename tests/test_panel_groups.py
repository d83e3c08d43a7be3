"""Strata of a comparison by object and by magnitude, corrected together, and what `--strict` makes of them."""

from pathlib import Path

import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from regrasp.cli import main
from regrasp.panel.comparison import compare
from regrasp.panel.groups import grouped
from regrasp.panel.paired import holm, mcnemar_exact
from regrasp.panel.statistics import Facts, rate_from_counts
from regrasp.seeding import numpy_stream
from regrasp.trial import Trial
from test_cli_splits import make_run, show
from test_panel_comparison import PANEL, trial

ENVELOPES = Facts(envelopes={"push": (0.0, 9.0), "latency": (1.0, 2.0)})


def pushed(sizes: list[float], held: list[bool], kind: str = "push") -> list[Trial]:
    pairs = enumerate(zip(sizes, held, strict=True))
    return [trial(case, done, kind, magnitude=size, object=f"cube_{case % 2}") for case, (size, done) in pairs]


def test_magnitudes_in_thirds_and_what_lies_outside() -> None:
    own = pushed([1, 2, 3, 4, 5, 6, 7, 8, 9, 20], [True] * 10)
    groups = grouped([(row, row) for row in own], ENVELOPES)
    sizes = {name: [a.magnitude for a, _ in pairs] for name, pairs in groups["magnitude"].items()}
    assert sizes == {
        "push 1 to 3": [1, 2, 3],
        "push 4 to 6": [4, 5, 6],
        "push 7 to 9": [7, 8, 9],
        "push outside the envelope": [20],
    }
    assert {name: len(pairs) for name, pairs in groups["object"].items()} == {"cube_0": 5, "cube_1": 5}


def test_whole_magnitudes_are_groups_of_their_own() -> None:
    own = pushed([1, 1, 2, 2, 2], [True] * 5, "latency")
    assert list(grouped([(row, row) for row in own], ENVELOPES)["magnitude"]) == ["latency 1", "latency 2"]


def test_one_object_and_one_size_say_nothing() -> None:
    groups = grouped([(row, row) for row in [trial(case, True, "push") for case in range(4)]], ENVELOPES)
    assert (groups["object"], groups["magnitude"]) == ({}, {})


def test_a_regression_in_one_third_is_found_and_corrected_for_all() -> None:
    sizes = [float(size) for size in range(1, 10) for _ in range(14)]
    before = pushed(sizes, [size >= 7 or size % 2 == 0 for size in sizes])
    after = pushed(sizes, [size < 7 for size in sizes])
    found = compare(before, after, "success_held", PANEL, PANEL, facts=ENVELOPES)
    # 1 kind, 2 objects, 3 thirds.
    assert found.tests == 6
    assert found.by_magnitude["push 7 to 9"].verdict == "regressed"
    assert found.by_magnitude["push 1 to 3"].verdict == "improved"
    assert found.overall.verdict == "undecided"
    assert found.regressed == ("push 7 to 9",)
    third = found.by_magnitude["push 7 to 9"]
    assert third.p_corrected == pytest.approx(6 * third.test.p)


def test_statistics_are_those_of_statsmodels() -> None:
    generator = numpy_stream(0, "truth")
    for _ in range(60):
        n = int(generator.integers(1, 120))
        a, b = generator.random(n) < generator.random(), generator.random(n) < generator.random()
        table = [[int((a & b).sum()), int((a & ~b).sum())], [int((~a & b).sum()), int((~a & ~b).sum())]]
        assert mcnemar_exact(a, b).p == pytest.approx(mcnemar(table, exact=True).pvalue)
        rate = rate_from_counts(int(a.sum()), n)
        assert (rate.low, rate.high) == pytest.approx(proportion_confint(a.sum(), n, method="wilson"), abs=1e-12)
        p = generator.random(int(generator.integers(1, 12))) ** 3
        assert holm(p.tolist()) == pytest.approx(multipletests(p, method="holm")[1])


def test_strict_fails_on_a_regression_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "cube", {"digest": "d" * 64, "source": "test", "episodes": 1, "steps": 1})
    bc, rl = (str(run / "checkpoints" / name) for name in ("bc", "rl"))
    assert main(["compare", bc, rl, "--strict"]) == 0
    assert main(["compare", rl, bc]) == 0
    assert main(["compare", rl, bc, "--strict"]) == 1
    text = show(capsys, "compare", rl, bc)
    assert "What B broke (the first 10 of 16)" in text
    assert f"regrasp show trial {bc} --panel {run / 'panel.json'} --against {rl}" in text


def test_show_trial_refuses_a_case_that_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "cube", {"digest": "d" * 64, "source": "test", "episodes": 1, "steps": 1})
    panel, out = run / "panel.json", tmp_path / "trial.png"
    asked = ["show", "trial", str(run / "checkpoints/rl"), "--panel", str(panel), "--out", str(out)]
    assert main([*asked, "--case", "32"]) == 2
    assert capsys.readouterr().err == f"regrasp: --case: found 32, expected the number of a case of {panel}, 0 to 31.\n"
    assert not out.exists()
    assert main([*asked, "--case", "1", "--against", str(run / "checkpoints/bc")]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
