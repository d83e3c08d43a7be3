"""Headless Chromium on a page of `regrasp record` or `regrasp watch`, and the command that serves the page."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver.common.action_chains import ActionChains

FLAGS = (
    "--headless --no-sandbox --use-angle=swiftshader --enable-unsafe-swiftshader --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync --hide-scrollbars --window-size=800,480"
)
PATIENCE = 120
"""Seconds that anything on a page may take, on a machine that has other work."""


@contextmanager
def served(*arguments: str, errors: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command at work, and the address of its page."""
    # Whatever a shell starts in the background ignores Ctrl-C, and so would all that it starts.
    heeding = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{heeding}; from regrasp.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, *arguments, "--port", "0"]
    with errors.open("w") as log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process:
        try:
            wait(lambda: "http://" in errors.read_text() or process.poll() is not None)
            told = errors.read_text()
            assert "http://" in told, told
            yield process, next(word for word in told.split() if word.startswith("http://"))
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Ctrl-C: exit code, and what it printed."""
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, printed


def killed(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def wait(true: Callable[[], Any], what: str = "something") -> Any:
    """Until it is true."""
    end = time.monotonic() + PATIENCE
    while not (found := true()):
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.1)
    return found


class Page:
    """What a person does on a page.

    Args:
        driver: selenium's.
    """

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, address: str) -> None:
        self.driver.get("about:blank")
        self.driver.get_log("browser")  # a page whose server has ended asks for it again and again
        self.driver.get(address)

    def text(self) -> str:
        return str(self.driver.execute_script("return document.body ? document.body.innerText : ''"))

    def sees(self, text: str) -> None:
        wait(lambda: text in self.text(), f"{text!r} on the page")

    def press(self, button: str) -> None:
        """Click the button with this label, once it is there."""
        script = (
            "return [...document.querySelectorAll('button')].find(b => b.innerText.trim() === arguments[0]) || null"
        )
        wait(lambda: self.driver.execute_script(script, button), f"the button {button!r}").click()

    def key(self, key: str, times: int = 1) -> None:
        for _ in range(times):
            self.driver.find_element("tag name", "body").send_keys(key)

    def type(self, label: str, value: str) -> None:
        """Type a number beside the slider with this label."""
        script = """
        const label = [...document.querySelectorAll('label')].find(one => one.innerText.trim() === arguments[0]);
        if (!label) return null;
        for (let node = label; node; node = node.parentElement) {
          const input = node.querySelector('input[inputmode]'); if (input) return input; }
        return null;"""
        field = wait(lambda: self.driver.execute_script(script, label), f"the slider {label!r}")
        field.click()
        field.send_keys("\ue009a\ue000" + value + "\ue006")

    def values(self, labels: list[str]) -> list[float]:
        """The numbers beside the sliders with these labels."""
        script = """
        const inputs = [...document.querySelectorAll('label')].map(label => {
          let node = label; while (node && !node.querySelector('input[inputmode]')) node = node.parentElement;
          return [label.innerText.trim(), node && node.querySelector('input[inputmode]').value]; });
        return Object.fromEntries(inputs);"""
        shown = self.driver.execute_script(script)
        return [float(shown[label]) for label in labels]

    def drag(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the mouse at one place of the window [pixels], move it to another and let go."""
        chain = ActionChains(self.driver)
        pointer = chain.w3c_actions.pointer_action
        pointer.move_to_location(*map(round, begin))
        pointer.pause(1)
        pointer.pointer_down()
        for share in (0.2, 0.4, 0.6, 0.8, 1.0):
            pointer.move_to_location(*(round(b + share * (e - b)) for b, e in zip(begin, end, strict=True)))
            pointer.pause(0.3)
        pointer.pointer_up()
        chain.perform()
