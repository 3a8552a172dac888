"""What a reader without language sees in an instruction: quoted text, names, codes, dates, times, numbers and the tools' choices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from artifacts.agent_task import Scalar
from containers.dates import with_plain_dates
from containers.plain_text import plain_text

SaidKind = Literal["text", "date", "number", "choice"]

LEAST_PART = 4
"""Text of so many letters counts as held by a longer text that contains it."""


class Said(NamedTuple):
    """One literal: the values that it may stand for (an amount with two decimals may be meant in cents too), likeliest first."""

    kind: SaidKind
    values: tuple[Scalar, ...]


_QUOTED = re.compile(r"[\"“]([^\"”]{1,400})[\"”]|`([^`]{1,400})`|(?<!\w)['‘]([^'’]{2,400})['’](?!\w)")
_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?)?\b|\b\d{1,2}:\d\d(?::\d\d)?\b")
_CODE = re.compile(r"\b[A-Za-z]{1,8}-?\d[\w-]*\b|\b\d+-[\w-]+\b|\+\d[\d ()-]{5,}\d|\b[\w.]+@[\w.-]+\w\b|#\w+")
_NUMBER = re.compile(r"(?<![\w.,-])-?\d+(?:,\d{3})*(?:\.\d+)?(?![\w-]|[.,]\d)")
_NAME = re.compile(r"\b[A-Z][\w'’&-]*(?:[ ](?:(?:of|and|de|the) )?[A-Z][\w'’&-]*)*")
_CALENDAR = re.compile(
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*|(?:mon|tues|wednes|thurs|fri|satur|sun)day", re.IGNORECASE
)
_SENTENCE = re.compile(r"(?:^|[.!?:;]\s+|\n\s*)$")


def said_in(instruction: str, choices: Iterable[str] = ()) -> tuple[Said, ...]:
    """The literals of an instruction, each once, in the order of their kinds; `choices` are what the tools' parameters offer."""
    found = [*_quoted(instruction)]
    rest = _QUOTED.sub(" ; ", instruction)
    dated = with_plain_dates(rest.lower())
    found += [Said("date", (moment,)) for moment in _MOMENT.findall(dated)]
    found += [Said("text", (code.strip(),)) for code in _CODE.findall(rest) if not _MOMENT.fullmatch(code)]
    found += _numbers(_CODE.sub(" ", _MOMENT.sub(" ", dated)))
    found += _names(rest)
    found += [Said("choice", (choice,)) for choice in sorted(set(choices)) if _stands_in(choice, rest)]
    return tuple({(one.kind, one.values): one for one in found}.values())


def _quoted(instruction: str) -> Iterator[Said]:
    for groups in _QUOTED.findall(instruction):
        yield Said("text", (next(group for group in groups if group).strip(),))


def _numbers(text: str) -> Iterator[Said]:
    for match in _NUMBER.findall(text):
        plain = match.replace(",", "")
        if "." not in plain:
            yield Said("number", (int(plain),))
        elif re.fullmatch(r"-?\d+\.\d\d", plain):
            yield Said("number", (round(float(plain) * 100), float(plain)))
        else:
            yield Said("number", (float(plain),))


def _names(text: str) -> Iterator[Said]:
    """Capitalised runs; a lone word that only begins a sentence is none."""
    for match in _NAME.finditer(text):
        run = match[0]
        begins = _SENTENCE.search(text[: match.start()]) is not None
        if begins:
            run = run.partition(" ")[2].strip() if " " in run else ""
        for one in {run, match[0] if " " in match[0] else run}:
            if len(one) > 1 and not _CALENDAR.fullmatch(one):
                yield Said("text", (one.removesuffix("'s").removesuffix("’s"),))


def _stands_in(choice: str, text: str) -> bool:
    spoken = re.escape(choice.replace("_", " ").lower()).replace(r"\ ", r"[\s_-]+")
    return re.search(rf"(?<!\w){spoken}(?!\w)", text.lower()) is not None


@lru_cache(maxsize=8_000)
def _plain(text: str) -> str:
    return plain_text(text)


def holds(value: Scalar, said: Said) -> bool:
    """Whether a value that a result shows is, or as text contains, what was said."""
    if said.kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool) and value in said.values
    if not isinstance(value, str):
        return False
    shown, wanted = _plain(value), _plain(str(said.values[0]))
    return shown == wanted or (said.kind != "choice" and len(wanted) >= LEAST_PART and wanted in shown)
