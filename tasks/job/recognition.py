"""Recognising what went wrong: any exception as one of ours, so that it is told in one line and blamed on who can mend it."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from artifacts.errors import DiskFull, InvalidInput, ServerUnavailable, Unwritable, WorldloomError

FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
CLOSED = frozenset((errno.EROFS, errno.EACCES, errno.EPERM))
SQLITE_CLOSED = frozenset((sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM))
CLIENTS = ("httpx", "httpcore", "prefect", "websockets", "sqlalchemy")
"""The libraries that speak with the workflow server: what they raise is its trouble."""

LEAST_ROOM = 1 << 20
"""Fewer free bytes than this, and a disk counts as full."""


def recognized(error: BaseException, home: Path | None = None) -> WorldloomError | None:
    """The error as one of ours, looked for along its causes; None for a fault of our own.

    With `home`, trouble of the workflow server whose database lies on a full disk is the disk's.
    """
    for link in chain(error):
        found = _as_ours(link)
        if found is not None:
            return found
    if not any(type(link).__module__.startswith(CLIENTS) for link in chain(error)):
        return None
    if home is not None and room(home) < LEAST_ROOM:
        return _full(home)
    said = " ".join(str(error).split())[:200] or type(error).__name__
    hint = "See that it runs, then run the same again to resume."
    return ServerUnavailable(f"The workflow server does not answer as it should: {said}", hint)


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and what caused it, the outermost first."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def room(folder: Path) -> int:
    """The free bytes of the disk that a folder is on (or will be)."""
    there = next((path for path in (folder, *folder.resolve().parents) if path.exists()), Path("/"))
    found = os.statvfs(there)
    return found.f_bavail * found.f_frsize


def _as_ours(error: BaseException) -> WorldloomError | None:
    if isinstance(error, WorldloomError):
        return error
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return _full(None) if code == sqlite3.SQLITE_FULL else _closed(str(error)) if code in SQLITE_CLOSED else None
    if isinstance(error, OSError) and error.errno in FULL:
        return _full(error.filename)
    if isinstance(error, OSError) and error.errno in CLOSED:
        return _closed(f"{error.filename or 'a file'}: {error.strerror}")
    if type(error).__name__ == "ComputeError" and str(error).startswith("parquet:"):  # polars'
        return InvalidInput(f"A table cannot be read: {str(error)[:200]}.", "`worldloom fsck` names the file; with --repair it is mended.")
    return None


def _full(where: object) -> DiskFull:
    at = f" at {os.fspath(where)}" if isinstance(where, str | Path) else ""
    return DiskFull(f"The disk is full{at}.", "Make room, then run the same again to resume: what was finished is kept.")


def _closed(said: str) -> Unwritable:
    return Unwritable(f"The store cannot be written: {said}.", "Choose a store in a folder that you may write.")
