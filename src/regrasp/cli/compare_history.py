"""`regrasp compare` with more than two checkpoints or with a run folder: what each changed, so that nothing hides."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from regrasp.cli.output import emit, history_table
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.cli.judging import Checkpoint
    from regrasp.store.rows import CheckpointRow
