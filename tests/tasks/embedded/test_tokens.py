"""Tokens are counted with the real vocabulary, and without a network."""

from __future__ import annotations

import socket

import pytest

from tasks.embedded.tokens import count, count_again, encoding


def test_counts_are_those_of_cl100k_base_and_need_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    encoding.cache_clear()
    assert encoding().encode_ordinary("hello world") == [15339, 1917]
    assert count("") == 0
    assert count("SELECT 1;") == count_again("SELECT 1;") == 4
