"""The page of `regrasp watch`: episodes and trials played again, with contacts, forces and marks on a time line."""

import queue
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import viser
from numpy.typing import NDArray

from regrasp.errors import InputError
from regrasp.tasks.task import Task
from regrasp.viewer.posture import Poser
from regrasp.viewer.stage import Stage
from regrasp.viewer.timeline import draw

_FRAME, _REDRAWN = 1 / 30, 1 / 8
"""Seconds between two pictures, and between two drawings of the time line."""


@dataclass(frozen=True)
class Shown:
    """Something to play.

    Attributes:
        note: what it is, in one line.
        object: name of the object in it.
        states: (T + 1, S).
        actions: (T, A).
        touching: (T + 1, R) regions that touch the object in each state.
        marks: mark → row of the state in which it shows.
    """

    note: str
    object: str
    states: NDArray[np.float64]
    actions: NDArray[np.float32]
    touching: NDArray[np.bool_]
    marks: Mapping[str, int]


@dataclass(frozen=True)
class Shelf:
    """What can be chosen under one name, as all cases under a policy: labels, and what opens the one at a place."""

    labels: Sequence[str]
    open: Callable[[int], Shown]


class Player:
    """One page over one or several shelves.

    Args:
        server: the page.
        task: of everything that is shown.
        shelves: name → what is there.
        first: place on the first shelf of what is shown at first.
    """

    def __init__(self, server: viser.ViserServer, task: Task, shelves: Mapping[str, Shelf], first: int = 0) -> None:
        self._server, self._task, self._shelves = server, task, shelves
        self._chosen: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stage, self._built = Stage(server), ""
        self._offset, self._scale = (values.numpy() for values in task.control_map)
        self._shelf = next(iter(shelves))
        self._playing, self._row, self._set = True, 0.0, 0.0
        self._add_controls(first)
        self._stage.look(task.camera)
        self._open(first)

    def _add_controls(self, first: int) -> None:
        gui, names = self._server.gui, list(self._shelves)
        self._which = gui.add_dropdown("policy", names, visible=len(names) > 1)
        labels = list(self._shelves[self._shelf].labels)
        self._what = gui.add_dropdown("episode", labels, initial_value=labels[first])
        self._note = gui.add_markdown("")
        self._button = gui.add_button("Pause")
        self._speed = gui.add_slider("× real time", 0.05, 2.0, 0.05, 1.0)
        self._forces = gui.add_checkbox("contact forces", True)
        self._picture = gui.add_html("")
        self._holder = gui.add_folder("Time")
        self._time: viser.GuiSliderHandle[float] | None = None
        self._which.on_update(lambda _: self._chosen.put(self._choose_shelf))
        self._what.on_update(lambda _: self._chosen.put(self._choose))
        self._button.on_click(lambda _: self._chosen.put(self._toggle))
        gui.add_command("play or pause", hotkey="P").on_trigger(lambda _: self._chosen.put(self._toggle))
        gui.add_command("next episode", hotkey="N").on_trigger(lambda _: self._chosen.put(self._next))

    def _choose_shelf(self) -> None:
        if self._which.value != self._shelf:
            self._shelf = self._which.value
            place = self._place()
            self._what.options = list(self._shelves[self._shelf].labels)
            self._open(min(place, len(self._what.options) - 1))

    def _choose(self) -> None:
        if self._place() != self._opened:
            self._open(self._place())

    def _next(self) -> None:
        self._open((self._opened + 1) % len(self._what.options))

    def _place(self) -> int:
        labels = list(self._shelves[self._shelf].labels)
        return labels.index(self._what.value) if self._what.value in labels else 0

    def _toggle(self) -> None:
        self._playing = not self._playing
        if self._playing and self._row >= self._last:
            self._row = 0.0
        self._button.label = "Pause" if self._playing else "Play"

    def _open(self, place: int) -> None:
        """Show what lies at a place; what cannot be opened is said so, and what was shown stays."""
        shelf = self._shelves[self._shelf]
        self._opened = place
        if self._what.value != shelf.labels[place]:
            self._what.value = shelf.labels[place]  # type: ignore[misc]
        try:
            self._shown = shelf.open(place)
        except InputError as error:
            if not self._built:
                raise
            self._note.content = f"**{error}**"
            return
        shown, task = self._shown, self._task
        self._last = len(shown.actions)
        self._poser = Poser(task.scene, shown.object)
        if self._built != shown.object:
            self._stage.build(self._poser)
            self._built = shown.object
        # Row t of the states goes with action t; nothing was decided in the last.
        actions = np.concatenate([shown.actions, shown.actions[-1:]]).clip(-1.0, 1.0).astype(np.float64)
        self._ctrl = self._offset + self._scale * actions
        poses = [self._poser.pose(state, ctrl) for state, ctrl in zip(shown.states, self._ctrl, strict=True)]
        self._poses, self._pressing = poses, np.stack([one.pressing(len(task.regions)) for one in poses])
        self._note.content = shown.note
        self._row = 0.0
        self._renew_slider()
        self._draw()

    def _renew_slider(self) -> None:
        period = self._task.scene.control_period
        marks = tuple(sorted({round(row * period, 4) for row in self._shown.marks.values()}))
        if self._time is not None:
            self._time.remove()
        with self._holder:
            self._time = self._server.gui.add_slider(
                "seconds", 0.0, self._last * period, period, 0.0, marks=marks or None
            )
        self._set = 0.0

    def run(self) -> None:
        """Play, until the process is asked to end."""
        before = drawn = time.monotonic()
        stale = True
        while True:
            now = time.monotonic()
            while not self._chosen.empty():
                self._chosen.get()()
                stale = True
            moved = self._move(now - before)
            self._stage_row()
            before, stale = now, stale or moved
            if stale and now >= drawn + _REDRAWN:
                self._draw()
                drawn, stale = now, False
            time.sleep(max(0.0, before + _FRAME - time.monotonic()))

    def _move(self, seconds: float) -> bool:
        """Go on in time, or to where a person moved the slider; whether anything changed."""
        assert self._time is not None
        period = self._task.scene.control_period
        if abs(self._time.value - self._set) > 1e-9:
            self._row, self._set = self._time.value / period, self._time.value
            if self._playing:
                self._toggle()
            return True
        if not self._playing:
            return False
        self._row = min(self._row + seconds * self._speed.value / period, float(self._last))
        if self._row >= self._last:
            self._toggle()
        self._time.value = round(int(self._row) * period, 6)  # type: ignore[misc]
        self._set = self._time.value
        return True

    def _stage_row(self) -> None:
        row = min(round(self._row), self._last)
        touching = self._shown.touching[row]
        self._stage.show(self._poses[row], self._task.regions, touching, self._forces.value)

    def _draw(self) -> None:
        row = min(round(self._row), self._last)
        period = self._task.scene.control_period
        shown = self._shown
        self._picture.content = draw(self._task.regions, shown.touching, self._pressing, shown.marks, period, row)
