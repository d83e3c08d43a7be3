"""The `regrasp` command: its subcommands, one file each, and how any of them ends.

The files here import torch, the engine and SciPy inside their functions, so that `--help` answers at once.
"""

import errno
import os
import sys
from collections.abc import Callable, Sequence

import tyro
from tyro.extras import SubcommandApp

from regrasp.cli.audit import audit
from regrasp.cli.bench import simulation
from regrasp.cli.bench_evaluation import evaluation
from regrasp.cli.bench_objects import objects
from regrasp.cli.compare import compare
from regrasp.cli.demos import info as demos_info
from regrasp.cli.demos_advise import advise
from regrasp.cli.demos_check import check as demos_check
from regrasp.cli.demos_convert import convert, merge, split
from regrasp.cli.demos_curate import curate
from regrasp.cli.demos_record import record as demos_record
from regrasp.cli.demos_show import show as demos_show
from regrasp.cli.diagnose import diagnose
from regrasp.cli.evaluate import evaluate
from regrasp.cli.gate import gate
from regrasp.cli.panel import info as panel_info
from regrasp.cli.panel import make
from regrasp.cli.panel_check import check as panel_check
from regrasp.cli.panel_plan import plan as panel_plan
from regrasp.cli.plan import plan
from regrasp.cli.record import record
from regrasp.cli.report import report
from regrasp.cli.run import run
from regrasp.cli.show import tasks as show_tasks
from regrasp.cli.show_trial import trial as show_trial
from regrasp.cli.tasks import check, list_tasks
from regrasp.cli.watch import watch
from regrasp.errors import InputError
from regrasp.reinforcement.diverged import Diverged

Commands = dict[str, Callable[..., None]]
COMMANDS: Commands = {
    "run": run,
    "gate": gate,
    "evaluate": evaluate,
    "compare": compare,
    "audit": audit,
    "diagnose": diagnose,
    "report": report,
    "record": record,
    "watch": watch,
}
GROUPS: dict[str, tuple[str, Commands]] = {
    "tasks": (
        "List the built-in tasks (list), or check that one keeps the contract (check).",
        {"list": list_tasks, "check": check},
    ),
    "demos": (
        "Look into a demonstration file (info), draw it (show), ask whether it is good enough (check), leave out"
        " what it is better without (curate), make one (record, plan), ask what to record next (advise), or write files"
        " in another format (convert), joined (merge) or divided (split).",
        {
            "info": demos_info,
            "show": demos_show,
            "check": demos_check,
            "curate": curate,
            "record": demos_record,
            "plan": plan,
            "advise": advise,
            "convert": convert,
            "merge": merge,
            "split": split,
        },
    ),
    "show": (
        "Draw every task and its objects (tasks), or a case of a panel as a policy plays it (trial).",
        {"tasks": show_tasks, "trial": show_trial},
    ),
    "panel": (
        "Look into a panel file (info), make one (make), check it (check), or plan how many cases it needs (plan).",
        {"info": panel_info, "make": make, "check": panel_check, "plan": panel_plan},
    ),
    "bench": (
        "Measure how fast this machine simulates (simulation), what judging costs beside the engine (evaluation), and"
        " what many objects in one batch cost (objects).",
        {"simulation": simulation, "evaluation": evaluation, "objects": objects},
    ),
}
DESCRIPTION = (
    "Turns a few dexterous demonstrations into a policy that enters contact, finishes the task and recovers, and proves"
    " it. Every command explains itself with --help, and prints one JSON object for programs with --json."
)
# A path that cannot be used is the caller's to change; any other failure of the system is not.
_UNUSABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EISDIR, errno.ENOTDIR, errno.EEXIST}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    It is 0, 1 if a check failed or learning diverged, 2 for bad input, 130 after Ctrl-C, 141 if nobody reads on.

    Args:
        arguments: of the command, `sys.argv[1:]` if left out.
    """
    # One torch thread: a second one beside the engine's threads makes small networks ten times slower. Torch reads this
    # when it is first imported, which only some commands do.
    os.environ["OMP_NUM_THREADS"] = "1"
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        _application(given).cli(
            prog="regrasp", description=DESCRIPTION, args=given, config=(tyro.conf.FlagCreatePairsOff,)
        )
        sys.stdout.flush()
    except SystemExit as end:  # the parser's: 0 after --help, 2 for arguments that it does not understand
        return end.code if isinstance(end.code, int) else 2
    except (InputError, Diverged) as error:
        return _say(str(error), 2 if isinstance(error, InputError) else 1)
    except KeyboardInterrupt:
        return _say("interrupted.", 130)
    except BrokenPipeError:
        # Otherwise Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.errno not in _UNUSABLE or not error.filename:
            raise
        return _say(f"{error.filename}: found {(error.strerror or 'an error').lower()}, expected a usable place.", 2)
    return 0


def _say(sentence: str, code: int) -> int:
    print(f"regrasp: {' '.join(sentence.split())}", file=sys.stderr)
    return code


def _application(given: Sequence[str]) -> SubcommandApp:
    application = SubcommandApp()
    _register(application, COMMANDS, given)
    for name, (description, members) in GROUPS.items():
        group = SubcommandApp()
        _register(group, members, given)
        application.command(group, name=name, help=description)
    return application


def _register(application: SubcommandApp, commands: Commands, given: Sequence[str]) -> None:
    """Lists of commands show the first line of each docstring, a command's own help all of it."""
    for name, function in commands.items():
        summary = (function.__doc__ or "").partition("\n")[0]
        application.command(name=name, help=None if name in given else summary)(function)
