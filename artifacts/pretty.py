"""JSON for people: stable bytes, one short value a line."""

from __future__ import annotations

import json
from typing import Any

WIDTH = 140


def pretty_bytes(value: Any) -> bytes:
    """JSON whose parts stand on one line where they fit in 140 characters; keys keep their order; a newline ends it.

    Raises ValueError on NaN, infinities and lone surrogates, TypeError on what JSON cannot hold.
    """
    return (_pretty(value, 0, 0) + "\n").encode()


_one_line = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
"""Kept, since `json.dumps` makes a new encoder at every call."""


def _pretty(value: Any, indent: int, used: int) -> str:
    line = _one_line(value)
    if (indent and indent + used + len(line) <= WIDTH) or not isinstance(value, dict | list) or not value:
        return line
    inner = indent + 2
    if isinstance(value, dict):
        opening, closing = "{", "}"
        items = [f"{_one_line(key)}: {_pretty(item, inner, len(_one_line(key)) + 2)}" for key, item in value.items()]
    else:
        opening, closing = "[", "]"
        items = [_pretty(item, inner, 0) for item in value]
    return opening + "\n" + ",\n".join(" " * inner + item for item in items) + "\n" + " " * indent + closing
