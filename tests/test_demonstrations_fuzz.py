"""A few hundred damaged files per format; `benchmarks/fuzz_formats.py` makes 10,000 and watches time and memory."""

from collections import Counter
from pathlib import Path

import pytest
from fuzz_formats import BASES, trial

COUNT = 250
FEW = {"robomimic texts": 30, "isaac": 50}
"""A process of its own reads the texts of each of these files."""


@pytest.mark.parametrize("name", BASES)
def test_damage_is_read_or_refused(name: str, tmp_path: Path) -> None:
    if name in ("lerobot", "minari arrow", "minari parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / "base").mkdir()
    base = BASES[name](tmp_path / "base")
    outcomes = Counter(trial(name, base, tmp_path, seed) for seed in range(FEW.get(name, COUNT)))
    assert set(outcomes) == {"read", "refused"}, outcomes
