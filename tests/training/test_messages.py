"""From tokens to messages: what was said is what the form reads, and what cannot be read breaks the form."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from containers.episodes.native_form import NativeForm
from containers.episodes.turns import Answer, Asked, Calls, Turn, Violation
from training.messages import message_of
from training.tokens import CALL, END, new_tokenizer, reply_tokens

TOKENIZER = new_tokenizer(["the cat sat on the mat"] * 3, 300)
TOOLS = [{"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]
FORM = NativeForm()
USER = [{"role": "user", "content": "Go."}]


def heard(text: str, tools: Any = TOOLS, tokenizer: Any = TOKENIZER) -> dict[str, Any]:
    """The message in what a model writes."""
    return message_of(tokenizer, (), tokenizer.encode(text, add_special_tokens=False), tools)


def read(text: str, tokenizer: Any = TOKENIZER) -> Turn:
    """What the agent does by it."""
    return FORM.decode(heard(text, tokenizer=tokenizer))


@pytest.mark.parametrize(
    "turn",
    [
        Answer("It sat."),
        Calls((Asked("look", {}, "call_0"),)),
        Calls((Asked("look", {"at": 'a "mat"', "n": [1, None]}, "call_0"), Asked("sit", {"on": {"x": 1}}, "call_1"))),
    ],
)
def test_what_is_written_is_read_back(turn: Answer | Calls) -> None:
    said = reply_tokens(TOKENIZER, USER, FORM.encode(turn, 0), TOOLS)
    assert FORM.decode(message_of(TOKENIZER, (), said, TOOLS)) == turn


@pytest.mark.parametrize("arguments", ["nonsense", "[1]", "3", '{"at":', "{} {}"])
def test_a_call_that_cannot_be_read_breaks_the_form(arguments: str) -> None:
    assert isinstance(read(f"{CALL}look {arguments}{END}"), Violation)
    assert isinstance(read(f"{CALL}{END}"), Violation)


def test_a_call_may_follow_words_and_come_without_arguments() -> None:
    assert read(f'Let me see.{CALL}look {{"at": 1}}{END}') == Calls((Asked("look", {"at": 1}, "call_0"),))
    assert read(f"{CALL}look{END}") == Calls((Asked("look", {}, "call_0"),))


def test_without_tools_in_the_request_all_is_text() -> None:
    assert heard(f"the {CALL} cat{END}", None) == {"role": "assistant", "content": "the  cat"}


class Foreign:
    """A tokenizer of another family: no mark of ours, calls between tags."""

    eos_token_id = 2
    unk_token_id = None

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        """Code points above the marks."""
        return [ord(letter) + 10 for letter in text]

    def decode(self, tokens: list[int], skip_special_tokens: bool) -> str:
        """The text again."""
        return "".join(chr(token - 10) for token in tokens)

    def convert_tokens_to_ids(self, mark: str) -> None:
        """It has none of ours."""
        return


def test_a_foreign_model_calls_between_tags() -> None:
    text = 'I look.\n<tool_call>\n{"name": "look", "arguments": {"at": 1}}\n</tool_call>'
    message = heard(text, tokenizer=Foreign())
    assert message["content"] == "I look."
    assert FORM.decode(message) == Calls((Asked("look", {"at": 1}, "call_0"),))
    assert isinstance(read('<tool_call>{"name": "lo', tokenizer=Foreign()), Violation)
    assert isinstance(read("<tool_call>[1]</tool_call>", tokenizer=Foreign()), Violation)
    assert read("Done.", tokenizer=Foreign()) == Answer("Done.")


class Templated(Foreign):
    """One whose tokenizer knows how to read its own words, as transformers parses them."""

    response_template: ClassVar[dict[str, str]] = {"any": "thing"}

    def parse_response(self, said: list[int], *, prefix: list[int], tools: list[dict[str, Any]]) -> dict[str, Any]:
        """A call, or what is no message."""
        if self.decode(said, True) == "broken":
            raise ValueError("nothing matches")
        return {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"type": "function", "function": {"name": "look", "arguments": {"at": 1}}}],
        }


def test_a_tokenizer_that_reads_its_own_words_is_asked() -> None:
    assert read("whatever", tokenizer=Templated()) == Calls((Asked("look", {"at": 1}, "call_0"),))
    assert read("broken", tokenizer=Templated()) == Answer("broken")
