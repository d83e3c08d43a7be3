"""The contract of a task: what the environment, the judge, the panel and the learning code rely on, as checks.

Every check looks at the record from outside: it builds worlds, steps them, and reads what they show. A fault is
explained in a sentence that says what was found, what is expected, and how to mend it.
"""

from regrasp.tasks.contract.check import CHECKS, check_task
from regrasp.tasks.contract.finding import Finding

__all__ = ["CHECKS", "Finding", "check_task"]
