"""Plain data and numpy arrays from a pickle, without running it.

A pickle is a program: unpickling calls whatever it names. Here its instructions are only decoded (`pickletools`) and
followed on a stack of our own. A name never becomes an object of that name, so nothing the file says can be called, and
memory is taken for bytes that are in the file, never for sizes that it declares.
"""

import io
import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrasp.errors import InputError

PLAIN = "only lists, dicts, plain values and arrays of numbers"
GROWTH = 16
"""Bytes of arrays that a file may unfold into, per byte of the file: repetition by reference is cheap to write."""

_KNOWN = {
    f"{module} {name}": name
    for module, names in {
        "numpy": ("ndarray", "dtype"),
        "numpy.core.multiarray": ("_reconstruct", "scalar"),
        "numpy._core.multiarray": ("_reconstruct", "scalar"),
        "numpy.core.numeric": ("_frombuffer",),
        "numpy._core.numeric": ("_frombuffer",),
        "_codecs": ("encode",),
    }.items()
    for name in names
}
_NUMBERS = re.compile(r"[fiub][1248]")


class Refused(Exception):
    """The pickle holds something that is not plain data; the text says what."""


@dataclass(frozen=True)
class _Name:
    """One of the known names; it can be recognised, not called."""

    text: str


@dataclass
class _Dtype:
    code: str
    order: str = "="


@dataclass
class StoredArray:
    """An array of the file; `value` is None until its content has been read."""

    value: NDArray[Any] | None = None


def read_pickle(path: Path) -> Any:
    """Lists, dicts with text keys, tuples, plain values and `StoredArray`s of a file that need not be trusted."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(path, "", f"no readable file ({error.strerror})", "a pickle") from error
    if not content:
        raise InputError(path, "", "an empty file", "a pickle of demonstrations")
    machine = _Machine(len(content))
    position = 0
    try:
        for opcode, argument, at in pickletools.genops(io.BytesIO(content)):
            position = at or 0
            machine.follow(opcode.name, argument)
        return machine.result()
    except Refused as error:
        raise InputError(path, f"byte {position}", str(error), PLAIN) from error
    except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        why = (str(error).splitlines() or ["?"])[0][:200]
        raise InputError(path, f"after byte {position}", f"a damaged or truncated pickle ({why})", PLAIN) from error


def _array(raw: object, dtype: object, shape: object, order: str) -> NDArray[Any]:
    """A view of bytes that are in the file."""
    if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple) or not all(type(n) is int for n in shape):
        raise Refused("an array without a proper type and shape")
    if not _NUMBERS.fullmatch(dtype.code) or dtype.order not in "<>=|":
        raise Refused(f"an array of type {dtype.code[:20]!r}")
    if not isinstance(raw, bytes | bytearray):
        raise Refused("an array whose content is not bytes")
    kind = np.dtype(dtype.order + dtype.code)
    if min(shape, default=0) < 0 or prod(shape) * kind.itemsize != len(raw):
        raise Refused(f"an array that declares shape {str(shape)[:60]} of {kind} in {len(raw)} bytes")
    return np.ndarray(shape, kind, buffer=raw, order="F" if order == "F" else "C")


class _Machine:
    """The stack and the memo of one pickle, and what each instruction may do to them."""

    def __init__(self, size: int) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.room = GROWTH * size

    def follow(self, instruction: str, argument: Any) -> None:
        """One instruction."""
        if instruction in _PUSH:
            self.stack.append(argument)
        elif instruction in _NEW:
            self.stack.append(_NEW[instruction]())
        elif instruction in _DO:
            _DO[instruction](self, argument)
        elif instruction not in ("PROTO", "FRAME", "STOP"):
            raise Refused(f"the instruction {instruction}")

    def result(self) -> Any:
        """What is left when the pickle ends."""
        return self.stack[-1]

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def mark(self, _: Any) -> None:
        self.below.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def take(self, count: int) -> tuple[Any, ...]:
        if len(self.stack) < count:
            raise IndexError("the stack is empty")
        items = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        return items

    def extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise Refused("items for something that is not a list")
        self.stack[-1].extend(items)

    def update(self, items: list[Any]) -> None:
        # Text keys only: hashing a nested tuple can take for ever or overflow the C stack.
        if type(self.stack[-1]) is not dict or not all(type(key) is str for key in items[::2]):
            raise Refused("keys that are not text, or not of a dict")
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def new_dict(self, _: Any) -> None:
        items = self.since_mark()
        self.stack.append({})
        self.update(items)

    def remember(self, index: int | None) -> None:
        self.memo[len(self.memo) if index is None else int(index)] = self.stack[-1]

    def recall(self, index: int) -> None:
        self.stack.append(self.memo[int(index)])

    def name(self, text: str) -> None:
        if text not in _KNOWN:
            raise Refused(f"the name {text.replace(' ', '.')[:80]!r}")
        self.stack.append(_Name(_KNOWN[text]))

    def stack_name(self, _: Any) -> None:
        self.name("{} {}".format(*self.take(2)))

    def reduce(self, _: Any) -> None:
        callee, arguments = self.take(2)
        name = callee.text if isinstance(callee, _Name) else "something that is no name"
        if name not in _CALLS or not isinstance(arguments, tuple):
            raise Refused(f"a call of {name}")
        self.stack.append(_CALLS[name](self, *arguments))

    def build(self, _: Any) -> None:
        target, state = self.take(2)
        if isinstance(target, _Dtype):
            _, target.order, *structure, _, _, _ = state
            if structure != [None, None, None]:
                raise Refused("an array of records")
        elif isinstance(target, StoredArray):
            _, shape, dtype, fortran, raw = state
            content = self.encode(raw) if isinstance(raw, str) else raw
            target.value = _array(content, dtype, shape, "F" if fortran else "C")
        else:
            raise Refused("a state for something that is not an array")
        self.stack.append(target)

    def dtype(self, code: str, *_: Any) -> _Dtype:
        if not isinstance(code, str):
            raise Refused("an array type that is not a code")
        return _Dtype(code)

    def encode(self, text: str, encoding: str = "latin1") -> bytes:
        self.room -= len(text)
        if encoding not in ("latin1", "latin-1") or self.room < 0:
            raise Refused("text that is encoded again and again, or not as latin1")
        return text.encode("latin1")


_NUMERIC = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
_TEXT = {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
_BYTES = {"SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"}
_PUSH = _NUMERIC | _TEXT | _BYTES
_NEW: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
}
_DO: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "TUPLE": lambda m, _: m.push(tuple(m.since_mark())),
    "TUPLE1": lambda m, _: m.push(m.take(1)),
    "TUPLE2": lambda m, _: m.push(m.take(2)),
    "TUPLE3": lambda m, _: m.push(m.take(3)),
    "LIST": lambda m, _: m.push(m.since_mark()),
    "DICT": _Machine.new_dict,
    "APPEND": lambda m, _: m.extend(list(m.take(1))),
    "APPENDS": lambda m, _: m.extend(m.since_mark()),
    "SETITEM": lambda m, _: m.update(list(m.take(2))),
    "SETITEMS": lambda m, _: m.update(m.since_mark()),
    "PUT": _Machine.remember,
    "BINPUT": _Machine.remember,
    "LONG_BINPUT": _Machine.remember,
    "MEMOIZE": lambda m, _: m.remember(None),
    "GET": _Machine.recall,
    "BINGET": _Machine.recall,
    "LONG_BINGET": _Machine.recall,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.stack_name,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
}
_CALLS: dict[str, Callable[..., Any]] = {
    "_reconstruct": lambda machine, kind, shape, code: StoredArray(),
    "_frombuffer": lambda machine, raw, dtype, shape, order: StoredArray(_array(raw, dtype, shape, str(order))),
    "scalar": lambda machine, dtype, raw: _array(raw, dtype, (), "C").item(),
    "dtype": _Machine.dtype,
    "encode": _Machine.encode,
}
