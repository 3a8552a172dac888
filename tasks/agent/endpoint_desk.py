"""Many requests to an endpoint at once, from a thread of its own; every answer is journaled before anyone reads it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from artifacts.errors import WorldloomError
from artifacts.identity import digest_of
from containers.episodes.conversations import Conversation, Heard, Key
from containers.episodes.episode import Reply
from tasks.agent.endpoint import Endpoint
from tasks.models.journal import Answer, Journal

GRACE_SECONDS = 5.0
"""So long the answers under way may still come in when the work ends: they are paid for, and the journal keeps them."""


class EndpointDesk:
    """Puts each question as a request of its own. A question that was answered before, by a run that was killed, is recalled."""

    def __init__(self, endpoint: Endpoint, journal: Path, grace: float = GRACE_SECONDS) -> None:
        self._endpoint = endpoint
        self._journal = Journal(journal, durable=True)
        self._grace = grace
        self._heard: SimpleQueue[tuple[Key, Future[Reply]]] = SimpleQueue()
        self._under_way: set[Future[Reply]] = set()
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="endpoint")
        self._thread.start()

    def ask(self, asked: Sequence[tuple[Key, Conversation]]) -> None:
        """Puts questions; comes back at once."""
        for key, conversation in asked:
            future = asyncio.run_coroutine_threadsafe(self._answer(conversation), self._loop)
            with self._lock:
                self._under_way.add(future)
            future.add_done_callback(lambda done, key=key: self._arrived(key, done))  # type: ignore[misc]  # a default binds the key

    def take(self, seconds: float) -> list[Heard]:
        """What has come in; waits for the first answer, but not longer than `seconds`."""
        found: list[Heard] = []
        try:
            found.append(self._result(*self._heard.get(timeout=seconds)))
            while True:
                found.append(self._result(*self._heard.get_nowait()))
        except Empty:
            return found

    def close(self) -> None:
        """Gives the requests under way a moment to come in, then drops them."""
        deadline = time.monotonic() + self._grace
        while self._waiting() and time.monotonic() < deadline:
            time.sleep(0.02)
        for future in self._waiting():
            future.cancel()
        asyncio.run_coroutine_threadsafe(self._endpoint.close(), self._loop).result(self._grace)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(self._grace)
        self._loop.close()
        self._journal.close()

    def _waiting(self) -> list[Future[Reply]]:
        with self._lock:
            return list(self._under_way)

    def _arrived(self, key: Key, done: Future[Reply]) -> None:
        with self._lock:
            self._under_way.discard(done)
        if not done.cancelled():
            self._heard.put((key, done))

    @staticmethod
    def _result(key: Key, done: Future[Reply]) -> Heard:
        try:
            return key, done.result()
        except WorldloomError as trouble:
            return key, trouble

    async def _answer(self, conversation: Conversation) -> Reply:
        """The recorded answer, or the model's, recorded."""
        body = self._endpoint.request(conversation.view, conversation.seed)
        digest = digest_of([conversation.episode, conversation.view.turn, body])
        known = await asyncio.to_thread(self._journal.recall, digest)
        if known is not None:
            return Reply(json.loads(known.text), known.input_tokens, known.output_tokens, known.latency_seconds, recalled=True)
        began = time.perf_counter()
        reply = (await self._endpoint.answer(body))._replace(latency_seconds=time.perf_counter() - began)
        await asyncio.to_thread(self._journal.record, _recorded(digest, self._endpoint.name, reply))
        return reply


def _recorded(digest: str, model: str, reply: Reply) -> Answer:
    text: Any = json.dumps(reply.message, ensure_ascii=False)
    return Answer(digest, model, text, "stop", reply.input_tokens, reply.output_tokens, None, reply.latency_seconds, None)
