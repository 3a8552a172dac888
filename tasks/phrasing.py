"""Walks put into words: what the author of the words is told of a walk, and the two programs that ask for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import dspy
from pydantic import BaseModel

from artifacts.agent_task import Scalar
from tasks.models.adapter import with_rules
from tasks.sql.programs import parameter_schema
from tasks.trials.workbench import Workbench
from tasks.walks.walk import Asked, Said, Selector, Setting, Walk, WalkStep

View = dict[str, Any]
"""A walk in facts, without ids and without names of tools, tables and columns; it becomes compact JSON."""

RULES = """
A walk is something that can be done in this application, in facts. `about`: the records meant, numbered from 1: `one` or `every` of a
kind, `mine` among my own only, `of` that other record, `by` the facts that tell which; "the highest", "the latest": among the records
that the rest leaves. `do`: what is to change, as the application describes it, `to` which records, `with` which values, `text` the
exact words to store; `first` has to be put right before the rest can be done. `ask`: what I want to be told, `of` which record, `when`.

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
    ask = [_asked(asked, walk) for asked in walk.asked]
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
    return value


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
    if step.selectors:
        change["to"] = _targets(step, bench)
    texts = {s.label: s.value for s in settings if _is_text(s, step, bench)}
    values = {s.label: _setting(s) for s in settings if s.label not in texts}
    change |= {key: part for key, part in {"with": values, "text": texts}.items() if part}
    return {**change, "first": True} if step.hurdle else change


def in_short(description: str) -> str:
    """What a tool does: the first part of its description, in the first person."""
    text = re.split(r"(?<=\w)[;.](?:\s|$)", " ".join(description.split()), maxsplit=1)[0]
    return re.sub(r"\byour\b", "my", re.sub(r"\byou\b", "I", text))[:160]


def _targets(step: WalkStep, bench: Workbench) -> dict[str, int] | list[int]:
    """The records that a call is about in the order of its parameters, by the part that they play in it where that is clear."""
    keys = [name for name, value in step.arguments.items() if isinstance(value, dict) and "$ref" in value]
    numbers = [index + 1 for index in step.selectors]
    if len(keys) != len(numbers):
        return numbers
    order = list(next(tool for tool in bench.tools if tool.name == step.tool).parameter_names)
    paired = sorted(zip(keys, numbers, strict=True), key=lambda pair: order.index(pair[0]))
    roles = [re.sub(r"_(id|code|key)$", "", key).replace("_", " ") for key, _ in paired]
    numbers = [number for _, number in paired]
    return dict(zip(roles, numbers, strict=True)) if len(set(roles)) == len(roles) else numbers


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


def _asked(asked: Asked, walk: Walk) -> View:
    """A question; one about what holds when something has been changed says so."""
    first = next((index for index, step in enumerate(walk.steps) if step.writes), len(walk.steps))
    step = int(re.match(r"\d+", next(iter(asked.reference.values())))[0])  # type: ignore[index]  # a reference begins with its step
    view: View = {"what": asked.label}
    if asked.selector is not None:
        view["of"] = asked.selector + 1
    return {**view, "when": "after the change"} if step >= first else view
