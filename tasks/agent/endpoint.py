"""A model behind an OpenAI-compatible endpoint, as a policy: POST /chat/completions, asked again when the service is busy."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from artifacts.errors import InvalidInput, ModelRejected, ModelUnavailable
from containers.episodes.episode import Form, Reply
from containers.episodes.turns import Message, View

OPENAI = "https://api.openai.com/v1"
KEY = "OPENAI_API_KEY"
TRIES = 5
LONGEST_WAIT = 60.0
"""Seconds between two tries, however long the service asks for."""

_MAY_PASS = frozenset((408, 409, 425, 429, *range(500, 600)))
_KEPT_TEXTS = ("content", "refusal", "reasoning_content")

Wait = Callable[[RetryCallState], float]
Notice = Callable[[str], None]
"""Hears why the agent waits."""


class Endpoint:
    """A hosted or local model. The key comes from OPENAI_API_KEY and is never put on record."""

    def __init__(
        self,
        model: str,
        form: Form,
        api_base: str | None = None,
        *,
        seed: int | None = None,
        temperature: float | None = None,
        most: int | None = None,
        wait: Wait | None = None,
        notice: Notice = lambda line: None,
        at_once: int = 100,
    ) -> None:
        """A reply has `most` tokens at most; `at_once` is the most requests under way at one time."""
        self.name = model
        self.seed = seed
        self.temperature = temperature
        self.most = most
        self._form = form
        self._url = f"{base_url(api_base)}/chat/completions"
        self._headers = authorization(api_base)
        self._wait = wait or patience
        self._notice = notice
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(600.0, connect=10.0), limits=httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
        )

    async def reply(self, view: View) -> Reply:
        """The model's next message; raises ModelUnavailable when the last try fails too, ModelRejected."""
        return await self.answer(self.request(view, self.seed))

    def request(self, view: View, seed: int | None) -> dict[str, Any]:
        """The body of a request."""
        body = {"model": self.name.removeprefix("openai/"), "messages": list(view.messages), **self._form.options(view.tools)}
        settings = {"seed": seed, "temperature": self.temperature, "max_completion_tokens": self.most}
        return {**body, **{name: value for name, value in settings.items() if value is not None}}

    async def answer(self, body: dict[str, Any]) -> Reply:
        """The message that a request draws; raises ModelUnavailable when the last try fails too, ModelRejected."""
        tries = AsyncRetrying(
            retry=retry_if_exception_type(ModelUnavailable),
            stop=stop_after_attempt(TRIES),
            wait=self._wait,
            before_sleep=lambda state: self._notice(waiting_line(state)),
            reraise=True,
        )
        reply: Reply = await tries(self._ask, body)
        return reply

    async def close(self) -> None:
        """Drops the connections."""
        await self._client.aclose()

    async def _ask(self, body: dict[str, Any]) -> Reply:
        try:
            response = await self._client.post(self._url, json=body, headers=self._headers)
        except httpx.TransportError as trouble:
            said = str(trouble) or type(trouble).__name__
            raise ModelUnavailable(f"{self.name} cannot be reached at {self._url}: {said}", "Check --api-base and the server.") from trouble
        if response.is_success:
            return reply_of(response, self.name)
        raise refusal(response, self.name)


def base_url(api_base: str | None) -> str:
    """The endpoint's base, from the option, OPENAI_BASE_URL or OpenAI's own; raises InvalidInput for what is no URL."""
    base = (api_base or os.environ.get("OPENAI_BASE_URL") or OPENAI).rstrip("/")
    try:
        url = httpx.URL(base)
    except httpx.InvalidURL as problem:
        raise InvalidInput(
            f"--api-base: {base[:100]!r} is not a URL: {problem}.", "Give one such as http://127.0.0.1:8000/v1."
        ) from problem
    if url.scheme not in ("http", "https") or not url.host:
        raise InvalidInput(f"--api-base: {base[:100]!r} is not an http URL.", "Give one such as http://127.0.0.1:8000/v1.")
    return base


def authorization(api_base: str | None) -> dict[str, str]:
    """The header with the key; a server of one's own may do without. Raises ModelRejected where a key is missing."""
    key = os.environ.get(KEY, "").strip()
    if not key and base_url(api_base) == OPENAI:
        raise ModelRejected("The model needs a key.", f"Set {KEY} in the environment, or name a server of yours with --api-base.")
    return {"Authorization": f"Bearer {key}"} if key else {}


def patience(state: RetryCallState) -> float:
    """Seconds to wait: what the service asked for, else a growing random time."""
    asked = getattr(state.outcome and state.outcome.exception(), "retry_after", None)
    grown = wait_random_exponential(multiplier=1, max=LONGEST_WAIT)(state)
    return min(asked, LONGEST_WAIT) if asked is not None else grown


def waiting_line(state: RetryCallState) -> str:
    """Why the agent waits, and how long."""
    trouble = state.outcome.exception() if state.outcome else None
    seconds = state.next_action.sleep if state.next_action else 0.0
    return f"{getattr(trouble, 'message', trouble)} Asked again in {seconds:.0f} s."


def refusal(response: httpx.Response, model: str) -> ModelUnavailable | ModelRejected:
    """An answer that is no completion, as one of our errors: the status decides, and whether there is money left."""
    said = _said(response)
    if response.status_code in _MAY_PASS and "insufficient_quota" not in said:
        after = response.headers.get("retry-after", "")
        wait = float(after) if after.replace(".", "", 1).isdigit() else None
        return ModelUnavailable(f"{model} cannot answer now: {response.status_code} {said}", "Run it again later.", retry_after=wait)
    return ModelRejected(
        f"{model} refuses the request: {response.status_code} {said}",
        "Check the model's name, --api-base, --form, the key and the account.",
    )


def _said(response: httpx.Response) -> str:
    try:
        error = response.json()["error"]
        text = " ".join(str(error[name]) for name in ("message", "code") if error.get(name)) if isinstance(error, Mapping) else str(error)
    except (ValueError, KeyError, TypeError, RecursionError):
        text = response.text
    return " ".join(text.split())[:300]


def reply_of(response: httpx.Response, model: str) -> Reply:
    """The message of a completion and its tokens; raises ModelUnavailable for what is no completion."""
    try:
        found = response.json()
        message = found["choices"][0]["message"]
        return Reply(_plain_message(message), *_tokens(found.get("usage")))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as problem:
        said = " ".join(response.text.split())[:200]
        raise ModelUnavailable(
            f"{model} gave no chat completion: {said}", "Check that --api-base is an OpenAI-compatible one."
        ) from problem


def _plain_message(message: Mapping[str, Any]) -> Message:
    """What is kept of a message: its texts and calls, in the one form that goes on record and back to the model."""
    texts = {name: _text(message[name]) for name in _KEPT_TEXTS if message.get(name)}
    calls = [_plain_call(call, place) for place, call in enumerate(message.get("tool_calls") or ())]
    return {"role": "assistant", "content": None, **texts, **({"tool_calls": calls} if calls else {})}


def _plain_call(call: Mapping[str, Any], place: int) -> dict[str, Any]:
    function = call["function"]
    arguments = function.get("arguments") or ""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    named = {"name": _text(function.get("name") or ""), "arguments": _text(text)}
    return {"id": _text(call.get("id") or f"call_{place}"), "type": "function", "function": named}


def _text(value: Any) -> str:
    """Text that UTF-8 can hold; some servers write text in parts."""
    if isinstance(value, list):
        value = "".join(str(part.get("text") or "") for part in value)
    return str(value).encode("utf-8", "replace").decode()


def _tokens(usage: Any) -> tuple[int | None, int | None]:
    counts = [usage.get(name) if isinstance(usage, Mapping) else None for name in ("prompt_tokens", "completion_tokens")]
    first, second = (count if type(count) is int else None for count in counts)
    return first, second
