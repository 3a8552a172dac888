"""Text that nobody vouches for, made fit to stand in a prompt: it can neither end its section nor speak as one of ours."""

from __future__ import annotations

import json
from typing import Any

from artifacts.identity import digest_of

MOST_LINE = 600
"""The most characters of one line; a longer one is cut, and says so."""

MOST_TEXT = 6_000
"""The most characters of one fenced text."""


def fenced(text: str, most: int = MOST_TEXT) -> str:
    """The text behind a bar on every line, between two marks that hang on its content.

    No line of it begins as a section of a prompt does, and an author who wants to write the closing mark would have to know the
    digest of a text that holds it.
    """
    mark = digest_of(text)[:8]
    lines = [f"| {_plain(line)}" for line in _shortened(text, most).splitlines()] or ["| (nothing)"]
    return "\n".join((f"<untrusted {mark}>", *lines, f"</untrusted {mark}>"))


def unfenced(text: str) -> list[str]:
    """The lines behind the bars, as the embedded judge reads them."""
    return [line[2:] for line in text.splitlines() if line.startswith("| ")]


def compact(value: Any, most: int = MOST_LINE) -> str:
    """A value as JSON on one line, cut where it is long."""
    return _cut(json.dumps(value, ensure_ascii=False, separators=(", ", ": "), default=str), most)


def _plain(line: str) -> str:
    """Without control characters and without the brackets that open a section."""
    shown = "".join(character if character.isprintable() else " " for character in line)
    return _cut(shown.replace("[[", "[ [").replace("]]", "] ]"), MOST_LINE)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} … ({len(text) - most} more characters)"


def _shortened(text: str, most: int) -> str:
    """The beginning and the end, where both are needed to see what happened."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}\n… ({len(text) - most} characters left out) …\n{text[-most // 2 :]}"
