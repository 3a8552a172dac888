"""Solutions that are right only because a parameter's default happens to be what the instruction asks for."""

from __future__ import annotations

from collections.abc import Iterator

from artifacts.agent_task import AgentTask
from artifacts.verdict import Diagnostic
from tasks.instructions.saying import saying_of
from tasks.sql.programs import parameter_schema
from tasks.trials.workbench import Workbench


def lucky_defaults(task: AgentTask, bench: Workbench) -> Iterator[Diagnostic]:
    """Arguments that a changing call leaves to a default which the instruction says, and which goes into a row."""
    tools = {tool.name: tool for tool in bench.tools}
    saying = saying_of(task.instruction, bench.draft.clock.start)
    for index, call in enumerate(task.solution):
        stored = {link.name for link in bench.usages[call.tool].links if link.relation in ("set", "insert")}
        for name in tools[call.tool].parameter_names:
            default = parameter_schema(tools[call.tool], name).get("default")
            telling = default is not None and not isinstance(default, bool) and default != ""
            if name in stored and name not in call.arguments and telling and saying.says(default):
                message = f"Call {index} leaves {name} to its default {default!r}, which the instruction asks for: right by luck."
                place = f"task:{task.id}/solution/{index}"
                yield Diagnostic(
                    code="task.lucky_default", place=place, message=message, hint=f'Give "{name}": {default!r} as an argument.'
                )
