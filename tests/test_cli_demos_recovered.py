"""`regrasp demos record --recovered`: how many of the kept episodes contain a recovery."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from regrasp.cli.demos_record import PATIENCE, _collect
from regrasp.demonstrations.recording import Attempt
from regrasp.errors import InputError
from robomimic_files import make_episode
from small_store import TASK


def attempts(pattern: str) -> Iterator[Attempt]:
    """`r` succeeded with a recovery, `s` succeeded, `f` failed; each says its place in the pattern."""
    for place, letter in enumerate(pattern):
        marks = {"recovered": 1} if letter == "r" else {}
        episode = replace(make_episode(), marks=marks, provenance={"place": str(place)})
        yield Attempt(episode, 0, letter != "f", letter != "f", letter != "f")


def kept(pattern: str, episodes: int, recovered: int) -> tuple[str, int]:
    found, made = _collect(attempts(pattern), TASK, episodes, recovered, everything=False)
    return "".join(pattern[int(episode.provenance["place"])] for episode in found), made


@pytest.mark.parametrize(
    ("pattern", "recovered", "expected"),
    [
        ("sfssssr", 0, ("ssss", 5)),
        ("sfssssr", 1, ("sssr", 7)),
        ("ssssrfrs", 2, ("ssrr", 7)),
        ("rrrrs", 1, ("rrrr", 4)),
        ("ssrrrr", 4, ("rrrr", 6)),
    ],
)
def test_attempts_go_on_until_enough_recovered(pattern: str, recovered: int, expected: tuple[str, int]) -> None:
    assert kept(pattern, 4, recovered) == expected


def test_too_few_recoveries_end_in_a_sentence() -> None:
    with pytest.raises(InputError, match=rf"1 such episodes \(0 with a recovery\) in {2 * PATIENCE} attempts"):
        kept("s" * 100, 2, 1)
