"""Why no call of a tool succeeds: what stopped the tries, and the rows that the farthest of them were about."""

from __future__ import annotations

from typing import Any

from artifacts.toolset import Tool
from artifacts.verdict import Diagnostic
from tasks.sql.lineage import Link
from tasks.task_view import rows_text
from tasks.trials.candidates import Arguments
from tasks.trials.prober import Probe
from tasks.trials.workbench import Workbench

MAX_TABLES = 3
MAX_ROWS = 6
MAX_STOPS = 8

_ADVICE = (
    "Keep the guards that are right. Where these rows, or what up to three calls of other tools make of them, allow a call, give it as"
    " `example`; else widen what the tool takes or does, or let another tool bring about what its guards ask for."
)


def stuck(tool: Tool, found: Probe, bench: Workbench) -> Diagnostic:
    """The diagnostic of a tool that no try could make succeed."""
    reasons = [f"{stop.place} ({stop.said}) stopped {count}" if stop.place else f"{stop.said} ({count}×)" for stop, count in found.stops]
    more = f"; {len(reasons) - MAX_STOPS} other reasons" if len(reasons) > MAX_STOPS else ""
    seen = "; ".join(reasons[-MAX_STOPS:]) + more if reasons else "no arguments could be found"
    message = f"No call succeeded in {found.tried} tries on the initial rows, nor after calls of other tools: {seen}."
    return Diagnostic(code="tool.never_succeeds", place=f"tool:{tool.name}", message=message, hint=f"{_rows(tool, found, bench)}{_ADVICE}")


def _rows(tool: Tool, found: Probe, bench: Workbench) -> str:
    """The rows that the arguments of the farthest tries name, a table each: `orders(id,status): 1|paid; 2|open`."""
    links = [link for link in bench.usages[tool.name].links if link.relation == "equals" and not link.path]
    by_table = {link.table: link for link in reversed(links) if any(link.name in tried for tried in found.farthest)}
    texts = [text for link in list(by_table.values())[::-1][:MAX_TABLES] for text in [_table(link, found.farthest, bench)] if text]
    return f"The rows that the farthest tries named: {'. '.join(texts)}. " if texts else ""


def _table(link: Link, tried: tuple[Arguments, ...], bench: Workbench) -> str:
    table = bench.catalog.tables.get(link.table)
    values: list[Any] = list(dict.fromkeys(a[link.name] for a in tried if isinstance(a.get(link.name), int | str)))
    if table is None or not values or link.column not in table.columns:
        return ""
    named = {f"v{number}": value for number, value in enumerate(values)}
    order = ", ".join(f'"{name}"' for name in table.primary_key or table.columns)
    wanted = ", ".join(f":{name}" for name in named)
    sql = f'SELECT * FROM "{table.name}" WHERE "{link.column}" IN ({wanted}) ORDER BY {order} LIMIT {MAX_ROWS}'
    rows = bench.environment.query(sql, named)
    return rows_text(table.name, list(rows[0]), rows) if rows else ""
