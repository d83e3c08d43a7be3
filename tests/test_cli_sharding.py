"""Cases over several processes: the same rows, and after a kill nothing lost, nothing twice, nobody left behind."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from planar_run import TASK, make_planar_run, stored
from regrasp.cli import main
from regrasp.cli.judging import open_checkpoint
from regrasp.cli.sharding import players
from regrasp.errors import InputError
from regrasp.panel.evaluation import evaluate

CASES = 400
ENDED = 20.0
"""Seconds after which a process that is still there is an orphan."""


def begin(run: Path) -> "subprocess.Popen[str]":
    arguments = ["evaluate", str(run / "checkpoints/bc"), "--panel", str(run / "panel.json"), "--processes", "2"]
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from regrasp.cli import main; "
        f"sys.exit(main({[*arguments, '--json']!r}))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def members(session: int) -> set[int]:
    """Living processes of a session, which all that a command began belong to."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, own = status.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(own) == session and state != "Z":
            found.add(int(status.parent.name))
    return found


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_it_goes_on_and_leaves_nobody_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], how: signal.Signals
) -> None:
    run = tmp_path / "run"
    panel, digests = make_planar_run(run, CASES)
    process = begin(run)
    while process.poll() is None and not stored(run, digests["bc"], panel):
        time.sleep(0.01)
    assert len(members(process.pid)) > 2
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does it: everybody hears it
    else:
        process.send_signal(how)
    _, error = process.communicate(timeout=60)
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL), error
    assert how == signal.SIGKILL or error.splitlines()[-1] == "regrasp: interrupted."
    assert "Traceback" not in error
    deadline = time.monotonic() + ENDED
    while members(process.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not members(process.pid), "orphans"
    before = stored(run, digests["bc"], panel)
    assert 0 < len(before) < CASES, "the kill missed the moments that matter"
    if how == signal.SIGINT:
        return
    assert main(["evaluate", str(run / "checkpoints/bc"), "--panel", str(run / "panel.json"), "--json"]) == 0
    shown = capsys.readouterr()
    assert f'"trials": {CASES}' in shown.out
    missing = CASES - len(before)
    assert f"{missing}/{missing} cases" in shown.err, "it played what was there already, or too little"
    rows = stored(run, digests["bc"], panel)
    assert [row.case for row in rows] == list(range(CASES))
    policy = open_checkpoint(run / "checkpoints/bc").policy
    # On one process, in another batch layout: the same rows.
    assert rows == [row for chunk in evaluate(policy, TASK, panel.cases, threads=2) for row in chunk]


def test_what_goes_wrong_in_a_process_is_said_in_the_first(tmp_path: Path) -> None:
    panel, _ = make_planar_run(tmp_path / "run", 4)
    broken = replace(panel.cases[0], object="no such thing")
    with players(open_checkpoint(tmp_path / "run" / "checkpoints" / "bc"), 1, 2) as play:
        with pytest.raises(InputError, match="found 'no such thing', expected an object"):
            list(play([broken]))
        # That process has ended; waiting for it would never end.
        with pytest.raises(RuntimeError, match="ended before its time"):
            list(play(panel.cases))


def test_a_number_of_processes_below_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "nowhere", "--panel", "nothing", "--processes", "0"]) == 2
    assert "--processes: found 0" in capsys.readouterr().err
