"""The database: rows come back equal, are never changed, and foreign or damaged files are refused."""

import math
import sqlite3
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrasp.errors import InputError
from regrasp.store.database import VERSION, Database
from regrasp.store.rows import CheckpointRow, DatasetRow, JudgedRow, trial_from_row, trial_to_row
from regrasp.trial import Trial

TRIAL = Trial(
    case=0,
    object="door",
    disturbance="push",
    magnitude=20.5,
    seed=2**62,
    source="simulation",
    success=True,
    success_at_end=False,
    success_held=True,
    contact_entry=31,
    disturbed_at=60,
    lost_at=64,
    recovered_at=-1,
    first_success=120,
    slip=0.1 + 0.2,
    total_reward=-1e300,
    steps=300,
    violations=("force", "joint limit, thumb"),
    failure="",
    modes=bytes(range(256)),
    travel=0.7,
    peak_force=12.5,
    success_steps=31,
)
BC = CheckpointRow("d1", "bc", None, "bc", 0, "checkpoints/bc")
RL = CheckpointRow("d2", "rl", "d1", "rl", 1_000_000, "checkpoints/rl")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def cases(number: int, **changes: Any) -> list[Trial]:
    return [replace(TRIAL, case=case, **changes) for case in range(number)]


integers = st.integers(-1, 2**63 - 1)
numbers = st.floats(allow_nan=False) | st.integers(-5, 5).map(float)


@given(
    st.builds(
        Trial,
        **{
            field.name: {int: integers, float: numbers, bool: st.booleans(), str: st.text(), bytes: st.binary()}.get(
                field.type, st.lists(st.text()).map(tuple)
            )
            for field in fields(Trial)
        },
    )
)
def test_every_trial_survives_its_row(trial: Trial) -> None:
    with sqlite3.connect(":memory:") as connection:
        row = trial_to_row(trial)
        marks = ", ".join("?" * len(row))
        stored = connection.execute(f"SELECT {marks}", row).fetchone()
    connection.close()
    assert trial_from_row(stored) == trial


def test_trials_come_back_in_case_order(path: Path) -> None:
    with Database(path, create=True) as database:
        database.record_trials("d1", "panel", "judge", reversed(cases(12)))
        assert database.trials("d1", "panel") == cases(12)
        assert database.trials("d1", "other") == database.trials("d2", "panel") == []
    with Database(path) as database:
        assert database.trials("d1", "panel") == cases(12)


def test_sources_are_kept_apart(path: Path) -> None:
    with Database(path, create=True) as database:
        database.record_trials("d1", "panel", "judge", cases(3))
        database.record_trials("d1", "panel", "judge", cases(2, source="real", success=False))
        assert len(database.trials("d1", "panel")) == 3
        assert database.trials("d1", "panel", "real") == cases(2, source="real", success=False)
        assert database.judged() == [
            JudgedRow("d1", "panel", "judge", "simulation", 3),
            JudgedRow("d1", "panel", "judge", "real", 2),
        ]


def test_a_diverged_trial_keeps_its_nan(path: Path) -> None:
    with Database(path, create=True) as database:
        for _ in range(2):
            trial = replace(TRIAL, slip=math.nan, total_reward=-math.inf, failure="diverged at step 12")
            database.record_trials("d1", "panel", "judge", [trial])
        found = database.trials("d1", "panel")[0]
    assert math.isnan(found.slip)
    assert (found.total_reward, found.failure) == (-math.inf, "diverged at step 12")


def test_numpy_numbers_become_plain_ones(path: Path) -> None:
    trial: Any = replace(TRIAL, case=np.int64(3), success=np.bool_(True), slip=np.float32(0.5), steps=np.int32(300))
    with Database(path, create=True) as database:
        database.record_trials("d1", "panel", "judge", [trial])
        found = database.trials("d1", "panel")[0]
    assert found == trial
    assert [type(value) for value in (found.case, found.success, found.slip)] == [int, bool, float]


def test_the_same_trials_again_change_nothing(path: Path) -> None:
    with Database(path, create=True) as database:
        database.record_trials("d1", "panel", "judge", cases(5))
        database.record_trials("d1", "panel", "judge", cases(8))
        assert database.trials("d1", "panel") == cases(8)


@pytest.mark.parametrize(
    ("changes", "judge", "part"),
    [
        ({"success_held": False}, "judge", '"success_held" = 0, expected 1 as stored before'),
        ({"modes": b""}, "judge", '"modes" = '),
        ({"slip": math.nan}, "judge", '"slip" = None, expected 0.30'),
        ({}, "other", "judge = 'other', expected 'judge' as stored before"),
    ],
)
def test_another_result_is_refused_whole(path: Path, changes: dict[str, Any], judge: str, part: str) -> None:
    with Database(path, create=True) as database:
        database.record_trials("d1", "panel", "judge", cases(2))
        late = replace(TRIAL, case=1, **changes)
        with pytest.raises(InputError) as refused:
            database.record_trials("d1", "panel", judge, [replace(TRIAL, case=7), late])
        for expected in (str(path), "trials, checkpoint d1, panel panel, case 1, source simulation", part):
            assert expected in str(refused.value)
        assert database.trials("d1", "panel") == cases(2)


def test_a_failure_on_the_way_stores_none(path: Path) -> None:
    def failing() -> Any:
        yield from cases(3)
        raise KeyboardInterrupt

    with Database(path, create=True) as database:
        with pytest.raises(KeyboardInterrupt):
            database.record_trials("d1", "panel", "judge", failing())
        assert database.trials("d1", "panel") == []
        database.record_trials("d1", "panel", "judge", cases(1))


def test_checkpoints_and_datasets_are_appended_once(path: Path) -> None:
    dataset = DatasetRow("d", "human.pickle", "adroit-door", 25, 6729, None)
    with Database(path, create=True) as database:
        for _ in range(2):
            database.record_run("r", {"seed": 1})
            database.record_dataset(dataset)
            database.record_checkpoint(BC)
            database.record_checkpoint(RL)
        with pytest.raises(InputError, match="control_steps = 7, expected 1000000 as stored before"):
            database.record_checkpoint(replace(RL, control_steps=7))
        assert database.checkpoints() == [BC, RL]
        assert database.datasets() == [dataset]


def test_wall_clock_adds_up_over_resumptions(path: Path) -> None:
    with Database(path, create=True) as database:
        database.record_wall("simulation", 1.5)
        database.record_wall("learning", 1)
    with Database(path) as database:
        database.record_wall("simulation", 2.25)
        assert database.wall() == {"simulation": 3.75, "learning": 1.0}


def test_readers_do_not_wait_for_the_writer(path: Path) -> None:
    with Database(path, create=True) as writer, Database(path) as reader:

        def watched() -> Any:
            for trial in cases(3):
                assert reader.trials("d1", "panel") == []
                yield trial

        writer.record_trials("d1", "panel", "judge", watched())
        assert reader.trials("d1", "panel") == cases(3)


def test_wrong_files_are_refused(path: Path) -> None:
    with pytest.raises(InputError, match=r"store\.sqlite: found no such file"):
        Database(path)
    assert not path.exists()
    path.write_bytes(b"text, not a database" * 100)
    with pytest.raises(InputError, match=r"no usable database .*expected a store written by regrasp"):
        Database(path, create=True)
    with pytest.raises(InputError, match="no usable database"):
        Database(path.parent / "no" / "folder.sqlite", create=True)


def test_another_programs_database_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
    connection.close()
    with pytest.raises(InputError, match="a database of another program"):
        Database(path, create=True)


def test_another_version_is_refused(path: Path) -> None:
    Database(path, create=True).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(InputError, match=f"version: found {VERSION + 1}, expected {VERSION}"):
        Database(path)


def test_a_damaged_store_is_refused(path: Path) -> None:
    with Database(path, create=True) as database:
        database.record_trials("d1", "panel", "judge", cases(200))
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:4096] + bytes(8192) + whole[12288:]):
        path.write_bytes(content)
        with pytest.raises(InputError, match="no usable database"):
            Database(path)


def test_a_changed_row_type_asks_for_a_new_version() -> None:
    """If this fails, raise `VERSION` in the store: stores written before cannot hold today's trials."""
    names = "case object disturbance magnitude seed source success success_at_end success_held contact_entry"
    names += " disturbed_at lost_at recovered_at first_success slip total_reward steps violations failure modes"
    names += " travel peak_speed peak_force near_steps turned turning success_steps close_steps reward_at_end"
    assert (VERSION, [field.name for field in fields(Trial)]) == (2, names.split())
