"""Prompts as the embedded model reads them: one section per input, in the last message of the user."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from dspy.lm15 import Request

_HEADER = re.compile(r"^\[\[ ## (\w+) ## \]\]$", re.MULTILINE)


class Prompt(NamedTuple):
    """One request: its input sections by name, its instructions, all that was said, and the number that tells equal requests apart."""

    fields: dict[str, str]
    system: str
    said: str
    rollout: int

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.system}\n{self.said}"

    def lines(self, name: str) -> list[str]:
        """A list of texts: one `- ` line each, or a JSON array."""
        text = self.fields.get(name, "").strip()
        if text.startswith("["):
            return [str(value) for value in json.loads(text)]
        return [line[2:] for line in text.splitlines() if line.startswith("- ")]

    def value(self, name: str) -> Any:
        """A JSON section's value; None where the section is missing or not JSON."""
        try:
            return json.loads(self.fields.get(name, ""))
        except json.JSONDecodeError:
            return None

    def count(self, name: str = "count", default: int = 10) -> int:
        """The last whole number of a section such as `10` or `12 to 20`."""
        found = re.findall(r"\d+", self.fields.get(name, ""))
        return int(found[-1]) if found else default


def read_prompt(request: Request) -> Prompt:
    """The sections of the last user message; its other messages count as text only."""
    system = request.system if isinstance(request.system, str) else "".join(part.text for part in request.system or ())
    texts = [message.text or "" for message in request.messages]
    asked = next((m.text or "" for m in reversed(request.messages) if m.role == "user"), "")
    pieces = _HEADER.split(asked)
    fields = {name: text.strip() for name, text in zip(pieces[1::2], pieces[2::2], strict=True)}
    return Prompt(fields, system, "\n".join(texts), request.config.seed or 0)
