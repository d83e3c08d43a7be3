"""Curriculum files: what they say when read back, and what is refused with which sentence."""

import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from regrasp.curriculum.schema import Curriculum, locate, read_curriculum
from regrasp.curriculum.settings import read_settings
from regrasp.errors import InputError

DOOR = Path(__file__).parent.parent / "curricula" / "adroit-door.toml"

SMALL = """
task = "adroit-door"
panel = "panel.json"
[gate]
contact_entry = 0.8
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "c.toml"
    path.write_text(text)
    return path


def test_the_door_asks_for_contact_entry_alone() -> None:
    curriculum = read_curriculum(DOOR)
    assert (curriculum.task, curriculum.gate.success, curriculum.gate.contact_entry) == ("adroit-door", None, 0.8)
    assert curriculum.gate.force is False
    assert locate(DOOR, curriculum.panel).resolve() == DOOR.parent.parent / "panels" / "adroit-door.json"


def test_a_curriculum_is_complete_frozen_and_reads_back(tmp_path: Path) -> None:
    curriculum = read_curriculum(
        written(tmp_path, SMALL), ["bc.updates=17", "bc.rounds_limit=2", "seed=3", "bc.updates=18"]
    )
    assert (curriculum.bc.cloning.updates, curriculum.bc.rounds_limit, curriculum.seed) == (18, 2, 3)
    assert (curriculum.demonstrations, curriculum.gate.cases) == (None, 200)
    with pytest.raises(FrozenInstanceError):
        curriculum.seed = 4  # type: ignore[misc]
    assert read_curriculum(written(tmp_path, curriculum.to_toml())) == curriculum
    assert read_settings(Curriculum, json.loads(json.dumps(curriculum.to_json())), "run") == curriculum


def test_the_digest_follows_settings_and_not_places(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL)
    plain = read_curriculum(path)
    assert read_curriculum(path, ["demonstrations=elsewhere.hdf5", "panel=p.json"]).digest == plain.digest
    expecting = read_curriculum(path, ['teaches=["thumb"]', 'discovers=["thumb -> thumb+palm"]'])
    assert expecting.digest == plain.digest
    assert read_curriculum(written(tmp_path, expecting.to_toml())) == expecting
    assert read_curriculum(path, ["bc.rounds_limit=3", "seed=0"]).digest == plain.digest
    others = {read_curriculum(path, [change]).digest for change in ("seed=1", "bc.batch_size=2", "gate.force=true")}
    assert len(others | {plain.digest}) == 4


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            SMALL + "threshold = 1",
            "[gate] threshold: found an unknown key, expected a setting of [gate] (valid names: success,",
        ),
        (
            SMALL + "[rl]\nno_such_key = 1",
            "[rl] no_such_key: found an unknown key, expected a setting of [rl] (valid names: ",
        ),
        (SMALL + "[ppo]", "ppo: found an unknown key, expected a setting of the file (valid names: task, panel, gate,"),
        (
            SMALL + "[bc]\nupdates = 0",
            "[bc]: found unusable settings (cloning settings: updates: found 0, expected at least 1)",
        ),
        (SMALL + "[bc]\nrounds_limit = 0", "[bc] rounds_limit: found 0, expected a whole number at least 1."),
        (SMALL + "success = 1.2", "[gate] success: found 1.2, expected a number at least 0.0 and at most 1.0"),
        (
            SMALL + 'decided_on = "mood"',
            "[gate] decided_on: found 'mood', expected one of the names (valid names: rate, lower_bound)",
        ),
        (
            'task = "t"\npanel = "p"\n[gate]',
            "[gate]: found unusable settings (gate: thresholds: found none, expected at least one",
        ),
        ('task = "t"\npanel = "p"', "[gate]: found nothing, expected a table."),
        ('task = "t"', "panel: found nothing, expected text."),
        ("seed = -1\n" + SMALL, "seed: found -1, expected a whole number at least 0"),
        ("task =", "found text that is not TOML (Invalid value"),
    ],
)
def test_unfit_curricula_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_curriculum(path)
    assert str(caught.value).startswith(f"{path}: {sentence}")


def test_files_that_are_no_text_or_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "c.bin").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"c\.bin: found text that is not TOML"):
        read_curriculum(tmp_path / "c.bin")
    with pytest.raises(InputError, match=r"none\.toml: found No such file or directory, expected a curriculum file\."):
        read_curriculum(tmp_path / "none.toml")
    with pytest.raises(InputError, match="expected a curriculum file"):
        read_curriculum(tmp_path)


def test_a_broken_file_is_blamed_before_a_good_override(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL + "[rl]\nno_such_key = 1")
    with pytest.raises(InputError, match=r"c\.toml: \[rl\] no_such_key"):
        read_curriculum(path, ["seed=1"])
    with pytest.raises(InputError, match=r"^--set seed=no: seed: found 'no'"):
        read_curriculum(written(tmp_path, SMALL), ["seed=no"])
