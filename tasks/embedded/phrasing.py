"""Words for walks: the embedded author says in everyday English what a walk changes and what it asks."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any, NamedTuple

from tasks.embedded.chance import stream
from tasks.embedded.naming import About, article, moment, noun_phrase, plural

View = dict[str, Any]

_OPENINGS = ("", "", "", "", "", "", "", "", "Hi! ", "Hello. ", "Hi there! ", "Good morning. ", "I could use your help. ")
_WISHES = (
    "Please {}.",
    "Could you {}?",
    "I'd like you to {}.",
    "Can you {}, please?",
    "I need you to {}.",
    "Would you {} for me?",
    "I want to {}.",
)
_PLAIN_WISHES = (0, 1, 2, 3, 4)
"""Wishes that any phrase fits into; the others are for those that say nothing of me."""

_FURTHER = (
    "Also, please {}.",
    "After that, {}.",
    "And {}, please.",
    "Then please {}.",
    "Besides, I'd like you to {}.",
    "While you are at it, {}.",
)
_QUESTIONS = (
    "Please tell me {}.",
    "I'd like to know {}.",
    "Could you tell me {}?",
    "Can you find out {}?",
    "Let me know {}.",
    "I need to know {}.",
)
_FURTHER_QUESTIONS = (
    "Also tell me {}.",
    "And let me know {}.",
    "I'd also like to know {}.",
    "Besides, tell me {}.",
    "Could you also tell me {}?",
)
_LATER = ("When that is done, tell me {}.", "Afterwards, let me know {}.", "Once it is done, I'd like to know {}.", "Then tell me {}.")
"""For what holds when everything has been changed."""


class Wish(NamedTuple):
    """How people ask for what a tool does."""

    when: re.Pattern[str]
    say: tuple[str, ...]


@cache
def wishes() -> tuple[Wish, ...]:
    """The book of wishes, the first that fits and can be said counts."""
    text = (files("tasks.embedded") / "words" / "wishes.toml").read_text(encoding="utf-8")
    return tuple(Wish(re.compile(one["when"]), tuple(one["say"])) for one in tomllib.loads(text)["wish"])


def phrase(view: View, *key: object) -> str:
    """A walk as a person would ask for it; `key` tells other wordings of the same walk."""
    bare = {name: part for name, part in view.items() if name != "instruction"}
    rng = stream("phrase", json.dumps(bare, sort_keys=True), *key)
    speaker = Speaker({about["n"]: about for about in view.get("about", ())}, rng)
    wanted = [speaker.wish(change) for change in view.get("do", ())]
    asks = sorted(view.get("ask", ()), key=lambda ask: "when" in ask)
    asked = [speaker.question(ask) for ask in asks if "when" not in ask]
    later = [speaker.question(ask) for ask in asks if "when" in ask]
    sentences = (*_sentences(wanted, _WISHES, _FURTHER, rng), *_asking(asked, bool(wanted), rng), *_asking(later, True, rng, _LATER))
    opening = rng.choice(_OPENINGS)
    return opening + " ".join(sentences)


def _sentences(phrases: list[str], first: tuple[str, ...], further: tuple[str, ...], rng: Random) -> Iterator[str]:
    links = rng.sample(further, len(further))
    for number, text in enumerate(phrases):
        mine = re.search(r"\b(for me|me|my behalf)\b", text) is not None
        frames = [first[index] for index in _PLAIN_WISHES] if mine or len(text) > 60 else list(first[:6])
        yield _framed(rng.choice(frames) if number == 0 else links[number % len(links)], text)


def _asking(questions: list[str], after: bool, rng: Random, frames: tuple[str, ...] = _FURTHER_QUESTIONS) -> Iterator[str]:
    """One sentence for what is asked, two where it is much."""
    if not questions:
        return
    groups = [questions[:2], questions[2:]] if len(questions) > 2 else [questions]
    for number, group in enumerate(groups):
        if group:
            yield _framed(rng.choice(frames if after or number else _QUESTIONS), " and ".join(group))


def _framed(frame: str, text: str) -> str:
    """A phrase in a sentence; a quotation at its end keeps its own closing mark outside."""
    return frame.format(text)


class Speaker:
    """One person who asks: what was named before is named shortly the next time."""

    def __init__(self, abouts: dict[int, About], rng: Random) -> None:
        self._abouts = abouts
        self._rng = rng
        self._named: dict[int, str] = {}
        self._last = 0

    def name(self, number: int) -> str:
        """A record in words; the second time "that order", where there is only one."""
        record, last = self._abouts[number], self._last
        self._last = number
        if number in self._named:
            return self._again(number, record, last)
        self._named[number] = found = noun_phrase(record, self._abouts, self._rng)
        return found

    def _again(self, number: int, record: About, last: int) -> str:
        noun = record.get("one") or record.get("every")
        alike = [one for one in self._abouts.values() if noun in (one.get("one"), one.get("every"))]
        if (len(alike) > 1 and last != number) or self._named[number][:1].isupper():
            return self._named[number]
        return f"those {plural(str(noun))}" if "every" in record else f"that {noun}"

    def wish(self, change: View) -> str:
        """What is to change, as an imperative."""
        to = change.get("to", {})
        roles, numbers = (list(to), list(to.values())) if isinstance(to, dict) else ([], list(to))
        values = {label: _value(value) for label, value in change.get("with", {}).items()}
        values |= {label: f'"{text}"' for label, text in change.get("text", {}).items()}
        if "list" in change:
            values["items"] = " and ".join(self._items(rows) for rows in change["list"].values())
        if list(values) == ["is starred"]:
            return f"{'star' if values['is starred'] == 'yes' else 'take the star off'} {self.name(numbers[0])}"
        told = self._by_the_book(change["do"], numbers, values)
        return told or self._from_description(change["do"], roles, numbers, values)

    def _items(self, rows: list[Any]) -> str:
        """The lines of a list: "5 of the rye bread and 1 of the plum cake"."""
        told = [self._item(row) for row in rows]
        return ", ".join(told[:-1]) + f" and {told[-1]}" if len(told) > 1 else told[0]

    def _item(self, row: Any) -> str:
        if not isinstance(row, dict):
            return _value(row)
        if "record" in row:
            return self.name(row["record"])
        names = [self.name(part["record"]) for part in row.values() if isinstance(part, dict) and "record" in part]
        plain = {label: part for label, part in row.items() if not isinstance(part, dict)}
        count = f"{plain.pop('quantity')} of " if "quantity" in plain and names else ""
        rest = [f"{label} {_value(part)}" for label, part in plain.items()]
        return count + " ".join((*names, *(["with"] if names and rest else []), " and ".join(rest))).strip()

    def _by_the_book(self, text: str, numbers: list[int], values: dict[str, str]) -> str:
        for wish in wishes():
            match = wish.when.search(text)
            if match is None:
                continue
            usable = [found for say in wish.say if (found := _filled(say, len(numbers), values)) is not None]
            if usable:
                noun = match.group(1) if match.groups() else ""
                return self._said(self._rng.choice(usable), numbers, values, noun)
        return ""

    def _said(self, template: str, numbers: list[int], values: dict[str, str], noun: str) -> str:
        held = {**values, "noun": noun, "pairs": _pairs(values)}
        told = re.sub(
            r"\{([^}]+)\}",
            lambda m: self.name(numbers[int(m[1])]) if m[1].isdigit() else held[m[1]],
            template.replace("a {noun}", _a(noun)),
        )
        told = re.sub(r"\b1 (star|hour|month)s\b", r"1 \1", told)
        left = {label: value for label, value in values.items() if "{" + label + "}" not in template and "{pairs}" not in template}
        return _with_rest(told, left)

    def _from_description(self, text: str, roles: list[str], numbers: list[int], values: dict[str, str]) -> str:
        """The description itself, with the records in the places where it speaks of them."""
        told = text[:1].lower() + text[1:]
        left: list[str] = []
        for index, number in enumerate(numbers):
            record = self._abouts[number]
            noun = str(record.get("one") or record.get("every"))
            spoken = next((m for word in _nouns(noun, roles[index] if roles else "") if (m := _mention(word, told))), None)
            if spoken is None:
                left.append(self.name(number))
            else:
                told = f"{told[: spoken.start()]}{self.name(number)}{told[spoken.end() :]}"
        told += f" for {' and '.join(left)}" if left else ""
        return _with_rest(told, values)

    def question(self, ask: View) -> str:
        """What is asked, as an indirect question."""
        what: str = ask["what"]
        record = self._abouts.get(ask.get("of", 0), {})
        name = self.name(ask["of"]) if "of" in ask else ""
        return _question(what, name, record)


def _a(noun: str) -> str:
    return article("{noun}") if not noun else article(noun).replace(noun, "{noun}")


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    if isinstance(value, dict):
        return " ".join(f"{key.replace('_', ' ')} {_value(part)}" for key, part in value.items())
    return moment(str(value)) if re.match(r"\d{1,2} [A-Z]", str(value)) else str(value)


def _filled(template: str, records: int, values: dict[str, str]) -> str | None:
    """The template without the parts whose values are not given; None where it needs one that is not there."""
    kept = re.sub(r"\[([^\]]*)\]", lambda m: m[1] if all(label in values for label in _labels(m[1])) else "", template)
    known = {*values, "noun", *(["pairs"] if values else [])}
    needed = set(_labels(kept))
    numbers = {int(label) for label in needed if label.isdigit()}
    words = {label for label in needed if not label.isdigit()}
    return kept if words <= known and numbers == set(range(records)) else None


def _labels(template: str) -> list[str]:
    return re.findall(r"\{([^}]+)\}", template)


def _pairs(values: dict[str, str]) -> str:
    return " and my ".join(f"{label} to {value}" for label, value in values.items())


def _with_rest(told: str, values: dict[str, str]) -> str:
    """What is said, with the values that it does not hold yet."""
    rest = [value if label == "items" else f"{value} as the {label}" for label, value in values.items()]
    return f"{told}, with {', '.join(rest[:-1]) + ' and ' + rest[-1] if len(rest) > 1 else rest[0]}" if rest else told


def _nouns(noun: str, role: str) -> tuple[str, ...]:
    """The words by which a description may speak of a record."""
    return tuple(dict.fromkeys((noun, noun.rsplit(maxsplit=1)[-1], role))) if role else (noun, noun.rsplit(maxsplit=1)[-1])


def _mention(word: str, text: str) -> re.Match[str] | None:
    end = rf"(?:{re.escape(word)}|{re.escape(plural(word))})\b"
    return re.search(rf"\b(?:one of (?:my|the)|my|another|an?|the|any) (?:[a-z-]+ ){{0,2}}{end}", text) if word else None


_QUESTIONS_ABOUT = {
    "waits for": "whom {0} waits for",
    "still waiting for": "whom {0} is still waiting for",
    "out until": "until when {0} is out",
    "people waiting": "how many people are waiting for {0}",
    "max guests": "how many guests {0} allows at most",
    "unread count": "how many unread messages {0} has",
    "warranty months": "how many months of warranty {0} comes with",
    "valid months": "for how many months {0} is valid",
    "term months": "over how many months {0} runs",
    "notice days": "how many days of notice {0} needs",
    "open points": "how many open points {0} has",
    "free places": "how many free places {0} has",
    "weight kg": "how many kilograms {0} weighs",
    "position": "at which position I am for {0}",
    "paid in cents": "how much has been paid on {0}, in cents",
    "outstanding in cents": "how much is outstanding on {0}, in cents",
    "still owed in cents": "how much is still owed on {0}, in cents",
    "price in cents": "what {0} costs in cents",
    "total in cents": "what {0} comes to in cents",
    "monthly in cents": "what {0} costs a month, in cents",
    "fine in cents": "how high the fine for {0} is, in cents",
    "body": "the exact words of {0}",
    "needed by": "by when {0} is needed",
    "number": "the number of {0}",
}
"""What people say for labels that nobody would say."""

_OF_A_LIST = re.compile(r"(?P<what>.+?) of the (?P<list>.+?) entry with the (?P<best>\w+) (?P<by>.+)")


def _question(what: str, name: str, record: About) -> str:
    if not name:
        return f"the {what} that is on record"
    many = "every" in record
    if counted := re.fullmatch(r"number of (.*)|how many (.*) it has|how many there are.*", what):
        return _count(counted[1] or counted[2] or "", name, many)
    if what.startswith("total ") and many:
        return f"what the {re.sub(' in cents$', '', what[6:])} of {name} comes to in total{', in cents' if what.endswith('cents') else ''}"
    if entry := _OF_A_LIST.fullmatch(what):
        of = f"the {_entry(entry['list'])} with the {_HIGH.get(entry['best'], entry['best'])} {re.sub(' (at|on)$', ' date', entry['by'])}"
        return f"the {entry['what']} of {of} in {name}"
    if what in _QUESTIONS_ABOUT and not many:
        return _QUESTIONS_ABOUT[what].format(name)
    return _plain_question(what, name, many)


_HIGH = {"greatest": "highest", "least": "lowest", "latest": "latest", "earliest": "earliest"}


def _entry(words: str) -> str:
    """One of a list: "lines" is made of lines."""
    return re.sub(r"ies$", "y", words) if words.endswith("ies") else re.sub(r"s$", "", words)


def _count(things: str, name: str, many: bool) -> str:
    if not many:
        return f"how many {things} {name} has"
    if name.startswith("all my"):
        return f"how many {name[7:]} I have"
    return f"how many {re.sub(r'^(all the|those) ', '', name)} there are"


def _plain_question(what: str, name: str, many: bool) -> str:
    last, stem = what.rsplit(maxsplit=1)[-1], what.rsplit(" ", 1)[0]
    if last in ("at", "on") and " " in what and " of " not in what:
        if stem == "due":
            return f"when {name} {'are' if many else 'is'} due"
        return f"when {name} {stem}" if stem.endswith("s") else f"when {name} {'were' if many else 'was'} {stem}"
    if what.endswith(" in cents"):
        return f"the {what[:-9]} of {name} in cents"
    return f"the {what} of {'each of ' if many else ''}{name}"
