"""Tokens: a byte-level tokenizer made from the trajectories themselves, and what a model is shown of a conversation.

The chat template in the tokenizer's folder is the one definition of a prompt: whoever plays with a policy and whoever trains it
apply the same one. Nothing that a world or an agent writes can look like one of its marks.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from artifacts.errors import InvalidInput

END, PAD, CALL = "<|end|>", "<|pad|>", "<|call|>"
MARKS = (PAD, END, "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|tools|>", CALL)

TEMPLATE = """\
{%- macro plain(text) -%}{{ text | replace('<|', '< |') }}{%- endmacro -%}
{%- macro parameter(name, schema, needed) -%}
{{ ' ' + name }}{{ '' if needed else '?' }}{{ '=' + schema.enum | map('string') | join('|') if schema.enum }}
{%- endmacro -%}
{%- macro line(tool) -%}
{{ tool.name }}
{%- for name, schema in (tool.parameters.properties or {}).items() -%}
{{ parameter(name, schema, name in (tool.parameters.required or [])) }}
{%- endfor -%}
{%- endmacro -%}
{%- if tools -%}<|tools|>{%- for tool in tools -%}{{ plain(line(tool.function)) }}{{ '\\n' }}{%- endfor -%}<|end|>{%- endif -%}
{%- for message in messages -%}
{{ '<|' + message.role + '|>' }}{{ plain(message.content or '') }}
{%- for call in message.tool_calls or [] -%}
<|call|>{{ plain(call.function.name + ' ' + call.function.arguments) }}
{%- endfor -%}
<|end|>
{%- endfor -%}
{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}"""
"""Each message between its role's mark and the end mark; a call is a name and the JSON of its arguments.

The tools come first, a line each: the name and the parameters, `?` after those that may be left out, and the values that one may
have. Their JSON Schemas would be two thirds of a prompt, which is more than a small decoder can learn from.
"""

PIECES = r"\p{N}{1,2}|\p{L}+?(?=(?:(?<=s)es|(?<!s)s)(?!\p{L}))|\p{L}+|\s|[^\s\p{L}\p{N}]+"
"""What merges stay within: a word or a number is the same tokens wherever it stands, and in the plural, so that it can be copied."""


def new_tokenizer(texts: Iterable[str], size: int) -> Any:
    """A byte-level BPE tokenizer of at most `size` tokens, learned from texts, with our template (arXiv 1909.03341)."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the same merges on every machine
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PIECES), "isolated"), bytes_of])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=list(MARKS), initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    make: Any = PreTrainedTokenizerFast  # it carries no types
    return make(tokenizer_object=tokenizer, eos_token=END, pad_token=PAD, chat_template=TEMPLATE)


def load_tokenizer(folder: str | Path) -> Any:
    """The tokenizer of a model's folder; raises InvalidInput where there is none, or none that can hold a conversation."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError) as problem:
        raise InvalidInput(f"{folder} holds no tokenizer that can be read.", "Give the folder of a Hugging Face model.") from problem
    if not tokenizer.chat_template or tokenizer.eos_token_id is None:
        raise InvalidInput(f"The tokenizer in {folder} has no chat template or no end mark.", "Give an instruction-tuned model's folder.")
    return tokenizer


def texts_of(messages: Sequence[dict[str, Any]]) -> list[str]:
    """The texts of a conversation, its calls too, as a tokenizer learns from them."""
    functions = [call["function"] for message in messages for call in message.get("tool_calls") or ()]
    said = [str(message["content"]) for message in messages if message.get("content")]
    return [*said, *(f"{function['name']} {function['arguments']}" for function in functions)]


def call_of(text: str) -> tuple[str, str]:
    """The name and the arguments of a call as the template writes it; the arguments may be anything."""
    name, _, arguments = text.partition(" ")
    return name, arguments or "{}"


def prompt_tokens(tokenizer: Any, messages: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]] | None = None) -> list[int]:
    """What a policy is shown before it speaks, token by token."""
    return _applied(tokenizer, messages, tools, True)


def reply_tokens(
    tokenizer: Any, messages: Sequence[dict[str, Any]], reply: dict[str, Any], tools: Sequence[dict[str, Any]] | None = None
) -> list[int]:
    """What a policy says after those messages, up to and with the end mark; raises as `turn_tokens`."""
    return turn_tokens(tokenizer, messages, reply, tools)[1]


def turn_tokens(
    tokenizer: Any, messages: Sequence[dict[str, Any]], reply: dict[str, Any], tools: Sequence[dict[str, Any]] | None = None
) -> tuple[list[int], list[int]]:
    """What a policy is shown, and what it says then, up to and with the end mark.

    Raises InvalidInput for a template that shows the messages in another way once there is a reply.
    """
    prompt = prompt_tokens(tokenizer, messages, tools)
    whole = _applied(tokenizer, [*messages, reply], tools, False)
    if whole[: len(prompt)] != prompt:
        raise InvalidInput("The chat template shows a conversation in another way once it is answered.", "Use another template.")
    said = whole[len(prompt) :]
    end = tokenizer.eos_token_id
    return prompt, said[: said.index(end) + 1] if end in said else [*said, end]


def _applied(tokenizer: Any, messages: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]] | None, ask: bool) -> list[int]:
    found = tokenizer.apply_chat_template(
        list(messages), tools=list(tools) if tools else None, add_generation_prompt=ask, tokenize=True, return_dict=False
    )
    return [int(token) for token in found]
