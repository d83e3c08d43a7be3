"""`regrasp show tasks` and `demos show`: what the pictures show, rendered without a display."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from regrasp.cli import main
from regrasp.demonstrations import read_demonstrations, write_demonstrations
from regrasp.demonstrations.replay import replay
from regrasp.episode import Episode
from regrasp.report.images import COLOURS
from regrasp.tasks import TASKS

DOOR, PLANAR = TASKS["adroit-door"], TASKS["planar-turn"]
EMBEDDED = Path(__file__).parents[1] / "src" / "regrasp" / "data" / "adroit-door.hdf5"


def ask(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main([*map(str, arguments), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def pixels(path: Path) -> np.ndarray:
    """(H, W, 3) whole numbers."""
    return (imread(path)[..., :3] * 255).round().astype(int)


def count(picture: np.ndarray, colour: str) -> int:
    """Pixels of one of the page's colours."""
    wanted = [int(COLOURS[colour][i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(picture - wanted).max(-1) <= 2).sum())


def test_every_family_is_on_the_sheet_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "new" / "tasks.png"
    found = ask(capsys, "show", "tasks", "--out", sheet, "--tasks", "adroit-door", "planar-turn")
    objects = found["tasks"]["planar-turn"]
    assert found["tasks"]["adroit-door"] == list(DOOR.objects)
    assert objects[0] == PLANAR.objects[0]
    assert len(objects) == len(set(objects)) > 6
    assert [name in PLANAR.held_out for name in objects] == sorted(name in PLANAR.held_out for name in objects)
    picture = pixels(sheet)
    assert count(picture, "before") > 40  # "held out"
    assert count(picture, "after") > 40  # "train"
    columns = np.flatnonzero((picture != 255).any(-1).any(0))
    assert columns[0] > 10
    assert columns[-1] < picture.shape[1] - 10
    assert [path.name for path in sheet.parent.iterdir()] == ["tasks.png"]
    first = sheet.read_bytes()
    ask(capsys, "show", "tasks", "--out", sheet, "--tasks", "adroit-door", "planar-turn")
    assert sheet.read_bytes() == first


def test_tasks_that_cannot_be_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "tasks", "--out", str(tmp_path / "tasks.png"), "--tasks", "adroit-dore"]) == 2
    assert "--tasks: found 'adroit-dore'" in capsys.readouterr().err
    assert main(["show", "tasks", "--out", str(tmp_path)]) == 2
    assert "a folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first two embedded episodes: one with marks and states, one with nothing but its start."""
    first, second = read_demonstrations(EMBEDDED, DOOR).episodes[:2]
    first = replay(DOOR, [first], 1)[0].episode
    marks = {"contact_entry": 40, "disturbed": 45, "lost": 60, "recovered": 61, "success": 100}
    file = tmp_path_factory.mktemp("marked") / "demos.hdf5"
    start = second.start
    bare = Episode(second.actions, second.observations, second.rewards, start=start)
    write_demonstrations(file, [replace(first, marks=marks), bare, first], DOOR)
    return file


def test_a_picture_per_episode_and_a_sheet_of_all(
    marked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ask(capsys, "demos", "show", marked, "--out", tmp_path, "--episodes", 0, 1, "--threads", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["episode-000.png", "episode-001.png", "episodes.png"]
    assert found["pictures"] == [str(tmp_path / f"episode-00{i}.png") for i in (0, 1)]
    with_marks, replayed, sheet = (pixels(Path(name)) for name in (*found["pictures"], found["sheet"]))
    for colour in ("before", "bad", "good"):  # disturbed, lost, recovered and success
        assert count(with_marks, colour) > 50
    assert count(replayed, "before") == 0
    assert count(replayed, "good") > 50  # the replay succeeds, which is marked
    assert count(replayed, "after") > 2000  # contacts of the replay
    assert sheet.shape[1] == with_marks.shape[1]
    assert sheet.shape[0] > with_marks.shape[0] + replayed.shape[0] - 20


def test_what_cannot_be_shown(marked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, file = tmp_path / "pictures", tmp_path / "file"
    file.write_text("")
    bare = tmp_path / "bare.hdf5"
    first = read_demonstrations(marked, DOOR).episodes[0]
    write_demonstrations(bare, [Episode(first.actions, first.observations, first.rewards)], DOOR)
    for arguments, words in (
        ((marked, "--out", out, "--episodes", 3), "--episodes: found 3, expected the number of an episode"),
        ((marked, "--out", file), "a file, expected the name of a folder"),
        ((bare, "--out", out), "episode 0: found neither states nor a start state"),
    ):
        assert main(list(map(str, ["demos", "show", *arguments]))) == 2
        assert words in capsys.readouterr().err
    assert not out.exists()
