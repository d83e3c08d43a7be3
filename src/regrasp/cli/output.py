"""What a command shows: tables or one JSON object on standard output, progress on standard error."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Task as Work
from rich.table import Table
from rich.text import Text

from regrasp.errors import InputError


def emit(data: Mapping[str, Any], as_json: bool, *shown: RenderableType) -> None:
    """Ends a command: one line of JSON if asked for, else what a person reads."""
    if as_json:
        print(json.dumps(data, allow_nan=False))
        return
    console = Console(highlight=False, soft_wrap=True)
    for part in shown:
        console.print(part, markup=False)


def note(text: str) -> None:
    """A line for whoever watches."""
    console().print(text, markup=False)


class _Rate(ProgressColumn):
    """Steps per second since the beginning, in the step's unit."""

    def render(self, task: Work) -> Text:
        """As `5.2 cases/s`."""
        rate = task.finished_speed or task.speed
        return Text(f"{rate:.3g} {task.fields['unit']}/s" if rate else "", style="progress.data.speed")


def rate_cell(rate: Mapping[str, Any]) -> str:
    """A rate's JSON object in two lines: `97.5 % 195/200` over its interval."""
    from regrasp.report.wording import percent, span

    if not rate["n"]:
        return "–"
    return f"{percent(rate['rate'])} {rate['count']}/{rate['n']}\n{span(rate['low'], rate['high'])}"


def console() -> Console:
    """Standard error, for progress and remarks: standard output belongs to the result."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def progress(unit: str, on: Console) -> Progress:
    """A bar with rate and time left; `add_task(..., unit=unit)` and `advance` count `unit`."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=on,
        # The first estimate needs two reports, and a chunk of cases takes seconds.
        speed_estimate_period=300,
    )


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table, its first column to the left and the others to the right."""
    shown = Table(title=title, title_justify="left", title_style="bold", show_header=any(columns), box=SIMPLE_HEAD)
    for place, column in enumerate(columns):
        shown.add_column(column, justify="right" if place else "left")
    for row in rows:
        shown.add_row(*row)
    return shown


def require_writable(path: Path, option: str = "--out") -> None:
    """Refuses, before any work is done for it, a file that could not be written at the end."""
    if path.is_dir():
        raise InputError(option, "", f"{path}, a folder", "the name of a file")
    if path.parent.exists() and not path.parent.is_dir():
        raise InputError(option, "", f"{path}, inside a file", "the name of a file in a folder")
