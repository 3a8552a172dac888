"""A policy that speaks: a folder's model answers conversations, over standard input and output, a line of JSON each.

    python -m training.speaking FOLDER [--temperature T] [--most N]

First it says {"ready": true}. Each line in is {"conversations": [{"seed", "turn", "messages", "tools"}, …]}, each line out
{"replies": […]} in the same order, or {"error": "…"}. A reply depends on its conversation, seed and turn alone, whatever else
is asked with it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import torch

from artifacts.errors import InvalidInput, WorldloomError
from artifacts.identity import seed_of
from training.checkpoints import POLICY
from training.decoder import load_policy
from training.tokens import load_tokenizer, prompt_tokens

MOST = 512
"""So many tokens a reply has at most."""


class Speaker(NamedTuple):
    """A model with its tokenizer; at temperature 0 it says what is likeliest."""

    model: Any
    tokenizer: Any
    temperature: float = 0.0
    most: int = MOST

    def reply(self, conversation: dict[str, Any]) -> dict[str, Any]:
        """The agent's next message, with the tokens read and written."""
        prompt = prompt_tokens(self.tokenizer, conversation["messages"], conversation.get("tools"))
        draw = torch.Generator().manual_seed(seed_of("reply", conversation.get("seed"), conversation.get("turn")) % 2**63)
        said = list(self._tokens(prompt, draw))
        text = self.tokenizer.decode([token for token in said if token != self.tokenizer.eos_token_id], skip_special_tokens=True)
        return {"message": {"role": "assistant", "content": text}, "input_tokens": len(prompt), "output_tokens": len(said)}

    def _tokens(self, prompt: list[int], draw: torch.Generator) -> Iterator[int]:
        """Tokens one after another, up to and with the end mark."""
        room = int(getattr(self.model.config, "max_position_embeddings", len(prompt) + self.most))
        given, known = torch.tensor([prompt], device=self.model.device), None
        for _ in range(min(self.most, room - len(prompt))):
            with torch.inference_mode():
                out = self.model(input_ids=given, past_key_values=known, use_cache=True)
            known = out.past_key_values
            token = self._choice(out.logits[0, -1].float().cpu(), draw)
            yield token
            if token == self.tokenizer.eos_token_id:
                return
            given = torch.tensor([[token]], device=self.model.device)

    def _choice(self, logits: torch.Tensor, draw: torch.Generator) -> int:
        if self.temperature <= 0:
            return int(logits.argmax())
        return int(torch.multinomial(torch.softmax(logits / self.temperature, 0), 1, generator=draw))


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
            tell(told, {"replies": [speaker.reply(one) for one in json.loads(line)["conversations"]]})
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
