"""The contact guard: measured on the clone, it raises λ_BC where contact is lost and lowers it where it is not."""

import numpy as np
import pytest
import torch

from regrasp.reinforcement.guard import FEWEST, PROPORTIONAL, RECENT, STRONGEST, WEAKEST, Contact, ContactGuard

LIMIT = 20


def contact(due: int, entered_at: dict[int, int], modes: dict[int, int] | None = None) -> Contact:
    """`due` episodes that all came to the time limit, so many of them in contact from a control step on."""
    entered = np.zeros(LIMIT + 1, np.int64)
    for step, count in entered_at.items():
        entered[step:] += count
    counts = np.zeros(256, np.int64)
    for mode, steps in (modes or {1: 10}).items():
        counts[mode] = steps
    return Contact(np.full(LIMIT + 1, due), entered, counts)


def guard(gain: float = 2.0, style: float | None = None, first: float = 0.1) -> ContactGuard:
    made = ContactGuard(0.05, style, gain, first, LIMIT)
    made.note_clone(contact(100, {4: 40, 6: 33, 12: 7}, {1: 10, 3: 10}))
    return made


def test_the_clone_sets_the_floor_and_when_contact_is_expected() -> None:
    # Of 0.8 in the end, nine tenths are there at step 6.
    assert guard().expected_by == 6
    assert guard().floor == pytest.approx(0.73 - 0.05)


def test_it_is_certain_after_enough_episodes() -> None:
    made = ContactGuard(0.05, None, 0.5, 0.1, LIMIT)
    made.note_clone(contact(FEWEST - 1, {4: 1}))
    assert not made.certain
    made.note_clone(contact(1, {}))
    assert made.certain


def test_a_breach_raises_the_weight_at_once_and_its_sum_stays() -> None:
    made = guard()
    made.note(contact(RECENT, {6: RECENT // 2}))
    breach = 0.68 - 0.5
    assert made.entry == 0.5
    assert made.weight == pytest.approx(0.1 * np.exp(2.0 * breach * (1 + PROPORTIONAL)))
    made.note(contact(RECENT, {6: RECENT}))
    # It is relaxed as soon as contact is back, to what lasts of the breaches.
    assert made.weight == pytest.approx(0.1 * np.exp(2.0 * (breach + 0.68 - 1.0)))
    for _ in range(20):
        made.note(contact(RECENT, {6: RECENT}))
    assert made.weight == pytest.approx(WEAKEST)


def test_contact_that_comes_too_late_is_a_breach() -> None:
    made = guard()
    made.note(contact(40, {12: 40}))
    assert made.entry == 0.0
    assert made.weight > 10.0


def test_the_weight_has_an_end() -> None:
    made = guard(gain=1000.0)
    made.note(contact(40, {}))
    assert made.weight == pytest.approx(STRONGEST)


def test_few_episodes_are_taken_together_and_old_ones_forgotten() -> None:
    made = guard()
    made.note(contact(RECENT // 2, {6: 0}))
    made.note(contact(RECENT // 2, {6: RECENT // 2}))
    assert made.entry == 0.5
    made.note(contact(RECENT, {6: RECENT}))
    assert made.entry == 1.0
    made.note(contact(0, {}))
    assert made.entry == 1.0


def test_without_an_episode_nothing_is_decided() -> None:
    made = guard()
    made.note(contact(0, {}))
    assert (made.entry, made.weight) == (None, 0.1)


def test_style_counts_only_where_it_is_asked_for() -> None:
    free, strict = guard(), guard(style=0.2)
    for one in (free, strict):
        one.note(contact(40, {6: 40}, {2: 10}))
        assert one.distance == pytest.approx(1.0)
    assert free.weight < 0.1
    assert strict.weight == pytest.approx(STRONGEST)
    assert guard(style=0.2).distance is None


def test_saved_and_loaded_it_decides_the_same() -> None:
    first, second = guard(style=0.2), ContactGuard(0.05, 0.2, 2.0, 0.1, LIMIT)
    first.note(contact(20, {6: 5}, {1: 5, 2: 5}))
    second.load({name: value.clone() for name, value in first.tensors().items()})
    for one in (first, second):
        one.note(contact(20, {6: 15}, {1: 9, 2: 1}))
    assert first.weight == second.weight
    assert first.values() == second.values()
    assert all(torch.equal(a, b) for a, b in zip(first.tensors().values(), second.tensors().values(), strict=True))
