"""The page of `regrasp record`: a person drives the hand in real time and keeps what is worth keeping."""

import queue
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import viser

from regrasp.demonstrations.playing import Judged
from regrasp.errors import InputError
from regrasp.viewer.controls import Controls
from regrasp.viewer.driving import Driving
from regrasp.viewer.gamepad import Gamepad
from regrasp.viewer.keys import HELP, PadDriver, bind_keys
from regrasp.viewer.posture import Poser
from regrasp.viewer.session import Session
from regrasp.viewer.stage import Stage

_FRAME, _TOLD = 1 / 30, 1 / 5
"""Seconds between two pictures, and between two updates of what the page says."""
_LATE = 0.25
"""Seconds behind real time after which the loop no longer tries to catch up."""

_OUTCOMES = {"success": "success", "success_at_end": "success at the end", "success_held": "held success"}

Keep = Callable[[Judged], int]
"""Puts an episode into the file, complete or not at all; gives the number of episodes there."""


class Recorder:
    """One page, one session.

    Args:
        server: the page.
        session: what is driven.
        driving: how.
        keep: where kept episodes go.
        speed: of the simulation at first, 1 for real time.
    """

    def __init__(
        self, server: viser.ViserServer, session: Session, driving: Driving, keep: Keep, speed: float = 1.0
    ) -> None:
        self._server, self._session, self._keep = server, session, keep
        self._presses: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._said = ""
        self._rate = 1.0
        self._stage, self._poser = Stage(server), Poser(session.task.scene, session.object)
        self._built = ""
        self._add_buttons(speed)
        self.controls = Controls(server, driving, self._presses.put)
        camera = session.task.camera
        with server.gui.add_folder("Keys and gamepad", expand_by_default=False):
            server.gui.add_markdown(HELP)
            self._gamepad = Gamepad(server)
        bind_keys(server, self.controls, camera, self._presses.put, self._verbs)
        self._pad = PadDriver(self.controls, camera, self._verbs)
        self._stage.look(camera)
        self._offset, self._scale = (values.numpy() for values in session.task.control_map)

    def _add_buttons(self, speed: float) -> None:
        gui, session = self._server.gui, self._session
        self._verbs: dict[str, Callable[[], None]] = {
            "start": self._start,
            "mark": session.mark,
            "keep": self._keep_attempt,
            "discard": self._discard,
        }
        self._verbs |= {kind: partial(session.strike, kind) for kind in session.kinds}
        self._status = gui.add_markdown("")
        self._begin = gui.add_button("Start", color="green")
        self._attempt = gui.add_button_group("attempt", ("mark", "keep", "discard"), visible=False)
        self._strikes = gui.add_button_group("disturb", session.kinds or ("–",), visible=False)
        self._speed = gui.add_slider("× real time", 0.05, 1.0, 0.05, speed)
        self._forces = gui.add_checkbox("contact forces", True)
        self._begin.on_click(self._pressed("start"))
        for group in (self._attempt, self._strikes):

            @group.on_click
            async def _(event: viser.GuiEvent[viser.GuiButtonGroupHandle]) -> None:
                self._press(event.target.value)

    def _pressed(self, verb: str) -> Callable[[object], None]:
        return lambda _: self._press(verb)

    def _press(self, verb: str) -> None:
        if verb in self._verbs:
            self._presses.put(self._verbs[verb])

    def _start(self) -> None:
        self._said = ""
        self._session.begin()

    def _keep_attempt(self) -> None:
        """What cannot be written stays, to be kept once there is room."""
        if self._session.phase == "ready" or not self._session.steps:
            return
        self._status.content = "Writing …"
        try:
            judged = self._session.played()
            count = self._keep(judged)
        except (InputError, OSError) as error:
            self._said = f"**Not kept.** {error}"
            self._session.end()
            return
        self._said = f"Kept as episode {count - 1}: {_found(judged, self._session.task.judge.primary)}."
        self._renew()

    def _discard(self) -> None:
        if self._session.phase != "ready":
            self._said = "Discarded."
            self._renew()

    def _renew(self) -> None:
        self._session.next()
        self.controls.reset()

    def run(self) -> None:
        """Drive, until the process is asked to end."""
        due = shown = told = time.monotonic()
        before, steps = due, 0
        while True:
            now = time.monotonic()
            self._take(now - before)
            before = now
            period = self._session.task.scene.control_period / self._speed.value
            if self._session.phase == "driven":
                self._session.step(self.controls.action())
                steps += 1
            if now >= shown + _FRAME:
                self._show()
                shown = now
            if now >= told + _TOLD:
                self._rate = steps * self._session.task.scene.control_period / (now - told)
                self._tell()
                told, steps = now, 0
            due = max(due + (period if self._session.phase == "driven" else _FRAME), now - _LATE)
            time.sleep(max(0.0, due - time.monotonic()))

    def _take(self, seconds: float) -> None:
        """Do what was pressed, dragged or steered since the last time."""
        while True:
            try:
                self._presses.get_nowait()()
            except queue.Empty:
                break
        self._pad.drive(self._gamepad.read(), min(seconds, _LATE))

    def _show(self) -> None:
        session = self._session
        if self._built != session.object:
            self._poser = Poser(session.task.scene, session.object)
            self._stage.build(self._poser)
            self._built = session.object
        ctrl = self._offset + self._scale * self.controls.action().astype(np.float64)
        posture = self._poser.pose(session.state, ctrl)
        self._stage.show(posture, session.task.regions, session.touching, self._forces.value)
        hand = self.controls.hand
        self.controls.follow(posture.positions[hand], posture.quaternions[hand])

    def _tell(self) -> None:
        session = self._session
        ready = session.phase == "ready"
        for handle, shown in ((self._begin, ready), (self._attempt, not ready), (self._strikes, session.strikes)):
            if handle.visible != shown:
                handle.visible = shown
        text = self._words()
        if self._status.content != text:
            self._status.content = text

    def _words(self) -> str:
        session = self._session
        seconds = session.steps * session.task.scene.control_period
        head = {"ready": "Ready", "driven": "Recording", "ended": "Ended: keep it or discard it"}[session.phase]
        lines = [f"**{head}** · {session.object} · {seconds:.1f} s"]
        if session.phase == "driven" and self._rate < 0.9 * self._speed.value:
            lines[0] += f" · {self._rate:.2f} × real time"
        names = [name for name, on in zip(session.task.regions, session.touching.tolist(), strict=True) if on]
        lines.append(f"touching: {', '.join(names) or 'nothing'}")
        lines.append(f"happened: {', '.join(self._happened()) or 'nothing yet'}")
        return "  \n".join([*lines, self._said] if self._said else lines)

    def _happened(self) -> list[str]:
        """Marks so far, as far as they are known before the attempt is judged."""
        session = self._session
        judgement, entry = session.environment.judgement, session.environment.entry
        began = int(session.environment.disturbances.began[0])
        steps = {
            "contact entry": int(entry.entry[0]),
            session.disturbance.kind: began,
            "success": int(judgement.first_success[0]),
            "dropped": int(judgement.dropped_at[0]),
        }
        period = session.task.scene.control_period
        own = [f"{name.replace('_', ' ')} at {step * period:.1f} s" for name, step in session.marks.items()]
        return [f"{name} at {step * period:.1f} s" for name, step in steps.items() if step >= 0] + own


def _found(judged: Judged, primary: str) -> str:
    """What the judge found in an episode, in a few words."""
    marks = judged.episode.marks
    outcome = _OUTCOMES[primary] if getattr(judged, primary) else f"no {_OUTCOMES[primary]}"
    told = [name for name in ("disturbed", "lost", "recovered", "dropped") if name in marks]
    entered = "contact entry" if judged.contact_entry >= 0 else "no contact entry"
    return ", ".join([f"{judged.episode.steps} control steps", entered, *told, outcome])
