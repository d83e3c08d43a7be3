"""Learning curves: every progress record as a JSON line and as a TensorBoard event, once, also across resumptions."""

import json
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from regrasp.errors import InputError
from regrasp.store.atomic import replacing

# TensorBoard finds event files by "tfevents" in their name.
EVENTS = "events.out.tfevents.regrasp"


class ProgressRecord(Protocol):
    """What a learning loop yields; the store does not import the policies room, it only reads these."""

    @property
    def phase(self) -> str:
        """Name of the phase."""
        ...

    @property
    def step(self) -> int:
        """Steps done in this phase."""
        ...

    @property
    def steps(self) -> int:
        """Steps that there will be."""
        ...

    @property
    def control_steps(self) -> int:
        """Control steps simulated in this phase, over all worlds."""
        ...

    @property
    def values(self) -> Mapping[str, float]:
        """Measured quantities by name."""
        ...


@dataclass(frozen=True)
class CurvePoint:
    """A progress record as stored; `time` is when it was, in seconds since 1970. Non-finite values read back as NaN."""

    phase: str
    step: int
    steps: int
    control_steps: int
    values: dict[str, float]
    time: float


class Curves:
    """Appends progress records to a run's `progress.jsonl` and TensorBoard events.

    Opening drops what lies beyond the last finished step, because the steps after it will be done and recorded again.

    Args:
        progress: the JSON lines file; what it holds decides, the events are made from it.
        tensorboard: the folder of the event file.
        finished: phase → last step that will not be repeated; phases not named are dropped.
    """

    def __init__(self, progress: Path, tensorboard: Path, finished: Mapping[str, int]) -> None:
        points = [p for p in read_curves(progress) if p.step <= finished.get(p.phase, -1)]
        tensorboard.mkdir(parents=True, exist_ok=True)
        with replacing(progress) as file:
            file.writelines(map(_line, points))
        with replacing(tensorboard / EVENTS) as file:
            _write_events(RecordWriter(file), [Event(file_version="brain.Event:2"), *map(_event, points)])
        self._lines = progress.open("ab")
        self._events = (tensorboard / EVENTS).open("ab")

    def append(self, record: ProgressRecord) -> None:
        """Stores one record; a killed process loses at most the one being written."""
        values = {name: float(value) for name, value in record.values.items()}
        point = CurvePoint(record.phase, record.step, record.steps, record.control_steps, values, time.time())
        self._lines.write(_line(point))
        self._lines.flush()
        _write_events(RecordWriter(self._events), [_event(point)])
        self._events.flush()

    def close(self) -> None:
        """Ends writing."""
        self._lines.close()
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_curves(progress: Path) -> list[CurvePoint]:
    """Every stored record, oldest first; a last line that a killed process left unfinished does not count."""
    if not progress.exists():
        return []
    lines = progress.read_bytes().split(b"\n")[:-1]
    return [_point(progress, number, line) for number, line in enumerate(lines, 1)]


def _point(progress: Path, number: int, line: bytes) -> CurvePoint:
    try:
        data: dict[str, Any] = json.loads(line)
        values = {name: math.nan if value is None else float(value) for name, value in data.pop("values").items()}
        return CurvePoint(values=values, **data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(progress, f"line {number}", repr(line[:40]), "a progress record") from error


def _line(point: CurvePoint) -> bytes:
    values = {name: value if math.isfinite(value) else None for name, value in point.values.items()}
    return json.dumps(asdict(point) | {"values": values}, allow_nan=False).encode() + b"\n"


def _event(point: CurvePoint) -> Event:
    summary = Summary()
    for name, value in point.values.items():
        summary.value.add(tag=f"{point.phase}/{name}", simple_value=value)
    return Event(wall_time=point.time, step=point.step, summary=summary)


def _write_events(writer: RecordWriter, events: Iterable[Event]) -> None:
    for event in events:
        writer.write(event.SerializeToString())
