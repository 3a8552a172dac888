"""A vLLM server that speaks for the policy: prompts go out as tokens, tokens with their log-probabilities come back.

    VLLM_SERVER_DEV_MODE=1 vllm serve FOLDER --logprobs-mode processed_logprobs

The log-probabilities must be those of the distribution that was drawn from, which that mode gives. New weights are a folder that the
server sees under the same path; it is told to read them (`/collective_rpc`, `reload_weights`) while it answers nobody (`/pause`,
`/resume`), and forgets what it had cached of the old ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from artifacts.errors import ModelRejected, ModelUnavailable
from training.generating import Prompt, Said

AT_ONCE = 256
"""So many prompts are under way at a time."""

PATIENCE = httpx.Timeout(600.0, connect=10.0)
TRIES = 3
"""How often a connection is tried."""


class Endpoint:
    """The server. Its methods raise ModelUnavailable where it does not answer, ModelRejected where it refuses or misunderstands."""

    def __init__(self, url: str, temperature: float, most: int, at_once: int = AT_ONCE) -> None:
        self._url = url.rstrip("/").removesuffix("/v1")
        self._drawn = {"temperature": temperature, "top_p": 1.0, "top_k": -1, "max_tokens": most}
        limits = httpx.Limits(max_connections=at_once)
        self._client = httpx.Client(timeout=PATIENCE, transport=httpx.HTTPTransport(retries=TRIES, limits=limits))
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="endpoint")
        self._model = ""

    def say(self, prompts: Sequence[Prompt]) -> list[Said]:
        """What the server says to each prompt, in order."""
        self._model = self._model or str(_of(self._asked("GET", "/v1/models"), "data", 0, "id"))
        return list(self._threads.map(self._said, prompts))

    def reload(self, folder: Path) -> None:
        """Gives the server the weights in a folder."""
        self._asked("POST", "/pause", params={"mode": "wait"})
        self._asked("POST", "/collective_rpc", {"method": "reload_weights", "kwargs": {"weights_path": str(folder.absolute())}})
        self._asked("POST", "/reset_prefix_cache")
        self._asked("POST", "/resume")

    def close(self) -> None:
        """Ends the connections."""
        self._threads.shutdown()
        self._client.close()

    def _said(self, prompt: Prompt) -> Said:
        # `logprobs` 0 gives those of the drawn tokens alone; `return_token_ids` spares reading the text back into tokens
        more = {"logprobs": 0, "return_token_ids": True, "skip_special_tokens": False, "seed": prompt.seed}
        asked = {"model": self._model, "prompt": list(prompt.tokens), **self._drawn, **more}
        choice = _of(self._asked("POST", "/v1/completions", asked), "choices", 0)
        tokens, logprobs = _of(choice, "token_ids"), _of(choice, "logprobs", "token_logprobs")
        if len(tokens) != len(logprobs):
            raise _odd(f"{len(tokens)} tokens came with {len(logprobs)} log-probabilities")
        if None in logprobs:
            raise _odd("a token came without its log-probability")
        return Said(tuple(map(int, tokens)), tuple(map(float, logprobs)))

    def _asked(self, method: str, path: str, body: Any = None, params: dict[str, str] | None = None) -> Any:
        try:
            answer = self._client.request(method, self._url + path, json=body, params=params)
        except httpx.TransportError as problem:
            said = f"{self._url} does not answer: {problem or type(problem).__name__}."
            raise ModelUnavailable(said, "Start the server, then go on with --resume.") from problem
        if answer.status_code >= 500:
            raise ModelUnavailable(f"{self._url}{path} answered {answer.status_code}.", "Look into the server's log; go on with --resume.")
        if answer.status_code >= 400:
            raise _odd(f"{path} answered {answer.status_code}: {answer.text[:200]}")
        return answer.json() if path.startswith("/v1") else None


def _of(answer: Any, *path: str | int) -> Any:
    """A part of an answer."""
    try:
        for step in path:
            answer = answer[step]
    except (KeyError, IndexError, TypeError) as problem:
        raise _odd(f"an answer has no {'.'.join(map(str, path))}") from problem
    return answer


def _odd(what: str) -> ModelRejected:
    hint = "It must be vLLM, started with VLLM_SERVER_DEV_MODE=1 and --logprobs-mode processed_logprobs."
    return ModelRejected(f"The server that generates cannot be used: {what}.", hint)
