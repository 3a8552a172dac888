"""Walks put into words: what the author of the words is told of a walk, and the two programs that ask for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from textwrap import shorten
from typing import Any

import dspy
from pydantic import BaseModel

from artifacts.agent_task import Scalar
from tasks.models.adapter import with_rules
from tasks.sql.programs import parameter_schema
from tasks.trials.workbench import Workbench
from tasks.walks.terrain import words
from tasks.walks.walk import Asked, Said, Selector, Setting, Walk, WalkStep

View = dict[str, Any]
"""A walk in facts, without ids and without names of tools, tables and columns; it becomes compact JSON."""

RULES = """
A walk is something that can be done in this application, in facts. `about`: the records meant, numbered from 1: `one` or `every` of a
kind, `mine` among my own only, `of` that other record, `by` the facts that tell which; "the highest", "the latest": among the records
that the rest leaves. `do`: what is to change, as the application describes it, `to` which records, `with` which values, `text` the
exact words to store, `list` its lines in order; `first` has to be put right before the rest can be done. `ask`: what I want to be
told, `of` which record, `when`.

instruction: what the signed-in user writes to an assistant to get exactly this: first person, natural, one to five sentences, in
varied voices, each its own; the wish of a person who knows nothing of the data model. It is complete and leaves one right result: every
fact of `by` (a superlative exactly: "my most recently placed pending order", never "a recent order"; limits strictly: "more than"),
every value of `with`, every `text` word for word in double quotes, everything asked, and no other wish. "mine" is "my". Say the facts
in everyday words: dates and amounts as given or reworded, never rounded; where `ask` says cents, ask for cents. It never holds an id,
a name with an underscore, a tool, table or column name, the steps to take, or what `ask` is to find out.""".strip()


class PhraseDraft(BaseModel):
    """A walk's instruction as a model writes it."""

    id: str = ""
    instruction: str


@with_rules(RULES)
class PhraseWalks(dspy.Signature):
    """Put walks into words: for each, the message by which a user of this application asks an assistant for it.

    {rules}

    phrases: a JSON array, one {"id","instruction"} for each walk.
    """

    scenario: str = dspy.InputField()
    walks: list[dict[str, Any]] = dspy.InputField()
    phrases: list[PhraseDraft] = dspy.OutputField()


@with_rules(RULES)
class RepairPhrases(dspy.Signature):
    """Mend the instructions of these walks: every problem listed must be gone, and each still asks for exactly its walk.

    {rules}

    phrases: a JSON array, one {"id","instruction"} for each of the walks given.
    """

    scenario: str = dspy.InputField()
    walks: list[dict[str, Any]] = dspy.InputField()
    problems: list[str] = dspy.InputField()
    phrases: list[PhraseDraft] = dspy.OutputField()


_BEST = {"greatest": "the highest", "least": "the lowest", "latest": "the latest", "earliest": "the earliest"}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?")


def view_of(task_id: str, walk: Walk, bench: Workbench) -> View:
    """What the author of the words is told of a walk."""
    view: View = {"id": task_id, "about": [_about(number, s) for number, s in enumerate(walk.selectors, 1)]}
    do = list(_done(walk, bench))
    ask = [_asked(asked) for asked in walk.asked]
    return {key: part for key, part in {**view, "do": do, "ask": ask}.items() if part}


def _about(number: int, selector: Selector) -> View:
    kind = "every" if selector.many else "one"
    about: View = {"n": number, kind: selector.noun}
    if selector.mine:
        about["mine"] = True
    if selector.within is not None:
        about["of"] = selector.within + 1
    facts = {said.label: _fact(said) for said in selector.said}
    return {**about, "by": facts} if facts else about


def _fact(said: Said) -> Any:
    if said.relation in _BEST:
        return _BEST[said.relation]
    value = spoken(said.value, said.column)
    return value if said.relation == "is" else f"{said.relation} {value}"


def spoken(value: Scalar, column: str) -> Scalar:
    """A value as a person reads it: an amount of cents in whole units, a date with its month's name."""
    if column.endswith("_cents") and isinstance(value, int) and not isinstance(value, bool):
        return f"{value / 100:.2f}"
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        moment = datetime.fromisoformat(value)
        time = f", {moment:%H:%M}" if len(value) > 10 else ""
        return f"{moment.day} {moment:%B %Y}{time}"
    return value.replace("_", " ") if isinstance(value, str) and re.fullmatch(r"[a-z0-9_]+", value) else value


def _done(walk: Walk, bench: Workbench) -> Iterator[View]:
    """What is to change, call by call; the same change to all rows that one selector names counts as one."""
    before: tuple[str, tuple[int, ...]] | None = None
    for index, step in enumerate(walk.steps):
        settings = [setting for setting in walk.settings if setting.step == index]
        same = before == (step.tool, step.selectors) and not settings
        if step.writes and not same:
            yield _change(step, settings, bench)
        before = (step.tool, step.selectors) if step.writes else before


def _change(step: WalkStep, settings: list[Setting], bench: Workbench) -> View:
    change: View = {"do": in_short(step.does)}
    numbers = _numbers(step)
    if step.selectors:
        change["to"] = _targets(step, numbers, bench)
    lists = {
        words(re.sub(r"_ids$", "s", name)): _listed(value, numbers) for name, value in step.arguments.items() if isinstance(value, list)
    }
    if numbers and lists:
        change["list"] = lists
    plain = [s for s in settings if not (numbers and isinstance(step.arguments.get(s.parameter), list))]
    texts = {s.label: s.value for s in plain if _is_text(s, step, bench)}
    values = {s.label: _setting(s) for s in plain if s.label not in texts}
    change |= {key: part for key, part in {"with": values, "text": texts}.items() if part}
    return {**change, "first": True} if step.hurdle else change


def _numbers(step: WalkStep) -> dict[str, int]:
    """The numbers of the records by the references that stand for them; empty where that is not clear."""
    references = tuple(dict.fromkeys(_references(step.arguments)))
    return (
        {ref: index + 1 for ref, index in zip(references, step.selectors, strict=False)} if len(references) == len(step.selectors) else {}
    )


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and set(value) == {"$ref"}:
        yield value["$ref"]
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _references(part)


def _listed(rows: list[Any], numbers: dict[str, int]) -> list[Any]:
    """The elements of a list, records by their numbers."""
    return [
        {words(k): _number_or_value(k, v, numbers) for k, v in row.items()} if _is_row(row) else _number_or_value("", row, numbers)
        for row in rows
    ]


def _is_row(value: Any) -> bool:
    return isinstance(value, dict) and "$ref" not in value


def _number_or_value(name: str, value: Any, numbers: dict[str, int]) -> Any:
    return {"record": numbers[value["$ref"]]} if isinstance(value, dict) and "$ref" in value else spoken(value, name)


def in_short(description: str) -> str:
    """What a tool does: the first part of its description, in the first person."""
    text = re.split(r"(?<=\w)[;.](?:\s|$)", " ".join(description.split()), maxsplit=1)[0]
    mine = re.sub(r"\b(by|to|for|with|of|at|from|than|on) you\b", r"\1 me", re.sub(r"\byour\b", "my", text))
    return shorten(re.sub(r"\byou\b", "I", mine), 200, placeholder=" …")


def _targets(step: WalkStep, numbers: dict[str, int], bench: Workbench) -> dict[str, int] | list[int]:
    """The records that a call is about in the order of its parameters, by the part that they play in it where that is clear."""
    if not numbers:
        return [index + 1 for index in step.selectors]
    order = next(tool for tool in bench.tools if tool.name == step.tool).parameter_names
    held = {name: value for name, value in step.arguments.items() if isinstance(value, dict) and "$ref" in value}
    return {re.sub(r"_(id|code|key)$", "", name).replace("_", " "): numbers[held[name]["$ref"]] for name in order if name in held}


def _setting(setting: Setting) -> Any:
    if isinstance(setting.value, bool):
        return "yes" if setting.value else "no"
    value = spoken(setting.value, setting.parameter)
    return value.replace("_", " ") if isinstance(value, str) else value


def _is_text(setting: Setting, step: WalkStep, bench: Workbench) -> bool:
    """Whether a value is free text, to be stored as it is."""
    if not isinstance(setting.value, str) or _MOMENT.fullmatch(setting.value) or re.fullmatch(r"\d\d:\d\d", setting.value):
        return False
    tool = next(tool for tool in bench.tools if tool.name == step.tool)
    links = [link for link in bench.usages[tool.name].links if link.name == setting.parameter]
    columns = [bench.catalog.column(link.table, link.column) for link in links]
    return not parameter_schema(tool, setting.parameter).get("enum") and not any(column and column.choices for column in columns)


def _asked(asked: Asked) -> View:
    """A question; one about what holds when something has been changed says so."""
    view: View = {"what": asked.label}
    if asked.selector is not None:
        view["of"] = asked.selector + 1
    return {**view, "when": "after the change"} if asked.after else view
