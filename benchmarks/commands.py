"""How benchmarks run the command: as a user does, in a process of its own."""

import json
import subprocess
import sys
from typing import Any


def regrasp(*arguments: str) -> dict[str, Any]:
    """One command; its last line is a JSON object."""
    start = "import sys; from regrasp.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", start, *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
