"""Names, sizes and units of an array's last axis: the only way regrasp slices observations, actions and sensors."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Field:
    """`size` consecutive columns that belong together, with their unit (`rad`, `m`, `N`, `1` for pure numbers)."""

    name: str
    size: int
    unit: str


class Fields:
    """An ordered set of fields that covers a last axis without gaps."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self.all = tuple(fields)
        self._slices: dict[str, slice] = {}
        start = 0
        for field in self.all:
            if field.name in self._slices:
                raise ValueError(f"field {field.name!r} appears twice")
            self._slices[field.name] = slice(start, start + field.size)
            start += field.size
        self.size = start

    def __getitem__(self, name: str) -> slice:
        """The columns of one field."""
        if name not in self._slices:
            raise KeyError(f"no field {name!r}; valid names: {', '.join(self._slices)}")
        return self._slices[name]

    def __contains__(self, name: object) -> bool:
        return name in self._slices

    def __iter__(self) -> Iterator[Field]:
        return iter(self.all)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fields) and self.all == other.all

    def __hash__(self) -> int:
        return hash(self.all)

    def __repr__(self) -> str:
        return f"Fields({', '.join(f'{f.name}[{f.size}] {f.unit}' for f in self.all)})"

    @property
    def names(self) -> tuple[str, ...]:
        """The field names in column order."""
        return tuple(self._slices)

    def to_json(self) -> list[dict[str, Any]]:
        """As plain lists and dicts, for manifests."""
        return [asdict(field) for field in self.all]

    @classmethod
    def from_json(cls, data: list[dict[str, Any]]) -> "Fields":
        """The inverse of `to_json`."""
        return cls(Field(str(d["name"]), int(d["size"]), str(d["unit"])) for d in data)


def digest_of(data: Any) -> str:
    """SHA-256 (hex) of anything JSON can hold, independent of key order and spacing."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
