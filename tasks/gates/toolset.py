"""The gates of the tools: their statements are safe, their names resolve, they work, they are deterministic and atomic."""

from __future__ import annotations

from collections.abc import Iterator

from artifacts.agent_task import ToolCall
from artifacts.observation import Observation, RowChange
from artifacts.toolset import Tool
from artifacts.verdict import Diagnostic, Pass, Reject
from artifacts.world import Draft
from containers.initial_state import split_statements
from tasks.gates.day_claims import day_problems, lengths_of
from tasks.gates.gate import verdict
from tasks.gates.half_done import half_done
from tasks.gates.resolution import tool_problems, unsafe_statements
from tasks.gates.seed_problems import seed_rows
from tasks.gates.shared_rows import shared_row_problems
from tasks.gates.stuck_tools import stuck
from tasks.gates.tool_claims import claim_problems, owner_columns
from tasks.sql.lineage import usage_of
from tasks.sql.scratch import catalog_of
from tasks.trials.preparing import performed
from tasks.trials.prober import BadCall, Probe, bad_calls, good_call, key_parameters, probe
from tasks.trials.workbench import Workbench, workbench_of


def tool_statements_safe(draft: Draft) -> Pass | Reject:
    """The statements of the tools only."""
    problems = (d for tool in draft.tools for d in unsafe_statements(tool, draft.schema_sql))
    return verdict("statements_safe", problems, {"tools": len(draft.tools)})


def resolved_problems(draft: Draft, tool: Tool) -> tuple[Diagnostic, ...]:
    """What is wrong with one tool before it is called; nothing is repeated that the whitelist said."""
    unsafe = unsafe_statements(tool, draft.schema_sql)
    return unsafe or tool_problems(tool, draft.schema_sql)


def sound_tools(draft: Draft) -> tuple[Tool, ...]:
    """The tools whose names resolve; only they can be called."""
    names = [tool.name for tool in draft.tools]
    return tuple(t for t in draft.tools if names.count(t.name) == 1 and not resolved_problems(draft, t))


def tools_resolve(draft: Draft) -> Pass | Reject:
    """Every name in every tool resolves, every lint holds, every tool compiles on the pinned SQLite."""
    return verdict("tools_resolve", _resolve(draft), {"tools": len(draft.tools), "statements": _count(draft)})


def _count(draft: Draft) -> int:
    return sum(len(tool.program) for tool in draft.tools)


def _resolve(draft: Draft) -> Iterator[Diagnostic]:
    names = [tool.name for tool in draft.tools]
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield Diagnostic(
            code="tool.duplicate_name", place=f"tool:{name}", message=f"Two tools are called {name}.", hint="Rename one or merge them."
        )
    for tool in draft.tools:
        if not unsafe_statements(tool, draft.schema_sql):
            yield from tool_problems(tool, draft.schema_sql)
    sound = sound_tools(draft)
    yield from _claims(draft, sound)
    yield from workbench_of(draft, sound).blueprint.compile_problems() if sound else ()


def _claims(draft: Draft, tools: tuple[Tool, ...]) -> Iterator[Diagnostic]:
    """What only all tools together, or the rows of the seed, show to be wrong."""
    catalog = catalog_of(draft.schema_sql)
    usages = {tool.name: usage_of(tool, draft.schema_sql) for tool in tools}
    owners = owner_columns(tools, draft.schema_sql, catalog)
    yield from claim_problems(tools, usages, owners, draft.schema_sql)
    rows, _ = seed_rows(split_statements(draft.seed_sql), catalog, draft)
    lengths = lengths_of(rows)
    for tool in tools:
        yield from day_problems(tool, lengths, draft.schema_sql, catalog)
        yield from shared_row_problems(tool, usages[tool.name], owners, rows)


def tools_work(draft: Draft) -> Pass | Reject:
    """Every tool succeeds at least once on real rows; bad input gives a clean error and leaves the state as it was."""
    bench = workbench_of(draft, sound_tools(draft))
    probes = {tool.name: probe(tool, bench) for tool in bench.tools}
    bad = {tool.name: tuple(_bad(tool, probes[tool.name], bench)) for tool in bench.tools}
    works = (d for tool in bench.tools for d in _works(tool, probes[tool.name], bench))
    figures = {
        "tools": len(bench.tools),
        "calls": sum(p.tried for p in probes.values()),
        "bad_calls": sum(len(calls) for calls in bad.values()),
        "without_rows": sum(not p.effective for p in probes.values()),
    }
    halves = (d for tool in bench.tools for d in _half_done(tool, probes[tool.name], bench))
    ready = {name: calls for name, calls in bad.items() if not probes[name].prepare}
    after = (d for name in bad if name not in ready for d in _clean_after(name, probes[name].prepare, bad[name], bench))
    return verdict("tools_work", (*works, *_clean(ready, bench), *after, *halves), figures)


def _half_done(tool: Tool, found: Probe, bench: Workbench) -> Iterator[Diagnostic]:
    if found.arguments is not None and bench.usages[tool.name].writes and not found.prepare:
        yield from half_done(tool, found.arguments, key_parameters(tool, bench.usages[tool.name].links, bench.catalog), bench)


def _bad(tool: Tool, found: Probe, bench: Workbench) -> Iterator[BadCall]:
    if found.arguments is not None:
        yield from bad_calls(tool, found.arguments, key_parameters(tool, bench.usages[tool.name].links, bench.catalog))


def _works(tool: Tool, found: Probe, bench: Workbench) -> Iterator[Diagnostic]:
    place = f"tool:{tool.name}"
    for fault, arguments in found.faults[:1]:
        message = f"The call {tool.name}({_shown(arguments)}) broke the environment: {fault.rstrip('.')}."
        hint = "Guard the change with a require, so that `expect` always holds; give types only where the value has them."
        yield Diagnostic(code="tool.environment_error", place=place, message=message, hint=hint)
    if found.arguments is None and not found.faults:
        bench.environment.reset()
        yield stuck(tool, found, bench)
    elif found.arguments is not None and not found.effective and bench.usages[tool.name].writes:
        message = f"The call {tool.name}({_shown(found.arguments)}) succeeds but changes nothing."
        yield Diagnostic(
            code="tool.no_effect", place=place, message=message, hint='Give the run step "expect": 1 and require the row first.'
        )


def _shown(arguments: object) -> str:
    return ", ".join(f"{k}={v!r}" for k, v in arguments.items())[:200] if isinstance(arguments, dict) else repr(arguments)


def _clean(bad: dict[str, tuple[BadCall, ...]], bench: Workbench) -> Iterator[Diagnostic]:
    """All bad calls one after the other: each is answered, none leaves a trace."""
    bench.environment.reset()
    for name, calls in bad.items():
        for call in calls:
            observation = bench.environment.call_tool(name, call.arguments)
            yield from _answered(name, call, observation, bench)
            if observation.ok and not bench.unchanged():
                bench.environment.reset()
    if bench.environment.state_digest() != bench.initial_digest:
        yield _not_atomic("tools")
    bench.environment.reset()


def _clean_after(name: str, prepare: tuple[ToolCall, ...], calls: tuple[BadCall, ...], bench: Workbench) -> Iterator[Diagnostic]:
    """The same for a tool that succeeds only after other calls: from the state that these leave."""
    performed(prepare, bench)
    ready = bench.environment.state_digest()
    for call in calls:
        observation = bench.environment.call_tool(name, call.arguments)
        yield from _answered(name, call, observation, bench)
        if bench.environment.state_digest() != ready:
            if not observation.ok:
                yield _not_atomic(f"tool:{name}")
            performed(prepare, bench)
    bench.environment.reset()


def _not_atomic(place: str) -> Diagnostic:
    message = "Failed calls left a trace in the database."
    return Diagnostic(code="tool.not_atomic", place=place, message=message, hint="A failing call must undo all it did.")


def _answered(name: str, call: BadCall, observation: Observation, bench: Workbench) -> Iterator[Diagnostic]:
    place = f"tool:{name}"
    if observation.error == "environment_error":
        fault = bench.environment.faults[-1] if bench.environment.faults else "unknown"
        message = f"With {call.kind} ({_shown(call.arguments)}) the call breaks the environment: {fault.rstrip('.')}."
        hint = "Check it with a require (not_found) before the step that changes rows."
        yield Diagnostic(code="tool.environment_error", place=place, message=message, hint=hint)
    elif observation.ok and call.refused:
        yield Diagnostic(
            code="tool.accepts_bad_input", place=place, message=f"The call with {call.kind} is accepted.", hint="Tighten the parameters."
        )
    elif observation.ok and bench.usages[name].writes:
        changed = "changes rows" if not bench.unchanged() else "reports success without doing anything"
        message = f"With {call.kind} ({_shown(call.arguments)}) the call {changed}."
        yield Diagnostic(code="tool.silent_unknown", place=place, message=message, hint="Require the row first, with the error not_found.")


def tools_deterministic(draft: Draft) -> Pass | Reject:
    """Each tool called twice from the same state, once with tables read backwards, gives and changes the same; readers change none."""
    bench = workbench_of(draft, sound_tools(draft))
    called = [(tool, found) for tool in bench.tools for found in [probe(tool, bench)] if found.arguments is not None]
    first = [_once(tool, found, bench) for tool, found in called]
    with bench.environment.reading_backwards():
        second = [_once(tool, found, bench) for tool, found in called]
    problems = (
        d for (tool, found), one, two in zip(called, first, second, strict=True) for d in _same(tool, found.arguments, one, two, bench)
    )
    return verdict("tools_deterministic", problems, {"tools": len(called), "calls": 2 * len(called)})


Outcome = tuple[Observation, tuple[RowChange, ...]]


def _once(tool: Tool, found: Probe, bench: Workbench) -> Outcome:
    return good_call(tool, found, bench), bench.environment.difference()


def _same(tool: Tool, arguments: dict[str, object] | None, one: Outcome, two: Outcome, bench: Workbench) -> Iterator[Diagnostic]:
    place = f"tool:{tool.name}"
    if one != two:
        message = f"{tool.name}({_shown(arguments)}) gives another result from the same state when tables are read in another order."
        hint = "Give an ORDER BY without ties to every list, LIMIT, group_concat and query of which only the first row counts."
        yield Diagnostic(code="tool.nondeterministic", place=place, message=message, hint=hint)
    if one[1] and not bench.usages[tool.name].writes and not tool.prepare:
        message = f"{tool.name} only reads, but the state has changed."
        yield Diagnostic(code="tool.hidden_write", place=place, message=message, hint="Look for a trigger that writes.")
