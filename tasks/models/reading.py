"""Reading a model's answer: sections, then JSON part by part; what cannot be read becomes a diagnostic, never an exception.

Only strict JSON counts: nothing is guessed into an answer. A cut or damaged array keeps exactly its complete, valid elements.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ValidationError

from artifacts.verdict import Diagnostic

_HEADER = re.compile(r"^[ \t>*#]*\[\[ *## *(\w+) *## *\]\][ \t*]*", re.MULTILINE)
_FENCE = re.compile(r"```[a-zA-Z]*[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
_REFUSAL = re.compile(r"\b(can(?:no|')t|cannot|unable|won't|not able to|sorry)\b", re.IGNORECASE)
_NAME = re.compile(r'"(?:name|id|table|instruction)"\s*:\s*("(?:[^"\\]|\\.)*")')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SEPARATOR = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder()

Problems = list[Diagnostic]


class Parts(NamedTuple):
    """The elements of an array, as far as they could be read; `cut` is the text of what could not, or empty."""

    elements: list[Any]
    found: bool
    cut: str = ""
    damaged: tuple[str, ...] = ()


def read_sections(answer: str, names: tuple[str, ...]) -> tuple[dict[str, str], Problems]:
    """The text under each header; without any header the whole answer stands for the only section asked for.

    The first non-empty section of a name counts. An empty answer and a refusal are told apart from a wrong format.
    """
    if not answer.strip():
        return {}, [
            Diagnostic(code="answer.empty", place="answer", message="The answer is empty.", hint="Answer in the sections asked for.")
        ]
    pieces = _HEADER.split(answer)
    sections: dict[str, str] = {}
    for name, text in zip(pieces[1::2], pieces[2::2], strict=True):
        if not sections.get(name):
            sections[name] = text.strip()
    if not sections and len(names) == 1 and _holds_content(answer):
        return {names[0]: answer.strip()}, []
    missing = [name for name in names if name not in sections]
    return sections, [_missing(name, answer) for name in missing]


def _holds_content(answer: str) -> bool:
    return any(mark in answer for mark in ("[", "{", "CREATE ", "create "))


def _missing(name: str, answer: str) -> Diagnostic:
    if not _HEADER.search(answer) and _REFUSAL.search(answer):
        return Diagnostic(
            code="answer.refused",
            place=f"answer/{name}",
            message=f"The answer declines: {_clip(answer)!r}.",
            hint="This is a simulation with invented data; answer in the sections asked for.",
        )
    return Diagnostic(
        code="answer.missing_section", place=f"answer/{name}", message=f"There is no section `{name}`.", hint=f"Write [[ ## {name} ## ]]."
    )


def read_value(name: str, text: str | None, annotation: Any) -> tuple[Any, Problems]:
    """A section's value: text for `str`, a list of the elements that are valid for `list[...]`, plain JSON otherwise."""
    if get_origin(annotation) is list:
        return read_list(name, text, get_args(annotation)[0])
    return (strip_fences(text or ""), [])


def strip_fences(text: str) -> str:
    """The content of the fenced blocks where there are any, else the text itself; an unclosed last fence runs to the end."""
    blocks = _FENCE.findall(text)
    return "\n".join(blocks).strip() if blocks else text.strip()


def read_list(name: str, text: str | None, item: Any) -> tuple[list[Any], Problems]:
    """The valid elements of a section's JSON array, each checked on its own, and what was lost."""
    if text is None:
        return [], []
    parts = read_parts(text, name, item)
    if not parts.found:
        return [], [
            Diagnostic(code="json.missing", place=f"answer/{name}", message="There is no JSON array.", hint=f"Answer: {_clip(text)!r}.")
        ]
    problems = [_damaged(name, piece) for piece in parts.damaged]
    values: list[Any] = []
    for number, element in enumerate(parts.elements):
        value, wrong = _validated(element, item)
        if wrong:
            problems.append(_invalid(name, number, element, wrong))
        else:
            values.append(value)
    return values, problems + ([_truncated(name, len(values), parts.cut)] if parts.cut else [])


def read_parts(text: str, name: str, item: Any) -> Parts:
    """The elements of the first JSON array in a text, tolerant of prose, fences, a wrapping object, and JSON lines.

    Elements are decoded one at a time, so that a cut costs the last one only; after damage the scan goes on at the next
    element that is valid for `item`.
    """
    start = _array_start(text, name, item)
    if start is None:
        return _json_lines(text, item)
    return _elements(text, start + 1, item, closed_by="]")


def _array_start(text: str, name: str, item: Any) -> int | None:
    brace, bracket = text.find("{"), text.find("[")
    wrapped = re.search(r'\{\s*"' + re.escape(name) + r'"\s*:\s*\[', text)
    if wrapped:
        return wrapped.end() - 1
    if bracket < 0 or (0 <= brace < bracket and item is not str):
        return None
    return next((at for at in _positions(text, "[") if _starts_array(text, at, item)), None)


def _starts_array(text: str, at: int, item: Any) -> bool:
    following = text[at + 1 :].lstrip()[:1]
    if following in ("", "]"):
        return True
    return following == ('"' if item is str else "{")


def _positions(text: str, mark: str, start: int = 0) -> list[int]:
    return (
        [m.start() for m in re.finditer(re.escape(mark), text[start:])]
        if start == 0
        else [start + p for p in _positions(text[start:], mark)]
    )


def _json_lines(text: str, item: Any) -> Parts:
    """Objects one after another without a bracket around them; prose between them is passed over."""
    brace = text.find("{")
    if brace < 0 or item is str:
        return Parts([], found=False)
    return _elements(text, brace, item, closed_by="")


def _elements(text: str, at: int, item: Any, closed_by: str) -> Parts:
    elements: list[Any] = []
    damaged: list[str] = []
    while True:
        at = _skip(text, at)
        if at >= len(text):
            return Parts(elements, True, "(end)" if closed_by else "", tuple(damaged))
        if closed_by and text[at] == closed_by:
            return Parts(elements, True, "", tuple(damaged))
        try:
            value, at = _DECODER.raw_decode(text, at)
            elements.append(value)
        except (json.JSONDecodeError, RecursionError):
            following = _next_valid(text, at + 1, item)
            if following is None:
                return _ended(elements, text[at:], closed_by, damaged)
            damaged.append(text[at:following])
            at = following


def _ended(elements: list[Any], rest: str, closed_by: str, damaged: list[str]) -> Parts:
    """No further element can be read: prose after JSON lines, damage inside a closed array, or a cut."""
    if not closed_by and not rest.startswith("{"):
        return Parts(elements, True, "", tuple(damaged))
    if _closes(rest, 1 if closed_by else 0):
        return Parts(elements, True, "", (*damaged, rest))
    return Parts(elements, True, rest, tuple(damaged))


def _closes(rest: str, open_before: int) -> bool:
    """Whether a text closes every string and bracket that is open: then it is damaged, not cut."""
    bare = _STRING.sub("", rest)
    opened = bare.count("{") + bare.count("[") + open_before
    return '"' not in bare and bare.count("}") + bare.count("]") >= opened


def _skip(text: str, at: int) -> int:
    match = _SEPARATOR.match(text, at)
    return match.end() if match else at


def _next_valid(text: str, at: int, item: Any) -> int | None:
    """Where the next element begins that decodes and is valid for `item`; nested objects of a damaged element are not."""
    if item is str:
        return None
    for start in _positions(text, "{", at):
        try:
            value, _ = _DECODER.raw_decode(text, start)
        except (json.JSONDecodeError, RecursionError):
            continue
        if not _validated(value, item)[1]:
            return start
    return None


def _validated(element: Any, item: Any) -> tuple[Any, str]:
    if item is str:
        return (element, "") if isinstance(element, str) and element.strip() else (None, "is not text")
    if isinstance(item, type) and issubclass(item, BaseModel):
        try:
            return item.model_validate(element), ""
        except ValidationError as error:
            return None, "; ".join(f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in error.errors()[:3])
    return element, ""


def _label(element: Any) -> str:
    if isinstance(element, dict):
        return next((f" ({str(element[key])[:60]})" for key in ("id", "name", "table", "instruction") if element.get(key)), "")
    return ""


def _invalid(name: str, number: int, element: Any, wrong: str) -> Diagnostic:
    return Diagnostic(
        code="json.element",
        place=f"answer/{name}/{number}",
        message=f"Element {number + 1}{_label(element)} of `{name}` was left out: {wrong}.",
        hint="Write it again, whole, in the form asked for.",
    )


def _damaged(name: str, piece: str) -> Diagnostic:
    return Diagnostic(
        code="json.damaged",
        place=f"answer/{name}",
        message=f"An element{_named(piece)} of `{name}` is not valid JSON and was left out: {_clip(piece)!r}.",
        hint="Write it again, whole; escape quotes and line breaks inside strings.",
    )


def _truncated(name: str, complete: int, cut: str) -> Diagnostic:
    return Diagnostic(
        code="json.truncated",
        place=f"answer/{name}",
        message=f"The JSON of `{name}` breaks off after {complete} complete elements{_named(cut, ', inside')}.",
        hint="Write only the elements that are missing.",
    )


def _named(piece: str, before: str = "") -> str:
    match = _NAME.search(piece)
    return f"{before} {match.group(1)[:80]}" if match else ""


def _clip(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 160 else flat[:157] + "..."
