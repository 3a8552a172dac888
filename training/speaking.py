"""A policy that speaks: a folder's model answers conversations, over standard input and output, a line of JSON each.

    python -m training.speaking FOLDER [--temperature T] [--most N]

First it says {"ready": true}. Each line in is {"conversations": [{"seed", "turn", "messages", "tools"}, …]}, each line out
{"replies": […]} in the same order, or {"error": "…"}. With `tools` a reply calls them natively, without it is text. It depends on
its conversation, seed and turn alone, whatever else is asked with it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import torch

from artifacts.errors import InvalidInput, WorldloomError
from training.checkpoints import POLICY
from training.decoder import load_policy
from training.generating import MOST, Prompt, generate, message_seed
from training.messages import message_of
from training.tokens import load_tokenizer, prompt_tokens


class Speaker(NamedTuple):
    """A model with its tokenizer; at temperature 0 it says what is likeliest."""

    model: Any
    tokenizer: Any
    temperature: float = 0.0
    most: int = MOST

    def replies(self, conversations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The agent's next message in each, with the tokens read and written."""
        prompts = [self._prompt(one) for one in conversations]
        said = generate(self.model, self.tokenizer, prompts, temperature=self.temperature, most=self.most)
        return [
            {
                "message": message_of(self.tokenizer, prompt.tokens, one.tokens, conversation.get("tools")),
                "input_tokens": len(prompt.tokens),
                "output_tokens": len(one.tokens),
            }
            for conversation, prompt, one in zip(conversations, prompts, said, strict=True)
        ]

    def _prompt(self, conversation: dict[str, Any]) -> Prompt:
        tokens = prompt_tokens(self.tokenizer, conversation["messages"], conversation.get("tools"))
        return Prompt(tuple(tokens), message_seed(conversation.get("seed"), conversation.get("turn", 0)))


def speaker_in(folder: Path, temperature: float = 0.0, most: int = MOST) -> Speaker:
    """The policy in a Hugging Face folder, or in a checkpoint's folder; raises InvalidInput."""
    place = folder / POLICY if (folder / POLICY).is_dir() else folder
    model = load_policy(place).eval()
    return Speaker(model.to("cuda" if torch.cuda.is_available() else "cpu"), load_tokenizer(place), temperature, most)


def speak(speaker: Speaker, asked: TextIO, told: TextIO) -> None:
    """Answers until nothing more is asked; what cannot be answered is told as an error."""
    tell(told, {"ready": True})
    for line in asked:
        try:
            tell(told, {"replies": speaker.replies(json.loads(line)["conversations"])})
        except WorldloomError as error:
            tell(told, {"error": str(error)})
        except (ValueError, KeyError, TypeError) as problem:
            tell(told, {"error": f"a conversation cannot be read: {problem}"})


def tell(told: TextIO, value: dict[str, Any]) -> None:
    """One line of JSON, at once."""
    told.write(json.dumps(value, ensure_ascii=False) + "\n")
    told.flush()


def main() -> int:
    """The program."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no answer
    parser = argparse.ArgumentParser(description="A policy that speaks.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--most", type=int, default=MOST)
    given = parser.parse_args()
    try:
        speaker = speaker_in(given.folder, given.temperature, given.most)
    except InvalidInput as error:
        tell(told, {"error": str(error)})
        return error.exit_code
    speak(speaker, sys.stdin, told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
