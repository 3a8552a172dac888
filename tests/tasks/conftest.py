"""A scripted OpenAI-compatible server on the loopback, and a model that speaks to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dspy
import pytest

from tasks.models.journal import Journal
from tasks.models.language_model import ModelSettings, language_model

Body = dict[str, Any]
Move = Callable[["Handler", Body], None]
Author = Callable[[Body], str]


class Script:
    """What the server does with each request: the moves in turn, then what the author says; and all that it was sent."""

    def __init__(self) -> None:
        self.moves: list[Move] = []
        self.author: Author = lambda body: "[[ ## completed ## ]]"
        self.bodies: list[Body] = []
        self.paid: list[str] = []
        self.closing = threading.Event()
        self.lock = threading.Lock()

    def next_move(self, body: Body) -> Move:
        with self.lock:
            self.bodies.append(body)
            return self.moves.pop(0) if self.moves else says(self.author(body))


class Handler(BaseHTTPRequestHandler):
    script: Script

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.script.next_move(body)(self, body)

    def reply(self, status: int, payload: Any, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(payload).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Tests stay quiet."""


def says(text: str | None) -> Move:
    """A completion, with its usage."""

    def move(handler: Handler, body: Body) -> None:
        handler.script.paid.append(text or "")
        message = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        handler.reply(
            200, {"id": "x", "object": "chat.completion", "created": 1, "model": body["model"], "choices": [choice], "usage": usage}
        )

    return move


def fails(status: int, retry_after: str | None = None, kind: str = "error") -> Move:
    """An error of the service."""

    def move(handler: Handler, body: Body) -> None:
        headers = {"Retry-After": retry_after} if retry_after else {}
        handler.reply(status, {"error": {"message": f"scripted {status}", "type": kind, "code": kind}}, headers)

    return move


def drops(handler: Handler, body: Body) -> None:
    """The connection breaks off in the middle of an answer."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b'{"id": "x", "choices": [')
    handler.close_connection = True


def stalls(handler: Handler, body: Body) -> None:
    """No answer, until the test is over."""
    handler.script.closing.wait()
    handler.close_connection = True


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def api_base(script: Script) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"script": script}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    script.closing.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


@pytest.fixture
def model(api_base: str, journal: Journal) -> dspy.LM:
    return language_model(ModelSettings(name="openai/scripted", api_base=api_base, timeout=1.0), journal)


class Moves:
    """The moves by name, for tests (a test module cannot import its conftest)."""

    says = staticmethod(says)
    fails = staticmethod(fails)
    drops = staticmethod(drops)
    stalls = staticmethod(stalls)


@pytest.fixture
def moves() -> type[Moves]:
    return Moves
