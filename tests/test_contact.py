"""Contact entry, modes and style, worked by hand."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regrasp.contact import ContactEntry, modes, regions_of, style, style_distance


def test_modes_are_bit_sets() -> None:
    touching = torch.tensor([[False] * 6, [True] + [False] * 5, [False] * 5 + [True], [True, False, True] + [True] * 3])
    found = modes(touching)
    assert found.tolist() == [0, 1, 32, 61]
    assert found.dtype == torch.uint8
    assert modes(torch.ones(2, 3, 8, dtype=torch.bool)).tolist() == [[255] * 3] * 2


@pytest.mark.parametrize("regions", [1, 3, 6, 8])
def test_regions_of_is_the_inverse_of_modes(regions: int) -> None:
    touching = np.array(list(itertools.product([False, True], repeat=regions)))
    mode = modes(torch.from_numpy(touching)).numpy()
    assert len(set(mode.tolist())) == 2**regions
    np.testing.assert_array_equal(regions_of(mode, regions), touching)
    np.testing.assert_array_equal(regions_of(mode.reshape(2, -1), regions), touching.reshape(2, -1, regions))


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("..........", -1),
        ("xxx.......", 0),
        ("..xxx.....", 2),
        ("xx.xx.xxx.", 6),
        ("xx.xx.xx.x", -1),
        (".xxxx..xxx", 1),
        (".......xxx", 7),
        ("........xx", -1),
    ],
)
def test_entry_is_the_first_step_of_the_first_stable_contact(text: str, entry: int) -> None:
    found = ContactEntry(2, stable_steps=3)
    for t, mark in enumerate(text):
        found.observe(torch.tensor([mark == "x", False]), torch.tensor([t, t]))
    assert found.entry.tolist() == [entry, -1]
    assert found.entered.tolist() == [entry >= 0, False]
    assert int(found.run[0]) == len(text) - len(text.rstrip("x"))


def test_worlds_are_forgotten_one_by_one() -> None:
    found = ContactEntry(2, stable_steps=2)
    for t in range(3):
        found.observe(torch.tensor([True, True]), torch.tensor([t, t]))
    found.reset(torch.tensor([1]))
    assert found.entry.tolist() == [0, -1]
    assert found.run.tolist() == [3, 0]
    for t in range(2):
        found.observe(torch.tensor([True, True]), torch.tensor([3 + t, t]))
        assert found.entry.tolist() == [0, -1 if t == 0 else 0]


def test_style_counts_the_steps_in_contact() -> None:
    found = style(np.array([[0, 0, 3, 3], [5, 3, 0, 255]], np.uint8))
    assert found.shape == (256,)
    assert {mode: share for mode, share in enumerate(found) if share} == {3: 0.6, 5: 0.2, 255: 0.2}
    assert style(np.zeros(7, np.uint8)).sum() == 0


def test_style_distance_by_hand() -> None:
    one, other, both = (style(np.array(mode, np.uint8)) for mode in ([1, 1], [2], [1, 2]))
    assert style_distance(one, one) == 0
    assert style_distance(one, other) == 1
    # Middle of (1, 0) and (1/2, 1/2) is (3/4, 1/4): half of log2(4/3), half of (log2(2/3) + log2(2)) / 2.
    divergence = 0.5 * np.log2(4 / 3) + 0.5 * (0.5 * np.log2(2 / 3) + 0.5 * np.log2(2))
    assert style_distance(one, both) == pytest.approx(np.sqrt(divergence), abs=1e-12)


MODES = st.lists(st.integers(1, 63), min_size=1, max_size=40).map(lambda values: style(np.array(values, np.uint8)))


@given(MODES, MODES, MODES)
def test_style_distance_is_a_metric(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    assert 0 <= style_distance(a, b) <= 1 + 1e-12
    assert style_distance(a, b) == pytest.approx(style_distance(b, a), abs=1e-12)
    assert style_distance(a, c) <= style_distance(a, b) + style_distance(b, c) + 1e-9
