"""The DAPG reader: the same numbers as Python's own unpickler, and nothing of a hostile file ever runs."""

import builtins
import contextlib
import os
import pickle
import resource
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regrasp.demonstrations.formats import read_contents
from regrasp.demonstrations.formats.dapg import read_dapg
from regrasp.errors import InputError

HUMAN = Path(__file__).parents[2] / "shared" / "data" / "adroit-door-human.pickle"


def make_record(steps: int = 5, seed: int = 0, **changes: Any) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    start = {"qpos": draw.normal(size=30), "qvel": draw.normal(size=30), "door_body_pos": draw.normal(size=3)}
    return {
        "observations": draw.normal(size=(steps, 39)),
        "actions": 2 * draw.normal(size=(steps, 28)),
        "rewards": draw.normal(size=steps),
        "init_state_dict": start,
    } | changes


def save(folder: Path, content: bytes) -> Path:
    path = folder / "demos.pickle"
    path.write_bytes(content)
    return path


def assert_same(path: Path, records: list[dict[str, Any]]) -> None:
    contents = read_contents(path)
    assert contents.format == "dapg"
    assert len(contents.episodes) == len(records)
    for i, (episode, record) in enumerate(zip(contents.episodes, records, strict=True)):
        rows = record["observations"].astype(np.float32)
        np.testing.assert_array_equal(episode.actions, record["actions"].astype(np.float32), strict=True)
        np.testing.assert_array_equal(episode.observations["policy"], np.concatenate([rows, rows[-1:]]), strict=True)
        np.testing.assert_array_equal(episode.rewards, record["rewards"], strict=True)
        start = np.concatenate([record["init_state_dict"][key] for key in ("qpos", "qvel", "door_body_pos")])
        np.testing.assert_array_equal(episode.start, start, strict=True)
        assert episode.states is None
        assert (episode.terminated, episode.truncated, episode.terminal_observed) == (False, True, False)
        assert episode.provenance == {"format": "dapg", "file": path.name, "episode": str(i)}


@pytest.mark.skipif(not HUMAN.exists(), reason="the human demonstrations are not part of the package")
def test_human_demonstrations_match_pythons_own_unpickler() -> None:
    with HUMAN.open("rb") as file:
        records = pickle.load(file, encoding="latin1")
    assert len(records) == 25
    assert_same(HUMAN, records)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_protocol_and_memory_order(tmp_path: Path, protocol: int, order: Any) -> None:
    records = [make_record(seed=i) for i in range(3)]
    for record in records:
        record["actions"] = np.asarray(record["actions"], order=order)
    assert_same(save(tmp_path, pickle.dumps(records, protocol)), records)


@pytest.mark.parametrize("dtype", [">f8", "<f4", "<f2", "<i4"])
def test_other_number_types(tmp_path: Path, dtype: str) -> None:
    record = make_record(rewards=np.arange(5).astype(dtype), actions=np.ones((5, 28), dtype))
    assert_same(save(tmp_path, pickle.dumps([record])), [record | {"rewards": np.arange(5.0)}])


def test_names_of_numpy_1_and_the_strings_of_python_2(tmp_path: Path) -> None:
    record = make_record()
    content = pickle.dumps([record], 3).replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
    assert b"numpy._core" not in content
    assert_same(save(tmp_path, content), [record])

    rewards = record["rewards"].tobytes()
    as_bytes, as_text = b"C" + bytes([len(rewards)]) + rewards, b"U" + bytes([len(rewards)]) + rewards
    assert content.count(as_bytes) == 1
    assert_same(save(tmp_path, content.replace(as_bytes, as_text)), [record])


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def instance(name: bytes, argument: bytes) -> bytes:
    """A call by the instruction INST, in protocol 0."""
    return b"(S'" + argument + b"'\ni" + name + b"\n."


HOSTILE: dict[str, Callable[[str], tuple[bytes, str]]] = {
    "os.system": lambda target: (pickle.dumps([Call(os.system, f"touch {target}")]), "'posix.system'"),
    "protocol 0": lambda target: (pickle.dumps(Call(os.system, f"touch {target}"), 0), "'posix.system'"),
    "eval": lambda target: (pickle.dumps([Call(eval, f"open({target!r}, 'w')")], 2), "'__builtin__.eval'"),
    "open": lambda target: (pickle.dumps([Call(builtins.open, target, "w")]), "open'"),
    "subprocess": lambda target: (pickle.dumps([Call(subprocess.Popen, ["touch", target])]), "'subprocess.Popen'"),
    "numpy's own loader": lambda target: (pickle.dumps([Call(np.load, target)]), "load'"),
    "numpy file": lambda target: (pickle.dumps([Call(np.memmap, target, "u1", "w+", 0, 8)]), "memmap'"),
    "getattr": lambda target: (b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93.", "'builtins.getattr'"),
    "dotted name": lambda target: (b"\x80\x04\x8c\x05numpy\x8c\x12ndarray.tofile.x.y\x93.", "ndarray.tofile"),
    "instance": lambda target: (instance(b"os\nsystem", b"touch " + target.encode()), "instruction INST"),
    "new object": lambda target: (b"\x80\x02cnumpy\nndarray\n)\x81.", "instruction NEWOBJ"),
    "extension": lambda target: (b"\x80\x02\x82\x01.", "instruction EXT1"),
    "persistent id": lambda target: (b"\x80\x02U\x01xQ.", "instruction BINPERSID"),
    "call of a type": lambda target: (b"\x80\x02cnumpy\nndarray\nM\xff\xff\x85R.", "a call of ndarray"),
    "call of a value": lambda target: (b"\x80\x02]q\x00K\x01\x85R.", "no name"),
    "state of a name": lambda target: (b"\x80\x02cnumpy\nndarray\n}U\x01aK\x01sb.", "a state for something"),
    "object array": lambda target: (
        pickle.dumps([{"actions": np.array([[Call(len, "x"), None]], dtype=object)}]), "'builtins.len'"),
    "array of objects": lambda target: (pickle.dumps([np.array([None, 1], dtype=object)]), "an array of type 'O8'"),
    "records": lambda target: (pickle.dumps([np.zeros(2, "f8,i4")]), "an array of "),
    "text array": lambda target: (pickle.dumps([np.array(["ab"])]), "an array of type 'U2'"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_are_refused_and_nothing_runs(tmp_path: Path, name: str) -> None:
    target = tmp_path / "created"
    content, found = HOSTILE[name](str(target))
    path = save(tmp_path, content)
    events: list[str] = []
    with watched(events), pytest.raises(InputError) as refused:
        read_contents(path)
    sentence = str(refused.value)
    assert sentence.startswith(f"{path}: byte ")
    assert found in sentence
    assert sentence.count("\n") == 0
    assert sentence.endswith("expected only lists, dicts, plain values and arrays of numbers.")
    assert events == []
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["os.system", "protocol 0", "instance", "numpy file"])
def test_the_same_files_do_run_with_pickle(tmp_path: Path, name: str) -> None:
    # Otherwise the test above would prove nothing.
    target = tmp_path / "created"
    content, _ = HOSTILE[name](str(target))
    pickle.loads(content)
    assert target.exists()


class watched:
    """Notes what Python's audit hooks see of processes, imports and code while the block runs."""

    events: list[str] | None = None
    installed = False

    def __init__(self, events: list[str]) -> None:
        self.into = events

    def __enter__(self) -> None:
        if not watched.installed:
            sys.addaudithook(watched.note)
            watched.installed = True
        watched.events = self.into

    def __exit__(self, *_: object) -> None:
        watched.events = None

    @staticmethod
    def note(event: str, _: tuple[Any, ...]) -> None:
        if watched.events is not None and event in (
            "import", "exec", "compile", "os.system", "subprocess.Popen", "pickle.find_class", "os.exec", "os.fork"
        ):  # fmt: skip
            watched.events.append(event)


BOMBS = {
    "bytes": (b"\x80\x04\x8e" + struct.pack("<Q", 1 << 45) + b"ab.", "truncated"),
    "text": (b"\x80\x04\x8d" + struct.pack("<Q", 1 << 45) + b"ab.", "truncated"),
    "bytearray": (b"\x80\x05\x96" + struct.pack("<Q", 1 << 45) + b"ab.", "truncated"),
    "frame": (b"\x80\x04\x95" + struct.pack("<Q", 1 << 45) + b"].", "a list of at least one episode"),
    "whole number": (b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"a.", "truncated"),
    "memo": (b"\x80\x02]r" + struct.pack("<I", 2**31) + b".", "a list of at least one episode"),
    "hashing": (b"\x80\x02})" + b"q\x00h\x00\x86" * 200 + b"K\x01s.", "keys that are not text"),
    "nesting": (b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".", "episode 0: found list, expected a dict"),
    "digits": (b"(lp0\nL" + b"9" * 100_000 + b"L\na.", "damaged"),
}


@pytest.fixture
def little_memory() -> Any:
    """Half a gigabyte more than now, so that a bomb fails here and not on the machine."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + (1 << 29), hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's memory limits")
@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("name", BOMBS)
def test_sizes_that_are_only_declared_take_no_memory(tmp_path: Path, name: str) -> None:
    content, found = BOMBS[name]
    with pytest.raises(InputError, match=found):
        read_dapg(save(tmp_path, content))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's memory limits")
@pytest.mark.usefixtures("little_memory")
def test_declared_shapes_and_repetition_take_no_memory(tmp_path: Path) -> None:
    record = make_record()
    shape = pickle.dumps([record], 2).replace(b"K\x05K\x1c\x86", b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86")
    with pytest.raises(InputError, match=r"declares shape \(2147483647, 2147483647\) of float64 in 1120 bytes"):
        read_dapg(save(tmp_path, shape))
    with pytest.raises(InputError, match="repeated to over 16 times the file's size"):
        read_dapg(save(tmp_path, pickle.dumps([make_record(300)] * 100_000)))


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    content = pickle.dumps([make_record(2)])
    for length in range(0, len(content), 41):
        with pytest.raises(InputError, match=r"empty file|truncated pickle"):
            read_contents(save(tmp_path, content[:length]))


def test_changed_bytes_never_raise_anything_else(tmp_path: Path) -> None:
    content = pickle.dumps([make_record(2)])
    draw = np.random.default_rng(7)
    for _ in range(300):
        changed = bytearray(content)
        for at in draw.integers(len(content), size=draw.integers(1, 6)):
            changed[at] = draw.integers(256)
        with contextlib.suppress(InputError):
            read_dapg(save(tmp_path, bytes(changed)))


def without(record: dict[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in record.items() if k != key}


def test_wrong_content_is_named(tmp_path: Path) -> None:
    good = make_record()
    nan, huge = good["observations"].copy(), good["actions"].copy()
    nan[3, 7], huge[2, 1] = np.nan, 1e300
    state = good["init_state_dict"]
    bad: list[tuple[Any, str]] = [
        (3, r"demos.pickle: found a pickle of int, expected a list of at least one episode"),
        ([], "a pickle of list, expected a list of at least one episode"),
        ([good, 4], "episode 1: found int, expected a dict"),
        ([without(good, "rewards")], r"episode 0: found no 'rewards' among its keys \(actions, init_state_dict, obs"),
        ([make_record(actions=[1, 2])], "episode 0, actions: found list, expected an array of numbers"),
        ([make_record(actions=np.zeros(5))], r"actions: found an array of shape \(5,\), expected 2 axes"),
        ([make_record(0)], r"episode 0, actions: found shape \(0, 28\), expected \(T, A\) with T >= 1 steps"),
        ([good, make_record(rewards=np.zeros(4))], "episode 1, rewards: found 4 rows, expected 5, as many as actions"),
        ([make_record(observations=np.zeros((6, 39)))], "observations: found 6 rows, expected 5"),
        ([good, good | {"observations": nan}], "episode 1, observations policy: found nan at step 3, column 7"),
        ([good | {"actions": huge}], "episode 0, actions: found inf at step 2, column 1, expected finite numbers"),
        ([make_record(rewards=np.full(5, np.inf))], "episode 0, rewards: found inf at step 0, expected finite"),
        ([good | {"init_state_dict": without(state, "qvel")}], "init_state_dict: found no 'qvel'.*valid names: qpos"),
        ([good | {"init_state_dict": state | {"qpos": np.zeros(33)}}], "qpos: found 33 values, expected 30"),
        ([good | {"init_state_dict": state | {"qvel": np.full(30, np.nan)}}], "qvel: found nan at step 0"),
    ]
    for records, sentence in bad:
        with pytest.raises(InputError, match=sentence):
            read_contents(save(tmp_path, pickle.dumps(records)))


def test_files_of_no_known_format(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"found no readable file .No such file or directory.*expected a demonstration"
    ):
        read_contents(tmp_path / "absent.pickle")
    with pytest.raises(InputError, match=r"found a folder with nothing, expected a known format"):
        read_contents(tmp_path)
    with pytest.raises(InputError, match=r"begins with b'PK.*expected a known format \(valid names: dapg"):
        read_contents(save(tmp_path, b"PK\x03\x04 something"))
