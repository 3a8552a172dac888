"""Drills for a new decoder: to copy, and to look things up in records. Made up from random words, so they tell nothing of any world.

A small decoder finds out how to copy from what it was shown only after many steps on long texts, but within minutes on sequences that
are said twice (Olsson et al., arXiv 2209.11895, on how induction heads form); made-up exercises as a start for a language model
are from Wu et al., arXiv 2101.06223. To look up the id of a record takes three steps inside it, none of which pays alone: so a drill
also tells the answers in between (deep supervision: Lee et al., arXiv 1409.5185), which nobody can tell of a real episode for sure.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from training.examples import IGNORED, Example
from training.tokens import CALL, END, MARKS

LONGEST_COPY = 48
FIELDS, RECORDS, NOUNS, WISHES = 4, 9, 6, 2
"""At most so many fields of a record besides its id, records of a list, nouns that tools are for, and wishes in one conversation."""

OTHER_KEYS = 0.4
"""How often, at full size, a record may be meant by any of its values, and not by a name."""

Record = dict[str, Any]


class Hints(NamedTuple):
    """What the tokens of a drill are about; IGNORED where that is nothing.

    `records` holds the first token of the id of the record that a token stands in, `asked` for a value by which a record may be found
    whether it is the one that the user spoke of.
    """

    records: tuple[int, ...]
    asked: tuple[int, ...]


class Drill(NamedTuple):
    """A made-up conversation, and what its tokens are about."""

    example: Example
    hints: Hints


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

    def finding(self, draws: Random, size: float = 1.0) -> Drill:
        """A text, records, and the id of the one that has it, which alone counts."""
        said = _Said(self._tokenizer, self._marks)
        wish = self._wish(draws.choice(self.words), draws, size)
        said.put("<|user|>", json.dumps(wish.record[wish.key]))
        said.records(wish)
        call = f"get_{wish.about.noun} " + _compact({f"{wish.about.noun}_id": wish.record["id"]})
        said.put("<|assistant|>", call, first=CALL, counts=call.index(":") + 1)
        return said.drill

    def looking_up(self, draws: Random, size: float = 1.0) -> Drill:
        """A conversation in the form of real ones: tools and records with made-up names, and wishes that take a look at the records.

        At a `size` of 0 it has one noun with two or three records of one or two fields, at 1 it is full.
        """
        said = _Said(self._tokenizer, self._marks)
        nouns = draws.sample(self.words, draws.randint(1, 1 + round(size * (NOUNS - 1))))
        wishes = [self._wish(noun, draws, size) for noun in nouns[: draws.randint(1, 1 + round(size * (WISHES - 1)))]]
        others = [_Noun.of(noun, self.words, draws) for noun in nouns[len(wishes) :]]
        tools = [tool for noun in (*(wish.about for wish in wishes), *others) for tool in noun.tools]
        said.put("<|tools|>", "".join(f"{tool}\n" for tool in draws.sample(tools, len(tools))))
        said.put("<|user|>", " ".join(wish.words for wish in wishes))
        for part in (wishes,) if draws.random() < 0.5 else ([wish] for wish in wishes):
            for wish in part:
                _list(said, wish)
            for wish in part:
                _act(said, wish)
        told = [wish.record[wish.field] for wish in wishes if wish.verb is None]
        said.put("<|assistant|>", json.dumps(told) if told else "", counts=0)
        return said.drill

    def _wish(self, noun: str, draws: Random, size: float) -> _Wish:
        about = _Noun.of(noun, self.words, draws)
        fields = draws.sample(self.words, draws.randint(1, 1 + round(size * (FIELDS - 1))) + 1)
        key, field = draws.sample(fields, 2)
        kinds = {name: self._phrase if name == key and draws.random() > size * OTHER_KEYS else draws.choice(self._kinds) for name in fields}
        records: list[Record] = []
        for number in draws.sample(range(1, 40), draws.randint(2, 3 + round(size * (RECORDS - 3)))):
            records.append({"id": number, **{name: kinds[name](draws) for name in fields}})
        known = {json.dumps(one[key]): one for one in records}
        record = draws.choice(list(known.values()))
        name = record[key] if not isinstance(record[key], str) else f'"{record[key]}"'
        verb = None if draws.random() < 0.4 else draws.choice(about.verbs)
        if verb is None:
            words = draws.choice((f"What is the {field} of the {noun} whose {key} is {name}?", f"For {noun} {name}, {field}?"))
        else:
            words = draws.choice((f"Please {verb} the {noun} whose {key} is {name}.", f"My {noun} {name}: {verb} it."))
        return _Wish(about, verb, words, tuple(known.values()), record, key, field, draws.random() < 0.7)

    def _phrase(self, draws: Random) -> str:
        return " ".join(draws.sample(self.words, draws.choice((1, 2, 2, 3)))).capitalize()

    def _day(self, draws: Random) -> str:
        return f"2026-{draws.randint(1, 12):02}-{draws.randint(1, 28):02}"

    def _amount(self, draws: Random) -> int:
        return draws.choice((50 * draws.randint(1, 500), draws.randint(0, 40)))

    @property
    def _kinds(self) -> tuple[Any, ...]:
        return (self._phrase, self._phrase, self._amount, self._day)


class _Noun(NamedTuple):
    """What records are of, the tool that lists them, and what may be done to one."""

    noun: str
    listing: str
    verbs: tuple[str, ...]

    @classmethod
    def of(cls, noun: str, words: Sequence[str], draws: Random) -> _Noun:
        return cls(noun, draws.choice(("list_my_{}s", "list_{}s")).format(noun), tuple(draws.sample(words, 2)))

    @property
    def tools(self) -> list[str]:
        return [self.listing, *(f"{verb}_{self.noun} {self.noun}_id" for verb in ("get", *self.verbs))]


class _Wish(NamedTuple):
    """Something to be done to a record, or to be told of it; `gets` says whether the record is got before it is told of."""

    about: _Noun
    verb: str | None
    words: str
    records: tuple[Record, ...]
    record: Record
    key: str
    field: str
    gets: bool


def _list(said: _Said, wish: _Wish) -> None:
    """The records, as the agent asks for them."""
    said.put("<|assistant|>", f"{wish.about.listing} {{}}", first=CALL, counts=0)
    said.records(wish)


def _act(said: _Said, wish: _Wish) -> None:
    """What the agent does with the record that is meant."""
    verb = wish.verb or ("get" if wish.gets else None)
    if verb is not None:
        noun = wish.about.noun
        said.put("<|assistant|>", f"{verb}_{noun} {_compact({f'{noun}_id': wish.record['id']})}", first=CALL, counts=0)
        said.put("<|tool|>", _compact({"result": wish.record}))


class _Span(NamedTuple):
    """A stretch of a text in a record, and whether it is a value by which the record may be found: the one asked for, or not."""

    start: int
    end: int
    id: int
    asked: int


class _Said:
    """A conversation under way, as tokens; what the agent says counts."""

    def __init__(self, tokenizer: Any, marks: dict[str, int]) -> None:
        self._tokenizer = tokenizer
        self._marks = marks
        self._tokens: list[int] = []
        self._counts: list[bool] = []
        self._records: list[int] = []
        self._asked: list[int] = []

    def put(self, mark: str, text: str, *, first: str | None = None, counts: int | None = None, spans: Sequence[_Span] = ()) -> None:
        """A message between its mark and the end mark; `first` is a mark before the text, `counts` the place in it from which it counts."""
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        begun = [self._marks[mark], *([] if first is None else [self._marks[first]])]
        body = [*encoded["input_ids"], self._marks[END]]
        records, asked = [IGNORED] * len(body), [IGNORED] * len(body)
        for span in spans:
            for place, (start, _) in enumerate(encoded["offset_mapping"]):
                if span.start <= start < span.end:
                    records[place], asked[place] = span.id, span.asked
        self._tokens += [*begun, *body]
        told = [*(start for start, _ in encoded["offset_mapping"]), len(text)]
        self._counts += [False, *(counts == 0,) * (len(begun) - 1), *(counts is not None and start >= counts for start in told)]
        self._records += [*(IGNORED,) * len(begun), *records]
        self._asked += [*(IGNORED,) * len(begun), *asked]

    def records(self, wish: _Wish) -> None:
        """A tool's answer: the records that there are."""
        text, spans = '{"result":[', list[_Span]()
        for place, record in enumerate(wish.records):
            text += "," if place else ""
            whole = _compact(record)
            number = self._tokenizer.encode(str(record["id"]), add_special_tokens=False)[0]
            before = _compact({name: record[name] for name in list(record)[: list(record).index(wish.key)]})
            value = len(text) + len(before) + len(f',"{wish.key}":') - 1
            ends = value + len(_compact(record[wish.key]))
            spans.append(_Span(len(text) + len(f'{{"id":{record["id"]}') - 1, len(text) + len(whole) - 1, number, IGNORED))
            spans.append(_Span(value, ends, number, int(record is wish.record)))
            text += whole
        self.put("<|tool|>", text + "]}", spans=spans)

    @property
    def drill(self) -> Drill:
        """All that was said."""
        return Drill(Example(tuple(self._tokens), tuple(self._counts)), Hints(tuple(self._records), tuple(self._asked)))


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
