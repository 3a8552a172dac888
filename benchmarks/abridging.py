"""Episodes made short and strange: fewer tools, fewer records, and other words for what a world is about.

A decision is a few of an episode's thousand tokens. An abridged episode asks for the same decisions in a third of the tokens, and words
that are drawn anew each time can be told from what stands in the episode only, which is what holds in a world never seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

Message = dict[str, Any]

MORE_TOOLS, MORE_RECORDS = 9, 3
"""At most so many tools, and records of a list, are left besides those that the episode needs."""

WORD = re.compile(r"[A-Za-z]+")

OF_THE_FORM = frozenset(
    WORD.findall("""
        additional argument array assistant boolean call content default description enum false function id integer item name null number
        object parameter propertie required result role string system tool true type user
    """)
)
"""Words, in the singular, that the form of messages and tools is made of."""


class Script(NamedTuple):
    """An episode as a model reads it."""

    messages: tuple[Message, ...]
    seen: tuple[tuple[int, ...], ...]
    tools: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Script:
        """A row of `trajectories`."""
        return cls(*(tuple(json.loads(row[name])) for name in cls._fields))


def abridged(script: Script, draws: Random, words: Sequence[str]) -> Script:
    """An episode with fewer tools and records, and some of its words changed for others of `words`."""
    return renamed(shortened(script, draws), draws, words)


def shortened(script: Script, draws: Random) -> Script:
    """An episode without most of the tools that it does not call, and most of the records that nobody speaks of.

    The records stay where the last reply tells a number that stands nowhere: it may have been counted.
    """
    called = {call["function"]["name"] for message in script.messages for call in message.get("tool_calls") or ()}
    others = [tool["function"]["name"] for tool in script.tools if tool["function"]["name"] not in called]
    kept = called | set(draws.sample(others, min(len(others), draws.randint(2, MORE_TOOLS))))
    tools = tuple(tool for tool in script.tools if tool["function"]["name"] in kept)
    if _counts(script.messages):
        return script._replace(tools=tools)
    spoken = _spoken(script.messages)
    messages = tuple(_shorter(message, spoken, draws) for message in script.messages)
    return script._replace(messages=messages, tools=tools)


def renamed(script: Script, draws: Random, words: Sequence[str]) -> Script:
    """An episode in which what the world has records of is called something else, everywhere, in the singular and in the plural."""
    parameters = [name for tool in script.tools for name in tool["function"]["parameters"].get("properties") or {}]
    stems = sorted({_singular(word) for name in parameters if name.endswith("_id") for word in name[:-3].split("_")} - OF_THE_FORM)
    others = dict(zip(stems, draws.sample(words, min(len(stems), len(words))), strict=False))
    changed = (WORD.sub(lambda found: _other(found.group(), others), json.dumps(part)) for part in (script.messages, script.tools))
    messages, tools = (tuple(json.loads(text)) for text in changed)
    return script._replace(messages=messages, tools=tools)


def _counts(messages: Sequence[Message]) -> bool:
    """Whether the last reply tells a number that no record holds."""
    held = " ".join(one["content"] for one in messages if one["role"] in {"tool", "user"})
    return any(number not in re.findall(r"\d+", held) for number in re.findall(r"\d+", messages[-1]["content"] or ""))


def _spoken(messages: Sequence[Message]) -> str:
    """What is asked for, and all that the agent says."""
    calls = [call["function"]["arguments"] for one in messages for call in one.get("tool_calls") or ()]
    return "\n".join([*(one["content"] for one in messages if one["role"] in {"user", "assistant"} and one["content"]), *calls])


def _shorter(message: Message, spoken: str, draws: Random) -> Message:
    """A message as it is, but for the rules, which are left out, and a tool's answer, which has fewer records."""
    if message["role"] == "tool":
        return {**message, "content": _fewer(message["content"], spoken, draws)}
    return {**message, "content": ""} if message["role"] == "system" else message


def _fewer(content: str, spoken: str, draws: Random) -> str:
    """A tool's answer with the records that are spoken of, and a few more."""
    answer = json.loads(content)
    records = answer.get("result") if isinstance(answer, dict) else None
    if not isinstance(records, list) or len(records) <= MORE_RECORDS:
        return content
    needed = {place for place, record in enumerate(records) if _named(record, spoken)}
    others = [place for place in range(len(records)) if place not in needed]
    kept = needed | set(draws.sample(others, min(len(others), draws.randint(1, MORE_RECORDS))))
    return json.dumps({**answer, "result": [records[place] for place in sorted(kept)]}, ensure_ascii=False, separators=(",", ":"))


def _named(record: Any, spoken: str) -> bool:
    """Whether a record's id, or a text in it, is spoken of."""
    if not isinstance(record, dict):
        return str(record) in spoken
    texts = [value for value in record.values() if isinstance(value, str) and len(value) > 2]
    return any(text in spoken for text in texts) or re.search(rf"_id\":{record.get('id')}\b", spoken) is not None


def _singular(word: str) -> str:
    """A word without the ending of its plural."""
    return re.sub(r"(?<=[^s])s$", "", word)


def _other(word: str, others: Mapping[str, str]) -> str:
    """A word, or the one in its place: a capital and a plural's ending stay."""
    stem = _singular(word.lower())
    if stem not in others:
        return word
    ending = word[len(stem) :]
    return (others[stem].capitalize() if word[0].isupper() else others[stem]) + ending
