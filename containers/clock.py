"""World time: every date function of SQLite reads the world's clock, through a VFS whose current time is set by the caller."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import apsw

from artifacts.errors import InvalidInput
from artifacts.world import Clock

VFS_NAME = "worldloom-clock"
_JULIAN_EPOCH_MS = 210_866_760_000_000
"""Milliseconds between the start of the Julian day count and 1970."""

_EPOCH = datetime(1970, 1, 1)
_FORM = "%Y-%m-%d %H:%M:%S"


class Instant(NamedTuple):
    """One moment of a world: SQLite's milliseconds, and the texts that `:now` and `:today` bind."""

    julian_ms: int
    now: str
    today: str


@lru_cache(maxsize=4096)
def instant(clock: str, seconds: int) -> Instant:
    """The moment `seconds` after the clock's start; raises InvalidInput for a start that is no `YYYY-MM-DD HH:MM:SS`."""
    try:
        moment = datetime.strptime(clock, _FORM) + timedelta(seconds=seconds)
    except (ValueError, OverflowError) as trouble:
        raise InvalidInput(f"The clock cannot start at '{clock}'.", "Write it as YYYY-MM-DD HH:MM:SS.") from trouble
    julian = round((moment - _EPOCH).total_seconds() * 1000) + _JULIAN_EPOCH_MS
    return Instant(julian, moment.strftime(_FORM), moment.strftime("%Y-%m-%d"))


def start_of(clock: Clock) -> Instant:
    """The world's first moment."""
    return instant(clock.start, 0)


class _Now(threading.local):
    julian_ms = _JULIAN_EPOCH_MS


_now = _Now()


def set_now(moment: Instant) -> None:
    """What SQLite takes for the current time in this thread until it is set again."""
    _now.julian_ms = moment.julian_ms


class _ClockVFS(apsw.VFS):
    """SQLite's memory file system with another clock; no connection through it ever opens a file."""

    def __init__(self) -> None:
        super().__init__(VFS_NAME, base="memdb")

    def xCurrentTimeInt64(self) -> int:  # noqa: N802 - SQLite's own name
        return _now.julian_ms

    def xCurrentTime(self) -> float:  # noqa: N802 - SQLite's own name
        return _now.julian_ms / 86_400_000


_VFS = _ClockVFS()
"""Registered for the life of the process; connections name it."""
