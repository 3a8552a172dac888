"""Remembering what a function found about a noun: nouns are immutable, but hold dicts and cannot be keys themselves."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import TypeVar

from artifacts.noun import Noun

N = TypeVar("N", bound=Noun)
R = TypeVar("R")


def remembered(size: int = 200) -> Callable[[Callable[[N, str], R]], Callable[[N, str], R]]:
    """A cache of `function(noun, schema_sql)` by the very noun; the oldest are forgotten. Results must be immutable."""

    def decorate(function: Callable[[N, str], R]) -> Callable[[N, str], R]:
        known: OrderedDict[tuple[int, int], tuple[N, str, R]] = OrderedDict()
        lock = Lock()

        @wraps(function)
        def recall(noun: N, schema_sql: str) -> R:
            key = (id(noun), hash(schema_sql))
            found = known.get(key)
            if found is not None and found[0] is noun and found[1] == schema_sql:
                return found[2]
            result = function(noun, schema_sql)
            with lock:
                known[key] = (noun, schema_sql, result)
                while len(known) > size:
                    known.popitem(last=False)
            return result

        return recall

    return decorate
