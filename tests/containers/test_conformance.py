"""Every backend passes the same cases; a new backend is one more entry of BACKENDS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from containers.conformance.cases import CASES
from containers.conformance.shop import SHOP
from containers.conformance.suite import Backend, Case, problems_of
from containers.environment import Blueprint, Environment

BACKENDS: dict[str, Callable[[], AbstractContextManager[Backend]]] = {
    "in process": lambda: Environment.fork(Blueprint.of(SHOP)),
}


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with BACKENDS[request.param]() as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name[:60])
def test_backend_conforms(backend: Backend, case: Case) -> None:
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
