"""Comparing what an agent changed with what gold changed, row by row.

Rows compare by primary key first. Inserted rows whose key SQLite numbered by itself (or whose key holds a free column) also match by
content, and rows that refer to them are compared with the number that the agent's row got. New rows of the same content are told apart by
the new rows that refer to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from artifacts.observation import RowChange
from containers.difference import Table
from containers.plain_text import plain_text

_RowKey = tuple[str, tuple[Any, ...]]


class Comparison(NamedTuple):
    """`collateral`: the agent's changes that gold does not share; `missing`: gold's that the agent did not do; `right`: how many agree.

    A row that both changed, but differently, is collateral only; a row that gold inserted and that is not there is missing.
    """

    collateral: tuple[RowChange, ...]
    missing: tuple[RowChange, ...]
    right: int


class _Rules(NamedTuple):
    tables: Mapping[str, Table]
    free: frozenset[tuple[str, str]]
    fuzzy: frozenset[tuple[str, str]]

    def content(self, table: str, row: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """What of a row counts: free columns left out, fuzzy ones normalised."""
        if row is None:
            return None
        return {c: _fuzzy(v) if (table, c) in self.fuzzy else v for c, v in row.items() if (table, c) not in self.free}


def _fuzzy(value: Any) -> Any:
    """Text without regard to case, spacing, kinds of quotes and dashes, and closing punctuation."""
    if not isinstance(value, str):
        return value
    plain = plain_text(value)
    return plain.rstrip(" .,;:!?") or plain


def compare(
    done: Sequence[RowChange],
    gold: Sequence[RowChange],
    tables: Mapping[str, Table],
    free_columns: Iterable[str] = (),
    fuzzy_columns: Iterable[str] = (),
) -> Comparison:
    """The agent's changes against gold's; changes of free columns alone do not count."""
    rules = _Rules(tables, _columns(free_columns), _columns(fuzzy_columns))
    mine, theirs = _counted(done, rules), _counted(gold, rules)
    matching = _Matching(rules, mine, theirs)
    missing: list[RowChange] = []
    for table in _parents_first({change.table for change in theirs.values()}, tables):
        wanted = [change for change in theirs.values() if change.table == table]
        missing.extend(_by_content(matching, tables[table], _by_key(matching, tables[table], wanted)))
    collateral = tuple(change for key, change in mine.items() if key not in matching.matched)
    keys = {(change.table, change.key) for change in collateral}
    left = tuple(change for change in missing if change.before is None or (change.table, change.key) not in keys)
    return Comparison(collateral, left, len(matching.matched))


def _columns(names: Iterable[str]) -> frozenset[tuple[str, str]]:
    return frozenset((table, column) for table, _, column in (name.partition(".") for name in names))


def _counted(changes: Sequence[RowChange], rules: _Rules) -> dict[_RowKey, RowChange]:
    """The changes that touch more than free columns, by table and key."""
    return {
        (change.table, _hashable(change.key)): change
        for change in changes
        if change.before is None
        or change.after is None
        or rules.content(change.table, change.before) != rules.content(change.table, change.after)
    }


def _hashable(key: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(tuple(part.items()) if isinstance(part, dict) else part for part in key)


def _parents_first(names: set[str], tables: Mapping[str, Table]) -> list[str]:
    """Tables so that those referred to come before those that refer to them; a circle is cut by name."""
    ordered: list[str] = []

    def visit(name: str, above: frozenset[str]) -> None:
        if name in ordered or name in above or name not in tables:
            return
        for reference in tables[name].references:
            visit(_named(reference.parent, tables), above | {name})
        ordered.append(name)

    for name in sorted(names):
        visit(name, frozenset())
    return [name for name in ordered if name in names]


def _named(name: str, tables: Mapping[str, Table]) -> str:
    """A table's own spelling; SQLite does not mind case."""
    return name if name in tables else next((known for known in tables if known.lower() == name.lower()), name)


def _by_key(matching: _Matching, table: Table, wanted: Sequence[RowChange]) -> list[RowChange]:
    """Matches gold's changes of one table with the agent's of the same key; the ones without a match are given back."""
    left: list[RowChange] = []
    for change in wanted:
        expected = matching.translated(table, change)
        key = (table.name, _hashable(change.key if expected is None or not table.key else [expected[c] for c in table.key]))
        found = matching.mine.get(key)
        if found is not None and matching.same(table, found.after, expected) and not matching.mistaken(table, change, found):
            matching.matched.add(key)
        else:
            left.append(change)
    return left


def _by_content(matching: _Matching, table: Table, left: Sequence[RowChange]) -> list[RowChange]:
    """Inserted rows whose number SQLite chose, or in whose key a column is free: equal content is enough, and the number is remembered."""
    still: list[RowChange] = []
    free_key = any((table.name, column) in matching.rules.free for column in table.key)
    for change in left:
        numbered = bool(table.generated) or free_key or change.key[:1] == ("rowid",)
        found = matching.insert_like(table, change) if numbered and change.before is None else None
        if found is None:
            still.append(change)
        else:
            matching.matched.add((table.name, _hashable(found.key)))
            matching.renumbered[table.name, change.key[0]] = found.key[0]
    return still


@dataclass
class _Matching:
    """What has been matched so far: the agent's changes by key, those taken, and gold's numbers as the agent's rows got them."""

    rules: _Rules
    mine: Mapping[_RowKey, RowChange]
    theirs: Mapping[_RowKey, RowChange]
    matched: set[_RowKey] = field(default_factory=set)
    renumbered: dict[tuple[str, Any], Any] = field(default_factory=dict)

    def same(self, table: Table, one: Mapping[str, Any] | None, other: Mapping[str, Any] | None, but: str = "") -> bool:
        """Whether two rows agree in all that counts, one column aside."""
        return _without(self.rules.content(table.name, one), but) == _without(self.rules.content(table.name, other), but)

    def insert_like(self, table: Table, change: RowChange) -> RowChange | None:
        """The agent's first free insert with the content of gold's; of several, the first to which the same new rows refer."""
        expected = self.translated(table, change)
        free = (row for key, row in self.mine.items() if row.table == table.name and row.before is None and key not in self.matched)
        alike = [row for row in free if self.same(table, row.after, expected, table.generated)]
        if len(alike) < 2 or not table.generated:
            return alike[0] if alike else None
        wanted = self._offspring(self.theirs, table, change.key[0])
        return next((row for row in alike if self._offspring(self.mine, table, row.key[0]) == wanted), alike[0])

    def mistaken(self, table: Table, change: RowChange, found: RowChange) -> bool:
        """Whether a new row of gold's number and content stands for another of gold's new rows of that content: other rows refer to it."""
        if not table.generated or change.before is not None:
            return False
        twins = [row for row in self.theirs.values() if row.table == table.name and row.before is None and row is not change]
        if not any(self.same(table, row.after, change.after, table.generated) for row in twins):
            return False
        return self._offspring(self.theirs, table, change.key[0]) != self._offspring(self.mine, table, found.key[0])

    def _offspring(self, rows: Mapping[_RowKey, RowChange], table: Table, number: Any, depth: int = 0) -> list[str]:
        """The new rows that refer to a new row, and theirs, by content; numbers of other new rows left out."""
        found: list[str] = []
        for row in rows.values():
            child = self.rules.tables[row.table]
            column = _reference_to(table, child, self.rules.tables)
            if row.before is None and row.after is not None and column and row.after.get(column) == number and depth < _GENERATIONS:
                content = self.rules.content(child.name, row.after) or {}
                numbers = {child.generated, *(reference.columns[0] for reference in child.references)}
                own = {name: value for name, value in content.items() if name not in numbers}
                below = self._offspring(rows, child, row.key[0], depth + 1) if child.generated else []
                found.append(repr((child.name, column, sorted(own.items()), below)))
        return sorted(found)

    def translated(self, table: Table, change: RowChange) -> dict[str, Any] | None:
        """Gold's end row with the agent's numbers in place of gold's."""
        if change.after is None or not self.renumbered:
            return change.after
        row = dict(change.after)
        for reference in table.references:
            parent = self.rules.tables.get(_named(reference.parent, self.rules.tables))
            if parent is not None and parent.generated and reference.parent_columns in (("",), (parent.generated,)):
                column = reference.columns[0]
                row[column] = self.renumbered.get((parent.name, row[column]), row[column])
        return row


_GENERATIONS = 4
"""How deep rows that refer to new rows are followed; a circle of references ends there too."""


def _reference_to(parent: Table, child: Table, tables: Mapping[str, Table]) -> str:
    """The column by which a table refers to another's generated key, or ""."""
    for reference in child.references:
        if _named(reference.parent, tables) == parent.name and reference.parent_columns in (("",), (parent.generated,)):
            return reference.columns[0]
    return ""


def _without(row: Mapping[str, Any] | None, column: str) -> dict[str, Any] | None:
    return None if row is None else {name: value for name, value in row.items() if name != column}
