"""What the author of agent tasks sees of a world: its tools on one line each, and its rows in few tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from typing import Any

from artifacts.toolset import Tool
from artifacts.world import Draft
from containers.environment import Blueprint, Environment
from tasks.parameters import signature_line
from tasks.sql.catalog import Table
from tasks.sql.programs import Site, sites_of
from tasks.sql.scratch import catalog_of
from tasks.sql.statements import parse_statement


def tool_lines(draft: Draft) -> list[str]:
    """`cancel_order(order_id: integer) -> {id,status} writes orders.status: Cancel …`, one line per tool."""
    return [_tool_line(tool, sites_of(tool, draft.schema_sql)) for tool in draft.tools]


def _tool_line(tool: Tool, sites: tuple[Site, ...]) -> str:
    written = _written(sites)
    changes = f" writes {', '.join(written)}" if written else ""
    return f"{signature_line(tool.name, tool.parameters)} -> {_result(sites)}{changes}: {' '.join(tool.description.split())}"


def _result(sites: tuple[Site, ...]) -> str:
    shown = [(site.key, _shape(site)) for site in sites if site.role == "return"]
    if len(shown) == 1 and shown[0][0] is None:
        return shown[0][1]
    return "{" + ", ".join(f"{key}: {shape}" for key, shape in shown) + "}"


def _shape(site: Site) -> str:
    names = ",".join(column.name for column in site.described.columns)
    if site.shape == "value":
        return "value"
    return f"[{{{names}}}]{_order(site.sql)}" if site.shape == "many" else f"{{{names}}}"


def _order(sql: str) -> str:
    """The order of a list, which an author must know to say which element is meant."""
    tree = parse_statement(sql).tree
    order = tree.args.get("order") if tree is not None else None
    return f" by {', '.join(part.sql(dialect='sqlite') for part in order.expressions)}" if order is not None else ""


def _written(sites: tuple[Site, ...]) -> tuple[str, ...]:
    """`orders.status` for each column updated, `+order_events` for inserts, `-order_lines` for deletes."""
    found = (_written_by(verb, table, column) for site in sites for verb, table, column in sorted(site.described.writes))
    return tuple(dict.fromkeys(found))


def _written_by(verb: str, table: str, column: str) -> str:
    return {"insert": f"+{table}", "delete": f"-{table}"}.get(verb, f"{table}.{column}")


def tables_behind(draft: Draft, tools: Collection[str], sql: Iterable[str]) -> frozenset[str]:
    """The tables, in lower case, that tools read or change, and those that some SQL texts name."""
    catalog = catalog_of(draft.schema_sql)
    sites = [site.described for tool in draft.tools if tool.name in tools for site in sites_of(tool, draft.schema_sql)]
    touched = {table for described in sites for table, *_ in (*described.reads, *described.writes)}
    named = {word.lower() for text in sql for word in re.findall(r"\w+", text)}
    return frozenset(name for name in catalog.tables if name in touched | named)


def data_text(draft: Draft, only: frozenset[str] | None = None) -> str:
    """The rows of the initial state: `orders(id,user_id,status): 1|1|pending; 2|1|paid`, a table a line; all tables or only some."""
    tables = [table for name, table in catalog_of(draft.schema_sql).tables.items() if only is None or name in only]
    with Environment.fork(Blueprint.of(draft.model_copy(update={"tools": (), "tasks": ()}))) as environment:
        return "\n".join(_table_line(table, environment) for table in tables)


def _table_line(table: Table, environment: Environment) -> str:
    names = [column.name for column in table.columns.values()]
    quoted = ", ".join(f'"{name}"' for name in names)
    order = ", ".join(f'"{name}"' for name in table.primary_key or names)
    rows = environment.query(f'SELECT {quoted} FROM "{table.name}" ORDER BY {order}')
    return rows_text(table.name, names, rows)


def rows_text(table: str, columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> str:
    """Some rows of a table on one line."""
    return f"{table}({','.join(columns)}): {'; '.join(_row_text(row.values()) for row in rows)}"


def _row_text(values: Iterable[Any]) -> str:
    return "|".join(map(_value_text, values))


def _value_text(value: Any) -> str:
    """A value in few characters; NULL is `-`, and a text that could be taken for something else is quoted."""
    if value is None:
        return "-"
    text = str(value)
    unclear = isinstance(value, str) and (text in ("", "-") or any(c in text for c in '|;\n"'))
    return json.dumps(text, ensure_ascii=False) if unclear else text
