"""What the embedded author answers to each program: the plan's parts, or those of them that a repair asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from artifacts.identity import unique
from tasks.embedded.composer import Plan, compose, writes
from tasks.embedded.inventing import describe, invent
from tasks.embedded.judging import judged
from tasks.embedded.phrasing import phrase
from tasks.embedded.prompt import Prompt
from tasks.embedded.repairs import mend_rows, mend_schema
from tasks.embedded.workshop import Workshop

Answer = dict[str, Any]
"""The output fields of one program: text, or what becomes compact JSON."""

_WANTED = re.compile(r"There are (\d+) tasks; at least (\d+) are needed")
_ROLLOUTS_PER_SEED = 1_000
_MOST_KNOWN = 120
_MOST_DRAWS = 16
"""So many earlier draws are looked at for the one that a prompt goes on from."""


@lru_cache(maxsize=4)
def _workshop(scenario: str, seed: str, absent: frozenset[str]) -> Workshop:
    plan = compose(scenario, seed)
    return Workshop(plan._replace(tools=tuple(t for t in plan.tools if t["name"] not in absent)))


def workshop_of(prompt: Prompt, seed: str) -> Workshop:
    """The world of a scenario's plan with the tools that the prompt has; all of them where it names none."""
    there = {line.split("(")[0] for line in prompt.lines("tools")}
    absent = frozenset(t["name"] for t in _plan(prompt, seed).tools) - there if there else frozenset()
    return _workshop(prompt.fields["scenario"], seed, absent)


def program_of(prompt: Prompt) -> str:
    """Which program asks, told by its inputs; empty when none of ours does."""
    names = prompt.fields.keys()
    return next((name for name, inputs in _INPUTS.items() if inputs <= names), "")


def answer(program: str, prompt: Prompt, seed: int) -> Answer:
    """The right answer."""
    return _ANSWERS[program](prompt, shown_draw(prompt, seed))


def shown_draw(prompt: Prompt, seed: int) -> str:
    """The draw whose plan the prompt goes on from: its own, or, where it shows an earlier draw's parts, that one.

    A world that is made again keeps its first stages, and what follows has to fit them.
    """
    number = prompt.rollout // _ROLLOUTS_PER_SEED
    shown = _shown(prompt)
    best, most = f"{seed}.{number}", -1
    for draw in _draws(seed, number) if shown and number else ():
        alike = len(shown & _parts(compose(prompt.fields["scenario"], draw)))
        if alike > most:
            best, most = draw, alike
        if alike == len(shown):
            break
    return best


def _draws(seed: int, number: int) -> Iterator[str]:
    """The draw itself, then those before it, under the seed that each was made with or under this one."""
    for earlier in range(number, max(number - _MOST_DRAWS, -1), -1):
        yield from unique((f"{max(seed - number + earlier, 0)}.{earlier}", f"{seed}.{earlier}"))


def _shown(prompt: Prompt) -> frozenset[str]:
    """What a prompt shows of a world that is there in part: its intentions, statements, tools; where there are none, words of its rows."""
    ddl = prompt.fields.get("ddl") or prompt.fields.get("current", "")
    intentions = prompt.lines("intentions")
    words = () if intentions or ddl else prompt.fields.get("data", "").split()
    return frozenset((*intentions, *map(_flat, ddl.split(";\n")), *_names(prompt, "tools"), *_names(prompt, "existing"), *words)) - {""}


def _parts(plan: Plan) -> frozenset[str]:
    """The same of a plan."""
    words = (word for block in plan.rows for row in block.rows for value in row for word in str(value).split())
    return frozenset((*plan.intentions, *map(_flat, plan.ddl), *(tool["name"] for tool in plan.tools), *words))


def _flat(statement: str) -> str:
    return " ".join(statement.split()).rstrip("; ")


def _names(prompt: Prompt, field: str) -> list[str]:
    """The tools that a section names, a line each; other lines have no parameters."""
    return [line.split("(")[0] for line in prompt.lines(field) if re.match(r"\w+\(", line)]


def _spare(prompt: Prompt, seed: str) -> int:
    """Which tasks of a draw are meant: the first ones, or others where a later draw goes on from it."""
    number = prompt.rollout // _ROLLOUTS_PER_SEED
    return 0 if seed.endswith(f".{number}") else number * _ROLLOUTS_PER_SEED


def _plan(prompt: Prompt, seed: str) -> Plan:
    return compose(prompt.fields["scenario"], seed)


def _requirements(prompt: Prompt, seed: str) -> Answer:
    return {"intentions": list(_plan(prompt, seed).intentions[: prompt.count()])}


def _schema(prompt: Prompt, seed: str) -> Answer:
    return {"ddl": "\n".join(_plan(prompt, seed).ddl)}


def _repair_schema(prompt: Prompt, seed: str) -> Answer:
    current = prompt.fields.get("current") or prompt.fields.get("ddl", "")
    return {"ddl": "\n".join(mend_schema(_plan(prompt, seed).ddl, current))}


def _seed(prompt: Prompt, seed: str) -> Answer:
    return {"tables": [{"table": t.table, "columns": list(t.columns), "rows": [list(r) for r in t.rows]} for t in _plan(prompt, seed).rows]}


def _repair_seed(prompt: Prompt, seed: str) -> Answer:
    fixes, tables = mend_rows(_plan(prompt, seed), prompt.lines("rows"), prompt.lines("problems"))
    return {"fixes": fixes, "tables": tables}


def _tools(prompt: Prompt, seed: str) -> Answer:
    """The tools of the focus that do not exist yet."""
    changing = prompt.fields["focus"].startswith("chang")
    return {"tools": [t for t in _unknown_tools(prompt, seed) if writes(t) == changing]}


def _unknown_tools(prompt: Prompt, seed: str) -> list[dict[str, Any]]:
    """The planned tools that the prompt does not list as existing; those for which several values must agree, with an example."""
    known = {line.split("(")[0] for line in prompt.lines("existing")}
    examples = workshop_of(prompt, seed).examples
    missing = (t for t in _plan(prompt, seed).tools if t["name"] not in known)
    return [{**t, "example": examples[t["name"]]} if len(examples.get(t["name"], ())) > 1 else t for t in missing]


def _repair_tools(prompt: Prompt, seed: str) -> Answer:
    """The failing tools as they were meant, and those that got lost."""
    return {"tools": _unknown_tools(prompt, seed)}


def _tasks(prompt: Prompt, seed: str) -> Answer:
    """The next tasks after those that exist."""
    known = set(prompt.lines("existing"))
    count = prompt.count()
    book = workshop_of(prompt, seed).tasks(len(known) + count, _spare(prompt, seed))
    return {"tasks": [t for t in book if t["instruction"] not in known][:count]}


def _repair_tasks(prompt: Prompt, seed: str) -> Answer:
    """The failing tasks as they were meant, another one for each that was meant so, and those that got lost."""
    failing: list[dict[str, Any]] = prompt.value("failing") or []
    spares = iter(workshop_of(prompt, seed).tasks(len(failing), spare=prompt.rollout))
    mended = [{"id": task["id"], **_meant(task, prompt, seed, spares)} for task in failing]
    return {"tasks": [*mended, *_lost(prompt, seed)]}


def _meant(task: dict[str, Any], prompt: Prompt, seed: str, spares: Any) -> dict[str, Any]:
    book = workshop_of(prompt, seed).tasks(_MOST_KNOWN if task.get("id", "") > "t60" else 60, _spare(prompt, seed))
    found = next((t for t in book if t["instruction"] == task["instruction"]), None)
    same = found is not None and all(_alike(found.get(key), task.get(key)) for key in ("solution", "answer", "checks"))
    return found if found is not None and not same else next(spares, found or task)


def _alike(one: Any, other: Any) -> bool:
    return (_plain(one) or None) == (_plain(other) or None)


def _plain(value: Any) -> Any:
    """Without the difference between an empty part and none."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items() if inner not in ({}, [], None)}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _lost(prompt: Prompt, seed: str) -> list[dict[str, Any]]:
    found = _WANTED.search(prompt.fields["problems"])
    if found is None:
        return []
    there, wanted = int(found.group(1)), int(found.group(2))
    return list(workshop_of(prompt, seed).tasks(wanted, _spare(prompt, seed))[there:])


def _phrases(prompt: Prompt, seed: str) -> Answer:
    return {"phrases": [{"id": view["id"], "instruction": phrase(view, seed)} for view in prompt.value("walks") or []]}


def _repair_phrases(prompt: Prompt, seed: str) -> Answer:
    """The words as they were meant; other words where those were meant so."""
    views: list[dict[str, Any]] = prompt.value("walks") or []
    meant = {view["id"]: phrase(view, seed) for view in views}
    return {
        "phrases": [
            {"id": v["id"], "instruction": meant[v["id"]] if meant[v["id"]] != v.get("instruction") else phrase(v, seed, prompt.rollout)}
            for v in views
        ]
    }


def _describe(prompt: Prompt, seed: str) -> Answer:
    return describe(prompt.fields["name"], prompt.lines("categories"), f"{seed}.{prompt.rollout}")


def _invent(prompt: Prompt, _seed: str) -> Answer:
    known = [*prompt.lines("examples"), *prompt.lines("avoid")]
    return {"scenarios": invent(prompt.fields["category"], known, prompt.count())}


_INPUTS = {
    "JudgeEpisode": {"reference", "expected", "checks", "rows", "answer", "episode", "outcomes"},
    "InventScenarios": {"category", "examples", "avoid", "count"},
    "DescribeScenario": {"name", "categories"},
    "RepairPhrases": {"scenario", "walks", "problems"},
    "PhraseWalks": {"scenario", "walks"},
    "RepairSeed": {"scenario", "ddl", "rows", "problems"},
    "RepairTasks": {"scenario", "tools", "data", "failing", "problems"},
    "RepairTools": {"scenario", "ddl", "failing", "problems"},
    "RepairSchema": {"scenario", "problems"},
    "WriteTasks": {"scenario", "intentions", "tools", "data", "count"},
    "WriteTools": {"scenario", "intentions", "ddl", "existing", "focus"},
    "WriteSeed": {"scenario", "ddl", "rows"},
    "WriteSchema": {"scenario", "intentions", "tables"},
    "WriteRequirements": {"scenario", "count"},
}
"""The inputs that tell a program, the most particular first."""

_ANSWERS: dict[str, Callable[[Prompt, str], Answer]] = {
    "JudgeEpisode": lambda prompt, _seed: judged(prompt),
    "InventScenarios": _invent,
    "DescribeScenario": _describe,
    "RepairPhrases": _repair_phrases,
    "PhraseWalks": _phrases,
    "RepairSeed": _repair_seed,
    "RepairTasks": _repair_tasks,
    "RepairTools": _repair_tools,
    "RepairSchema": _repair_schema,
    "WriteTasks": _tasks,
    "WriteTools": _tools,
    "WriteSeed": _seed,
    "WriteSchema": _schema,
    "WriteRequirements": _requirements,
}
