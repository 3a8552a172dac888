"""The journal: every answer of a model, recorded before anyone reads it, so that no call is ever paid for twice.

One SQLite file in the store's home, in write-ahead mode, safe for many threads and processes. A committed answer
survives `kill -9`; with `durable` it survives a power cut too (one fsync a call, worth it where calls cost money).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import struct
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from dspy.lm15 import Message, Request, Response, TextPart, Usage
from dspy.utils import exceptions

from artifacts.errors import DiskFull, Unwritable
from artifacts.identity import digest_of
from artifacts.verdict import Diagnostic

_TABLE = """CREATE TABLE IF NOT EXISTS answers (
    digest TEXT PRIMARY KEY, model TEXT NOT NULL, text TEXT NOT NULL, finish TEXT NOT NULL,
    input_tokens INTEGER, output_tokens INTEGER, cost_usd REAL, latency_seconds REAL, mistake TEXT) WITHOUT ROWID"""
_ACCOUNTS = """CREATE TABLE IF NOT EXISTS accounts (
    run_id TEXT PRIMARY KEY, calls INTEGER NOT NULL, tokens INTEGER NOT NULL, cost_usd REAL NOT NULL,
    tokens_unknown INTEGER NOT NULL, cost_unknown INTEGER NOT NULL) WITHOUT ROWID"""
_CHARGE = """INSERT INTO accounts VALUES (?, 1, ?, ?, ?, ?) ON CONFLICT (run_id) DO UPDATE SET calls = calls + 1,
    tokens = tokens + excluded.tokens, cost_usd = cost_usd + excluded.cost_usd,
    tokens_unknown = tokens_unknown + excluded.tokens_unknown, cost_unknown = cost_unknown + excluded.cost_unknown"""
_COLUMNS = "digest, model, text, finish, input_tokens, output_tokens, cost_usd, latency_seconds, mistake"


class Answer(NamedTuple):
    """What a model said to one request, and what that cost; figures that were not reported are None.

    `digest` names the request; `recalled` is true when the answer came from the journal and nothing was paid for it now.
    """

    digest: str
    model: str
    text: str
    finish: str
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    latency_seconds: float | None
    mistake: str | None
    recalled: bool = False


class Spent(NamedTuple):
    """What a run has paid for so far, and how many of its answers did not say what they cost."""

    calls: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    tokens_unknown: int = 0
    cost_unknown: int = 0


class Gate(Protocol):
    """What a call has to pass."""

    def admit(self, request: Request) -> None:
        """Return when the call may be made, now or after a wait; raises what forbids it."""
        ...

    def settle(self, answer: Answer) -> None:
        """Count an answer that was paid for."""
        ...

    def failed(self, error: Exception) -> None:
        """Learn from a call that failed."""
        ...


class Engine(Protocol):
    """What answers one canonical request (DSPy's engine interface)."""

    def complete(self, request: Request) -> Response:
        """The answer; raises a dspy.lm15 error when there is none."""
        ...


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """One process at a time opens a journal: SQLite fails at once, whatever its timeout, where two turn a new file to write-ahead mode."""
    with path.with_suffix(".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Journal:
    """The record of answers in one file; shared by threads, and by processes that open it for themselves."""

    def __init__(self, path: Path, durable: bool = False) -> None:
        self.path = path
        self._durable = durable
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _turn(self.path):
                connection = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute(f"PRAGMA synchronous={'FULL' if self._durable else 'NORMAL'}")
                connection.execute(_TABLE)
                connection.execute(_ACCOUNTS)
        except (OSError, sqlite3.OperationalError) as error:
            raise Unwritable(
                f"The journal {self.path} cannot be opened: {error}.", "Choose a store in a folder that you may write."
            ) from error
        return connection

    def _here(self) -> sqlite3.Connection:
        """This process's connection: one inherited by a fork is left alone, as SQLite demands."""
        if self._owner != os.getpid():
            self._connection, self._owner = self._open(), os.getpid()
        return self._connection

    def recall(self, digest: str) -> Answer | None:
        """The recorded answer to a request, marked as recalled; None when it was never asked."""
        with self._lock:
            row = self._here().execute(f"SELECT {_COLUMNS} FROM answers WHERE digest = ?", (digest,)).fetchone()
        return Answer._make((*row, True)) if row else None

    def record(self, answer: Answer, run_id: str = "") -> None:
        """Keep an answer, on the account of a run if one is named; on return it is safe from `kill -9`. The first answer stands.

        Raises DiskFull, Unwritable.
        """
        with self._lock, self._writing() as connection:
            connection.execute(f"INSERT OR IGNORE INTO answers ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", answer[:-1])
            if run_id:
                connection.execute(_CHARGE, (run_id, *_charges(answer)))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, whole or not at all."""
        connection = self._here()
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise self._unwritable(error) from error

    def _unwritable(self, error: sqlite3.OperationalError) -> Unwritable:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            return DiskFull(f"The disk of the journal {self.path} is full.", "Make room, then run the same again to resume.")
        return Unwritable(f"The journal {self.path} cannot be written: {error}.", "Choose a store in a folder that you may write.")

    def spent(self, run_id: str) -> Spent:
        """What a run has paid for so far, in all its processes."""
        with self._lock:
            row = self._here().execute(f"SELECT {', '.join(Spent._fields)} FROM accounts WHERE run_id = ?", (run_id,)).fetchone()
        return Spent._make(row) if row else Spent()

    @contextmanager
    def asking(self, digest: str) -> Iterator[None]:
        """Held while one request is under way, so that a twin in another thread, process or run waits and recalls.

        A lock on one byte, whose place is the digest's: the file stays empty, and a process that is killed lets go of it.
        """
        with self.path.with_suffix(".lock").open("a") as file:
            place = int(digest[:15], 16) + 1
            # F_OFD: owned by this opening of the file, so that threads of one process hold each other off too (Linux, fcntl(2))
            fcntl.fcntl(file, fcntl.F_OFD_SETLKW, struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0))
            yield

    def __len__(self) -> int:
        with self._lock:
            (count,) = self._here().execute("SELECT count(*) FROM answers").fetchone()
        return int(count)

    def close(self) -> None:
        """Close the file; what was recorded stays."""
        with self._lock:
            self._here().close()


def _charges(answer: Answer) -> tuple[int, float, int, int]:
    """Tokens, dollars, and whether each is unknown: an unknown figure is counted as unknown, never as nothing."""
    known = answer.input_tokens is not None and answer.output_tokens is not None
    tokens = (answer.input_tokens or 0) + (answer.output_tokens or 0)
    return tokens, answer.cost_usd or 0.0, int(not known), int(answer.cost_usd is None)


class Call:
    """One call under way: its rollout number, the answers that it has drawn, and what could not be read in them."""

    def __init__(self, rollout: int) -> None:
        self.rollout = rollout
        self.answers: list[Answer] = []
        self.problems: list[Diagnostic] = []


_CALL: ContextVar[Call | None] = ContextVar("worldloom_call", default=None)


@contextmanager
def listening(rollout: int) -> Iterator[Call]:
    """Within it, every answer of a journaled engine is noted; `rollout` tells equal requests of different attempts apart."""
    call = Call(rollout)
    token = _CALL.set(call)
    try:
        yield call
    finally:
        _CALL.reset(token)


def note_problems(problems: Iterable[Diagnostic]) -> None:
    """What an answer's reader found wrong, kept with the call under way: DSPy's predictions carry output fields only."""
    call = _CALL.get()
    if call is not None:
        call.problems.extend(problems)


def request_digest(request: Request, rollout: int, setting: Any) -> str:
    """The name of a request: model, texts, sampling settings, rollout number, and what else decides the answer."""
    config = request.config
    sampling = [config.temperature, config.top_p, config.max_tokens, config.seed]
    return digest_of([request.model, request_texts(request), sampling, rollout, setting])


def request_texts(request: Request) -> list[list[str]]:
    """The roles and texts of a request, the system's first."""
    system = request.system if isinstance(request.system, str) else "".join(part.text for part in request.system or ())
    return [["system", system], *([message.role, message.text or ""] for message in request.messages)]


class JournaledEngine:
    """An engine whose answers are recorded before they are parsed, and recalled instead of being asked for again.

    `setting` is whatever else decides an answer (fault rate and seed of the embedded model); `price` gives the cost in
    US dollars or None; with `seeded` the engine is handed the rollout number as the sampling seed; `meter` is asked before
    every call, and `run_id` names the account that its answers are counted on.
    """

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        *,
        setting: Any = None,
        price: Any = None,
        seeded: bool = False,
        meter: Gate | None = None,
        run_id: str = "",
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._setting = setting
        self._price = price or (lambda request, response: None)
        self._seeded = seeded
        self._meter = meter
        self._run_id = run_id

    def complete(self, request: Request) -> Response:
        """The recorded answer, or the engine's, recorded; raises what the engine raises, and records nothing then."""
        call = _CALL.get() or Call(0)
        digest = request_digest(request, call.rollout, self._setting)
        with self._journal.asking(digest):
            answer = self._journal.recall(digest) or self._ask(digest, request, call.rollout)
        call.answers.append(answer)
        return _as_response(answer)

    def _ask(self, digest: str, request: Request, rollout: int) -> Answer:
        if self._seeded:
            request = replace(request, config=replace(request.config, seed=rollout))
        if self._meter is not None:
            self._meter.admit(request)
        began = time.perf_counter()
        response = self._answered(request)
        answer = Answer(
            digest=digest,
            model=request.model,
            text="".join(part.text for part in response.message.parts if part.type == "text"),
            finish=response.finish_reason,
            input_tokens=response.usage.input_tokens,
            output_tokens=response.usage.output_tokens,
            cost_usd=self._price(request, response),
            latency_seconds=time.perf_counter() - began,
            mistake=(response.provider_data or {}).get("mistake"),
        )
        self._journal.record(answer, self._run_id)
        if self._meter is not None:
            self._meter.settle(answer)
        return answer

    def _answered(self, request: Request) -> Response:
        """The engine's answer; the meter learns of a failure before it goes on its way."""
        try:
            return self._engine.complete(request)
        except exceptions.LMError as error:
            if self._meter is not None:
                self._meter.failed(error)
            raise


def _as_response(answer: Answer) -> Response:
    return Response(
        id=None,
        model=answer.model,
        message=Message.assistant([TextPart(answer.text)]),
        finish_reason="stop",
        usage=Usage(input_tokens=answer.input_tokens, output_tokens=answer.output_tokens),
    )
