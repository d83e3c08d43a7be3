"""What keys and a gamepad do: the same few verbs that the page's buttons and sliders have."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

import numpy as np
import viser
from numpy.typing import NDArray
from viser._messages import HotkeyKey

from regrasp.simulation.render import Camera
from regrasp.viewer.controls import Controls, Press
from regrasp.viewer.gamepad import AT_REST, Pad

_STEP, _BEND = 0.01, 0.1
"""What one press of a key moves the wrist [m], and a slider of the fingers."""
_SPEED, _SPIN, _RATE = 0.2, 1.0, 1.2
"""What a fully deflected gamepad moves: wrist [m/s], [rad/s], a slider of the fingers [1/s]."""
_AHEAD = {"T": (0, 1, 0), "G": (0, -1, 0), "F": (-1, 0, 0), "H": (1, 0, 0), "R": (0, 0, 1), "Y": (0, 0, -1)}
"""Key → direction as the task's camera sees it: right, away, up. W A S D Q E and arrows move the camera already."""
PRESSES = {0: "start", 1: "discard", 2: "mark", 3: "keep", 4: "push", 5: "slip"}
"""Gamepad button (A, B, X, Y, left and right shoulder) → verb."""
HELP = """\
| key | gamepad | |
|---|---|---|
| B | A | start |
| M | X | mark this moment |
| K | Y | keep |
| X | B | discard |
| P, L | shoulders | push, slip |
| F H, T G, R Y | sticks | wrist left and right, away and nearer, up and down |
| C, V | triggers | close and open all fingers |
| 1 … 5, 6 … 0 | cross | more, and less, of the first five finger sliders |
"""
VERBS = {"B": "start", "M": "mark", "K": "keep", "X": "discard", "P": "push", "L": "slip", "O": "drop"}


def bind_keys(
    server: viser.ViserServer, controls: Controls, camera: Camera, press: Press, verbs: Mapping[str, Callable[[], None]]
) -> None:
    """Give the page its keys; a verb that the page does not have gets none."""
    axes = view_axes(camera)
    actions: dict[str, tuple[str, Callable[[], None]]] = {
        key: (verb, verbs[verb]) for key, verb in VERBS.items() if verb in verbs
    }
    for key, direction in _AHEAD.items() if controls.reach.able else ():
        actions[key] = (f"wrist, {key}", partial(controls.shift, _STEP * np.array(direction) @ axes))
    actions |= {"C": ("close fingers", partial(controls.close, _BEND)), "V": ("open", partial(controls.close, -_BEND))}
    for place in range(5):
        for key, sign in ((str(place + 1), 1), (str((place + 6) % 10), -1)):
            actions[key] = (f"finger slider {place + 1}", partial(controls.bend, place, sign * _BEND))
    for key, (label, act) in actions.items():
        command = server.gui.add_command(label, hotkey=cast(HotkeyKey, key))

        @command.on_trigger
        async def _(_: object, act: Callable[[], None] = act) -> None:
            press(act)


def view_axes(camera: Camera) -> NDArray[np.float64]:
    """(3, 3), rows: right, away and up as a camera sees them, the first two horizontal."""
    azimuth = np.deg2rad(camera.azimuth)
    right, away = (np.sin(azimuth), -np.cos(azimuth), 0.0), (np.cos(azimuth), np.sin(azimuth), 0.0)
    return np.array([right, away, (0.0, 0.0, 1.0)])


class PadDriver:
    """Turns what a gamepad is doing into movements of the controls and presses of buttons.

    Args:
        controls: of the page.
        camera: the task's.
        verbs: name → what the button of that name does.
    """

    def __init__(self, controls: Controls, camera: Camera, verbs: Mapping[str, Callable[[], None]]) -> None:
        self._controls, self._axes, self._verbs = controls, view_axes(camera), verbs
        self._before = AT_REST

    def drive(self, pad: Pad, seconds: float) -> None:
        """Take in the gamepad, held like this for some seconds."""
        before, self._before = self._before, pad
        for button, verb in PRESSES.items():
            if pad.buttons[button] > 0.5 >= before.buttons[button] and verb in self._verbs:
                self._verbs[verb]()
        if pad == AT_REST:
            return
        right, down, turn, sunk = pad.axes
        if self._controls.reach.able:
            way = np.array([right, -down, -sunk]) * _SPEED * seconds
            if way.any() or turn:
                self._controls.shift(way @ self._axes, -turn * _SPIN * seconds)
        else:
            self._bend((right, -down, turn, -sunk), seconds)
        self._controls.close((pad.buttons[7] - pad.buttons[6]) * _RATE * seconds)
        self._bend((pad.buttons[12] - pad.buttons[13], pad.buttons[15] - pad.buttons[14]), seconds)

    def _bend(self, amounts: tuple[float, ...], seconds: float) -> None:
        for place, amount in enumerate(amounts):
            if amount:
                self._controls.bend(place, amount * _RATE * seconds)
