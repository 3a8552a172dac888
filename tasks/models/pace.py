"""How often a model may be asked: rates held by Prefect's global concurrency limits, shared by all runs on one server.

A limit is a bucket that leaks: slots are taken and come back at a steady rate. Its size and its leak together let no more through in
any minute than was asked for. A service that still answers 429 halves the rate; it recovers by steps while the service is content
(additive increase, multiplicative decrease: Chiu and Jain, 1989).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from dspy.lm15 import Request
from dspy.utils import exceptions
from prefect import get_client
from prefect.concurrency.sync import rate_limit
from prefect.exceptions import ObjectAlreadyExists

from tasks.models.journal import Answer, request_texts

SHARES = 100
"""Slots that one request takes: a bucket leaks in whole slots, so what is rounded away has to be small."""

BURST = 10
"""A bucket holds this part of a minute's worth."""

BURST_SECONDS = 5.0
"""Refusals so near to each other are one burst, and halve the rate once."""

STEP_SECONDS = 10.0
STEP = 0.1
"""So long after the last change, the rate grows by this part of what was asked for."""

LEAST = 1 / 32

CHARACTERS_A_TOKEN = 4
"""About; a request's tokens are known only when it is answered."""

Clock = Callable[[], float]


class Rates(NamedTuple):
    """The most requests and tokens a minute; None is no bound."""

    requests: int | None = None
    tokens: int | None = None


class Bucket(NamedTuple):
    """A limit as Prefect keeps it: its size in slots, and how many come back a second."""

    name: str
    size: int
    leak: float


def slug(model: str, api_base: str | None) -> str:
    """A model as limits name it; a server of one's own is another service than the provider's."""
    named = f"{model}-at-{api_base.split('://')[-1]}" if api_base else model
    return re.sub(r"[^a-z0-9]+", "-", named.lower()).strip("-")


def buckets(model: str, api_base: str | None, rates: Rates, factor: float = 1.0) -> tuple[Bucket, ...]:
    """The limits that hold the rates, at some part of their full speed."""
    named = f"model-{slug(model, api_base)}"
    found = []
    if rates.requests is not None:
        found.append(_bucket(f"{named}-requests", rates.requests, SHARES, factor))
    if rates.tokens is not None:
        found.append(_bucket(f"{named}-tokens", rates.tokens, 1, factor))
    return tuple(found)


def _bucket(name: str, rate: int, shares: int, factor: float) -> Bucket:
    burst = max(1, rate // BURST)
    return Bucket(name, burst * shares, factor * (rate - burst + 1) * shares / 60)


class Pace:
    """The turn-taking of one process's calls of one model."""

    def __init__(self, model: str, api_base: str | None, rates: Rates, clock: Clock = time.monotonic) -> None:
        self._service = (model, api_base, rates)
        self._requests = buckets(model, api_base, Rates(rates.requests))
        self._tokens = buckets(model, api_base, Rates(None, rates.tokens))
        self._clock = clock
        self._turn = threading.Lock()
        self._changing = threading.Lock()
        self._factor = 1.0
        self._changed = clock()
        self._known = False

    def wait(self, request: Request) -> None:
        """Return when the request's turn has come."""
        with self._turn:
            if not self._known:
                self._apply(1.0)
                self._known = True
            for bucket in self._requests:
                rate_limit(bucket.name, occupy=SHARES, strict=True)
            self._take(sum(len(text) for _, text in request_texts(request)) // CHARACTERS_A_TOKEN)

    def settle(self, answer: Answer) -> None:
        """Take the slots of an answer's tokens, so that those who follow wait for them; after calm, be a little quicker."""
        with self._turn:
            self._take(answer.output_tokens or 0)
        with self._changing:
            if self._factor < 1.0 and self._clock() - self._changed >= STEP_SECONDS:
                self._apply(min(1.0, self._factor + STEP))

    def failed(self, error: Exception) -> None:
        """Halve the rate when the service says that we are too quick, once a burst."""
        if not isinstance(error, exceptions.LMRateLimitError):
            return
        with self._changing:
            if self._factor == 1.0 or self._clock() - self._changed >= BURST_SECONDS:
                self._apply(max(LEAST, self._factor / 2))

    def _take(self, tokens: int) -> None:
        for bucket in self._tokens:
            while tokens > 0:
                part = min(tokens, bucket.size)
                rate_limit(bucket.name, occupy=part, strict=True)
                tokens -= part

    def _apply(self, factor: float) -> None:
        """Put the limits on the server, at this part of their full speed."""
        model, api_base, rates = self._service
        with get_client(sync_client=True) as client:
            for bucket in buckets(model, api_base, rates, factor):
                try:
                    client.upsert_global_concurrency_limit_by_name(bucket.name, bucket.size, bucket.leak)
                except ObjectAlreadyExists:  # it looks, then makes: another process may have made it in between
                    client.upsert_global_concurrency_limit_by_name(bucket.name, bucket.size, bucket.leak)
        self._factor, self._changed = factor, self._clock()
