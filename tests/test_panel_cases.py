"""Panel files: what is written is read to the bit, any change is noticed, and nonsense is refused in one sentence."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regrasp.actor import ActionInterface
from regrasp.errors import InputError
from regrasp.panel.cases import Panel, draw_cases, make_panel, read_panel, write_panel
from regrasp.tasks import TASKS

TASK = TASKS["adroit-door"]
KINDS = ("none", *TASK.disturbances)
Content = dict[str, Any]


@pytest.fixture(scope="module")
def panel() -> Panel:
    return make_panel(TASK, draw_cases(TASK, dict.fromkeys(KINDS, 2), 0, "panel"))


def rewritten(panel: Panel, path: Path, change: Callable[[Content], Any]) -> Path:
    """The panel's file with one change, signed as before."""
    content = json.loads(panel.to_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def test_a_panel_is_read_as_it_was_written(panel: Panel, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "panel.json"
    write_panel(panel, path)
    again = read_panel(path)
    assert again == panel
    assert again.digest == panel.digest
    assert again.to_text() == panel.to_text() == path.read_text()
    assert [p.name for p in path.parent.iterdir()] == ["panel.json"]
    for one, other in zip(panel.cases, again.cases, strict=True):
        assert np.array(one.state).tobytes() == np.array(other.state).tobytes()
        assert type(one.disturbance.magnitude) is type(other.disturbance.magnitude)
    again.require(TASK, "panel.json")


def test_every_case_has_its_line(panel: Panel) -> None:
    lines = panel.to_text().splitlines()
    assert len([line for line in lines if line.startswith('{"object"')]) == len(panel.cases)


def test_cases_are_drawn_per_kind(panel: Panel) -> None:
    assert [case.number for case in panel.cases] == list(range(2 * len(KINDS)))
    assert [case.disturbance.kind for case in panel.cases] == [kind for kind in KINDS for _ in range(2)]
    assert len({case.seed for case in panel.cases}) == len(panel.cases)
    assert len({case.state for case in panel.cases}) == len(panel.cases)


def test_drawing_depends_on_seed_and_purpose_alone() -> None:
    counts = {"none": 3, "push": 2}
    reference = draw_cases(TASK, counts, 0, "panel")
    assert draw_cases(TASK, counts, 0, "panel") == reference
    assert draw_cases(TASK, counts, 1, "panel")[0].state != reference[0].state
    assert draw_cases(TASK, counts, 0, "gate")[0].state != reference[0].state
    pushed = draw_cases(TASK, {"push": 2}, 0, "panel")
    assert [case.state for case in pushed] == [case.state for case in reference[3:]]


def test_numbers_follow_the_order(panel: Panel) -> None:
    backwards = make_panel(TASK, panel.cases[::-1])
    assert [case.number for case in backwards.cases] == list(range(len(panel.cases)))
    assert backwards.digest != panel.digest


def change_case(**changes: Any) -> Callable[[Panel], Panel]:
    return lambda panel: replace(panel, cases=(*panel.cases[:3], replace(panel.cases[3], **changes), *panel.cases[4:]))


def change_disturbance(**changes: Any) -> Callable[[Panel], Panel]:
    return lambda panel: change_case(disturbance=replace(panel.cases[3].disturbance, **changes))(panel)


def nudged(state: tuple[float, ...]) -> tuple[float, ...]:
    """The smallest change there is."""
    return (float(np.nextafter(state[0], 1)), *state[1:])


CHANGES: dict[str, Callable[[Panel], Panel]] = {
    "task": lambda panel: replace(panel, task="other"),
    "interface": lambda panel: replace(panel, interface="0" * 64),
    "judge": lambda panel: replace(panel, judge="0" * 64),
    "scene": lambda panel: replace(panel, scene="0" * 64),
    "horizon": lambda panel: replace(panel, horizon=panel.horizon + 1),
    "one case less": lambda panel: replace(panel, cases=panel.cases[:-1]),
    "two cases swapped": lambda panel: replace(panel, cases=(panel.cases[1], panel.cases[0], *panel.cases[2:])),
    "object": change_case(object="cube"),
    "seed": change_case(seed=1),
    "state": lambda panel: change_case(state=(np.nextafter(panel.cases[3].state[0], 1), *panel.cases[3].state[1:]))(
        panel
    ),
    "kind": change_disturbance(kind="slip"),
    "magnitude": change_disturbance(magnitude=3.0),
    "direction": change_disturbance(direction=(1.0, 0.0, 0.0)),
    "delay": change_disturbance(delay=77),
    "duration": change_disturbance(duration=11),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_digest_covers_everything(panel: Panel, name: str) -> None:
    assert CHANGES[name](panel).digest != panel.digest


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_after_signing_is_noticed(panel: Panel, tmp_path: Path, name: str) -> None:
    changed = json.loads(CHANGES[name](panel).to_text()) | {"digest": panel.digest}
    path = tmp_path / "panel.json"
    path.write_text(json.dumps(changed))
    with pytest.raises(
        InputError, match=rf"panel.json: digest: .*the signed {panel.digest[:12]}; the file was changed"
    ):
        read_panel(path)


def test_a_changed_byte_is_noticed_wherever_it_is(panel: Panel, tmp_path: Path) -> None:
    """Any digit of the file, but for those of the version that made it."""
    path = tmp_path / "panel.json"
    text = panel.to_text()
    made_by = text.splitlines()[2]
    digits = [at for at, letter in enumerate(text) if letter.isdigit()]
    for at in np.random.default_rng(0).choice(digits, 60, replace=False):
        changed = text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]
        path.write_text(changed)
        if changed.splitlines()[2] != made_by:
            assert read_panel(path).digest == panel.digest
        elif float_text(changed) != float_text(text):
            with pytest.raises(InputError):
                read_panel(path)


def float_text(text: str) -> str:
    """The same content in one way of writing: the last of 17 digits may mean nothing."""
    try:
        return json.dumps(json.loads(text))
    except json.JSONDecodeError:
        return text


@pytest.mark.parametrize(
    "key", ["format", "made_by", "task", "interface", "judge", "scene", "horizon", "digest", "cases"]
)
def test_a_missing_key_is_named(panel: Panel, tmp_path: Path, key: str) -> None:
    path = rewritten(panel, tmp_path / "panel.json", lambda content: content.pop(key))
    with pytest.raises(InputError, match=rf"^{path}: {key}: "):
        read_panel(path)


def case(change: Callable[[Content], Any]) -> Callable[[Content], Any]:
    return lambda content: change(content["cases"][3])


def disturbed(**changes: Any) -> Callable[[Content], Any]:
    """Changes the disturbance of a push."""
    return lambda content: content["cases"][3]["disturbance"].update(changes)


def quiet(kind: str, **changes: Any) -> Callable[[Content], Any]:
    return disturbed(kind=kind, duration=0, delay=0, **changes)


NONSENSE: dict[str, tuple[Callable[[Content], Any], str]] = {
    "unknown key": (lambda content: content.update(colour="red"), "colour: found an unknown key"),
    "other format": (lambda content: content.update(format="regrasp-panel/9"), "format: found 'regrasp-panel/9'"),
    "no cases": (lambda content: content.update(cases=[]), r"cases: found \[\]"),
    "cases of another type": (lambda content: content.update(cases={}), "cases: found {}"),
    "horizon as text": (lambda content: content.update(horizon="300"), "horizon: found '300'"),
    "no horizon": (lambda content: content.update(horizon=0), "horizon: found 0"),
    "judge of another type": (lambda content: content.update(judge=[1]), r"judge: found \[1\], expected text"),
    "case of another type": (lambda content: content["cases"].__setitem__(3, 5), "case 3: found 5"),
    "case without a seed": (case(lambda entry: entry.pop("seed")), "case 3: seed: found no such key"),
    "case with a note": (case(lambda entry: entry.update(note="hm")), "case 3: note: found an unknown key"),
    "object of another type": (case(lambda entry: entry.update(object=3)), "case 3: object: found 3"),
    "half a seed": (case(lambda entry: entry.update(seed=0.5)), "case 3: seed: found 0.5"),
    "negative seed": (case(lambda entry: entry.update(seed=-1)), "case 3: seed: found -1"),
    "state of another type": (case(lambda entry: entry.update(state="0")), "case 3: state: found '0'"),
    "state with a word": (case(lambda entry: entry["state"].__setitem__(7, "0")), "case 3: state, number 7: found '0'"),
    "state with NaN": (case(lambda entry: entry["state"].__setitem__(7, float("nan"))), "state, number 7: found nan"),
    "state with infinity": (case(lambda entry: entry["state"].__setitem__(0, float("inf"))), "number 0: found inf"),
    "absurd state": (case(lambda entry: entry["state"].__setitem__(0, 10**400)), "case 3: state, number 0: found 1000"),
    "disturbance of another type": (case(lambda entry: entry.update(disturbance="push")), "disturbance: found 'push'"),
    "disturbance without delay": (case(lambda entry: entry["disturbance"].pop("delay")), "delay: found no such key"),
    "disturbance with a colour": (disturbed(colour=1), "case 3: disturbance: colour: found an unknown key"),
    "unknown kind": (disturbed(kind="kick"), "kind: found 'kick', .* names: none, push, drop, slip"),
    "kind of another type": (disturbed(kind=["push"]), r"kind: found \['push'\]"),
    "negative duration": (disturbed(duration=-1), "case 3: disturbance: duration: found -1, .* from 1 to"),
    "no duration": (disturbed(duration=0), "case 3: disturbance: duration: found 0, expected a whole number from 1"),
    "endless duration": (disturbed(duration=2**62), "duration: found 4611686018427387904"),
    "half a delay": (disturbed(delay=1.5), "delay: found 1.5"),
    "negative delay": (disturbed(delay=-2), "delay: found -2"),
    "NaN magnitude": (disturbed(magnitude=float("nan")), "magnitude: found nan"),
    "magnitude as text": (disturbed(magnitude="3"), "magnitude: found '3'"),
    "true magnitude": (disturbed(magnitude=True), "magnitude: found True"),
    "negative push": (disturbed(magnitude=-3.0), "magnitude: found -3.0, expected a number from 0 to 100 for push"),
    "huge push": (disturbed(magnitude=1e9), "magnitude: found 1000000000.0"),
    "two numbers of direction": (disturbed(direction=[1.0, 0.0]), r"direction: found \[1.0, 0.0\]"),
    "long direction": (disturbed(direction=[1.0, 1.0, 0.0]), "direction: found .* expected a unit vector"),
    "no direction": (disturbed(direction=[0.0, 0.0, 0.0]), "direction: found .* expected a unit vector"),
    "half a step of latency": (quiet("latency", magnitude=1.5), "magnitude: found 1.5, expected a whole number"),
    "endless latency": (quiet("latency", magnitude=10**9), "magnitude: found 1000000000, .* from 0 to 100"),
    "magnitude of nothing": (quiet("none", magnitude=1.0), "magnitude: found 1.0, expected a number from 0 to 0"),
    "negative friction": (quiet("friction", magnitude=-1.0), "magnitude: found -1.0"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_refused_in_one_sentence(panel: Panel, tmp_path: Path, name: str) -> None:
    change, sentence = NONSENSE[name]
    path = rewritten(panel, tmp_path / "panel.json", change)
    with pytest.raises(InputError, match=sentence) as caught:
        read_panel(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 500


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"\xff\xfe", b'"text"', b"[" * 100_000, b"1" * 5000])
def test_what_is_no_panel_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "panel.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"^{path}"):
        read_panel(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found no such file, expected a panel file"):
        read_panel(tmp_path / "panel.json")
    with pytest.raises(InputError, match=r"found unreadable content"):
        read_panel(tmp_path)


@pytest.mark.parametrize("name", ["task", "interface", "judge", "scene", "horizon"])
def test_a_panel_of_something_else_is_refused(panel: Panel, name: str) -> None:
    other = CHANGES[name](panel)
    with pytest.raises(InputError, match=rf"^panel.json: {name}: found .*, the adroit-door of today\.$"):
        other.require(TASK, "panel.json")


def test_a_changed_task_refuses_its_old_panel(panel: Panel) -> None:
    low = (TASK.interface.low[0] - 0.1, *TASK.interface.low[1:])
    interface = ActionInterface(TASK.interface.fields, low, TASK.interface.high, TASK.interface.rate)
    judge = replace(TASK.judge, held_steps=26)
    for name, task in {
        "interface": replace(TASK, interface=interface),
        "judge": replace(TASK, judge=judge),
        "horizon": replace(TASK, horizon=200),
    }.items():
        with pytest.raises(InputError, match=rf"panel.json: {name}: "):
            panel.require(task, "panel.json")
