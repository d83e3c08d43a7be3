"""Who recorded what, and whether it differs: of demonstrators who are made to differ, and of those who do not."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from regrasp.cli import main
from regrasp.demonstrations import read_demonstrations, write_demonstrations
from regrasp.demonstrations.converting import convert
from regrasp.demonstrations.formats import read_contents
from regrasp.demonstrations.inspection.consistency import Consistency, consistency
from regrasp.demonstrations.replay import replay
from regrasp.episode import Episode
from regrasp.tasks import TASKS
from robomimic_files import foreign, make_episode, write

TASK = TASKS["planar-turn"]
FILE = Path(__file__).parent.parent / "src" / "regrasp" / "data" / "planar-turn.hdf5"


def two(shipped: list[Episode], change: Callable[[Episode, np.random.Generator], Episode]) -> list[Episode]:
    """Every other episode is recorded again by ben, who does it in another way."""
    asked = [
        replace(
            change(one, np.random.default_rng(place)) if place % 2 else one,
            # What they were disturbed by stays.
            provenance={**one.provenance, "operator": "ben" if place % 2 else "ann"},
        )
        for place, one in enumerate(shipped)
    ]
    return [one.episode for one in replay(TASK, asked, 1)]


def noisy(episode: Episode, draw: np.random.Generator) -> Episode:
    noise = 0.3 * draw.standard_normal(episode.actions.shape)
    return replace(episode, actions=(episode.actions + noise).clip(-1, 1).astype(np.float32))


def gentle(episode: Episode, draw: np.random.Generator) -> Episode:
    return replace(episode, actions=0.7 * episode.actions)


@pytest.fixture(scope="module")
def shipped() -> list[Episode]:
    return list(read_demonstrations(FILE, TASK).episodes)


def inspected(episodes: list[Episode]) -> Consistency:
    return consistency(episodes, replay(TASK, episodes, 1))


def test_who_does_the_same_does_not_differ(shipped: list[Episode]) -> None:
    found = inspected(two(shipped, lambda one, draw: one)).compared
    assert [(one.name, one.episodes, one.played, one.success) for one in found] == [
        ("ann", 15, 15, 15),
        ("ben", 15, 15, 15),
    ]
    assert [one.differs for one in found] == [(), ()]
    assert inspected(shipped[:4]).compared == (), "nobody is named"


def test_who_is_shaky_fails_and_shakes(shipped: list[Episode]) -> None:
    ann, ben = inspected(two(shipped, noisy)).compared
    assert ben.success < ann.success == 15
    assert ben.jitter > 1.5 * ann.jitter
    assert {"success", "jitter", "actions"} <= set(ben.differs)
    assert "length" not in ben.differs
    assert ann.style is not None
    assert ann.style == pytest.approx(ben.style), "of two, either is as far from the other"


def test_who_does_it_in_another_way_acts_differently_in_alike_states(shipped: list[Episode]) -> None:
    ann, ben = inspected(two(shipped, gentle)).compared
    assert "actions" in ann.differs
    assert None not in (ann.within, ann.across, ben.within)
    assert ann.across == pytest.approx(ben.across)
    assert ann.across > max(ann.within, ben.within)  # type: ignore[type-var, operator]


def test_one_episode_each_decides_nothing(shipped: list[Episode]) -> None:
    for one in inspected(two(shipped[:2], gentle)).compared:
        assert (one.episodes, one.within, one.differs) == (1, None, ())
        assert "actions" not in one.p


def test_the_command_names_who_differs(
    shipped: list[Episode], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, page = tmp_path / "two.hdf5", tmp_path / "two.html"
    write_demonstrations(file, two(shipped, gentle), TASK)
    assert main(["demos", "check", str(file), "--json", "--out", str(page)]) == 0
    told = json.loads(capsys.readouterr().out)
    (finding,) = [one for one in told["findings"] if one["name"] == "unlike demonstrators"]
    assert finding["level"] == "note"
    assert "ben: success" in finding["found"]
    measured = told["measured"]
    assert measured["demonstrators"] == {"ann": 15, "ben": 15}
    assert [one["name"] for one in measured["demonstrators_compared"]] == ["ann", "ben"]
    assert {one["region"] for one in measured["approaches"]} == {"left", "right"}
    assert 0.0 < measured["approach_spread"]["object"]["resultant"] < 1.0
    shown = page.read_text("utf-8")
    assert "Demonstrators, each against all others" in shown
    assert "Approach directions" in shown


def test_foreign_files_say_who_recorded_what(tmp_path: Path) -> None:
    def named(file: h5py.File) -> None:
        file.create_dataset("mask/better_operator_1", data=np.array(["demo_0", "demo_10"], "S"))
        file.create_dataset("mask/train", data=np.array(["demo_0", "demo_2"], "S"))
        file["data/demo_2"].attrs["operator"] = np.bytes_("cem")

    path = foreign(tmp_path / "foreign.hdf5", named)
    who = ["better_operator_1", "cem", "better_operator_1"]
    assert [one.provenance.get("operator") for one in read_contents(path).episodes] == who
    convert(path, tmp_path / "again.hdf5", "robomimic")
    assert [one.provenance.get("operator") for one in read_contents(tmp_path / "again.hdf5").episodes] == who


def test_an_extra_column_of_lerobots_episode_table_says_who(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    plain = [replace(make_episode(4 + place, place), provenance={}) for place in range(2)]
    convert(write(tmp_path / "ours", plain), tmp_path / "out", "lerobot")
    (tmp_path / "out/meta/regrasp.json").unlink()
    table = tmp_path / "out/meta/episodes/chunk-000/file-000.parquet"
    pq.write_table(pq.read_table(table).append_column("operator", pa.array(["ann", "ben"])), table)
    assert [one.provenance.get("operator") for one in read_contents(tmp_path / "out").episodes] == ["ann", "ben"]
