"""The page's server: one network port, on this machine alone unless asked otherwise."""

import contextlib
import io
import os
import socket
from collections.abc import Iterator

import viser

from regrasp.errors import InputError


@contextlib.contextmanager
def serving(host: str, port: int, title: str) -> Iterator[viser.ViserServer]:
    """A page at a port of this machine, any free one if it is 0.

    Raises:
        InputError: the port cannot be had.
    """
    chosen = _free(host, port)
    # It announces itself, and its end, on standard output, which belongs to the command's result.
    with contextlib.redirect_stdout(io.StringIO()):
        server = viser.ViserServer(host=host, port=chosen, verbose=False)
    try:
        server.gui.configure_theme(control_width="large", show_share_button=False, show_logo=False)
        server.gui.set_panel_label(title)
        yield server
    finally:
        with contextlib.redirect_stdout(io.StringIO()):
            server.stop()


def address(server: viser.ViserServer) -> str:
    """Where a browser finds the page."""
    host = server.get_host()
    return f"http://{'localhost' if host in ('0.0.0.0', '::') else host}:{server.get_port()}"


def _free(host: str, port: int) -> int:
    """The port, if it can be had: viser itself would quietly take another."""
    if not 0 <= port <= 65535:
        raise InputError("--port", "", str(port), "a number from 0 to 65535; 0 takes any free port")
    try:
        with socket.create_server((host, port)) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        # A name that cannot be resolved has a negative number, of which the system knows nothing.
        number = error.errno or 0
        reason = (os.strerror(number) if number > 0 else error.strerror or str(error)).lower()
        found = f"{host}, port {port}, which cannot be had ({reason})"
        raise InputError("--port", "", found, "a free port; 0 takes any") from error
