"""A gamepad at whoever looks at the page: the browser reads it (W3C Gamepad API), the page sends it along.

viser has no gamepads. A frame without an address, of the same origin as the page, may read them and type what it reads
into one of the page's own text fields, which viser sends here as it sends every other. So it works wherever the page
does, over the same port. Browsers tell of a gamepad once one of its buttons was pressed, and only where they trust the
page: at localhost, through a tunnel to it, or over HTTPS.
"""

import html
import json
import time
from dataclasses import dataclass

import viser

PREFIX = "pad "
"""What the field's text begins with, by which the frame finds it."""
_STALE = 0.5
"""Seconds after which a gamepad that says nothing has let go: the page was closed or hidden."""
_DEAD = 0.12
"""Deflection of a stick that counts as none."""
_AXES, _BUTTONS = 4, 17
_SCRIPT = """
const page = parent.document, pads = () => [...parent.navigator.getGamepads()].find(pad => pad && pad.connected);
const field = () => [...page.querySelectorAll("input")].find(input => input.value.startsWith("%(prefix)s"));
const type = Object.getOwnPropertyDescriptor(parent.HTMLInputElement.prototype, "value").set;
let last = "", sent = 0;
setInterval(() => {
  const pad = pads(), input = field();
  if (!pad || !input) return;
  const axes = [...pad.axes].slice(0, %(axes)d).map(value => Math.round(value * 100) / 100);
  const buttons = pad.buttons.map(button => Math.round(button.value * 100) / 100);
  const held = JSON.stringify([axes, buttons]), now = Date.now();
  if (held === last && now - sent < 150) return;
  last = held; sent = now;
  type.call(input, "%(prefix)s" + JSON.stringify([axes, buttons, now]));
  input.dispatchEvent(new parent.Event("input", {bubbles: true}));
}, 40);
"""


@dataclass(frozen=True)
class Pad:
    """A gamepad of the standard layout.

    Attributes:
        axes: left stick to the right and down, right stick to the right and down, each in [-1, 1].
        buttons: 17 in [0, 1], in the standard layout's order.
    """

    axes: tuple[float, ...] = (0.0,) * _AXES
    buttons: tuple[float, ...] = (0.0,) * _BUTTONS


AT_REST = Pad()


class Gamepad:
    """The gamepad of whoever looks at the page, if there is one.

    Args:
        server: the page.
    """

    def __init__(self, server: viser.ViserServer) -> None:
        script = _SCRIPT % {"prefix": PREFIX, "axes": _AXES}
        frame = f"<script>{script}</script>"
        self._field = server.gui.add_text("gamepad", f"{PREFIX}none: press a button on it")
        server.gui.add_html(f'<iframe srcdoc="{html.escape(frame)}" style="display: none"></iframe>')
        self._text, self._heard = self._field.value, 0.0
        self._pad = AT_REST

    def read(self) -> Pad:
        """As it is now; at rest where there is none, or nothing was heard of it for half a second."""
        now = time.monotonic()
        if self._field.value != self._text:
            self._text, self._heard = self._field.value, now
            self._pad = parse(self._text)
        return self._pad if now - self._heard < _STALE else AT_REST


def parse(text: str) -> Pad:
    """What the page typed; a gamepad at rest if that is anything else, as a person may type there, too."""
    try:
        axes, buttons, _ = json.loads(text.removeprefix(PREFIX))
        return Pad(_numbers(axes, _AXES, -1.0, _DEAD), _numbers(buttons, _BUTTONS, 0.0, 0.0))
    except (ValueError, TypeError, RecursionError):
        return AT_REST


def _numbers(values: list[float], count: int, low: float, dead: float) -> tuple[float, ...]:
    held = [min(max(float(value), low), 1.0) for value in values[:count]]
    held = [value if value == value and abs(value) > dead else 0.0 for value in held]
    return tuple(held + [0.0] * (count - len(held)))
