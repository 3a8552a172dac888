"""From ideas to agent tasks: each is carried out for real on the plan's own world, and what happened is written down.

Tasks come in a fixed order, so that the first n are the same however many are asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from random import Random
from typing import Any

from containers.environment import Environment
from containers.reference import UnresolvedReference, resolve
from tasks.embedded.chance import stream
from tasks.embedded.clockwork import clock_columns
from tasks.embedded.composer import Plan, writes
from tasks.embedded.feature import Desk, Idea, Unfit

KINDS = ("write", "read", "mixed", "write", "read", "write", "mixed", "write", "read", "mixed")
"""Kinds in turn: 3 of 10 read, 4 write, 3 mixed."""

LENGTHS = (3, 2, 4, 2, 3, 5, 6, 2, 4, 8, 2, 3, 5, 2, 7, 4, 10)
"""The least number of steps of each task in turn; chained ideas make the long ones."""

MOST_STEPS = 12
MOST_TRIES = 400

_LINKS = ("One more thing:", "After that:", "And while you are at it:", "There is something else:", "Then, please:", "Besides:")
TaskDraft = dict[str, Any]


class Author:
    """Carries ideas out, one after another, and chains them into longer tasks."""

    def __init__(self, plan: Plan, environment: Environment, spare: int) -> None:
        self._plan = plan
        self._spare = spare
        self._environment = environment
        self._tools = {tool["name"]: tool for tool in plan.tools}
        self._instructions: set[str] = set()
        self._uses: dict[Idea, int] = {}
        self._sketches: dict[Idea, TaskDraft | None] = {}

    def tasks(self) -> Iterator[TaskDraft]:
        """Tasks in turn, until no idea gives anything new."""
        number = 0
        while (found := self._next(number)) is not None:
            self._instructions.add(found["instruction"])
            yield found
            number += 1

    def sketch(self) -> None:
        """Carries every idea out once, to be taken up when its turn comes."""
        rng = stream(self._plan.digest, "sketches")
        self._sketches = {idea: self._carry_out(idea, rng) for _, idea in self._plan.ideas}

    def _carried_out(self, solution: list[dict[str, Any]]) -> list[Any]:
        """The results of a solution's calls, as far as they succeed."""
        self._environment.reset()
        results: list[Any] = []
        for step in solution:
            try:
                arguments = resolve(step["arguments"], results)
            except UnresolvedReference:
                break
            observation = self._environment.call_tool(step["tool"], arguments)
            if not observation.ok:
                break
            results.append(observation.result)
        return results

    def _next(self, number: int) -> TaskDraft | None:
        kind, least = KINDS[number % len(KINDS)], LENGTHS[number % len(LENGTHS)]
        rng = stream(self._plan.digest, "task", self._spare, number)
        for attempt in range(MOST_TRIES):
            relaxed = attempt > MOST_TRIES // 2
            found = self._long(rng, None if relaxed else kind, 2 if relaxed else least)
            if found is not None and found["instruction"] not in self._instructions:
                return finished(found, self._tools)
        return None

    def _long(self, rng: Random, kind: str | None, least: int) -> TaskDraft | None:
        """One idea, or several chained, of the kind and with at least so many steps; None when the draw does not fit."""
        drafts: list[tuple[str, TaskDraft]] = []
        for feature, idea in self._shuffled(rng):
            if any(feature == taken for taken, _ in drafts):
                continue
            draft = self._try(idea, rng)
            if draft is None or not _suits(draft, kind, bool(drafts)):
                continue
            drafts.append((feature, draft))
            self._uses[idea] = self._uses.get(idea, 0) + 1
            whole = chained([d for _, d in drafts], rng)
            steps = len(whole["solution"])
            if steps > MOST_STEPS or len(drafts) > 4:
                return None
            if steps >= least and kind in (None, whole["kind"]):
                return whole if len(drafts) == 1 or self._holds([d for _, d in drafts], whole) else None
        return None

    def _shuffled(self, rng: Random) -> list[tuple[str, Idea]]:
        """Ideas that were used least come first."""
        order = {idea: (self._uses.get(idea, 0), rng.random()) for _, idea in self._plan.ideas}
        return sorted(self._plan.ideas, key=lambda entry: order[entry[1]])

    def _try(self, idea: Idea, rng: Random) -> TaskDraft | None:
        """The idea's sketch, once; then a new draft each time."""
        return self._sketches.pop(idea, None) or self._carry_out(idea, rng)

    def _carry_out(self, idea: Idea, rng: Random) -> TaskDraft | None:
        self._environment.reset()
        try:
            return idea(Desk(self._environment, self._plan.studio, rng))
        except Unfit:
            return None

    def _holds(self, drafts: list[TaskDraft], whole: TaskDraft) -> bool:
        """Whether the chain runs, every check is false before and true after it, and no part's answer has changed."""
        expected = [value for draft in drafts for value in self._answers(draft) or ()]
        return self._answers(whole) == expected and all(self._truth(check["sql"]) for check in whole["checks"])

    def _answers(self, draft: TaskDraft) -> list[Any] | None:
        """The answer's values after carrying the solution out, None where it fails; the environment stays in the end state."""
        results = self._carried_out(draft["solution"])
        if len(results) < len(draft["solution"]):
            return None
        return [resolve(value, results) for value in draft["answer"] or []]

    def _truth(self, sql: str) -> bool:
        (row,) = self._environment.query(sql)
        return bool(next(iter(row.values())))


def _suits(draft: TaskDraft, kind: str | None, further: bool) -> bool:
    """Whether a draft may be part of a task of the kind: only a mixed one takes everything, and begins with a change."""
    if kind is None or draft["kind"] == kind:
        return True
    return kind == "mixed" and (further or draft["kind"] == "write")


def chained(drafts: list[TaskDraft], rng: Random) -> TaskDraft:
    """Several drafts as one task: their calls one after another, their checks and answers together."""
    solution: list[dict[str, Any]] = []
    answer: list[Any] = []
    for draft in drafts:
        answer += shifted(draft["answer"] or [], len(solution))
        solution += shifted(draft["solution"], len(solution))
    links = rng.sample(_LINKS, len(drafts) - 1)
    changed = any(draft["kind"] != "read" for draft in drafts)
    return {
        "instruction": " ".join((_sentence(drafts[0]), *(f"{link} {_sentence(d)}" for link, d in zip(links, drafts[1:], strict=True)))),
        "kind": ("mixed" if answer else "write") if changed else "read",
        "solution": solution,
        "answer": answer or None,
        "checks": [check for draft in drafts for check in draft["checks"]],
    }


def _sentence(draft: TaskDraft) -> str:
    text: str = draft["instruction"].strip()
    return text if text.rstrip('"').endswith((".", "?", "!")) else f"{text}."


def shifted(value: Any, by: int) -> Any:
    """The value with every reference moved to calls that come `by` steps later."""
    if isinstance(value, dict) and set(value) == {"$ref"}:
        step, rest = re.fullmatch(r"(\d+)(.*)", value["$ref"], re.DOTALL).groups()  # type: ignore[union-attr]  # scripts write "<step><path>"
        return {"$ref": f"{int(step) + by}{rest}"}
    if isinstance(value, dict):
        return {key: shifted(inner, by) for key, inner in value.items()}
    return [shifted(inner, by) for inner in value] if isinstance(value, list) else value


def finished(draft: TaskDraft, tools: dict[str, dict[str, Any]]) -> TaskDraft:
    """The draft with the columns that the clock fills exempted, and the unit of money said where an answer holds any."""
    used = [tools[step["tool"]] for step in draft["solution"]]
    free = sorted({column for tool in used if writes(tool) for column in clock_columns(tool)})
    money = '_cents"' in json.dumps(draft["answer"]) and "cents" not in draft["instruction"]
    unit = " Give amounts of money in cents." if money else ""
    whole = {**draft, "instruction": f"{_sentence(draft)}{unit}"}
    return {**whole, "free_columns": free} if free else whole
