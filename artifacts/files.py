"""Durable files in one root: a local folder or any fsspec URL, behind the same nine operations.

Paths are relative to the root and use "/". What is written is whole or not there: a local file is written beside its
place, synced and renamed; an object store puts an object in one piece.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from artifacts.errors import InvalidInput, Unwritable
from artifacts.locking import alone

TEMPORARY = ".tmp-"
"""What the names of unfinished files and folders start with; readers skip them."""

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)(?:://|::)")


class Entry(NamedTuple):
    """A file that is there, finished or not: its path, its size in bytes, and when it was last changed (UTC; None where unknown)."""

    path: str
    size: int
    modified: datetime | None


class Files(Protocol):
    """The files under one root."""

    root: str

    def __hash__(self) -> int:
        """By identity: what is remembered of one root's files is remembered for that object."""

    def read(self, path: str) -> bytes:
        """A file's bytes; raises FileNotFoundError where there is none."""

    def size(self, path: str) -> int | None:
        """A regular file's size in bytes, or None where there is none."""

    def names(self, folder: str) -> tuple[str, ...]:
        """What a folder holds, sorted, unfinished things left out; empty where there is no folder."""

    def write(self, path: str, data: bytes) -> None:
        """Puts a whole file in place, replacing what was there."""

    def create(self, path: str, data: bytes) -> None:
        """Puts a whole file where none is; raises FileExistsError when another writer was first."""

    def write_folder(self, path: str, files: Mapping[str, bytes]) -> None:
        """Puts a whole folder where none is; the last entry becomes visible last; raises FileExistsError."""

    def entries(self, folder: str) -> tuple[Entry, ...]:
        """Every file in a folder and those below it, unfinished ones too, sorted by path."""

    def delete(self, path: str) -> None:
        """Takes a file away, and the folder that it leaves empty; nothing where there is none."""

    def locate(self, path: str) -> str:
        """The absolute path or URL, for people and for other programs."""

    def in_turn(self) -> AbstractContextManager[None]:
        """Wait until no other writer of this machine is about to publish; where writers cannot see each other, do not wait."""


def scheme_of(url: str) -> str:
    """The scheme of a URL, "file" for a plain path."""
    found = _SCHEME.match(url)
    return found.group(1).lower() if found else "file"


def local_path(url: str) -> Path | None:
    """The absolute folder that a path or file:// URL means, None for a remote URL."""
    if scheme_of(url) not in ("file", "local"):
        return None
    if not url.strip():
        raise InvalidInput("The name of the store is empty.", "Give a folder such as ./loom.")
    if "\0" in url:
        raise InvalidInput(f"{url!r} is not a path: it holds a NUL.", "Give a folder such as ./loom.")
    try:
        return Path(os.path.abspath(Path(_SCHEME.sub("", url)).expanduser()))
    except (ValueError, RuntimeError) as problem:
        raise InvalidInput(f"{url!r} is not a path: {problem}.", "Give a folder such as ./loom.") from problem


def files_at(url: str) -> Files:
    """The files under a folder or a URL; touches nothing yet.

    Raises UnknownName for a scheme that fsspec does not know or whose package is not installed.
    """
    folder = local_path(url)
    if folder is not None:
        return LocalFiles(folder)
    from artifacts.remote import RemoteFiles  # where a world runs in an image, there are no remote stores and not their packages

    return RemoteFiles(url)


def refused(where: str, problem: OSError | NotImplementedError) -> Unwritable:
    """The one line for a place that cannot be written."""
    if isinstance(problem, NotImplementedError):
        return Unwritable(f"{where} can only be read.", "Choose a folder or another URL.")
    if isinstance(problem, FileExistsError | NotADirectoryError):
        return Unwritable(f"{where} cannot be made: a file stands where a folder should be.", "Choose another folder.")
    reason = problem.strerror or str(problem) or type(problem).__name__
    return Unwritable(f"{where} cannot be written: {reason}.", "Check its owner and free space, or choose another folder.")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, durably; raises OSError."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for place in missing:
        _sync_folder(place.parent)


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _temporary(beside: Path) -> Path:
    return beside.with_name(f"{TEMPORARY}{beside.name[:80]}-{secrets.token_hex(6)}")


class LocalFiles:
    """Files in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = str(folder)

    def read(self, path: str) -> bytes:
        """A file's bytes; raises FileNotFoundError where there is none."""
        return (self.folder / path).read_bytes()

    def size(self, path: str) -> int | None:
        """A regular file's size in bytes, or None where there is none."""
        try:
            found = (self.folder / path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def names(self, folder: str) -> tuple[str, ...]:
        """What a folder holds, sorted, unfinished things left out; empty where there is no folder."""
        try:
            return tuple(sorted(name for name in os.listdir(self.folder / folder) if not name.startswith(TEMPORARY)))
        except (FileNotFoundError, NotADirectoryError):
            return ()

    def write(self, path: str, data: bytes) -> None:
        """Puts a whole file in place, replacing what was there."""
        self._place(path, data, os.replace)

    def create(self, path: str, data: bytes) -> None:
        """Puts a whole file where none is; raises FileExistsError when another writer was first.

        A hard link is the one call that both names a finished file and fails where the name is taken.
        """
        self._place(path, data, os.link)

    def write_folder(self, path: str, files: Mapping[str, bytes]) -> None:
        """Puts a whole folder where none is, by one rename; raises FileExistsError."""
        target = self.folder / path
        make_folder(target.parent)
        temporary = _temporary(target)
        try:
            temporary.mkdir()
            for name, data in files.items():
                _write_synced(temporary / name, data)
            _sync_folder(temporary)
            _rename_folder(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        _sync_folder(target.parent)

    def entries(self, folder: str) -> tuple[Entry, ...]:
        """Every file in a folder and those below it, unfinished ones too, sorted by path."""
        found = (Path(place) / name for place, _, names in os.walk(self.folder / folder) for name in names)
        return tuple(sorted(entry for file in found for entry in self._entry(file)))

    def _entry(self, file: Path) -> Iterator[Entry]:
        with suppress(FileNotFoundError):  # another process may have taken it away since it was listed
            seen = file.stat()
            yield Entry(file.relative_to(self.folder).as_posix(), seen.st_size, datetime.fromtimestamp(seen.st_mtime, UTC))

    def delete(self, path: str) -> None:
        """Takes a file away, and the folder that it leaves empty; nothing where there is none."""
        target = self.folder / path
        with suppress(FileNotFoundError):
            target.unlink()
        with suppress(OSError):  # not empty, or gone
            if target.parent != self.folder:
                target.parent.rmdir()

    def locate(self, path: str) -> str:
        """The absolute path."""
        return str(self.folder / path)

    def in_turn(self) -> AbstractContextManager[None]:
        """Wait until no other writer of this machine is about to publish."""
        return alone(self.folder / ".worldloom")

    def _place(self, path: str, data: bytes, settle: Any) -> None:
        target = self.folder / path
        make_folder(target.parent)
        temporary = _temporary(target)
        try:
            _write_synced(temporary, data)
            settle(temporary, target)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()
        _sync_folder(target.parent)


def _rename_folder(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError as problem:
        if problem.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from problem
        raise
