"""The command as such: what it lists, how it ends, what goes to which stream."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from regrasp.cli import COMMANDS, GROUPS, main

ALL = [[name] for name in COMMANDS] + [[group, name] for group, (_, members) in GROUPS.items() for name in members]
TEXTBOOK = ["gate", "--bc-success", "0.78", "--contact-entry-rate", "0.86"]


def regrasp(*arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    """The real command in a process of its own."""
    command = [sys.executable, "-c", "import sys; from regrasp.cli import main; sys.exit(main())", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)  # type: ignore[call-overload, no-any-return]


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"• {name}" in text for name in [*COMMANDS, *GROUPS])
    assert "Every case of the panel" not in text  # that belongs to the command's own help


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_every_command_explains_each_of_its_arguments(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    text = capsys.readouterr().out
    assert "--json" in text
    function = COMMANDS[command[0]] if len(command) == 1 else GROUPS[command[0]][1][command[1]]
    documented = (function.__doc__ or "").partition("Args:")[2]
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    assert [name for name in names if f"{name}: " not in documented] == []


def test_the_textbook_example_to_the_letter() -> None:
    done = regrasp(*TEXTBOOK)
    assert done.returncode == 0
    assert done.stdout == '{"phase": "rl_finetune", "bc_success": 0.78, "contact_entry_rate": 0.86}\n'
    assert done.stderr == ""


@pytest.mark.parametrize(("success", "entry"), [("0.7", "0.86"), ("0.78", "0.8"), ("0.1", "0.1")])
def test_at_or_below_either_threshold_cloning_goes_on(
    success: str, entry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gate", "--bc-success", success, "--contact-entry-rate", entry, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"phase": "continue_bc", "bc_success": float(success), "contact_entry_rate": float(entry)}


def test_thresholds_can_be_moved_and_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    rates = ["gate", "--bc-success", "0.1", "--contact-entry-rate", "0.9"]
    assert main([*rates, "--success-threshold", "None"]) == 0
    assert main([*rates, "--success-threshold", "0.05", "--contact-entry-threshold", "0.95"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["phase"], second["phase"]) == ("rl_finetune", "continue_bc")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gate"], "neither rates nor trials"),
        (["gate", "--bc-success", "0.5"], "only one of the two rates"),
        (["gate", "--bc-success", "1.5", "--contact-entry-rate", "0.5"], "1.5"),
        (["gate", "--bc-success", "nan", "--contact-entry-rate", "0.5"], "nan"),
        ([*TEXTBOOK, "--success-threshold", "7"], "threshold success"),
        ([*TEXTBOOK, "--trials", "somewhere"], "rates beside it"),
    ],
)
def test_a_gate_that_is_asked_nonsense(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--json"]) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert words in found.err
    assert found.err.startswith("regrasp: ")
    assert found.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["gates"], ["gate", "--bc-success", "high"], ["evaluate"]])
def test_arguments_that_are_no_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err


def test_help_and_gate_load_neither_torch_nor_the_engine() -> None:
    for arguments in (["--help"], TEXTBOOK):
        code = f"import sys; from regrasp.cli import main; main({arguments!r}); print(sorted(sys.modules))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
        loaded = done.stdout.splitlines()[-1]
        assert not [name for name in ("torch", "mujoco", "matplotlib", "h5py") if f"'{name}'" in loaded]


def test_torch_works_with_one_thread() -> None:
    code = f"from regrasp.cli import main; main({TEXTBOOK!r}); import torch; print(torch.get_num_threads())"
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    assert done.stdout.splitlines()[-1] == "1"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; from regrasp.cli import main; sys.exit(main({TEXTBOOK!r}))"],
        stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_ctrl_c_ends_with_130_and_one_line(tmp_path: Path) -> None:
    out = tmp_path / "panel.json"
    code = (
        # A job in the background of a shell inherits a deaf ear for Ctrl-C, and so would the command.
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from regrasp.cli import main; "
        f"sys.exit(main(['panel', 'make', '--cases', '200000', '--out', {str(out)!r}]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    time.sleep(0.2)
    while process.poll() is None and "mujoco" not in Path(f"/proc/{process.pid}/maps").read_text():
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "regrasp: interrupted.\n")
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path, tmp_path / "file" / "panel.json"):
        assert main(["panel", "make", "--out", str(out), "--cases", "1"]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
