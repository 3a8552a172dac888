"""The gate of novelty inside a world, and against worlds that are already there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from artifacts.agent_task import AgentTask
from artifacts.identity import digest_of
from artifacts.toolset import Tool, plain_step
from artifacts.verdict import Diagnostic, Pass, Reject
from artifacts.world import Draft, World
from tasks.gates.gate import verdict

SAME_WORDS = 0.9
"""Instructions that share this part of their words, and call the same tools, are the same task."""


def novel(draft: Draft, neighbours: Sequence[Draft | World] = ()) -> Pass | Reject:
    """No tool and no task stands twice in the world, and no neighbour holds the same schema and tools."""
    problems = (*_same_tools(draft.tools), *_same_tasks(draft.tasks), *_same_worlds(draft, neighbours))
    return verdict("novel", problems, {"tools": len(draft.tools), "tasks": len(draft.tasks), "neighbours": len(neighbours)})


def _same_tools(tools: Sequence[Tool]) -> Iterator[Diagnostic]:
    seen: dict[str, str] = {}
    for tool in tools:
        digest = tool_digest(tool)
        if digest in seen:
            message = f"{tool.name} does the same as {seen[digest]}."
            yield Diagnostic(
                code="tool.duplicate", place=f"tool:{tool.name}", message=message, hint="Drop it, or let it do something else."
            )
        seen.setdefault(digest, tool.name)


def tool_digest(tool: Tool) -> str:
    """What a tool does: its program and parameters; spacing, messages and the names of tool and parameters are left out."""
    steps = [_bare(plain_step(step)) for step in tool.program]
    text = re.sub(r"\s+", " ", repr(steps)).lower()
    order = sorted(tool.parameter_names, key=lambda name: (text.find(f":{name.lower()}"), name))
    for number, name in enumerate(order):
        text = re.sub(rf":{re.escape(name.lower())}\b", f":p{number}", text)
    return digest_of([text, len(order)])


def _bare(value: Any) -> Any:
    """A step without what only people or results see: messages and types."""
    if isinstance(value, dict):
        return {key: _bare(part) for key, part in value.items() if key not in ("message", "types")}
    return [_bare(part) for part in value] if isinstance(value, list) else value


def _same_tasks(tasks: Sequence[AgentTask]) -> Iterator[Diagnostic]:
    for index, task in enumerate(tasks):
        for other in tasks[:index]:
            if _same_task(task, other):
                message = f"{task.id} asks for the same as {other.id}."
                yield Diagnostic(
                    code="task.duplicate", place=f"task:{task.id}", message=message, hint="Ask for something else, with other tools."
                )
                break


def _same_task(one: AgentTask, other: AgentTask) -> bool:
    if one.solution == other.solution and one.answer == other.answer:
        return True
    if [c.tool for c in one.solution] != [c.tool for c in other.solution]:
        return False
    words, known = (set(re.findall(r"\w+", t.instruction.lower())) for t in (one, other))
    return len(words & known) >= SAME_WORDS * len(words | known) and one.answer == other.answer and not _differs(one, other)


def _differs(one: AgentTask, other: AgentTask) -> bool:
    """Whether the literal arguments differ: then the same words ask for different things."""
    return [c.arguments for c in one.solution] != [c.arguments for c in other.solution]


def _same_worlds(draft: Draft, neighbours: Sequence[Draft | World]) -> Iterator[Diagnostic]:
    mine = world_digest(draft)
    for other in neighbours:
        if world_digest(other) == mine:
            message = f"The world '{other.scenario.name}' holds the same schema and tools."
            yield Diagnostic(code="world.duplicate", place="schema", message=message, hint="Choose another scenario or another seed.")


def world_digest(world: Draft | World) -> str:
    """What makes two worlds the same for an agent: schema and tools, whatever they are called."""
    return digest_of([re.sub(r"\s+", " ", world.schema_sql), [tool_digest(tool) for tool in world.tools]])
