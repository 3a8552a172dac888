"""The ranks of a job: how they start, agree on figures, and end together."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import torch
import torch.distributed as dist

from artifacts.errors import WorldloomError
from artifacts.files import refused

FAILURE = "failure.json"
WATCHED = "WORLDLOOM_WATCHED"
"""Set where the job's standard input is held open by who started it: its end is the job's end."""

ReduceName = Literal["sum", "max"]


def gather(value: Any) -> list[Any]:
    """A value of every rank, in the order of the ranks."""
    found: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(found, value)
    return found


def agreed(values: list[float], how: ReduceName, device: torch.device) -> list[float]:
    """Figures of all ranks, added up or the greatest of each, in float64 (float32 where the device has nothing better)."""
    tensor = torch.tensor(values, dtype=torch.float64, device=device)
    dist.all_reduce(tensor, dist.ReduceOp.SUM if how == "sum" else dist.ReduceOp.MAX)
    return [float(value) for value in tensor]


def first() -> bool:
    """Whether this is the rank that writes."""
    return dist.get_rank() == 0


def meet() -> None:
    """Waits until all ranks of the job are there."""
    deepspeed: Any = import_module("deepspeed")
    if not torch.cuda.is_available():  # it would compile a collective of its own for a minute; gloo has one
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    deepspeed.init_distributed(dist_backend="nccl" if torch.cuda.is_available() else "gloo")


def watch_parent() -> None:
    """End this process at once when the one that started the job is gone, so that a killed job leaves none behind."""
    if os.environ.get(WATCHED) != "1":
        return

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def led(folder: Path, job: Callable[[], None]) -> int:
    """Runs a rank's job; an error is one line, kept in the job's folder for whoever started it. Gives the exit code."""
    try:
        job()
    except OSError as problem:
        return _tell(folder, refused(problem.filename or str(folder), problem))
    except WorldloomError as error:
        return _tell(folder, error)
    return 0


def _tell(folder: Path, error: WorldloomError) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    said = {"kind": type(error).__name__, "message": error.message, "hint": error.hint}
    with suppress(OSError):  # a full disk: the job's log has it too
        (folder / FAILURE).write_text(json.dumps(said), encoding="utf-8")
    sys.stderr.write(f"error: {error.message} {error.hint}\n")
    sys.stderr.flush()
    return error.exit_code
