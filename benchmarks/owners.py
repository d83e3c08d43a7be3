"""The formats before their owners: their packages open what regrasp writes, regrasp opens what they write.

    make owners                                     # builds .venv-owners with their packages, and runs this
    python benchmarks/owners.py robomimic lerobot   # some of them

The packages need other versions than regrasp's, so they run in an environment of their own, `.venv-owners`, by the
scripts in `benchmarks/by_owners`, without a network. Every value is compared: "to the bit" is the same type, shape and
bytes; what is read otherwise is named. Prints a table; ends with 1 if a check fails.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from owner_checks import CHECKS, Check
from owner_sides import PYTHON, Differs
from rich.console import Console
from rich.table import Table

from regrasp.errors import InputError

ABSENT = f"no {PYTHON.parents[1].name} here: `make owners` builds it, from the registry, in some minutes"


def ask(check: Check) -> str:
    """One check, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return check.answer(Path(folder))


def versions(packages: set[str]) -> dict[str, str]:
    """Of the owners' packages."""
    source = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    names = sorted(packages)
    found = subprocess.run([PYTHON, "-c", source, *names], capture_output=True, text=True, check=True)
    return dict(zip(names, found.stdout.split(), strict=True))


def answered(checks: list[Check]) -> Iterator[tuple[Check, bool, str]]:
    """Each check, whether it holds, and what was found."""
    for check in checks:
        try:
            yield check, True, ask(check)
        except (Differs, InputError) as error:
            yield check, False, str(error)


def main() -> int:
    """Asks all owners, or some."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    names = sorted({check.package for check in CHECKS})
    parser.add_argument("packages", nargs="*", default=[], help=", ".join(names))
    given = parser.parse_args()
    if unknown := set(given.packages) - set(names):
        parser.error(f"no checks of {', '.join(sorted(unknown))}; there are those of {', '.join(names)}")
    if not PYTHON.is_file():
        print(ABSENT, file=sys.stderr)
        return 2
    chosen = [check for check in CHECKS if check.package in (given.packages or names)]
    known, console, sound = versions({check.package for check in chosen}), Console(), True
    table = Table("package", "", "what", "found")
    for check, holds, found in answered(chosen):
        sound &= holds
        console.print(("✓ " if holds else "✗ ") + check.name, highlight=False)
        table.add_row(
            f"{check.package} {known[check.package]}", check.does, check.files, found if holds else f"✗ {found}"
        )
    console.print(table)
    return 0 if sound else 1


if __name__ == "__main__":
    raise SystemExit(main())
