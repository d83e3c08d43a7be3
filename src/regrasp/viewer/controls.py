"""What a person moves on the page: gizmo and sliders of the wrist, sliders of synergies, fingers and single joints."""

from collections.abc import Callable
from functools import partial

import numpy as np
import viser
from numpy.typing import NDArray
from viser import GuiSliderHandle, TransformControlsEvent

from regrasp.viewer.driving import Driving, Moved
from regrasp.viewer.reaching import Reach

Press = Callable[[Callable[[], None]], None]
"""Whoever presses or drags something hands over what is to be done, for the loop that steps the world to do it."""
GIZMO = "/wrist"
_FINE, _SHARE = 0.005, 0.01
"""Steps of a slider: of the wrist [rad, m], and of all that goes from -1 to 1."""
_SHOWN = 6
"""A sliders' folder with more of them begins closed."""


def put(slider: GuiSliderHandle[float], value: float) -> None:
    """Move a slider, as far as it goes."""
    # viser lets whoever has a slider do so; its property is written in a way that mypy cannot follow.
    slider.value = min(max(value, slider.min), slider.max)  # type: ignore[misc]


class Controls:
    """The page's controls of one task.

    Attributes:
        reach: inverse kinematics of the wrist.
        hand: the body that the gizmo is at.

    Args:
        server: the page.
        driving: what the controls mean.
        press: takes what a person did.
    """

    def __init__(self, server: viser.ViserServer, driving: Driving, press: Press) -> None:
        self._server, self._driving, self._press = server, driving, press
        self.reach = Reach(driving.task, driving.actuators)
        self.hand = driving.actuators.hand
        rest = driving.at_rest()
        self._wrist = self._wrist_sliders(rest)
        shares = driving.synergies.shares
        names = [f"synergy {i + 1} ({share:.0%})" for i, share in enumerate(shares)]
        self._synergies = self._folder("Finger synergies", names)
        self._closing = dict(zip(rest.closing, self._folder("Close fingers", list(rest.closing)), strict=True))
        fields = list(driving.task.interface.fields)
        self._trims = self._folder("Single joints", [fields[column].name for column in driving.actuators.posed])
        self._gizmo = self._wrist_gizmo() if self.reach.able else None
        self._dragged = False

    def _folder(self, title: str, names: list[str]) -> list[GuiSliderHandle[float]]:
        """Sliders from -1 to 1 under a title; nothing at all without names."""
        if not names:
            return []
        with self._server.gui.add_folder(title, expand_by_default=len(names) <= _SHOWN):
            return [self._server.gui.add_slider(name, -1.0, 1.0, _SHARE, 0.0) for name in names]

    def _wrist_sliders(self, rest: Moved) -> list[GuiSliderHandle[float]]:
        """One per actuator, in its own unit."""
        interface, columns = self._driving.task.interface, self._driving.actuators.wrist
        if not columns:
            return []
        fields = list(interface.fields)
        with self._server.gui.add_folder("Wrist and arm", expand_by_default=len(columns) <= _SHOWN + 2):
            return [
                self._server.gui.add_slider(
                    f"{fields[column].name} [{fields[column].unit}]",
                    interface.low[column],
                    interface.high[column],
                    _FINE,
                    self._in_units(column, share),
                )
                for column, share in zip(columns, rest.wrist.tolist(), strict=True)
            ]

    def _in_units(self, column: int, share: float) -> float:
        low, high = self._driving.task.interface.low[column], self._driving.task.interface.high[column]
        # No more digits than a page has room for.
        return min(max(round(low + (share + 1) / 2 * (high - low), 4), low), high)

    def _wrist_gizmo(self) -> viser.TransformControlsHandle:
        gizmo = self._server.scene.add_transform_controls(GIZMO, scale=0.09, depth_test=False, opacity=0.6)

        # Not a plain function: those run in a pool of threads, where one drag can overtake another.
        @gizmo.on_update
        async def _(event: TransformControlsEvent) -> None:
            pose = np.array(event.target.position), np.array(event.target.wxyz)
            self._press(partial(self._drag, event.phase, *pose))

        return gizmo

    def _drag(self, phase: str, position: NDArray[np.float64], quaternion: NDArray[np.float64]) -> None:
        self._dragged = phase != "end"
        self._set_wrist(self.reach.solve(position, quaternion, self.moved().wrist))

    def _set_wrist(self, wrist: NDArray[np.float64]) -> None:
        for slider, column, share in zip(
            self._wrist, self._driving.actuators.wrist, wrist.clip(-1, 1).tolist(), strict=True
        ):
            put(slider, self._in_units(column, share))

    def moved(self) -> Moved:
        """Where everything is now."""
        interface, columns = self._driving.task.interface, list(self._driving.actuators.wrist)
        low, high = np.array(interface.low)[columns], np.array(interface.high)[columns]
        values = np.array([slider.value for slider in self._wrist])
        return Moved(
            wrist=(2 * values - low - high) / (high - low) if columns else np.zeros(0),
            synergies=np.array([slider.value for slider in self._synergies]),
            closing={finger: slider.value for finger, slider in self._closing.items()},
            trims=np.array([slider.value for slider in self._trims]),
        )

    def action(self) -> NDArray[np.float32]:
        """(A,) that all of it means."""
        return self._driving.action(self.moved())

    def reset(self) -> None:
        """Everything back to the rest posture."""
        self._dragged = False
        self._set_wrist(self._driving.at_rest().wrist)
        for slider in [*self._synergies, *self._closing.values(), *self._trims]:
            put(slider, 0.0)

    def follow(self, position: NDArray[np.float64], quaternion: NDArray[np.float64]) -> None:
        """The hand is here: so is the gizmo, unless a person holds it."""
        if self._gizmo is not None and not self._dragged:
            self._gizmo.position, self._gizmo.wxyz = position, quaternion

    def shift(self, way: NDArray[np.float64], turn: float = 0.0) -> None:
        """Move the wrist's target by a way (3,) in the world frame [m], and about the vertical [rad]."""
        if not self.reach.able:
            return
        wrist = self.moved().wrist
        position, quaternion = self.reach.hand(wrist)
        half = turn / 2
        w, x, y, z = quaternion
        c, s = np.cos(half), np.sin(half)
        turned = np.array([c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w])
        self._set_wrist(self.reach.solve(position + way, turned, wrist))

    def close(self, amount: float) -> None:
        """Close every finger by this much more; negative opens."""
        for slider in self._closing.values():
            put(slider, slider.value + amount)

    def bend(self, place: int, amount: float) -> None:
        """Move one synergy, or one finger where there are none, by this much."""
        sliders = self._synergies or list(self._closing.values())
        if place < len(sliders):
            put(sliders[place], sliders[place].value + amount)
