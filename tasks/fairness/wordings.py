"""Other ways of writing an answer or a text: what people write for the same values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime

from artifacts.agent_task import AgentTask, Scalar
from containers.guesses import is_weak

_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:00")
_TIME = re.compile(r"\d\d:\d\d(:00)?")

Style = Callable[[Scalar], str]
"""How one value is written."""


class Worded:
    """A task's answer in other words; `money` are the values known to count minor units, `today` the world's day."""

    def __init__(self, task: AgentTask, money: frozenset[Scalar], today: str) -> None:
        self.values: Sequence[Scalar] = task.answer or ()
        self.decoys = task.decoys
        self.money = money
        self.today = date.fromisoformat(today[:10])

    def answers(self) -> Iterator[tuple[str, object]]:
        """What is different about each, and the answer."""
        values = list(self.values)
        plain = [_plain(value) for value in values]
        yield "as JSON text", json.dumps(values)
        yield "as an object", {f"value {i}": value for i, value in enumerate(values, 1)}
        yield "in a sentence", f"Here is what I found: {_row(plain)}."
        yield "as a list of lines", "Done. This is what you asked for:\n" + "\n".join(f"- **{text}**" for text in plain)
        for name, style in self._styles():
            texts = [style(value) for value in values]
            if texts != plain:
                yield name, f"All done. {_row(texts)}, as you asked."
        yield from self._in_passing(plain)

    def _styles(self) -> Iterator[tuple[str, Style]]:
        yield "dates in words, thousands separated", self._british
        yield "dates in American words, times with am and pm, small numbers in words", self._american
        yield "days without their year, money in major units", self._short
        yield "in capitals", lambda value: _plain(value).upper()
        yield "in small letters, in quotation marks", lambda value: f"\u201c{_plain(value).lower().replace('_', ' ')}\u201d"

    def _british(self, value: Scalar) -> str:
        moment = _moment(value)
        if moment is not None:
            return f"{moment.day} {moment:%B %Y}" + (f" at {moment:%H:%M}" if isinstance(value, str) and len(value) > 10 else "")
        if _counts(value) and not isinstance(value, float):
            return f"{value:,}"
        return f"{value:,.2f}" if isinstance(value, float) else _plain(value)

    def _american(self, value: Scalar) -> str:
        moment = _moment(value)
        if moment is not None:
            day = f"{moment:%B} {moment.day}, {moment.year}"
            return f"{_half_day(moment)} on {day}" if isinstance(value, str) and len(value) > 10 else day
        if isinstance(value, str) and _TIME.fullmatch(value):
            return _half_day(datetime.fromisoformat(f"2026-01-01 {value}"))
        if _counts(value) and isinstance(value, int) and value != 1 and 0 <= value < len(_WORDS):
            return _WORDS[value]
        return _plain(value)

    def _short(self, value: Scalar) -> str:
        moment = _moment(value)
        if moment is not None and abs((moment.date() - self.today).days) < 180:
            day = f"{moment.day} {moment:%B}"
            return f"{day} at {moment:%H:%M}" if isinstance(value, str) and len(value) > 10 else day
        if value in self.money and isinstance(value, int) and not isinstance(value, bool):
            return f"${value / 100:,.2f}"
        return _plain(value)

    def _in_passing(self, plain: Sequence[str]) -> Iterator[tuple[str, object]]:
        other = next((decoy for decoy in self.decoys if isinstance(decoy, str) and not is_weak(decoy)), None)
        if other is not None:
            yield "naming another candidate in passing", f"{_row(plain)}. That was rather this than {other}."


def _plain(value: Scalar) -> str:
    if value is None:
        return "none"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _counts(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _row(texts: Sequence[str]) -> str:
    return "".join(texts) if len(texts) < 2 else f"{'; '.join(texts[:-1])}; and {texts[-1]}"


def _moment(value: Scalar) -> datetime | None:
    if not isinstance(value, str) or not (_DAY.fullmatch(value) or _MOMENT.fullmatch(value)):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _half_day(moment: datetime) -> str:
    return f"{moment.hour % 12 or 12}:{moment:%M} {'PM' if moment.hour >= 12 else 'AM'}"


def other_wording(text: str) -> str:
    """Another wording of a text whose words are left to the agent, of about the same length."""
    return f"In other words, {text[:1].lower()}{text[1:]}"


def fuzzily(text: str) -> Iterator[str]:
    """The same text with other case, spacing and closing punctuation."""
    yield f" {text.upper()}  "
    yield f"{text.rstrip('.!?')}." if not text.endswith(".") else text.rstrip(".")
    yield text.lower().replace(" ", "  ")
