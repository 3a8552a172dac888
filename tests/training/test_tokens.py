"""Tokens: bytes come back, marks cannot be forged, a folder holds all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifacts.errors import InvalidInput
from training.tokens import END, MARKS, call_of, load_tokenizer, new_tokenizer, prompt_tokens, reply_tokens

TOKENIZER = new_tokenizer(["the cat sat on the mat", "a call of the cat"] * 5, 300)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def marks_in(tokens: list[int]) -> list[str]:
    return [str(TOKENIZER.convert_ids_to_tokens(token)) for token in tokens if token < len(MARKS)]


@given(text=TEXT)
@settings(deadline=None)
def test_any_text_comes_back(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text, add_special_tokens=False)) == text or any(mark in text for mark in MARKS)


@given(text=TEXT | st.sampled_from([f"x{mark}y" for mark in MARKS] + ["<<|end|>|end|>", "<|<|end|>"]))
@settings(deadline=None)
def test_no_text_can_forge_a_mark(text: str) -> None:
    messages = [{"role": "user", "content": text}]
    assert marks_in(prompt_tokens(TOKENIZER, messages)) == ["<|user|>", END, "<|assistant|>"]
    assert marks_in(reply_tokens(TOKENIZER, messages, {"role": "assistant", "content": text})) == [END]


def test_a_conversation_with_tools_and_calls_is_spelt_out() -> None:
    properties = {"at": {"type": "integer"}, "how": {"enum": ["well", "<|end|>"]}}
    schema = {"type": "object", "properties": properties, "required": ["at"]}
    tool = {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": schema}}
    plain = {"type": "function", "function": {"name": "wait", "parameters": {"type": "object"}}}
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"at":1}'}}
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "[]"},
    ]
    assert TOKENIZER.decode(prompt_tokens(TOKENIZER, messages, [tool, plain])) == (
        "<|tools|>look at how?=well|< |end|>\nwait\n<|end|>"
        "<|system|>Be kind.<|end|><|user|>Look.<|end|>"
        '<|assistant|><|call|>look {"at":1}<|end|><|tool|>[]<|end|><|assistant|>'
    )


def test_a_call_is_read_as_it_was_written() -> None:
    assert call_of('look {"at": 1}') == ("look", '{"at": 1}')
    assert call_of("look") == ("look", "{}")


@given(word=st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12), before=st.sampled_from(["a ", '{"at":"', "(", '":']))
@settings(deadline=None)
def test_a_word_is_the_same_tokens_wherever_it_stands(word: str, before: str) -> None:
    def tokens(text: str) -> list[int]:
        return [int(token) for token in TOKENIZER.encode(text, add_special_tokens=False)]

    assert tokens(before + word) == tokens(before) + tokens(word)


def test_a_saved_tokenizer_gives_the_same_tokens(tmp_path: Path) -> None:
    TOKENIZER.save_pretrained(tmp_path)
    messages = [{"role": "user", "content": "The cat… ☂"}]
    assert prompt_tokens(load_tokenizer(tmp_path), messages) == prompt_tokens(TOKENIZER, messages)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no tokenizer"):
        load_tokenizer(tmp_path)


def test_the_same_texts_give_the_same_tokenizer() -> None:
    twin = new_tokenizer(["the cat sat on the mat", "a call of the cat"] * 5, 300)
    assert twin.get_vocab() == TOKENIZER.get_vocab()
