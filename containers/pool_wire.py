"""What a pool and its workers say to each other: frames of plain values, and the jobs that they carry.

A frame is eight bytes of length and a marshalled list. Marshal carries plain values only, so nothing is imported or run by reading one,
and it is as fast as pickle; both ends run the same interpreter.
"""

from __future__ import annotations

import json
import marshal
from collections.abc import Callable, Iterator
from typing import Any

LENGTH = 8
CHUNK = 1 << 20

CALL, OPEN, PREPARE, SCORE, DIGEST, DIFFERENCE, TOOLS, RELEASE, SOURCE, FORGET = range(10)
"""The kinds of jobs.

(CALL, ticket, environment, seconds, tool, arguments), (SCORE, ticket, environment, seconds, task, answer),
(DIGEST | DIFFERENCE | TOOLS, ticket, environment, seconds), (OPEN | PREPARE, ticket, environment, seconds, world),
(RELEASE, 0, environment, seconds), (SOURCE, 0, world, seconds, JSON of a draft), (FORGET, 0, world, seconds). A ticket other than 0 is
answered once: (ticket, value, error, message), or with (ticket, the hint, the name of an error of `artifacts.errors`, message).
"""

LOST = "lost"
LATE = "late"
"""The errors of an answer whose environment is gone: with its worker, or because a job took longer than its deadline."""

_PLAIN = (str, bool, int, float)
_MAX_DEPTH = 64
_MAX_PARTS = 200_000


def frame_of(messages: list[Any]) -> bytes:
    """The frame of some messages; raises ValueError where one holds a value that is not plain."""
    body = marshal.dumps(messages)
    return len(body).to_bytes(LENGTH, "little") + body


def frame_of_jobs(jobs: list[tuple[Any, ...]]) -> bytes:
    """The frame of some jobs, whatever values their callers put in."""
    try:
        return frame_of(jobs)
    except ValueError:
        return frame_of([_plain_job(job) for job in jobs])


class Frames:
    """Puts received bytes together again."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[list[Any]]:
        """The messages of every frame that is whole now."""
        self._bytes += data
        while len(self._bytes) >= LENGTH:
            end = LENGTH + int.from_bytes(self._bytes[:LENGTH], "little")
            if len(self._bytes) < end:
                return
            with memoryview(self._bytes) as view:
                messages = marshal.loads(view[LENGTH:end])  # noqa: S302 - both ends are this package's own, over a private socket
            del self._bytes[:end]
            yield messages


def _plain_job(job: tuple[Any, ...]) -> tuple[Any, ...]:
    convert = _plain_answer if job[0] == SCORE else plain
    return tuple(convert(part) for part in job)


def _plain_answer(value: Any) -> Any:
    """An answer is judged by its JSON form; what has none is as good as any other value that is not JSON."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError, RecursionError):
        return plain(value)


def plain(value: object) -> Any:
    """The value with everything that is not JSON, or nested too deep, replaced by an ellipsis, which is not JSON either.

    An environment refuses both with the same words.
    """
    left = iter(range(_MAX_PARTS))
    return _plain(value, _MAX_DEPTH, lambda: next(left, None) is not None)


def _plain(value: object, depth: int, more: Callable[[], bool]) -> Any:
    if value is None or type(value) in _PLAIN:
        return value
    if depth and more():
        if type(value) is list:
            return [_plain(part, depth - 1, more) for part in value]
        if type(value) is tuple:
            return tuple(_plain(part, depth - 1, more) for part in value)
        if type(value) is dict:
            return {_plain_key(key): _plain(part, depth - 1, more) for key, part in value.items()}
    return ...


def _plain_key(key: object) -> Any:
    return key if key is None or type(key) in _PLAIN else ...
