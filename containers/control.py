"""The control plane: sessions opened, reset, forked, scored and closed over HTTP by whoever holds the token; never by an agent.

It listens on a port or a socket of its own. All bodies are JSON; docs/serving.md shows every route at work.
"""

from __future__ import annotations

import hmac
import math
import os
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar, TypeVarTuple, Unpack

import anyio
import anyio.to_thread
from prometheus_client.core import CounterMetricFamily
from pydantic import ValidationError
from pydantic_core import from_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from artifacts.errors import (
    InvalidBundle,
    InvalidInput,
    TransientError,
    UnknownName,
    UnsupportedFormat,
    Unwritable,
    UserError,
    WorldloomError,
)
from artifacts.noun import Noun
from containers.messages import (
    Changes,
    Health,
    OpenSession,
    ScoreSession,
    SessionList,
    SessionView,
    StateDigest,
    TaskView,
    Trouble,
    WorldList,
    WorldView,
)
from containers.metrics import CONTENT_TYPE, Metrics
from containers.sessions import Session, SessionRegistry

TOKEN_VARIABLE = "WORLDLOOM_TOKEN"  # noqa: S105 (the name of a variable)
TOKEN_FILE = "control-token"  # noqa: S105 (the name of a file)
OPEN_PATHS = ("/health", "/ready")
"""What needs no token: they tell how full the server is, and no name."""

N = TypeVar("N", bound=Noun)
T = TypeVar("T")
Given = TypeVarTuple("Given")

THREADS = 4
"""Requests that touch an environment at once; the others wait their turn."""


class ControlToken(NamedTuple):
    """The word that opens the control plane, and the file that it was written to, if it was made up here."""

    value: str
    path: Path | None


def control_token(environ: Mapping[str, str], folder: Path) -> ControlToken:
    """The token of the environment, or a new one in a file of `folder` that nobody else can read; raises InvalidInput, Unwritable."""
    given = environ.get(TOKEN_VARIABLE)
    if given is None:
        value = secrets.token_urlsafe(32)
        return ControlToken(value, _keep_token(value, folder / TOKEN_FILE))
    if not re.fullmatch(r"[!-~]{16,512}", given):
        raise InvalidInput(f"{TOKEN_VARIABLE} is not a token: 16 to 512 visible ASCII characters.", "Try `openssl rand -hex 32`.")
    return ControlToken(given, None)


def _keep_token(value: str, path: Path) -> Path:
    """Write it under another name and rename, so that the file is never there with other rights or half a token."""
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(value + "\n")
        fresh.rename(path)
    except OSError as error:
        raise Unwritable(f"The token cannot be written to {path}: {error.strerror}.", f"Set {TOKEN_VARIABLE} instead.") from error
    return path


def control_app(registry: SessionRegistry, token: str, metrics: Metrics, mcp_base: str) -> Starlette:
    """The ASGI application; `mcp_base` is where agents reach the MCP server, such as `http://127.0.0.1:8765`.

    Calls are counted once `registry.when_called(metrics.watch)` has been said.
    """
    metrics.read("worldloom_sessions", "Sessions open.", lambda: len(registry.sessions()))
    metrics.read("worldloom_sessions_dropped", "Sessions dropped for their idle time.", lambda: registry.dropped, CounterMetricFamily)
    desk = ControlPlane(registry, metrics, mcp_base.rstrip("/"))
    app = Starlette(routes=desk.routes(), exception_handlers={HTTPException: _refuse, WorldloomError: _explain, Exception: _broken})
    app.add_middleware(TokenGuard, token=token)
    return app


class TokenGuard:
    """Turns away whoever lacks the token before anything else is looked at: the route, the method, the body."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan" or scope.get("path") in OPEN_PATHS or self._admits(scope):
            await self._app(scope, receive, send)
        else:
            refusal = reply(_NO_TOKEN, HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": "Bearer", "Connection": "close"})
            await refusal(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        """In a time that tells nothing of the token."""
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        scheme, _, word = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
        return scope["type"] == "http" and scheme.lower() == b"bearer" and hmac.compare_digest(word.strip(), self._token)


_NO_TOKEN = Trouble(
    error="wrong_token",
    message="The token is missing or wrong.",
    hint=f"Send `Authorization: Bearer …` with the server's {TOKEN_VARIABLE}, or with what its token file holds.",
)


Handler = Callable[[Request], Awaitable[Response]]


def _route(path: str, **handlers: Handler) -> Route:
    async def dispatch(request: Request) -> Response:
        return await handlers["GET" if request.method == "HEAD" else request.method](request)

    return Route(path, dispatch, methods=list(handlers))


@dataclass(frozen=True)
class ControlPlane:
    """The routes over one registry. What touches an environment runs in a thread, so that agents' calls never wait for it."""

    registry: SessionRegistry
    metrics: Metrics
    mcp_base: str
    threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(THREADS))

    async def _do(self, work: Callable[[Unpack[Given]], T], *given: *Given) -> T:
        return await anyio.to_thread.run_sync(work, *given, limiter=self.threads)

    def routes(self) -> list[Route]:
        """Every path with its method."""
        one = "/v1/sessions/{session}"
        return [
            _route("/health", GET=self.health),
            _route("/ready", GET=self.ready),
            _route("/metrics", GET=self.figures),
            _route("/v1/worlds", GET=self.worlds),
            _route("/v1/worlds/{world}", GET=self.world),
            _route("/v1/sessions", GET=self.sessions, POST=self.open),
            _route(one, GET=self.session, DELETE=self.close),
            _route(f"{one}/reset", POST=self.reset),
            _route(f"{one}/fork", POST=self.fork),
            _route(f"{one}/score", POST=self.score),
            _route(f"{one}/difference", GET=self.difference),
            _route(f"{one}/digest", GET=self.digest),
        ]

    async def health(self, _request: Request) -> Response:
        """The process answers."""
        return reply(self._health("ok"))

    async def ready(self, _request: Request) -> Response:
        """The server has worlds and room for a session; 503 where not."""
        health = self._health("ready")
        missing = "no worlds" if not health.worlds else "full" if health.sessions >= health.most_sessions else ""
        if missing:
            return reply(health.model_copy(update={"status": missing}), HTTPStatus.SERVICE_UNAVAILABLE)
        return reply(health)

    def _health(self, status: str) -> Health:
        limits = self.registry.limits
        sessions = len(self.registry.sessions())
        return Health(status=status, worlds=len(self.registry.worlds), sessions=sessions, most_sessions=limits.most_sessions)

    async def figures(self, _request: Request) -> Response:
        """Prometheus metrics."""
        return Response(self.metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def worlds(self, _request: Request) -> Response:
        """The worlds that are served."""
        return reply(WorldList(worlds=self.registry.worlds))

    async def world(self, request: Request) -> Response:
        """One world's agent tasks."""
        world_id = self.registry.named(request.path_params["world"])
        tasks = (await self._do(self.registry.blueprint, world_id)).tasks
        return reply(WorldView(id=world_id, tasks=tuple(TaskView(id=t.id, kind=t.kind, instruction=t.instruction) for t in tasks)))

    async def sessions(self, _request: Request) -> Response:
        """All open sessions."""
        return reply(SessionList(sessions=tuple(map(self._view, self.registry.sessions()))))

    async def open(self, request: Request) -> Response:
        """A new session."""
        asked = await self._read(request, OpenSession)
        session = await self._do(self.registry.open, asked.world, asked.task)
        return reply(self._view(session), HTTPStatus.CREATED, {"Location": f"/v1/sessions/{session.id}"})

    async def session(self, request: Request) -> Response:
        """One open session; to look at it does not keep it from growing idle."""
        wanted = request.path_params["session"]
        found = next((session for session in self.registry.sessions() if session.id == wanted), None)
        return reply(self._view(found or self.registry.get(wanted)))

    async def close(self, request: Request) -> Response:
        """The end of a session."""
        await self._do(self.registry.close, request.path_params["session"])
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def reset(self, request: Request) -> Response:
        """A session in its world's initial state."""
        return reply(self._view(await self._do(self.registry.reset, request.path_params["session"])))

    async def fork(self, request: Request) -> Response:
        """A second session in the state of the first."""
        session = await self._do(self.registry.fork, request.path_params["session"])
        return reply(self._view(session), HTTPStatus.CREATED, {"Location": f"/v1/sessions/{session.id}"})

    async def score(self, request: Request) -> Response:
        """The judgement of a session's state and the agent's answer."""
        asked = await self._read(request, ScoreSession)
        return reply(await self._do(self.registry.score, request.path_params["session"], asked.answer, asked.task))

    async def difference(self, request: Request) -> Response:
        """The rows that differ from the initial state."""
        return reply(Changes(changes=await self._do(self.registry.difference, request.path_params["session"])))

    async def digest(self, request: Request) -> Response:
        """The digest of a session's state."""
        return reply(StateDigest(state_digest=await self._do(self.registry.digest, request.path_params["session"])))

    def _view(self, session: Session) -> SessionView:
        task = None if session.task_id is None else session.environment.blueprint.task(session.task_id)
        return SessionView(
            id=session.id,
            world=session.world_id,
            task=session.task_id,
            instruction=task and task.instruction,
            mcp_url=f"{self.mcp_base}/sessions/{session.id}/mcp",
            calls=session.calls,
            idle_seconds=round(self.registry.idle_seconds(session), 3),
        )

    async def _read(self, request: Request, form: type[N]) -> N:
        """The body as that noun; raises InvalidInput, or HTTPException for a body that is too large or too slow."""
        limits = self.registry.limits
        try:
            with anyio.fail_after(limits.request_seconds):
                return _parsed(await _body(request, limits.most_request_bytes), form)
        except TimeoutError as late:
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "The body did not arrive in time.", {"Connection": "close"}) from late
        except ClientDisconnect as gone:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "The client went away.") from gone


async def _body(request: Request, most: int) -> bytes:
    declared = request.headers.get("content-length", "0")
    taken = bytearray()
    if not declared.isdecimal() or int(declared[:20]) <= most:
        async for part in request.stream():
            taken += part
            if len(taken) > most:
                break
        else:
            return bytes(taken)
    raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {most} bytes.", {"Connection": "close"})


def _parsed(body: bytes, form: type[N]) -> N:
    try:
        return form.model_validate(from_json(body or b"{}", allow_inf_nan=False))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part)[:40] for part in problem["loc"][:4]) or "the body"
        raise InvalidInput(f"{where}: {problem['msg']}.", f"It takes {', '.join(form.model_fields)}.") from error
    except ValueError as error:
        raise InvalidInput(f"The body is not JSON: {error}.") from error


def reply(noun: Noun, status: int = HTTPStatus.OK, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    """A noun as a JSON response, never to be cached."""
    return Response(noun.model_dump_json(), status, {"Cache-Control": "no-store", **headers}, "application/json")


def code_of(error: type[WorldloomError]) -> str:
    """The error's name in replies: `unknown_name` for UnknownName."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", error.__name__).lower()


def status_of(error: Exception) -> HTTPStatus:
    """The status of a reply that tells of that error."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


_STATUSES: tuple[tuple[type[WorldloomError], HTTPStatus], ...] = (
    (UnknownName, HTTPStatus.NOT_FOUND),
    (InvalidBundle, HTTPStatus.INTERNAL_SERVER_ERROR),  # the server's own files are at fault, not the request
    (UnsupportedFormat, HTTPStatus.INTERNAL_SERVER_ERROR),
    (UserError, HTTPStatus.BAD_REQUEST),
    (TransientError, HTTPStatus.SERVICE_UNAVAILABLE),
)


async def _explain(_request: Request, error: Exception) -> Response:
    if not isinstance(error, WorldloomError):
        raise error
    wait = {"Retry-After": str(math.ceil(error.retry_after or 1))} if isinstance(error, TransientError) else {}
    return reply(Trouble(error=code_of(type(error)), message=error.message, hint=error.hint), status_of(error), wait)


async def _refuse(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    said = {404: f"There is no {request.url.path[:80]}.", 405: f"{request.url.path[:80]} does not take {request.method[:20]}."}
    trouble = Trouble(error=status.name.lower(), message=said.get(status, error.detail))
    return reply(trouble, status, error.headers or {})


async def _broken(_request: Request, _error: Exception) -> Response:
    """The server logs the error itself; the caller learns nothing of its insides, but that the server closes the connection after that."""
    trouble = Trouble(error="internal", message="The server failed on this request.")
    return reply(trouble, HTTPStatus.INTERNAL_SERVER_ERROR, {"Connection": "close"})
