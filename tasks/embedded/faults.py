"""The mistakes that models make, made on purpose: each a small function from a right answer to a broken one.

A mistake is drawn from the request alone, so that a request draws the same one on every machine. Each is of a kind that the gates
or the reading of answers must notice; one that slips through would be a hole in them.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

from tasks.embedded.chance import stream

Answer = dict[str, Any]
Break = Callable[[Answer, Random], bool]
"""Breaks a copy of an answer in place; False where it holds nothing to break."""

_SCHEMA, _SEED = ("WriteSchema", "RepairSchema"), ("WriteSeed", "RepairSeed")
_TOOLS, _TASKS = ("WriteTools", "RepairTools"), ("WriteTasks", "RepairTasks")
_COLUMN_LIST = re.compile(r"(?:UNIQUE|PRIMARY KEY|ON \w+) \((\w{4,})")
_REFERENCE = re.compile(r"REFERENCES (\w+)\(")
_ALWAYS_THERE = ("full_name", "name", "status", "quantity", "rating", "title", "subject", "body", "position", "role", "city", "email")


class Fault(NamedTuple):
    """One kind of mistake in one kind of answer."""

    kind: str
    programs: tuple[str, ...]
    make: Break


def spoil(right: Answer, render: Callable[[Answer], str], program: str, chance: str, rate: float) -> tuple[str, str | None]:
    """The answer's text, broken with probability `rate`, and the kind of the mistake or None."""
    rng = stream("mistake", chance)
    if rng.random() >= rate:
        return render(right), None
    faults = [fault for fault in FAULTS if program in fault.programs]
    kinds = sorted({fault.kind for fault in faults} | set(TEXT_FAULTS))
    for kind in rng.sample(kinds, len(kinds)):
        if kind in TEXT_FAULTS:
            return TEXT_FAULTS[kind](render(right), rng), kind
        broken = copy.deepcopy(right)
        if any(fault.make(broken, rng) for fault in faults if fault.kind == kind):
            return render(broken), kind
    return render(right), None


def misspelt(word: str, rng: Random) -> str:
    """The word with one letter doubled, or two letters in the wrong order."""
    at = rng.randrange(1, len(word) - 1)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return swapped if swapped != word else word[: at + 1] + word[at:]


def _replace(text: str, start: int, end: int, by: str) -> str:
    return text[:start] + by + text[end:]


def _pick(found: list[Any], rng: Random) -> Any:
    return rng.choice(found) if found else None


# --- schema -----------------------------------------------------------------------------------------------------------------


def _ddl_column(answer: Answer, rng: Random) -> bool:
    match = _pick(list(_COLUMN_LIST.finditer(answer["ddl"])), rng)
    if match:
        answer["ddl"] = _replace(answer["ddl"], match.start(1), match.end(1), misspelt(match.group(1), rng))
    return bool(match)


def _ddl_table(answer: Answer, rng: Random) -> bool:
    statements = answer["ddl"].split(";\n")
    parents = set(_REFERENCE.findall(answer["ddl"]))
    gone = _pick([s for s in statements if (m := re.match(r"CREATE TABLE (\w+)", s)) and m.group(1) in parents], rng)
    answer["ddl"] = ";\n".join(s for s in statements if s is not gone)
    return gone is not None


def _ddl_parent(answer: Answer, rng: Random) -> bool:
    match = _pick(list(_REFERENCE.finditer(answer["ddl"])), rng)
    if match:
        answer["ddl"] = _replace(answer["ddl"], match.start(1), match.end(1), f"{match.group(1)}_register")
    return bool(match)


def _ddl_quote(answer: Answer, rng: Random) -> bool:
    match = _pick(list(re.finditer(r"'\w{4,}'", answer["ddl"])), rng)
    if match:
        answer["ddl"] = _replace(answer["ddl"], match.start() + 3, match.start() + 3, "'")
    return bool(match)


# --- rows -------------------------------------------------------------------------------------------------------------------


def _row_column(answer: Answer, rng: Random) -> bool:
    table = _pick(answer["tables"], rng)
    if table:
        at = rng.randrange(1, len(table["columns"]))
        table["columns"][at] = misspelt(table["columns"][at], rng)
    return bool(table)


def _row_table(answer: Answer, rng: Random) -> bool:
    gone = _pick(answer["tables"], rng)
    answer["tables"] = [table for table in answer["tables"] if table is not gone]
    return gone is not None and (bool(answer["tables"]) or "fixes" in answer)


def _cells(answer: Answer, wanted: Callable[[str], bool]) -> list[tuple[list[Any], int, list[list[Any]]]]:
    """(row, column's index, all rows) for each cell of the columns wanted."""
    return [
        (row, at, table["rows"])
        for table in answer["tables"]
        for at, column in enumerate(table["columns"])
        if wanted(column)
        for row in table["rows"]
    ]


def _row_parent(answer: Answer, rng: Random) -> bool:
    cell = _pick([c for c in _cells(answer, lambda name: name.endswith("_id")) if isinstance(c[0][c[1]], int)], rng)
    fixes = [f for f in answer.get("fixes", ()) if f["values"] and any(k.endswith("_id") for k in f["values"])]
    if cell:
        cell[0][cell[1]] = rng.randint(700, 999)
    elif fixes:
        values = fixes[0]["values"]
        values[next(k for k in values if k.endswith("_id"))] = rng.randint(700, 999)
    return bool(cell or fixes)


def _row_key(answer: Answer, rng: Random) -> bool:
    cell = _pick([c for c in _cells(answer, lambda name: name == "id") if len(c[2]) > 1], rng)
    if cell:
        row, at, rows = cell
        row[at] = next(other[at] for other in rows if other is not row)
    return bool(cell)


def _row_null(answer: Answer, rng: Random) -> bool:
    cell = _pick([c for c in _cells(answer, _ALWAYS_THERE.__contains__) if c[0][c[1]] is not None], rng)
    if cell:
        cell[0][cell[1]] = None
    return bool(cell)


# --- tools ------------------------------------------------------------------------------------------------------------------


def _statements(tool: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """(step, key) of every SQL text of a tool."""
    steps = list(tool["program"])
    while steps:
        step = steps.pop(0)
        steps += step.get("do", [])
        yield from ((step, key) for key in ("require", "refuse", "let", "run", "each", "return") if isinstance(step.get(key), str))
        if isinstance(step.get("return"), dict):
            yield from ((part, "query") for part in step["return"].values())


def _edit_sql(answer: Answer, rng: Random, pattern: str, change: Callable[[str], str], keys: tuple[str, ...] = ()) -> bool:
    """Changes the first group of one match of a pattern in the SQL of one tool."""
    found = [
        (step, key, match)
        for tool in answer["tools"]
        for step, key in _statements(tool)
        if not keys or key in keys
        for match in re.finditer(pattern, step[key])
    ]
    hit = _pick(found, rng)
    if hit:
        step, key, match = hit
        step[key] = _replace(step[key], match.start(1), match.end(1), change(match.group(1)))
    return bool(hit)


def _tool_column(answer: Answer, rng: Random) -> bool:
    return _edit_sql(answer, rng, r"\b[a-z]\.(\w{4,})\b", lambda name: misspelt(name, rng))


def _tool_table(answer: Answer, rng: Random) -> bool:
    return _edit_sql(answer, rng, r"(?:FROM|INTO|UPDATE) ((?!json_each)\w+)\b", lambda name: f"{name}_archive")


def _tool_quote(answer: Answer, rng: Random) -> bool:
    return _edit_sql(answer, rng, r"'\w\w(\w+)'", lambda rest: f"'{rest}")


def _tool_null(answer: Answer, rng: Random) -> bool:
    return _edit_sql(answer, rng, r"INSERT INTO .*VALUES .*(:me\b)", lambda _: "NULL", ("run",))


def _foreign_column(answer: Answer, rng: Random) -> bool:
    """A result with the e-mail address of a person, from a table that has none."""
    return _edit_sql(
        answer,
        rng,
        r"SELECT (\w+|[a-z]\.\w+), (?!.*\bemail\b)",
        lambda first: f"{first}, {first[: -len(first.split('.')[-1])]}email",
        ("return", "query"),
    )


def _undeclared(answer: Answer, rng: Random) -> bool:
    used = [
        (tool, name)
        for tool in answer["tools"]
        for name in tool["parameters"]
        if any(re.search(rf":{name}\b", step[key]) for step, key in _statements(tool))
    ]
    hit = _pick(used, rng)
    if hit:
        del hit[0]["parameters"][hit[1]]
    return bool(hit)


# --- tasks ------------------------------------------------------------------------------------------------------------------


def _checks(answer: Answer) -> list[dict[str, str]]:
    return [check for task in answer["tasks"] for check in task["checks"]]


def _edit_check(answer: Answer, rng: Random, pattern: str, change: Callable[[str], str]) -> bool:
    found = [(check, match) for check in _checks(answer) for match in re.finditer(pattern, check["sql"])]
    hit = _pick(found, rng)
    if hit:
        check, match = hit
        check["sql"] = _replace(check["sql"], match.start(1), match.end(1), change(match.group(1)))
    return bool(hit)


def _check_column(answer: Answer, rng: Random) -> bool:
    return _edit_check(answer, rng, r"\b([a-z_]{4,}) = ", lambda name: misspelt(name, rng))


def _check_table(answer: Answer, rng: Random) -> bool:
    return _edit_check(answer, rng, r"final\.(\w+)", lambda name: f"{name}_history")


def _check_quote(answer: Answer, rng: Random) -> bool:
    return _edit_check(answer, rng, r"'\w\w(\w+)'", lambda rest: f"'{rest}")


def _already_true(answer: Answer, rng: Random) -> bool:
    check = _pick([c for c in _checks(answer) if "final." in c["sql"]], rng)
    if check:
        table = re.search(r"final\.(\w+)", check["sql"]).group(1)  # type: ignore[union-attr]  # chosen for having one
        check["sql"] = f"SELECT COUNT(*) >= 0 FROM final.{table}"
    return bool(check)


def _missed_step(answer: Answer, rng: Random) -> bool:
    """Leaves out a call whose result a later call or the answer needs."""
    found = [
        (task, number)
        for task in answer["tasks"]
        for number in range(len(task["solution"]))
        if re.search(rf'"\$ref": ?"{number}\b', json.dumps([task["solution"], task["answer"]]))
    ]
    hit = _pick(found, rng)
    if hit:
        del hit[0]["solution"][hit[1]]
    return bool(hit)


# --- words ------------------------------------------------------------------------------------------------------------------

_PHRASES = ("PhraseWalks", "RepairPhrases")
_FACT = re.compile(r'"[^"]+"|\b[A-Z]{2,}-\d+\b|\b\d{4}-\d{3}\b')


def _edit_words(answer: Answer, rng: Random, change: Callable[[str], str]) -> bool:
    """Changes one instruction, of those that the change does something to."""
    said = [one for one in (answer.get("phrases") or answer.get("tasks") or ()) if change(one["instruction"]) != one["instruction"]]
    hit = _pick(said, rng)
    if hit:
        hit["instruction"] = change(hit["instruction"])
    return bool(hit)


def _fact_left_out(answer: Answer, rng: Random) -> bool:
    """A record that is not named any more, wherever it was."""

    def without(text: str) -> str:
        found = _FACT.search(text)
        return " ".join(text.replace(found[0], "").split()) if found else text

    return _edit_words(answer, rng, without)


def _placeholder(answer: Answer, rng: Random) -> bool:
    return _edit_words(answer, rng, lambda text: _FACT.sub("{name}", text, count=1))


def _tool_said(answer: Answer, rng: Random) -> bool:
    return _edit_words(answer, rng, lambda text: f"{text} Use the search tool for that.")


def _other_voice(answer: Answer, rng: Random) -> bool:
    return _edit_words(answer, rng, lambda text: f"The user wants the following. {text}")


def _mixed_up(answer: Answer, rng: Random) -> bool:
    """The words of two walks in each other's place."""
    said = [one for one in answer["phrases"] if _FACT.search(one["instruction"])]
    if len(said) < 2:
        return False
    one, other = rng.sample(said, 2)
    one["instruction"], other["instruction"] = other["instruction"], one["instruction"]
    return True


# --- text -------------------------------------------------------------------------------------------------------------------


def _prose(text: str, rng: Random) -> str:
    before = rng.choice(
        ("Sure! Here is what you asked for.", "Below is the complete result:", "I have thought about it carefully. Result:")
    )
    return f"{before}\n\n{text}\n\nLet me know if you would like any changes."


def _cut(text: str, rng: Random) -> str:
    """Ends in the middle of the last section's content, never right after a whole part."""
    end = text.index("[[ ## completed ## ]]")
    start = text.rindex("]]\n", 0, end) + 3
    cut = text[: start + int((end - start) * (0.35 + 0.6 * rng.random()))]
    return cut.rstrip(" \n;]}").rstrip(")")


TEXT_FAULTS: dict[str, Callable[[str, Random], str]] = {"prose_around_json": _prose, "truncated": _cut}
"""Mistakes that can befall every answer."""

FAULTS: tuple[Fault, ...] = (
    Fault("misspelt_column", _SCHEMA, _ddl_column),
    Fault("misspelt_column", _SEED, _row_column),
    Fault("misspelt_column", _TOOLS, _tool_column),
    Fault("misspelt_column", _TASKS, _check_column),
    Fault("missing_table", _SCHEMA, _ddl_table),
    Fault("missing_table", _SEED, _row_table),
    Fault("missing_table", _TOOLS, _tool_table),
    Fault("missing_table", _TASKS, _check_table),
    Fault("foreign_key_to_nothing", _SCHEMA, _ddl_parent),
    Fault("foreign_key_to_nothing", _SEED, _row_parent),
    Fault("duplicate_key", _SEED, _row_key),
    Fault("null_in_not_null", _SEED, _row_null),
    Fault("null_in_not_null", _TOOLS, _tool_null),
    Fault("unescaped_quote", _SCHEMA, _ddl_quote),
    Fault("unescaped_quote", _TOOLS, _tool_quote),
    Fault("unescaped_quote", _TASKS, _check_quote),
    Fault("other_tables_column", _TOOLS, _foreign_column),
    Fault("undeclared_parameter", _TOOLS, _undeclared),
    Fault("check_already_true", _TASKS, _already_true),
    Fault("missed_step", _TASKS, _missed_step),
    Fault("fact_left_out", _PHRASES, _fact_left_out),
    Fault("placeholder_left", _PHRASES, _placeholder),
    Fault("tool_named", _PHRASES, _tool_said),
    Fault("tool_named", _TASKS, _tool_said),
    Fault("voice_of_another", _PHRASES, _other_voice),
    Fault("mixed_up", _PHRASES, _mixed_up),
)
