"""Object files: the frozen objects of a task as JSON, signed with a digest."""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from regrasp.errors import InputError
from regrasp.fields import digest_of
from regrasp.json_files import read_json, require_keys, shown
from regrasp.simulation.shapes import SIZES, SPLITS, Part, Shape

FORMAT = "regrasp-objects/1"
LARGEST = 1.0
"""No length in an object file exceeds this [m]."""
_KEYS = ("format", "digest", "objects")
_SHAPE_KEYS = ("name", "family", "split", "parts", "density", "friction", "centre_of_mass")
_PART_KEYS = ("type", "size", "position", "quaternion")
_FLATTEST = 1e-4  # a hull thinner than this is no solid [m]


def shipped_objects(task: str) -> Path:
    """The object file that comes with regrasp for one of `families.KINDS`."""
    return Path(__file__).parents[1] / "data" / "objects" / f"{task}.json"


def digest_of_shapes(shapes: Sequence[Shape]) -> str:
    """SHA-256 of objects in their order."""
    return digest_of([shape.to_json() for shape in shapes])


def write_shapes(path: Path, shapes: Sequence[Shape]) -> None:
    """Write an object file, one object per line: complete or not at all."""
    head = {"format": FORMAT, "digest": digest_of_shapes(shapes)}
    lines = ",\n".join(json.dumps(shape.to_json(), separators=(",", ":"), allow_nan=False) for shape in shapes)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(f'{json.dumps(head, indent=1)[:-2]},\n "objects": [\n{lines}\n]}}\n')
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def read_shapes(path: Path | str) -> tuple[Shape, ...]:
    """Read an object file and check it against its own digest.

    Raises:
        InputError: missing, not JSON, a key missing or unknown, an object that makes no sense or shares its name, or
            content that is not what was signed.
    """
    data = read_json(Path(path), "an object file")
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError(path, "format", shown(data.get("format") if isinstance(data, dict) else data), FORMAT)
    require_keys(path, "", data, _KEYS, "an object file")
    entries = data["objects"]
    if not isinstance(entries, list) or not entries:
        raise InputError(path, "objects", shown(entries), "a list of objects")
    shapes: list[Shape] = []
    for number, entry in enumerate(entries):
        shape = _read_shape(path, f"object {number}", entry)
        if shape.name in {other.name for other in shapes}:
            raise InputError(path, f"object {number}: name", repr(shape.name), "a name that no other object has")
        shapes.append(shape)
    if digest_of_shapes(shapes) != data["digest"]:
        signed = f"the signed {shown(data['digest'])[:13]}; the file was changed"
        raise InputError(path, "digest", f"content {digest_of_shapes(shapes)[:12]}", signed)
    return tuple(shapes)


def _read_shape(path: Path | str, place: str, entry: Any) -> Shape:
    require_keys(path, place, entry, _SHAPE_KEYS, "an object file")
    for key in ("name", "family"):
        if not isinstance(entry[key], str) or not entry[key].replace("-", "_").isidentifier():
            raise InputError(path, f"{place}: {key}", shown(entry[key]), "a word of letters, digits, - and _")
    if entry["split"] not in SPLITS:
        raise InputError(path, f"{place}: split", shown(entry["split"]), "the name of a split", SPLITS)
    if not isinstance(entry["parts"], list) or not entry["parts"]:
        raise InputError(path, f"{place}: parts", shown(entry["parts"]), "a list of parts")
    x, y, z = _numbers(path, f"{place}: centre_of_mass", entry["centre_of_mass"], 3, -LARGEST, LARGEST)
    return Shape(
        entry["name"],
        entry["family"],
        entry["split"],
        tuple(_read_part(path, f"{place}: part {number}", part) for number, part in enumerate(entry["parts"])),
        _numbers(path, f"{place}: density", [entry["density"]], 1, 1.0, 30_000.0)[0],
        _numbers(path, f"{place}: friction", [entry["friction"]], 1, 0.0, 10.0)[0],
        (x, y, z),
    )


def _read_part(path: Path | str, place: str, entry: Any) -> Part:
    kind = entry.get("type") if isinstance(entry, dict) else None
    if not isinstance(kind, str) or kind not in SIZES:
        raise InputError(path, f"{place}: type", shown(kind), "a type of part", SIZES)
    keys = [key for key in _PART_KEYS if key != "size" or SIZES[kind]] + ["vertices"] * (kind == "mesh")
    require_keys(path, place, entry, keys, "an object file")
    size = _numbers(path, f"{place}: size", entry.get("size", []), SIZES[kind], 1e-4, LARGEST)
    x, y, z = _numbers(path, f"{place}: position", entry["position"], 3, -LARGEST, LARGEST)
    quaternion = _numbers(path, f"{place}: quaternion", entry["quaternion"], 4, -1.0, 1.0)
    if abs(math.hypot(*quaternion) - 1.0) > 1e-4:
        raise InputError(path, f"{place}: quaternion", shown(entry["quaternion"]), "a unit quaternion")
    w, i, j, k = quaternion
    vertices = _read_vertices(path, f"{place}: vertices", entry["vertices"]) if kind == "mesh" else ()
    return Part(kind, size, (x, y, z), (w, i, j, k), vertices)


def _read_vertices(path: Path | str, place: str, entries: Any) -> tuple[tuple[float, float, float], ...]:
    if not isinstance(entries, list) or not 4 <= len(entries) <= 1000:
        raise InputError(path, place, shown(entries), "a list of 4 to 1000 points")
    rows = [_numbers(path, f"{place}, point {n}", row, 3, -LARGEST, LARGEST) for n, row in enumerate(entries)]
    points = np.array(rows)
    if np.linalg.svd(points - points.mean(0), compute_uv=False)[-1] < _FLATTEST:
        raise InputError(path, place, "points in one plane", "the corners of a solid")
    return tuple((x, y, z) for x, y, z in rows)


def _numbers(path: Path | str, place: str, values: Any, count: int, low: float, high: float) -> tuple[float, ...]:
    if not isinstance(values, list) or len(values) != count:
        raise InputError(path, place, shown(values), f"a list of {count} numbers")
    for value in values:
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise InputError(path, place, shown(value), f"a number from {low:g} to {high:g}")
    return tuple(map(float, values))
