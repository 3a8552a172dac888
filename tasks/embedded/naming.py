"""Noun phrases for the records of a walk: "my most recently placed pending order", "the cheapest lamp in Fernhill"."""

from __future__ import annotations

import re
from random import Random
from typing import Any, NamedTuple

About = dict[str, Any]

_NAMES = ("name", "title", "subject", "label", "reference", "number", "code", "headline", "email")
_CODES = ("reference", "number", "code")
_LIMIT = re.compile(r"^(more than|less than|before|after) (.*)$", re.DOTALL)
_STARTED = ("happened", "expired", "ended", "started", "began", "arrived")
_PARTICIPLES = (
    "made",
    "sent",
    "given",
    "taken",
    "paid",
    "held",
    "begun",
    "written",
    "put",
    "born",
    "bought",
    "sold",
    "met",
    "drawn",
    "set",
)
_BEST = ("the highest", "the lowest", "the latest", "the earliest")
_MOMENT = re.compile(r"^\d{1,2} [A-Z][a-z]+ \d{4}")


class Parts(NamedTuple):
    """What stands before and after a noun, its name, and a superlative that comes after the rest."""

    before: list[str]
    name: str
    after: list[str]
    best: list[str]


def plural(noun: str) -> str:
    """The plural of a noun, formed regularly."""
    if re.search(r"[^aeiou]y$", noun):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if re.search(r"(s|x|ch|sh)$", noun) else f"{noun}s"


def article(phrase: str) -> str:
    """The phrase after "a" or "an"."""
    return f"{'an' if re.match(r'(?i)[aeio]|un[^i]|hour', phrase) else 'a'} {phrase}"


def noun_phrase(record: About, abouts: dict[int, About], rng: Random) -> str:
    """A record in words, with every fact that tells which it is."""
    many = "every" in record
    noun: str = record["every" if many else "one"]
    parts = _parts(noun, record.get("by", {}), rng)
    if not many and parts.name and not parts.before and not parts.after and not parts.best and "of" not in record and _is_person(record):
        return parts.name
    owner = "my" if record.get("mine") else "the"
    head = f"all {owner}" if many else owner
    named = f"{plural(noun) if many else noun}{parts.name and ' ' + parts.name}"
    whole = " ".join((head, *parts.before, named))
    if "of" in record:
        whole = " ".join((whole, *parts.best))
        parts = parts._replace(best=[])
        whole += f" of {noun_phrase(abouts[record['of']], abouts, rng)}"
    after = [_of_many(text) if many else text for text in sorted(parts.after, key=_weight)]
    return _with_best(whole, after, parts.best)


def _weight(text: str) -> int:
    """Short additions stand nearer to the noun than clauses."""
    return 2 if text.startswith("whose") else 1 if text.startswith(("that", "who")) else 0


def _with_best(whole: str, after: list[str], best: list[str]) -> str:
    """A superlative among those that the other facts leave says so."""
    told = f"{whole} {' and '.join(after)}" if after else whole
    if not best:
        return told
    return f"{whole} {' and '.join(best)} among those {' and '.join(map(_of_many, after))}" if after else f"{whole} {' and '.join(best)}"


def _of_many(text: str) -> str:
    """A clause about one, said of several."""
    if verb := re.match(r"that (\w+?)s (?=on |before |after )", text):
        return f"that {verb[1]} {text[verb.end() :]}"
    return re.sub(r"^that has (.*) as its ", r"that have \1 as their ", text)


def _is_person(record: About) -> bool:
    return list(record.get("by", {})) == ["full name"]


def _parts(noun: str, facts: dict[str, Any], rng: Random) -> Parts:
    parts = Parts([], "", [], [])
    for label, value in facts.items():
        parts = _told(noun, label, value, parts, rng)
    return parts


def _told(noun: str, label: str, value: Any, parts: Parts, rng: Random) -> Parts:
    """The parts with one more fact in them."""
    last = label.rsplit(maxsplit=1)[-1]
    text = str(value)
    if text in _BEST:
        _superlative(noun, label, text, parts, rng)
    elif _LIMIT.match(text) and not isinstance(value, int | float):
        parts.after.append(_limited(label, text))
    elif last in ("at", "on") and _MOMENT.match(text):
        parts.after.append(_dated(label, moment(text)))
    elif last in _NAMES:
        return _named(noun, label, text, parts, rng)
    elif last in ("status", "state"):
        parts.before.append(text.replace("_", " "))
    else:
        parts.after.append(_other(label, value, rng))
    return parts


def moment(text: str) -> str:
    """A date and time as a person says them in a sentence."""
    return text.replace(", ", " at ")


def _superlative(noun: str, label: str, best: str, parts: Parts, rng: Random) -> None:
    last, stem = label.rsplit(maxsplit=1)[-1], label.rsplit(" ", 1)[0]
    late = best == "the latest"
    if last in ("at", "on") and _is_participle(stem):
        if stem != "born" and rng.random() < 0.6 and late:
            parts.before.insert(0, f"most recently {stem}")
        else:
            parts.best.append(f"that was {stem} {'last' if late else 'first'}")
    elif last in ("at", "on") and (stem.endswith("s") or stem in _STARTED):
        parts.best.append(f"that {stem} {'last' if late else 'first'}")
    elif last == "price":
        parts.before.insert(0, "cheapest" if best == "the lowest" else "most expensive")
    else:
        parts.best.append(f"with {best} {_as_noun(label)}")


def _as_noun(label: str) -> str:
    """A label as something that a record has: "due on" is the due date."""
    return re.sub(r" (at|on|by)$", " date", label)


def _is_participle(word: str) -> bool:
    return (word.partition(" ")[0].endswith("ed") and word not in _STARTED) or word.partition(" ")[0] in _PARTICIPLES


def _limited(label: str, text: str) -> str:
    relation, bound = _LIMIT.match(text).groups()  # type: ignore[union-attr]  # the caller has matched it
    stem = label.rsplit(" ", 1)[0]
    if relation in ("before", "after"):
        verb = stem if _is_participle(stem) or stem == "due" else f"that {stem}" if stem.endswith("s") or stem in _STARTED else ""
        return f"{verb} {relation} {moment(bound)}" if verb else f"whose {_as_noun(label)} is {relation} {moment(bound)}"
    return f"with {article(label)} of {relation} {bound}"


def _dated(label: str, date: str) -> str:
    stem = label.rsplit(" ", 1)[0]
    if _is_participle(stem) or stem == "due":
        return f"{stem} on {date}"
    if stem.endswith("s") or stem in _STARTED:
        return f"that {stem} on {date}"
    return f"whose {_as_noun(label)} is {date}"


def _named(noun: str, label: str, text: str, parts: Parts, rng: Random) -> Parts:
    """A name of the record itself stands beside its noun; the name of another that it belongs to is said as such."""
    owner = re.sub(r"\b(full|display|short)$", "", label.rsplit(" ", 1)[0] if " " in label else "").strip()
    last = label.rsplit(maxsplit=1)[-1]
    if owner and owner not in noun and noun not in owner:
        quoted = text if label.endswith("full name") or last in _CODES else f'"{text}"'
        parts.after.append(rng.choice((f"whose {owner} is {quoted}", f"that has {quoted} as its {owner}")))
        return parts
    if parts.name:
        parts.after.append(f'with the {last} "{text}"')
        return parts
    if last in _CODES:
        return parts._replace(name=rng.choice((text, f"with the {last} {text}", text)))
    if last == "subject":
        return parts._replace(name=rng.choice((f'about "{text}"', f'on "{text}"', f'with the subject "{text}"')))
    if label == "full name":
        return parts._replace(name=text)
    return parts._replace(name=rng.choice((f'"{text}"', f'"{text}"', f'called "{text}"')))


def _other(label: str, value: Any, rng: Random) -> str:
    last = label.rsplit(maxsplit=1)[-1]
    if last in ("city", "town") and len(label.split()) == 1:
        return f"in {value}"
    if last == "street":
        return f"at {value}"
    if last in ("amount", "total", "price", "fee"):
        return rng.choice((f"with {article(label)} of {value}", f"whose {label} is {value}"))
    if isinstance(value, int | float):
        return rng.choice((f"with {article(label)} of {value}", f"whose {label} is {value}"))
    if _MOMENT.match(str(value)):
        return f"whose {label} is {moment(str(value))}"
    shown = f'"{value}"' if " " in str(value) else str(value).replace("_", " ")
    return rng.choice((f"whose {label} is {shown}", f"with the {label} {shown}"))
