"""The requests that a client of the control plane makes, and how their replies are read; the sending is left to others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from artifacts.errors import (
    EnvironmentFault,
    InvalidBundle,
    InvalidInput,
    ServerUnavailable,
    SessionLimitReached,
    UnknownName,
    UnsupportedFormat,
    WorldloomError,
)
from artifacts.noun import Noun
from artifacts.observation import RowChange, Score
from containers.messages import Changes, Health, SessionList, SessionView, StateDigest, Trouble, WorldList, WorldView

UNIX = "unix://"

T = TypeVar("T")
N = TypeVar("N", bound=Noun)


class Call(NamedTuple, Generic[T]):
    """One request, and how its reply is read; `also` are statuses beyond 2xx that are an answer too."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    body: str | None = None
    also: tuple[int, ...] = ()


def _noun(form: type[N]) -> Callable[[httpx.Response], N]:
    return lambda response: form.model_validate_json(response.content)


def _session(session: SessionView | str, what: str = "") -> str:
    name = session if isinstance(session, str) else session.id
    return f"/v1/sessions/{quote(name, safe='')}{what}"


def open_session(world: str, task: str | None) -> Call[SessionView]:
    """Open one."""
    return Call("POST", "/v1/sessions", _noun(SessionView), _json(world=world, task=task))


def score_session(session: SessionView | str, answer: object, task: str | None) -> Call[Score]:
    """Judge one; raises InvalidInput for an answer that JSON cannot hold."""
    return Call("POST", _session(session, "/score"), _noun(Score), _json(answer=answer, task=task))


def _json(**content: object) -> str:
    """What is None is left out; raises InvalidInput for what JSON cannot hold."""
    try:
        return json.dumps({name: value for name, value in content.items() if value is not None}, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"This cannot be sent as JSON: {error}.") from error


def close_session(session: SessionView | str) -> Call[None]:
    """End one."""
    return Call("DELETE", _session(session), lambda response: None)


def reset_session(session: SessionView | str) -> Call[SessionView]:
    """Take one back to the start."""
    return Call("POST", _session(session, "/reset"), _noun(SessionView))


def fork_session(session: SessionView | str) -> Call[SessionView]:
    """Double one."""
    return Call("POST", _session(session, "/fork"), _noun(SessionView))


def look_at(session: SessionView | str) -> Call[SessionView]:
    """See how one stands."""
    return Call("GET", _session(session), _noun(SessionView))


def difference_of(session: SessionView | str) -> Call[tuple[RowChange, ...]]:
    """The rows that one changed."""
    return Call("GET", _session(session, "/difference"), lambda response: _noun(Changes)(response).changes)


def digest_of(session: SessionView | str) -> Call[str]:
    """The digest of its state."""
    return Call("GET", _session(session, "/digest"), lambda response: _noun(StateDigest)(response).state_digest)


def world_named(world: str) -> Call[WorldView]:
    """The agent tasks of a world."""
    return Call("GET", f"/v1/worlds/{quote(world, safe='')}", _noun(WorldView))


SESSIONS: Call[tuple[SessionView, ...]] = Call("GET", "/v1/sessions", lambda response: _noun(SessionList)(response).sessions)
WORLDS: Call[tuple[str, ...]] = Call("GET", "/v1/worlds", lambda response: _noun(WorldList)(response).worlds)
HEALTH: Call[Health] = Call("GET", "/health", _noun(Health))
READY: Call[bool] = Call("GET", "/ready", lambda response: response.status_code == 200, also=(503,))
METRICS: Call[str] = Call("GET", "/metrics", lambda response: response.text)

_KINDS: dict[str, type[WorldloomError]] = {
    "unknown_name": UnknownName,
    "invalid_input": InvalidInput,
    "wrong_token": InvalidInput,
    "not_found": UnknownName,
    "request_entity_too_large": InvalidInput,
    "session_limit_reached": SessionLimitReached,
    "invalid_bundle": InvalidBundle,
    "unsupported_format": UnsupportedFormat,
    "environment_fault": EnvironmentFault,
}


def answer_in(call: Call[T], response: httpx.Response) -> T:
    """What the reply says; raises the error that it tells of."""
    if not response.is_success and response.status_code not in call.also:
        raise _error_in(response)
    try:
        return call.read(response)
    except ValidationError as error:
        raise ServerUnavailable(f"{response.url} gives no answer of Worldloom's control plane.", "Is it the right port?") from error


def _error_in(response: httpx.Response) -> WorldloomError:
    try:
        trouble = Trouble.model_validate_json(response.content)
    except ValidationError:
        return ServerUnavailable(f"{response.url} answered with status {response.status_code}.", "Is it Worldloom's control plane?")
    kind = _KINDS.get(trouble.error, ServerUnavailable)
    if kind is SessionLimitReached:
        wait = response.headers.get("Retry-After", "")
        return SessionLimitReached(trouble.message, trouble.hint, float(wait) if wait.isdecimal() else None)
    return kind(trouble.message, trouble.hint)


def unreachable(url: str, error: Exception) -> ServerUnavailable:
    """The error of a server that gave no reply."""
    reason = str(error) or type(error).__name__
    return ServerUnavailable(f"The control plane at {url} cannot be reached: {reason}.", "Is `worldloom serve` running there?")


def settings(url: str, token: str, seconds: float) -> dict[str, Any]:
    """What both clients give to httpx; environment variables and proxies have no say."""
    base = "http://worldloom" if url.startswith(UNIX) else url.rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise InvalidInput(f"'{url}' is not the URL of a control plane.", "Give http://HOST:PORT, https://HOST:PORT or unix:///PATH.")
    if not token.isascii() or not token.isprintable():
        raise InvalidInput("The token holds characters that no token has.", "Read it from the server's token file, without its line end.")
    return {"base_url": base, "headers": {"Authorization": f"Bearer {token}"}, "timeout": seconds, "trust_env": False}


def transport_settings(url: str) -> dict[str, Any]:
    """What both transports are given."""
    return {"uds": url.removeprefix(UNIX) if url.startswith(UNIX) else None, "limits": _CONNECTIONS, "trust_env": False}


def content_of(call: Call[Any]) -> dict[str, Any]:
    """The body and its type, as httpx takes them."""
    return {} if call.body is None else {"content": call.body, "headers": {"Content-Type": "application/json"}}


AT_ONCE = 32
"""Requests of one asynchronous client at once; the others wait here, since httpx takes 30 s to sort out a thousand that wait in it."""

_CONNECTIONS = httpx.Limits(max_connections=None, max_keepalive_connections=AT_ONCE, keepalive_expiry=2.0)
"""A connection is put away before the server, after 5 idle seconds, drops it under a request."""

NETWORK_TROUBLES = (httpx.TransportError, httpx.InvalidURL)
