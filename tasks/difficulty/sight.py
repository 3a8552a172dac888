"""What the scripted solver knows: how each tool can be filled, and the rows that it was shown with the keys in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from artifacts.agent_task import Scalar
from artifacts.toolset import Tool
from tasks.difficulty.literals import Said, holds
from tasks.sql.lineage import ColumnName, needed_keys, root_of, usage_of
from tasks.sql.memory import remembered
from tasks.sql.programs import sites_of
from tasks.sql.scratch import catalog_of

SlotKind = Literal["key", "choice", "text", "date", "number", "flag", "list", "object", "other"]


class Slot(NamedTuple):
    """A parameter, or a part of one: `root` is the key that it names, `inner` are a list's element or an object's parts."""

    name: str
    kind: SlotKind
    required: bool
    schema: Mapping[str, Any]
    root: ColumnName | None = None
    inner: tuple[Slot, ...] = ()


class Handle(NamedTuple):
    """A tool as the solver holds it: its slots, whether it changes anything, and which keys the columns of its results are."""

    name: str
    writes: bool
    slots: tuple[Slot, ...]
    keys: Mapping[str, ColumnName]


class Row(NamedTuple):
    """A row that a result showed: where it stood, its values, the keys in it, and which of the said literals it holds."""

    place: tuple[str, str]
    values: tuple[tuple[str, Scalar], ...]
    keys: Mapping[ColumnName, Scalar]
    said: frozenset[int]


@remembered()
def handle_of(tool: Tool, schema_sql: str) -> Handle:
    """A tool's schema, with the keys that its parameters take and its results give."""
    usage, catalog = usage_of(tool, schema_sql), catalog_of(schema_sql)
    properties = tool.parameters.get("properties", {})
    every = tool.model_copy(update={"parameters": {**tool.parameters, "required": list(properties)}})
    takes = needed_keys(every, usage, catalog)
    required = tool.parameters.get("required", ())
    slots = tuple(_slot(name, name, schema, name in required, takes) for name, schema in properties.items())
    gives = {pair[1]: root_of(pair, catalog) for pair in reversed(usage.gives)}
    shown = {
        column.name: root_of((column.table.lower(), column.origin.lower()), catalog)
        for site in sites_of(tool, schema_sql)
        if site.role == "return"
        for column in site.described.columns
        if column.table and column.origin
    }
    keyed = {name: root for name, root in {**gives, **shown}.items() if _is_key(root, schema_sql)}
    return Handle(tool.name, not usage.only_reads, slots, keyed)


def _is_key(root: ColumnName, schema_sql: str) -> bool:
    table = catalog_of(schema_sql).tables.get(root[0])
    return table is not None and [column.lower() for column in table.primary_key] == [root[1]]


def _slot(name: str, path: str, schema: Mapping[str, Any], required: bool, takes: Mapping[str, ColumnName]) -> Slot:
    kinds = schema.get("type")
    kind = next((one for one in kinds if one != "null"), "") if isinstance(kinds, list) else str(kinds)
    if schema.get("enum"):
        return Slot(name, "choice", required, schema)
    if path in takes:
        return Slot(name, "key", required, schema, takes[path])
    if kind == "array":
        return Slot(name, "list", required, schema, inner=(_slot(name, f"{path}[]", schema.get("items", {}), True, takes),))
    if kind == "object":
        needed = schema.get("required", ())
        parts = (_slot(key, f"{path}.{key}", part, key in needed, takes) for key, part in schema.get("properties", {}).items())
        return Slot(name, "object", required, schema, inner=tuple(parts))
    simple: dict[str, SlotKind] = {"integer": "number", "number": "number", "boolean": "flag", "string": "text"}
    dated = kind == "string" and schema.get("format") in ("date", "date-time")
    return Slot(name, "date" if dated else simple.get(kind, "other"), required, schema)


def rows_in(handle: Handle, result: Any, said: Sequence[Said], path: str = "") -> Iterator[Row]:
    """Every object of a result as a row, with the keys in it; plain values of lists are rows of one value."""
    if isinstance(result, dict):
        values = tuple((name, value) for name, value in result.items() if not isinstance(value, dict | list))
        if values:
            keys = {handle.keys[name]: value for name, value in values if name in handle.keys and value is not None}
            yield Row((handle.name, path), values, keys, said_among((value for _, value in values), said))
        for name, part in result.items():
            yield from rows_in(handle, part, said, f"{path}.{name}") if isinstance(part, dict | list) else ()
    elif isinstance(result, list):
        for part in result:
            yield from rows_in(handle, part, said, f"{path}[]")
    elif result is not None:
        yield Row((handle.name, path), (("", result),), {}, said_among([result], said))


def said_among(values: Iterable[Scalar], said: Sequence[Said]) -> frozenset[int]:
    """Which of the literals some value holds."""
    shown = list(values)
    return frozenset(number for number, one in enumerate(said) if any(holds(value, one) for value in shown))


def choices_of(handles: Iterable[Handle]) -> Iterator[str]:
    """Every text that some parameter offers as a choice."""
    waiting = [slot for handle in handles for slot in handle.slots]
    while waiting:
        slot = waiting.pop()
        waiting.extend(slot.inner)
        yield from (choice for choice in slot.schema.get("enum") or () if isinstance(choice, str))
