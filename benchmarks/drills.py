"""Drills for a new decoder: to copy, and to look things up in records. Made up from random words, so they tell nothing of any world.

A small decoder finds out how to copy from what it was shown only after many steps on long texts, but within minutes on sequences that
are said twice (Olsson et al., arXiv 2209.11895, on how induction heads form); made-up exercises as a start for a language model
are from Wu et al., arXiv 2101.06223.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any, NamedTuple

from training.examples import Example
from training.tokens import CALL, END, MARKS

LONGEST_COPY = 48
FIELDS, RECORDS, NOUNS, QUESTIONS = 3, 7, 6, 3
"""At most so many fields of a record besides its id, records of a list, nouns that tools are for, and questions about one list."""


class Drills:
    """Draws drills for a tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._marks = {mark: int(tokenizer.convert_tokens_to_ids(mark)) for mark in MARKS}
        self._plain = sorted(set(range(len(tokenizer))) - set(self._marks.values()))
        texts = (tokenizer.decode([token]) for token in self._plain)
        self.words = sorted({text for text in texts if len(text) > 2 and text.isascii() and text.isalpha() and text.islower()})

    def copying(self, draws: Random, count: int) -> list[Example]:
        """Random tokens said twice; the second time counts. All are of one length."""
        length = draws.randint(8, LONGEST_COPY)
        once = [draws.choices(self._plain, k=length) for _ in range(count)]
        return [Example((*one, *one), (*(False,) * length, *(True,) * length)) for one in once]

    def looking_up(self, draws: Random, size: float = 1.0) -> Example:
        """A conversation in the form of real ones: tools and records with made-up names, and questions that the records answer.

        At a `size` of 0 it has one noun with records of one field, at 1 it is full.
        """
        said = _Said(self._tokenizer, self._marks)
        nouns = draws.sample(self.words, draws.randint(1, 1 + round(size * (NOUNS - 1))))
        verbs = {noun: draws.sample(self.words, 2) for noun in nouns}
        lists = {noun: draws.choice(("list_my_{}s", "list_{}s")).format(noun) for noun in nouns}
        changes = [f"{verb}_{noun} {noun}_id" for noun in nouns for verb in ("get", *verbs[noun])]
        tools = [*lists.values(), *changes]
        draws.shuffle(tools)
        said.put("<|tools|>", "".join(f"{tool}\n" for tool in tools))
        for noun in draws.sample(nouns, min(2, len(nouns))):
            self._ask(said, draws, _Noun(noun, lists[noun], verbs[noun]), size)
        return said.example

    def _ask(self, said: _Said, draws: Random, about: _Noun, size: float) -> None:
        """A list of records that the agent asks for at the first question about it, and the questions."""
        noun, listing, verbs = about
        fields = draws.sample(self.words, 2 + round(size * (FIELDS - 2)))
        key, *others = draws.sample(fields, len(fields))
        records = [
            {"id": number, **{name: self._phrase(draws) if name == key else self._value(draws) for name in fields}}
            for number in sorted(draws.sample(range(1, 40), QUESTIONS + draws.randint(0, round(size * (RECORDS - QUESTIONS)))))
        ]
        for place, record in enumerate(draws.sample(records, QUESTIONS)):
            verb, field = draws.choice(verbs), draws.choice(others)
            reads = draws.random() < 0.5
            wish = (f"What is the {field} of the {noun}" if reads else f"Please {verb} the {noun}") + f' whose {key} is "{record[key]}"?'
            brief = f'For {noun} "{record[key]}", {field}?' if reads else f'My {noun} "{record[key]}": {verb} it.'
            said.put("<|user|>", draws.choice((wish, brief)))
            if not place:
                said.put("<|assistant|>", f"{listing} {{}}", first=CALL, counts=True)
                said.put("<|tool|>", _compact({"result": records}))
            if reads:
                said.put("<|assistant|>", json.dumps([record[field]]), counts=True)
            else:
                said.put("<|assistant|>", f"{verb}_{noun} {_compact({f'{noun}_id': record['id']})}", first=CALL, counts=True)
                said.put("<|tool|>", _compact({"result": record}))

    def _phrase(self, draws: Random) -> str:
        return " ".join(draws.sample(self.words, draws.choice((1, 2, 2, 3)))).capitalize()

    def _value(self, draws: Random) -> str | int:
        day = f"2026-{draws.randint(1, 12):02}-{draws.randint(1, 28):02}"
        return draws.choice((self._phrase(draws), self._phrase(draws), 50 * draws.randint(1, 500), day, draws.randint(0, 40)))


class _Noun(NamedTuple):
    """What records are of, the tool that lists them, and what may be done to one."""

    noun: str
    listing: str
    verbs: list[str]


class _Said:
    """A conversation under way, as tokens; what the agent says counts."""

    def __init__(self, tokenizer: Any, marks: dict[str, int]) -> None:
        self._tokenizer = tokenizer
        self._marks = marks
        self._tokens: list[int] = []
        self._counts: list[bool] = []

    def put(self, mark: str, text: str, *, first: str | None = None, counts: bool = False) -> None:
        """A message between its mark and the end mark; `first` is a mark before the text."""
        begun = [] if first is None else [self._marks[first]]
        body = [*begun, *self._tokenizer.encode(text, add_special_tokens=False), self._marks[END]]
        self._tokens += [self._marks[mark], *body]
        self._counts += [False, *(counts,) * len(body)]

    @property
    def example(self) -> Example:
        """All that was said."""
        return Example(tuple(self._tokens), tuple(self._counts))


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
