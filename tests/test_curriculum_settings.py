"""Settings records read from plain tables: a stand-in record with every type, its defaults, bounds and refusals."""

import json
import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrasp.curriculum.settings import override, read_settings, setting_names, settings_to_json, to_toml
from regrasp.errors import InputError


@dataclass(frozen=True)
class Inner:
    scale: float = field(default=1.0, metadata={"above": 0.0})
    names: tuple[str, ...] = field(default=("push",), metadata={"choices": ("push", "mass")})


@dataclass(frozen=True)
class Learner:
    """One field of every type that settings may have."""

    worlds: int = field(metadata={"minimum": 1, "maximum": 4096})
    rate: float = 3e-4
    share: float | None = field(default=0.5, metadata={"minimum": 0.0, "maximum": 1.0})
    hidden: tuple[int, ...] = field(default=(256, 256), metadata={"minimum": 1})
    span: tuple[float, float] = (0.0, 1.0)
    mode: Literal["clip", "penalty"] = "clip"
    average: bool = False
    title: str = ""
    inner: Inner = field(default_factory=Inner, metadata={"inline": True})

    def __post_init__(self) -> None:
        if self.worlds % 2:
            raise ValueError(f"{self.worlds} worlds do not make two halves")


@dataclass(frozen=True)
class Whole:
    rl: Learner
    extra: Inner = field(default_factory=Inner)


def test_defaults_fill_what_the_table_leaves_out() -> None:
    assert read_settings(Learner, {"worlds": 64}, "x.toml") == Learner(worlds=64)


def test_every_type_is_read() -> None:
    table = {
        "worlds": 8, "rate": 1, "share": "none", "hidden": [], "span": [1, 2.5], "mode": "penalty", "average": True,
        "title": "a b", "scale": 2, "names": ["mass", "push"],
    }  # fmt: skip
    read = read_settings(Learner, table, "x.toml")
    inner = Inner(2.0, ("mass", "push"))
    assert read == Learner(8, 1.0, None, (), (1.0, 2.5), "penalty", True, "a b", inner)
    assert isinstance(read.rate, float)
    assert isinstance(read.inner.scale, float)


def test_inline_records_share_the_table() -> None:
    assert setting_names(Learner)[-2:] == ("scale", "names")
    assert settings_to_json(Learner(2))["scale"] == 1.0


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("worlds", 0, "[rl] worlds: found 0, expected a whole number at least 1 and at most 4096."),
        ("worlds", 5000, "[rl] worlds: found 5000, expected a whole number at least 1 and at most 4096."),
        ("worlds", 8.0, "[rl] worlds: found 8.0, expected a whole number"),
        ("worlds", True, "[rl] worlds: found True, expected a whole number"),
        (
            "worlds",
            7,
            "[rl]: found unusable settings (7 worlds do not make two halves), expected settings that pass this check.",
        ),
        ("rate", "1e-3", "[rl] rate: found '1e-3', expected a number."),
        ("rate", False, "[rl] rate: found False, expected a number."),
        ("rate", math.nan, "[rl] rate: found nan, expected a number."),
        ("rate", math.inf, "[rl] rate: found inf, expected a number."),
        ("rate", {"a": 1}, "[rl] rate: found {'a': 1}, expected a number."),
        ("share", 1.5, '[rl] share: found 1.5, expected a number at least 0.0 and at most 1.0, or "none".'),
        ("hidden", [256, 0], "[rl] hidden: found [256, 0], expected a list, each a whole number at least 1."),
        ("hidden", 256, "[rl] hidden: found 256, expected a list, each a whole number at least 1."),
        ("span", [1.0], "[rl] span: found [1.0], expected a list of 2, each a number."),
        ("mode", "clap", "[rl] mode: found 'clap', expected one of the names (valid names: clip, penalty)."),
        ("average", 1, "[rl] average: found 1, expected true or false."),
        ("title", 3, "[rl] title: found 3, expected text."),
        ("scale", 0, "[rl] scale: found 0, expected a number above 0.0."),
        (
            "names",
            ["pull"],
            "[rl] names: found ['pull'], expected a list, each one of the names (valid names: push, mass).",
        ),
        ("world", 8, "[rl] world: found an unknown key, expected a setting of [rl] (valid names: worlds, rate, share,"),
    ],
)
def test_unfit_settings_are_refused_with_file_section_and_key(key: str, value: Any, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        read_settings(Whole, {"rl": {"worlds": 8} | {key: value}}, "x.toml")
    assert str(caught.value).startswith(f"x.toml: {sentence}")


def test_an_integer_beyond_every_float_is_refused() -> None:
    with pytest.raises(InputError, match="rate: found 1000"):
        read_settings(Learner, {"worlds": 2, "rate": 10**400}, "x.toml")


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({}, "x.toml: [rl]: found nothing, expected a table."),
        ({"rl": {}}, "x.toml: [rl] worlds: found nothing, expected a whole number at least 1"),
        ({"rl": 3}, "x.toml: [rl]: found 3, expected a table (valid names: worlds, rate"),
        ({"lr": {}}, "x.toml: lr: found an unknown key, expected a setting of the file (valid names: rl, extra)."),
    ],
)
def test_missing_and_misplaced_sections_are_refused(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        read_settings(Whole, table, "x.toml")
    assert str(caught.value).startswith(sentence)


def test_a_type_that_settings_cannot_have_is_the_programmers_error() -> None:
    @dataclass(frozen=True)
    class Wrong:
        where: Path = Path()

    with pytest.raises(TypeError, match="cannot be read"):
        read_settings(Wrong, {"where": "x"}, "x.toml")


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("rl.worlds=16", {"worlds": 16}),
        ("rl.rate = 1e-3", {"rate": 1e-3}),
        ("rl.mode=penalty", {"mode": "penalty"}),
        ('rl.mode="penalty"', {"mode": "penalty"}),
        ("rl.hidden=[64, 64]", {"hidden": [64, 64]}),
        ("rl.share=none", {"share": "none"}),
        ("rl.average=true", {"average": True}),
        ("rl.title=a=b", {"title": "a=b"}),
        ("rl={worlds = 4, rate = 1.0}", {"worlds": 4, "rate": 1.0}),
    ],
)
def test_override_replaces_one_setting(assignment: str, expected: dict[str, Any]) -> None:
    table = {"rl": {"worlds": 8}}
    changed = override(Whole, table, assignment)
    assert changed == {"rl": {"worlds": 8} | expected}
    assert table == {"rl": {"worlds": 8}}
    read_settings(Whole, changed, "x.toml")


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        (
            "rl.world=8",
            "--set rl.world=8: [rl] world: found an unknown key, expected a setting of [rl] (valid names: worlds,",
        ),
        (
            "lr.worlds=8",
            "--set lr.worlds=8: lr: found an unknown key, expected a setting of the file (valid names: rl, extra).",
        ),
        ("rl.worlds=many", "--set rl.worlds=many: [rl] worlds: found 'many', expected a whole number"),
        ("rl.worlds=0", "--set rl.worlds=0: [rl] worlds: found 0, expected a whole number at least 1"),
        ("rl.worlds.x=1", "--set rl.worlds.x=1: [rl] worlds: found {'x': 1}, expected a whole number"),
        ("rl=8", "--set rl=8: [rl]: found 8, expected a table"),
        (
            "rl.worlds",
            "--set rl.worlds: found no setting and value, expected phase.key=value (valid names: rl, extra).",
        ),
        ("=8", "--set =8: found no setting and value, expected phase.key=value"),
        ("rl.=8", "--set rl.=8: found no setting and value, expected phase.key=value"),
    ],
)
def test_unfit_overrides_are_refused(assignment: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        override(Whole, {"rl": {"worlds": 8}}, assignment)
    assert str(caught.value).startswith(sentence)


finite = st.floats(allow_nan=False, allow_infinity=False)
learners = st.builds(
    Learner,
    worlds=st.integers(1, 2048).map(lambda half: 2 * half),
    rate=finite,
    share=st.none() | st.floats(0, 1),
    hidden=st.lists(st.integers(1, 512), max_size=3).map(tuple),
    span=st.tuples(finite, finite),
    mode=st.sampled_from(["clip", "penalty"]),
    average=st.booleans(),
    title=st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    inner=st.builds(Inner, scale=st.floats(1e-9, 1e9), names=st.lists(st.sampled_from(["push", "mass"])).map(tuple)),
)


@settings(max_examples=60, deadline=None)
@given(learners)
def test_records_survive_toml_and_json(learner: Learner) -> None:
    whole = Whole(learner)
    data = settings_to_json(whole)
    assert read_settings(Whole, tomllib.loads(to_toml(data)), "x.toml") == whole
    assert read_settings(Whole, json.loads(json.dumps(data, allow_nan=False)), "x.json") == whole
