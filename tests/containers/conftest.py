from __future__ import annotations

from collections.abc import Iterator

import pytest

from containers.conformance.shop import SHOP
from containers.environment import Blueprint, Environment


@pytest.fixture(scope="session")
def blueprint() -> Blueprint:
    return Blueprint.of(SHOP)


@pytest.fixture
def environment(blueprint: Blueprint) -> Iterator[Environment]:
    with Environment.fork(blueprint) as fresh:
        yield fresh
