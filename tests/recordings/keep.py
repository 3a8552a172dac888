"""Turn a log of requests and answers into a recording: `keep.py LOG.jsonl "Scenario name" [model]`, to standard output."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

HEADER = re.compile(r"^\[\[ ## (\w+) ## \]\]$", re.MULTILINE)


def kind_of(system: str, user: str) -> str:
    """The sections of the prompt and of the answer; what a stage is told to focus on counts too."""
    focus = re.search(r"^\[\[ ## focus ## \]\]\n(\w+)", user, re.MULTILINE)
    asked = [f"{name}={focus.group(1)}" if name == "focus" and focus else name for name in HEADER.findall(user)]
    return f"{' '.join(asked)} -> {' '.join(name for name in HEADER.findall(system) if name != 'completed')}"


def request_of(user: str) -> str:
    """The name of a request: what it was asked about, not how the instructions were worded."""
    return hashlib.sha256(user.encode()).hexdigest()


def recording_of(log: Iterable[str], scenario: str, model: str) -> Iterator[dict[str, Any]]:
    """The lines of a recording, each request once."""
    yield {"format": 1, "scenario": {"name": scenario, "description": "", "category": ""}, "model": model, "seed": 0}
    seen: set[str] = set()
    for line in log:
        entry = json.loads(line)
        by_role = {message["role"]: message["content"] for message in entry["request"]["messages"]}
        if scenario in by_role["user"] and (request := request_of(by_role["user"])) not in seen:
            seen.add(request)
            yield {"kind": kind_of(by_role["system"], by_role["user"]), "request": request, "answer": entry["answer"]}


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as log:
        for row in recording_of(log, sys.argv[2], (*sys.argv[3:], "openai/manual")[0]):
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
