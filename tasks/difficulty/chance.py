"""Chance that is the same every time."""

from __future__ import annotations

from random import Random

from artifacts.identity import seed_of


def stream(*key: str | int) -> Random:
    """A stream of its own for a key, the same on every machine."""
    return Random(seed_of("lookahead", *key))  # noqa: S311  # variety, not secrecy
