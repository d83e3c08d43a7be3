"""Cases played in several processes, which end with the one that began them, however that ends.

Each process opens the checkpoint by its path and steps its own worlds on one thread; rows come back over a pipe, and
only the process that began the others writes them anywhere. A row is the same bytes wherever it was made.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

from regrasp.panel.cases import Case
from regrasp.panel.evaluation import WORLDS, evaluate
from regrasp.trial import Trial

if TYPE_CHECKING:
    from regrasp.cli.judging import Checkpoint

Play = Callable[[Sequence[Case]], Iterator[list[Trial]]]
"""Cases → their rows, a chunk at a time, chunks in any order."""
_PER_PROCESS = 2
"""Chunks for each process, so that all are busy to the end."""


@contextmanager
def players(checkpoint: "Checkpoint", threads: int, processes: int) -> Iterator[Play]:
    """Gives what plays cases: this process on `threads` threads, or `processes` others on one each."""
    if processes == 1:
        yield lambda cases: evaluate(checkpoint.policy, checkpoint.task, cases, threads)
        return
    # A fresh interpreter each: the engine's threads would not survive a fork.
    context = multiprocessing.get_context("spawn")
    ends, workers = [], []
    try:
        for _ in range(processes):
            near, far = context.Pipe()
            worker = context.Process(
                target=_work, args=(far, checkpoint.manifest.folder, checkpoint.given), daemon=True
            )
            with _deaf():
                worker.start()
            far.close()
            ends.append(near)
            workers.append(worker)
        yield lambda cases: _shared(ends, cases)
    finally:
        for worker in workers:
            worker.kill()
        for worker, end in zip(workers, ends, strict=False):
            worker.join()
            end.close()


def _shared(ends: Sequence[Connection], cases: Sequence[Case]) -> Iterator[list[Trial]]:
    size = max(1, min(WORLDS, -(-len(cases) // (_PER_PROCESS * len(ends)))))
    chunks = [cases[first : first + size] for first in range(0, len(cases), size)]
    busy: list[Connection] = []
    idle = list(ends)
    while chunks or busy:
        while chunks and idle:
            end = idle.pop()
            with _ending_said():
                end.send(chunks.pop(0))
            busy.append(end)
        ready = wait(busy)
        for end in [one for one in busy if one in ready]:
            busy.remove(end)
            idle.append(end)
            yield _received(end)


def _received(end: Connection) -> list[Trial]:
    with _ending_said():
        found = end.recv()
    if isinstance(found, Exception):
        raise found
    rows: list[Trial] = found
    return rows


@contextmanager
def _ending_said() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError) as error:
        raise RuntimeError("a process that played cases ended before its time; the rows so far are kept") from error


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes begun inside do not hear Ctrl-C, which reaches all of a terminal's; the first one ends the others."""
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, heard)


def _work(end: Connection, folder: Path, task: str | None) -> None:
    from regrasp.cli.judging import open_checkpoint

    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        checkpoint = open_checkpoint(folder, task)
        while True:
            cases = end.recv()
            end.send([row for rows in evaluate(checkpoint.policy, checkpoint.task, cases, threads=1) for row in rows])
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:  # raised again where the rows are waited for
        end.send(error)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
