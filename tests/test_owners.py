"""The owners' own packages open what we write, and we open what they write; skipped where they are not installed."""

import numpy as np
import pytest
from owner_checks import CHECKS, Check
from owner_sides import PYTHON, Differs, compared
from owners import ABSENT, ask

here = pytest.mark.skipif(not PYTHON.is_file(), reason=ABSENT)


@here
@pytest.mark.parametrize("check", CHECKS, ids=[check.name for check in CHECKS])
def test_both_sides_are_equal(check: Check) -> None:
    assert ask(check)


def test_the_comparison_sees_every_difference() -> None:
    rows = {"a": np.array([[0.0, np.nan], [1.0, 2.0]])}
    assert compared(rows, {"a": rows["a"].copy(), "b": np.zeros(1)}) == "1 arrays, 2 rows to the bit"
    others = {
        "no a in": {"b": rows["a"]},
        "float32": {"a": rows["a"].astype(np.float32)},
        r"\(1, 2\)": {"a": rows["a"][:1]},
        "other numbers": {"a": rows["a"] + [[0, 0], [0, 1e-15]]},
        "a: other": {"a": np.array([[-0.0, np.nan], [1.0, 2.0]])},
    }
    for sentence, found in others.items():
        with pytest.raises(Differs, match=sentence):
            compared(rows, found)
    narrow = {"a": rows["a"].astype(np.float32)}
    assert compared(rows, narrow, as_torch=True) == "1 arrays, 2 rows to the bit; a as float32"
    with pytest.raises(Differs, match="other numbers"):
        compared(rows, {"a": narrow["a"] * 2}, as_torch=True)
