"""What a process of a local Dask cluster does when it starts: Dask preloads this module."""

from __future__ import annotations

import os
from pathlib import Path

from tasks.job.workflow_server import swap_handlers

LOG_VARIABLE = "WORLDLOOM_PROCESS_LOG"


def dask_setup(_worker: object) -> None:
    """Send to the job's log what would be printed on the terminal."""
    swap_handlers(Path(os.environ[LOG_VARIABLE]))
