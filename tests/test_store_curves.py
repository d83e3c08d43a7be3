"""Learning curves: every record once, as JSON lines and for TensorBoard, whatever was cut off before."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from regrasp.errors import InputError
from regrasp.store.curves import EVENTS, Curves, read_curves


@dataclass(frozen=True)
class Record:
    phase: str
    step: int
    steps: int = 100
    control_steps: int = 0
    values: dict[str, float] = field(default_factory=dict)


def steps(folder: Path) -> list[tuple[str, int]]:
    return [(point.phase, point.step) for point in read_curves(folder / "progress.jsonl")]


def events(folder: Path) -> list[tuple[int, str, float]]:
    loader = LegacyEventFileLoader(str(folder / "tensorboard" / EVENTS))
    return [(event.step, value.tag, value.simple_value) for event in loader.Load() for value in event.summary.value]


def opened(folder: Path, **finished: int) -> Curves:
    return Curves(folder / "progress.jsonl", folder / "tensorboard", finished)


def test_records_are_kept_as_lines_and_as_events(tmp_path: Path) -> None:
    with opened(tmp_path) as curves:
        curves.append(Record("bc", 10, values={"loss": 0.5, "rate": 2}))
        curves.append(Record("rl", 20, 30, 1280, {"reward": 0.1 + 0.2}))
    first, second = read_curves(tmp_path / "progress.jsonl")
    assert (first.phase, first.step, first.values) == ("bc", 10, {"loss": 0.5, "rate": 2.0})
    assert (second.steps, second.control_steps, second.values) == (30, 1280, {"reward": 0.1 + 0.2})
    assert second.time >= first.time > 1.7e9
    assert events(tmp_path) == [(10, "bc/loss", 0.5), (10, "bc/rate", 2.0), (20, "rl/reward", pytest.approx(0.3))]


def test_a_record_can_be_read_while_the_run_goes_on(tmp_path: Path) -> None:
    curves = opened(tmp_path)
    curves.append(Record("bc", 1, values={"loss": 1.0}))
    assert steps(tmp_path) == [("bc", 1)]
    assert len(events(tmp_path)) == 1
    curves.close()


def test_resuming_repeats_no_record(tmp_path: Path) -> None:
    with opened(tmp_path) as curves:
        for phase in ("bc", "rl"):
            for step in range(1, 6):
                curves.append(Record(phase, step, values={"loss": float(step)}))
    before = (tmp_path / "tensorboard" / EVENTS).read_bytes()
    with opened(tmp_path, bc=5, rl=2) as curves:
        kept = [("bc", step) for step in range(1, 6)] + [("rl", 1), ("rl", 2)]
        assert steps(tmp_path) == kept
        assert before.startswith((tmp_path / "tensorboard" / EVENTS).read_bytes())
        curves.append(Record("rl", 3, values={"loss": 3.0}))
    assert steps(tmp_path) == [*kept, ("rl", 3)]
    assert events(tmp_path) == [(step, f"{phase}/loss", float(step)) for phase, step in [*kept, ("rl", 3)]]


def test_phases_that_start_again_are_dropped(tmp_path: Path) -> None:
    with opened(tmp_path) as curves:
        curves.append(Record("bc", 1))
        curves.append(Record("rl", 1))
    opened(tmp_path, bc=1).close()
    assert steps(tmp_path) == [("bc", 1)]


def test_what_a_killed_process_left_is_cut_off(tmp_path: Path) -> None:
    with opened(tmp_path) as curves:
        curves.append(Record("bc", 1, values={"loss": 1.0}))
        curves.append(Record("bc", 2, values={"loss": 2.0}))
    for path in (tmp_path / "progress.jsonl", tmp_path / "tensorboard" / EVENTS):
        path.write_bytes(path.read_bytes()[:-7])
    assert steps(tmp_path) == [("bc", 1)]
    with opened(tmp_path, bc=2) as curves:
        curves.append(Record("bc", 2, values={"loss": 2.0}))
    assert steps(tmp_path) == [("bc", 1), ("bc", 2)]
    assert events(tmp_path) == [(1, "bc/loss", 1.0), (2, "bc/loss", 2.0)]


def test_values_that_are_no_numbers_stay_strict_json(tmp_path: Path) -> None:
    with opened(tmp_path) as curves:
        curves.append(Record("bc", 1, values={"loss": math.inf}))
    line = (tmp_path / "progress.jsonl").read_text()
    assert json.loads(line, parse_constant=pytest.fail)["values"] == {"loss": None}
    assert math.isnan(read_curves(tmp_path / "progress.jsonl")[0].values["loss"])


def test_a_folder_without_records_has_no_curve(tmp_path: Path) -> None:
    assert read_curves(tmp_path / "progress.jsonl") == []


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"phase": "bc", "values": {}}', '{"values": 3}', "null"])
def test_a_damaged_line_is_refused(tmp_path: Path, line: str) -> None:
    with opened(tmp_path) as curves:
        curves.append(Record("bc", 1))
    path = tmp_path / "progress.jsonl"
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InputError, match=r"progress\.jsonl: line 2: found .* expected a progress record"):
        read_curves(path)
