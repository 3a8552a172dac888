"""A checkpoint as a policy: a process of its own holds the weights, and answers batches of conversations, one JSON line each way.

Nothing here imports what trains. The process says `{"ready": true}` when it can answer; then for each line
`{"conversations": [{"seed", "turn", "messages", "tools"}, …]}` it writes `{"replies": [{"message", "input_tokens", "output_tokens"}, …]}`
in the same order, or `{"error": "…"}`; it ends when its standard input does.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from artifacts.errors import ModelUnavailable
from artifacts.identity import digest_of, short, slug_of
from containers.episodes.conversations import Conversation
from containers.episodes.episode import Form, Reply

SPEAKER = (sys.executable, "-P", "-m", "training.speaking")
"""The program that answers; the checkpoint's folder and the options follow."""

STOP_PATIENCE_SECONDS = 20.0


class Checkpoint:
    """A local policy; raises ModelUnavailable where its process ends, or says something else than was asked."""

    def __init__(self, folder: Path, form: Form, temperature: float | None = None, most: int | None = None) -> None:
        """`most` is the number of tokens that a reply has at most."""
        self._folder = folder
        self._form = form
        self._log = tempfile.NamedTemporaryFile(prefix="worldloom-checkpoint-", suffix=".log", delete=False)  # noqa: SIM115 (closed in `close`)
        settings = {"--temperature": temperature, "--most": most}
        options = [word for name, value in settings.items() if value is not None for word in (name, str(value))]
        self._process = subprocess.Popen(  # noqa: S603 (our own interpreter)
            [*SPEAKER, str(folder), *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True
        )
        try:
            self._expect("ready")
        except ModelUnavailable:
            self.close()
            raise

    def reply(self, conversations: Sequence[Conversation]) -> list[Reply]:
        """The next message of each."""
        line = json.dumps({"conversations": [self._plain(one) for one in conversations]}, ensure_ascii=False)
        try:
            self._pipe("stdin").write(line + "\n")
            self._pipe("stdin").flush()
        except OSError as trouble:
            raise self._trouble("its process ended") from trouble
        replies = self._expect("replies")
        try:
            found = [Reply(_message(one["message"]), one.get("input_tokens"), one.get("output_tokens")) for one in replies]
        except (LookupError, TypeError, AttributeError) as problem:
            raise self._trouble("an answer holds no message") from problem
        if len(found) != len(conversations):
            raise self._trouble(f"{len(found)} answers to {len(conversations)} conversations")
        return found

    def close(self) -> None:
        """Ends the process."""
        with suppress(BrokenPipeError):  # it ended before it had read everything
            self._pipe("stdin").close()
        try:
            self._process.wait(STOP_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pipe("stdout").close()
        self._log.close()

    def _plain(self, one: Conversation) -> dict[str, Any]:
        tools = self._form.options(one.view.tools).get("tools")
        return {"seed": one.seed, "turn": one.view.turn, "messages": list(one.view.messages), "tools": tools}

    def _expect(self, name: str) -> Any:
        """What the process says next; lines that are no JSON objects are chatter of its libraries."""
        while line := self._pipe("stdout").readline():
            said = _object(line)
            if said is not None and name in said:
                return said[name]
            if said is not None:
                raise self._trouble(str(said.get("error", line.strip()))[:300])
        raise self._trouble("its process ended")

    def _pipe(self, name: str) -> Any:
        return getattr(self._process, name)

    def _trouble(self, what: str) -> ModelUnavailable:
        return ModelUnavailable(f"The checkpoint {self._folder} gives no answer: {what}.", f"See {self._log.name}.")


def _object(line: str) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _message(message: Any) -> dict[str, Any]:
    """A message that may go on record."""
    if not isinstance(message, dict) or message.get("role") != "assistant":
        raise TypeError("no message of an assistant")
    return message


def checkpoint_name(folder: Path) -> str:
    """The folder's name with 12 digits of its files' content, `policy/` below it included: other weights have another name."""
    parts = []
    for path in sorted(path for path in (*folder.glob("*"), *folder.glob("policy/*")) if path.is_file()):
        with path.open("rb") as file:
            parts.append((path.name, hashlib.file_digest(file, "sha256").hexdigest()))
    return f"checkpoint/{slug_of(folder.resolve().name)}-{short(digest_of(parts))}"
