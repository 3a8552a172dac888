"""The embedded model `worldloom/procedural-1`: a procedural author behind DSPy's engine interface.

It reads the same prompts and answers in the same formats as a hosted model. Equal requests give equal answers, on any machine,
in any order and from any thread; it is never passed off as a language model.
"""

from __future__ import annotations

import json
from typing import Any

from dspy.lm15 import InvalidRequestError, Message, Request, Response, TextPart, Usage

from tasks.embedded.answers import Answer, answer, program_of
from tasks.embedded.faults import spoil
from tasks.embedded.prompt import Prompt, read_prompt
from tasks.embedded.tokens import count, count_again

MODEL = "worldloom/procedural-1"


class ProceduralEngine:
    """Answers the programs of the stages; with a fault rate above 0 it errs as often, in the ways that models do."""

    def __init__(self, seed: int = 0, fault_rate: float = 0.0) -> None:
        self.seed = seed
        self.fault_rate = fault_rate

    def complete(self, request: Request) -> Response:
        """The answer to one prompt; raises InvalidRequestError for a prompt of no known program."""
        prompt = read_prompt(request)
        program = program_of(prompt)
        if not program:
            raise InvalidRequestError(f"{MODEL} answers Worldloom's own prompts only.")
        right = answer(program, prompt, self.seed)
        text, mistake = spoil(right, render, program, self._chance(prompt), self.fault_rate)
        return Response(
            id=None,
            model=request.model,
            message=Message.assistant([TextPart(text)]),
            finish_reason="stop",
            usage=Usage(input_tokens=_input_tokens(prompt), output_tokens=count(text)),
            provider_data={"mistake": mistake},
        )

    def _chance(self, prompt: Prompt) -> str:
        """What the draw of a mistake hangs on: the seed, the whole prompt, and the attempt."""
        return f"{self.seed}/{prompt.rollout}/{prompt.text}"


def render(fields: Answer) -> str:
    """The answer as any model writes it: one section per field, ended by `completed`."""
    sections = "\n\n".join(f"[[ ## {name} ## ]]\n{_shown(value)}" for name, value in fields.items())
    return f"{sections}\n\n[[ ## completed ## ]]"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _input_tokens(prompt: Prompt) -> int:
    return count_again(prompt.system) + count(prompt.said)
