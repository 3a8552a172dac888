"""Files under an fsspec URL. An object store fails at times, lists late, and may not say whether a put was carried out.

What may pass is tried again, here and nowhere else; what does not is `StoreUnavailable`, which loses nothing: a commit that is carried
out again finds what it wrote.
"""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from artifacts.errors import InvalidInput, StoreUnavailable, UnknownName
from artifacts.files import TEMPORARY, Entry, scheme_of

R = TypeVar("R")

TRIES = 6
PAUSE_SECONDS = 0.2
"""The first pause before another try; each next one is about twice as long."""

SETTLED = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError)
HOPELESS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENAMETOOLONG, errno.EINVAL))
CLIENTS = ("aiohttp", "botocore", "gcsfs", "azure", "google", "requests", "urllib3", "paramiko")
"""The libraries that speak with object stores: what they raise by names of their own is the network's or the service's trouble."""


def may_pass(problem: BaseException) -> bool:
    """Whether an object store may answer if it is asked again."""
    if isinstance(problem, OSError):
        return not isinstance(problem, SETTLED) and problem.errno not in HOPELESS
    return type(problem).__module__.startswith(CLIENTS)


class RemoteFiles:
    """Files under an fsspec URL; an object is put in one piece, a folder has its last entry put last.

    Every call raises StoreUnavailable where the object store does not answer after some tries.
    """

    def __init__(self, url: str) -> None:
        self.fs, self.base = _filesystem(url)
        self.root = url.rstrip("/")

    def read(self, path: str) -> bytes:
        """A file's bytes; raises FileNotFoundError where there is none."""
        data: bytes = self._asked(path, lambda: self.fs.cat_file(self._full(path)))
        return data

    def size(self, path: str) -> int | None:
        """A file's size in bytes, or None where there is none."""
        try:
            found = self._asked(path, lambda: self._fresh().info(self._full(path)))
        except FileNotFoundError:
            return None
        return int(found["size"]) if found["type"] == "file" else None

    def names(self, folder: str) -> tuple[str, ...]:
        """What a folder holds, sorted, unfinished things left out; empty where there is no folder."""
        try:
            entries = self._asked(folder, lambda: self._fresh().ls(self._full(folder), detail=False))
        except (FileNotFoundError, NotADirectoryError):
            return ()
        names = (str(entry).rstrip("/").rpartition("/")[2] for entry in entries)
        return tuple(sorted(name for name in names if name and not name.startswith(TEMPORARY)))

    def write(self, path: str, data: bytes) -> None:
        """Puts a whole file in place, replacing what was there."""
        self._parent(path)
        self._asked(path, lambda: self.fs.pipe_file(self._full(path), data))

    def create(self, path: str, data: bytes) -> None:
        """Puts a whole file where none is; raises FileExistsError when another writer was first.

        A put that failed may have been carried out, or in part. So from the second try on, a file of these very bytes is ours, and so
        is a torn one that they begin with.
        """
        self._parent(path)
        for attempt in self._tries(path):
            with attempt:
                try:
                    self.fs.pipe_file(self._full(path), data, mode="create")
                except FileExistsError:
                    if attempt.retry_state.attempt_number == 1 or not data.startswith(found := self.fs.cat_file(self._full(path))):
                        raise
                    if found != data:
                        self.fs.pipe_file(self._full(path), data)

    def write_folder(self, path: str, files: Mapping[str, bytes]) -> None:
        """Puts the files of a folder in their order: the last one makes the others count; raises FileExistsError."""
        if self.size(f"{path}/{list(files)[-1]}") is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self.locate(path))
        for name, data in files.items():
            self.write(f"{path}/{name}", data)

    def entries(self, folder: str) -> tuple[Entry, ...]:
        """Every object below a folder, sorted by path."""
        try:
            found = self._asked(folder, lambda: self._fresh().find(self._full(folder), detail=True))
        except FileNotFoundError:
            return ()
        return tuple(sorted(Entry(self._relative(name), int(seen["size"]), _modified(seen)) for name, seen in found.items()))

    def delete(self, path: str) -> None:
        """Takes an object away; nothing where there is none."""
        with suppress(FileNotFoundError):
            self._asked(path, lambda: self.fs.rm_file(self._full(path)))

    def locate(self, path: str) -> str:
        """The URL."""
        return f"{self.root}/{path}" if path else self.root

    def in_turn(self) -> AbstractContextManager[None]:
        """Writers on an object store cannot see each other: nobody waits, and who comes second tries again."""
        return nullcontext()

    def _asked(self, path: str, call: Callable[[], R]) -> R:
        return self._tries(path)(call)

    def _tries(self, path: str) -> Retrying:
        def over(state: RetryCallState) -> Any:
            problem = state.outcome.exception() if state.outcome else None
            said = " ".join(f"{problem}".split()) or type(problem).__name__
            hint = "Run the same again when it does; nothing that was acknowledged is lost."
            raise StoreUnavailable(f"{self.locate(path)} does not answer, after {TRIES} tries: {said}.", hint) from problem

        pause = wait_random_exponential(multiplier=PAUSE_SECONDS, max=5)
        return Retrying(retry=retry_if_exception(may_pass), stop=stop_after_attempt(TRIES), wait=pause, retry_error_callback=over)

    def _fresh(self) -> Any:
        """The filesystem without what it remembers of listings: another writer's files have to be seen."""
        self.fs.invalidate_cache()
        return self.fs

    def _full(self, path: str) -> str:
        return f"{self.base}/{path}".rstrip("/")

    def _relative(self, name: str) -> str:
        return name.removeprefix(self.base).lstrip("/")

    def _parent(self, path: str) -> None:
        self._asked(path, lambda: self.fs.makedirs(self._full(path).rpartition("/")[0], exist_ok=True))


def _modified(seen: Mapping[str, Any]) -> datetime | None:
    """When an object was last changed, under any of the names that filesystems give it."""
    for name in ("LastModified", "last_modified", "updated", "mtime", "created"):
        value = seen.get(name)
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
    return None


def _filesystem(url: str) -> tuple[Any, str]:
    fsspec: Any = import_module("fsspec")
    registry: Any = import_module("fsspec.registry")
    scheme = scheme_of(url)
    known = sorted({*registry.known_implementations, *registry.registry})
    if scheme not in known:
        near = difflib.get_close_matches(scheme, known, n=3)
        hint = f"Did you mean {' or '.join(near)}?" if near else "Use a folder, or a URL such as s3://bucket/loom."
        raise UnknownName(f"Unknown store scheme '{scheme}' in {url}.", hint)
    try:
        filesystem, base = fsspec.core.url_to_fs(url)
    except ImportError as problem:
        raise UnknownName(f"The store scheme '{scheme}' needs a package that is not installed.", f"{problem}.") from problem
    except ValueError as problem:
        raise InvalidInput(f"{url} cannot be used: {problem}.", "Give a URL such as s3://bucket/loom.") from problem
    return filesystem, str(base).rstrip("/")
