"""The tools stage: operations with their parameters and programs, first those that read, then those that change."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import dspy
from pydantic import BaseModel, ValidationError, field_validator

from artifacts.toolset import Tool
from artifacts.verdict import Diagnostic
from artifacts.world import Draft
from containers.initial_state import split_statements
from tasks.correction import Ask, Built, Made, Problems, Reply, Stage, correct, without_size
from tasks.gates import diagnose
from tasks.gates.sealing import accept_tools
from tasks.models.adapter import with_rules
from tasks.parameters import UnreadableParameter, json_schema, signature_line
from tasks.scenario import scenario_text
from tasks.stage import StageResult, stage_task

COUNTS = {"reading": "12 to 15", "changing": "13 to 16"}
"""How many tools are asked for, by what they do."""


class ToolDraft(BaseModel):
    """A tool as a model writes it: `parameters` in the short grammar, `program` without result types."""

    name: str
    description: str
    parameters: dict[str, Any] = {}
    program: list[dict[str, Any]]
    example: dict[str, Any] = {}

    @field_validator("parameters", "example", mode="before")
    @classmethod
    def _null_is_none_at_all(cls, value: Any) -> Any:
        return {} if value is None or value == [] else value


LANGUAGE = """
A tool is {"name","description","parameters","program"}; `example`, arguments known to succeed, only where a problem asks. One line
of JSON per tool, no line breaks inside.

parameters: {"<name>":"<type>[?][ = default]: <what it is>"}. Types: integer, number, text, boolean, date, datetime,
`one of a|b|c`, `list of integer` (or another type), `list of {"item_id":"integer","quantity":"integer"}` (quotes escaped inside
the string). `?` marks an optional one: absent, it binds its default or NULL. Parameters are checked against their types before
the program runs. Each is used, and described: where an id comes from, which unit, which format.

program: steps, run in order in one transaction; a failing step undoes all.
{"require":"SELECT …","error":CODE,"message":TEXT}  no row: fail; a row: its columns are bound, as :column, from here on
{"refuse":"SELECT …","error":CODE,"message":TEXT}   any row: fail, the row's columns fill the message
{"let":"SELECT …"}  binds the first row's columns, NULL when there is no row
{"run":"INSERT|UPDATE|DELETE …","expect":1}  `expect` is the number of rows it touches; leave it out when that varies
{"each":"SELECT … ORDER BY …","do":[steps]}  reads all its rows first, then does the steps (any but return) for each, with its
columns bound; what they bind ends with the round
{"return":"SELECT …","shape":"one"}  last step. one: an object or null; many: a list of objects; value: a single value. Or nested:
{"return":{"order":{"query":"SELECT …","shape":"one"},"lines":{"query":"SELECT …","shape":"many"}}}
CODE: not_found, conflict, invalid, forbidden, limit. TEXT may hold {name} for a name bound before the step (a require that fails has
no row to show); NULL shows as "none".

Bound everywhere: the parameters, :me (id of the signed-in user), :now ('YYYY-MM-DD HH:MM:SS'), :today ('YYYY-MM-DD'). A
require, let or each must not bind a name already bound: select only what later steps need, under new names (SELECT stock AS
stock_now), never a column named like a parameter; refuse and return bind nothing, their columns may have any name. A list parameter
is JSON text: FROM json_each(:lines) gives key (position from 0) and value; json_extract(value,'$.item_id').

{"name":"cancel_order","description":"Cancel one of your pending orders and put its items back in stock.","parameters":
{"order_id":"integer: Id of the order, as list_orders returns it.","reason":"text?: Shown in the history."},"program":[
{"require":"SELECT status AS old_status FROM orders WHERE id=:order_id AND user_id=:me","error":"not_found",
"message":"You have no order {order_id}."},
{"refuse":"SELECT 1 WHERE :old_status<>'pending'","error":"conflict","message":"Order {order_id} is {old_status}, not pending."},
{"each":"SELECT product_id,quantity FROM order_lines WHERE order_id=:order_id ORDER BY position","do":[
{"run":"UPDATE products SET stock=stock+:quantity WHERE id=:product_id","expect":1}]},
{"let":"SELECT COALESCE(MAX(id),0)+1 AS event_id FROM order_events"},
{"run":"INSERT INTO order_events(id,order_id,what,note,created_at) VALUES(:event_id,:order_id,'cancelled',:reason,:now)","expect":1},
{"run":"UPDATE orders SET status='cancelled' WHERE id=:order_id","expect":1},
{"return":"SELECT id,status,total_cents FROM orders WHERE id=:order_id","shape":"one"}]}

- SQLite: SELECT with joins, WITH, windows, aggregates, JSON functions; strings in single quotes. No DDL, PRAGMA, random(), or
  clock functions but :now and :today. Dates: date(:today,'+28 days'), datetime(:starts_at,'+'||:minutes||' minutes'),
  julianday(a)-julianday(b), strftime('%w',d). A new row's key is bound first by a `let`, as above.
- Every `many` and `each` has an ORDER BY that ends in a unique key; where a join gives a row several matches, in the joined row's key
  too. JSON lists: json_group_array(x ORDER BY y,id). Result columns have distinct names (AS). SUM is
  COALESCE(SUM(x),0). No NOT IN over a nullable column. JSON of a subquery goes into other JSON as json((SELECT …)).
- An aggregate without GROUP BY (COUNT, SUM, MIN, MAX) always gives a row; in a require or refuse it stands in a WHERE:
  {"refuse":"SELECT 1 WHERE (SELECT COUNT(*) FROM …)>=5",…}.
- `each` is for what depends on order; a set is changed by one UPDATE … WHERE … IN (SELECT …). Every UPDATE and DELETE has a WHERE.
- A filter: (:status IS NULL OR status=:status); a search: name LIKE '%'||:query||'%'.
- What users own for themselves is read and changed only WHERE … =:me; what staff, officers or organisers keep for others, by all who
  may, as the scenario says.
- Whatever could break a constraint is refused first, with a message that says what to do: a missing or foreign record (not_found),
  a wrong status, too little stock or money, a duplicate, an empty or repeated list item, a quantity below 1, a date in the past.
  A change of a record that does not exist must fail, never succeed without doing anything.""".strip()


@with_rules(LANGUAGE)
class WriteTools(dspy.Signature):
    """Write `count` tools through which an assistant works in this application for its signed-in user. They run as
    written on the SQLite database `ddl`.

    focus `reading`: lists with filters, searches that turn a name or code into an id, one record with its lines and related records,
    totals and reports. Nothing changes. They return every id that a tool can take and every column that a person may ask about;
    together they read every table (joins and nested results help).
    focus `changing`: create, edit, cancel, move, approve, pay, add and remove lines; several change records that depend on each other.
    Together they change every table that users change in life, and carry out every intention. Ids come from the reading tools.
    Write only tools of the focus, none that repeats one in `existing`.

    {rules}

    tools: a JSON array of tools.
    """

    scenario: str = dspy.InputField()
    intentions: list[str] = dspy.InputField()
    ddl: str = dspy.InputField()
    existing: list[str] = dspy.InputField()
    focus: str = dspy.InputField()
    count: str = dspy.InputField()
    tools: list[ToolDraft] = dspy.OutputField()


@with_rules(LANGUAGE)
class RepairTools(dspy.Signature):
    """Mend the tools in `failing`, which run on the SQLite database `ddl`: every problem listed must be gone, and a tool
    keeps its name, its purpose and every guard that is right. Where a problem says that tools are missing, write them too; the ones in
    `existing` stay as they are.

    {rules}

    tools: a JSON array of the mended tools, whole, and of no others.
    """

    scenario: str = dspy.InputField()
    ddl: str = dspy.InputField()
    existing: list[str] = dspy.InputField()
    failing: list[ToolDraft] = dspy.InputField()
    problems: list[str] = dspy.InputField()
    tools: list[ToolDraft] = dspy.OutputField()


Drafts = tuple[ToolDraft, ...]

_TOOL_PLACE = re.compile(r"tool:([^/\s]+)")


def run(draft: Draft, model: dspy.LM) -> StageResult:
    """Fill in the draft's tools, their result types and examples derived."""
    return correct(STAGE, draft, model)


def _write(draft: Draft, ask: Ask) -> Made[Drafts]:
    """Two calls: first the tools that read, then, with those in sight, the tools that change."""
    reading = _ask_for("reading", draft, (), ask)
    changing = _ask_for("changing", draft, reading.values["tools"], ask)
    return Made(merged(reading.values["tools"], changing.values["tools"]), (reading, changing))


def _ask_for(focus: str, draft: Draft, known: Iterable[ToolDraft], ask: Ask) -> Reply:
    inputs = {"scenario": scenario_text(draft.scenario), "intentions": list(draft.intentions), "ddl": readable_ddl(draft.schema_sql)}
    reply = ask(WriteTools, {**inputs, "existing": signatures(known), "focus": focus, "count": COUNTS[focus]})
    return reply._replace(wrote=frozenset(tool.name for tool in reply.values["tools"]))


def _repair(draft: Draft, parts: Drafts, problems: Problems, ask: Ask) -> Made[Drafts]:
    lost = _lost_focus(parts)
    if lost:
        reply = _ask_for(lost, draft, parts, ask)
        return Made(merged(parts, reply.values["tools"]), (reply,))
    named = failing_names(problems)
    failing = [tool for tool in parts if tool.name in named]
    inputs = {
        "scenario": scenario_text(draft.scenario),
        "ddl": readable_ddl(draft.schema_sql),
        "existing": signatures(tool for tool in parts if tool.name not in named),
        "failing": failing,
        "problems": [problem.line() for problem in problems],
    }
    reply = ask(RepairTools, inputs)
    return Made(merged(parts, reply.values["tools"], replace=named), (reply,))


def _build(draft: Draft, parts: Drafts) -> Built:
    tools, unformed = formed(parts)
    built = draft.model_copy(update={"tools": tools})
    if not tools:
        return Built(built, unformed or (Diagnostic(code="tool.none", place="tools", message="There are no tools."),))
    accepted = accept_tools(built)
    problems = diagnose(accepted, "tools")
    return Built(accepted, (*unformed, *without_size(problems, len(parts), draft.recipe.size.tools)))


def _lost_focus(parts: Drafts) -> str:
    """The half of the toolset of which an answer left nothing; empty when there is some of both."""
    changing = ['"run"' in json.dumps(tool.program) for tool in parts]
    return "reading" if all(changing) else "" if any(changing) else "changing"


def _prune(parts: Drafts, problems: Problems) -> Drafts:
    named = failing_names(problems)
    return tuple(tool for tool in parts if tool.name not in named)


def failing_names(problems: Problems) -> frozenset[str]:
    """The tools that diagnostics name by their place."""
    return frozenset(match.group(1) for problem in problems if (match := _TOOL_PLACE.match(problem.place)))


def merged(current: Iterable[ToolDraft], answered: Iterable[ToolDraft], replace: frozenset[str] = frozenset()) -> Drafts:
    """The tools with the answer in them: those of `replace` are replaced, new ones are added, sound ones are not touched."""
    tools: dict[str, ToolDraft] = {}
    for tool in current:
        tools.setdefault(tool.name, tool)
    for tool in answered:
        if tool.name in replace or tool.name not in tools:
            tools[tool.name] = tool
    return tuple(tools.values())


def formed(parts: Drafts) -> tuple[tuple[Tool, ...], Problems]:
    """The drafts as tools, and why some are none."""
    tools: list[Tool] = []
    problems: list[Diagnostic] = []
    for part in parts:
        try:
            tools.append(tool_of(part))
        except ValidationError as error:
            problems.extend(_misformed(part.name, error))
        except UnreadableParameter as error:
            place = f"tool:{part.name}/parameters"
            problems.append(Diagnostic(code="tool.parameters", place=place, message=f"{error}.", hint="Write it in the short grammar."))
    return tuple(tools), tuple(problems)


def tool_of(part: ToolDraft) -> Tool:
    """A draft as a tool; raises ValidationError or UnreadableParameter."""
    fields = {"name": part.name, "description": part.description, "parameters": json_schema(part.parameters)}
    return Tool.model_validate({**fields, "program": part.program, "example": part.example})


def _misformed(name: str, error: ValidationError) -> list[Diagnostic]:
    hint = "A step has one of the keys require, refuse, let, run, each, return, and only the fields that go with it."
    return [
        Diagnostic(code="tool.form", place="/".join((f"tool:{name}", *place)), message=message, hint=hint)
        for place, message in form_problems(error)
    ]


def form_problems(error: ValidationError) -> list[tuple[tuple[str, ...], str]]:
    """Place (two names deep) and message of a model's mistakes of form; one that only follows from a deeper one is left out."""
    found = [(tuple(map(str, wrong["loc"])), wrong["msg"]) for wrong in error.errors()]
    deepest = [(loc, said) for loc, said in found if not any(other[: len(loc)] == loc and other != loc for other, _ in found)]
    return [(loc[:2], f"{'.'.join(loc)}: {said}.") for loc, said in deepest[:4]]


def signatures(tools: Iterable[ToolDraft]) -> list[str]:
    """One line each, as far as the parameters can be read: `cancel_order(order_id: integer): Cancel …`."""
    return [f"{_signature(tool)}: {tool.description}" for tool in tools]


def _signature(tool: ToolDraft) -> str:
    try:
        return signature_line(tool.name, json_schema(tool.parameters))
    except UnreadableParameter:
        return f"{tool.name}({', '.join(tool.parameters)})"


def readable_ddl(schema_sql: str) -> str:
    """The schema as tools need it: tables, views and unique indexes, each statement's space drawn together."""
    shown = (text if "--" in text else " ".join(text.split()) for text in split_statements(schema_sql))
    return "\n".join(f"{s};" for s in shown if not re.match(r"CREATE INDEX", s, re.IGNORECASE))


STAGE: Stage[Drafts] = Stage("tools", _write, _repair, _build, _prune)
write_tools = stage_task("write_tools", run)
