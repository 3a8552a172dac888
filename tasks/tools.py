"""The tools stage: operations with their parameters and programs, first those that read, then those that change."""

from __future__ import annotations

from typing import Any

import dspy
from pydantic import BaseModel

from tasks.adapter import with_rules


class ToolDraft(BaseModel):
    """A tool as a model writes it: `parameters` in the short grammar, `program` without result types."""

    name: str
    description: str
    parameters: dict[str, Any] = {}
    program: list[dict[str, Any]]
    example: dict[str, Any] = {}


LANGUAGE = """
A tool is {"name","description","parameters","program"}. One line of JSON per tool, no line breaks inside.

parameters: {"<name>":"<type>[?][ = default]: <what it is>"}. Types: integer, number, text, boolean, date, datetime,
`one of a|b|c`, `list of integer` (or another type), `list of {"item_id":"integer","quantity":"integer"}` (quotes escaped inside
the string). `?` marks an optional one: absent, it binds its default or NULL. Parameters are checked against their types before
the program runs. A description says where an id comes from, and what units and formats are.

program: steps, run in order in one transaction; a failing step undoes all.
{"require":"SELECT …","error":CODE,"message":TEXT}  no row: fail; a row: its columns are bound, as :column, from here on
{"refuse":"SELECT …","error":CODE,"message":TEXT}   any row: fail, the row's columns fill the message
{"let":"SELECT …"}  binds the first row's columns, NULL when there is no row
{"run":"INSERT|UPDATE|DELETE …","expect":1}  `expect` is the number of rows it touches; leave it out when that varies
{"each":"SELECT … ORDER BY …","do":[steps]}  reads all its rows first, then does the steps for each, with its columns bound
{"return":"SELECT …","shape":"one"}  last step. one: an object or null; many: a list of objects; value: a single value. Or nested:
{"return":{"order":{"query":"SELECT …","shape":"one"},"lines":{"query":"SELECT …","shape":"many"}}}
CODE: not_found, conflict, invalid, forbidden, limit. TEXT may hold {name} for any bound name.

Bound everywhere: the parameters, :me (id of the signed-in user), :now ('YYYY-MM-DD HH:MM:SS'), :today ('YYYY-MM-DD'). A step must
not bind a name that is already bound: select only what later steps need, under new names (SELECT stock AS stock_now), never a
column named like a parameter. A list parameter is JSON text: FROM json_each(:lines) gives key (position from 0) and value;
json_extract(value,'$.item_id').

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
  clock functions but :now and :today. A new row's key is bound first by a `let`, as above.
- Every `many` has an ORDER BY that ends in a unique key. SUM is COALESCE(SUM(x),0). No NOT IN over a nullable column.
- An aggregate always gives a row: test it in a `refuse`, not in a `require`. An `each` is for what depends on order; a set is
  changed by one UPDATE … WHERE … IN (SELECT …).
- A filter: (:status IS NULL OR status=:status); a search: name LIKE '%'||:query||'%'.
- What belongs to a user is read and changed only WHERE … =:me, unless the application is for staff who serve everyone.
- Whatever could break a constraint is refused first, with a message that says what to do: a missing or foreign record, a wrong
  status, too little stock or money, a duplicate, an empty or repeated list item, a quantity below 1, a date in the past.""".strip()


@with_rules(LANGUAGE)
class WriteTools(dspy.Signature):
    """Write `count` tools through which an assistant works in this application for its signed-in user. They run as
    written on the SQLite database `ddl`.

    focus `reading`: lists with filters, searches that turn a name or code into an id, one record with its lines and related records,
    totals and reports. Nothing changes. They return every id that a tool can take and every column that a person may ask about;
    together they read every table.
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
    keeps its name and its purpose. Where a problem says that tools are missing, write them too.

    {rules}

    tools: a JSON array of the mended tools, whole, and of no others.
    """

    scenario: str = dspy.InputField()
    ddl: str = dspy.InputField()
    failing: list[ToolDraft] = dspy.InputField()
    problems: list[str] = dspy.InputField()
    tools: list[ToolDraft] = dspy.OutputField()
