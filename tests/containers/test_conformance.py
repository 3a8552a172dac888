"""Every backend passes the same cases; a new backend is one more entry of BACKENDS."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pytest

from artifacts.errors import ServerUnavailable
from artifacts.observation import Observation, Score
from containers.conformance.cases import CASES
from containers.conformance.over_mcp import shop_over_http, shop_over_stdio
from containers.conformance.shop import SHOP
from containers.conformance.suite import Backend, Case, problems_of
from containers.environment import Blueprint, Environment
from containers.packaging.conformance import shop_in_docker_over_http, shop_in_docker_over_stdio
from containers.pool import Call, Ending, EnvironmentPool


class Pooled:
    """One environment of a pool."""

    def __init__(self, pool: EnvironmentPool) -> None:
        self.pool = pool
        (self.number,) = pool.reset(pool.add(SHOP))

    def reset(self) -> None:
        self.pool.renew([self.number])

    def list_tools(self) -> list[dict[str, Any]]:
        return self.pool.list_tools(self.number)

    def call_tool(self, name: str, arguments: object) -> Observation:
        return self.pool.step([Call(self.number, name, arguments)])[0]

    def score(self, task: str, answer: object = None) -> Score:
        return self.pool.score([Ending(self.number, answer, task)])[0]

    def state_digest(self) -> str:
        return self.pool.state_digests([self.number])[0]


@contextmanager
def pooled() -> Iterator[Backend]:
    """The shop in a worker process, as a pool keeps it."""
    with EnvironmentPool(4, workers=1, worlds=[SHOP]) as pool:
        yield Pooled(pool)


BACKENDS: dict[str, Callable[[], AbstractContextManager[Backend]]] = {
    "in process": lambda: Environment.fork(Blueprint.of(SHOP)),
    "pool": pooled,
    "mcp-http": shop_over_http,
    "mcp-stdio": shop_over_stdio,
    "docker-http": shop_in_docker_over_http,
    "docker-stdio": shop_in_docker_over_stdio,
}


OVER_JSON = ("mcp-http", "mcp-stdio", "docker-http", "docker-stdio")
"""Backends whose calls travel as JSON: NaN and infinity are no JSON, so that no call can hold them there."""


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with ExitStack() as stack:
        try:
            running = stack.enter_context(BACKENDS[request.param]())
        except ServerUnavailable as missing:
            pytest.skip(f"no container can be run here: {missing}")
        yield running


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name[:60])
def test_backend_conforms(backend: Backend, case: Case, request: pytest.FixtureRequest) -> None:
    if case.over_json or request.node.callspec.params["backend"] not in OVER_JSON:
        assert problems_of(backend, case) == ()


def test_cases_are_many_and_have_names_of_their_own() -> None:
    assert len(CASES) >= 100
    assert len({case.name for case in CASES}) == len(CASES)


def test_listed_tools_show_neither_program_nor_example(backend: Backend) -> None:
    listed = backend.list_tools()
    assert [tool["name"] for tool in listed] == [tool.name for tool in SHOP.tools]
    assert {key for tool in listed for key in tool} == {"name", "description", "inputSchema"}
    listed[0]["inputSchema"]["properties"].clear()
    assert backend.list_tools()[0]["inputSchema"]["properties"]


def test_every_case_alone_leaves_the_initial_state_behind(backend: Backend) -> None:
    backend.reset()
    assert backend.state_digest() == Environment.fork(Blueprint.of(SHOP)).state_digest()


def record_of(backend: Backend, case: Case) -> str:
    """Everything that a case gives, as text: observations, state digests, the score."""
    backend.reset()
    steps = [(backend.call_tool(call.tool, call.arguments), backend.state_digest()) for call in case.calls]
    score = backend.score(case.judged.task, case.judged.answer).canonical() if case.judged else None
    backend.reset()
    return json.dumps([[[seen.payload(), digest] for seen, digest in steps], score], ensure_ascii=False)


def test_every_backend_gives_the_same_bytes(backend: Backend, request: pytest.FixtureRequest) -> None:
    spared = request.node.callspec.params["backend"] in OVER_JSON
    with Environment.fork(Blueprint.of(SHOP)) as alone:
        for case in CASES:
            if case.over_json or not spared:
                assert record_of(backend, case) == record_of(alone, case), case.name
