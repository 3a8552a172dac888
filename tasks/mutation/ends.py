"""Whether two ends of a task are the same, and where they differ in free columns only, whether the wording leaves that to the agent."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from artifacts.agent_task import ToolCall
from artifacts.identity import canonical_bytes
from artifacts.observation import RowChange
from containers.difference import Table
from containers.reference import replay
from tasks.mutation.values import day_of
from tasks.trials.workbench import Workbench

SHIFT = 7
"""How many seconds later the reference is replayed to see what the clock fills."""

Columns = frozenset[tuple[str, str]]
"""Tables and columns, in the schema's own spelling."""


def clock_columns(solution: Sequence[ToolCall], gold: Sequence[RowChange], bench: Workbench) -> Columns:
    """The columns that hold something else when the same calls are made some seconds later."""
    bench.environment.reset()
    for _ in range(SHIFT):
        bench.environment.call_tool("")  # an unknown tool changes nothing but the clock
    replay(bench.environment, solution)
    later = {(change.table, repr(change.key)): change.after for change in bench.environment.difference()}
    return frozenset(
        (change.table, column)
        for change in gold
        for column, value in (change.after or {}).items()
        if (later.get((change.table, repr(change.key))) or {column: value}).get(column) != value
    )


def same_end(one: Sequence[RowChange], other: Sequence[RowChange], tables: Mapping[str, Table], but: Columns) -> bool:
    """Whether two sets of changes end in the same rows, some columns apart; rows that SQLite numbered are known by what they hold."""
    return _Ends(one, tables, but).content() == _Ends(other, tables, but).content()


class _Ends:
    """Changes in a form that does not depend on the numbers of new rows: those stand for the row's own content."""

    def __init__(self, changes: Sequence[RowChange], tables: Mapping[str, Table], but: Columns) -> None:
        self.changes, self.tables, self.but = changes, tables, but
        new = (change for change in changes if change.before is None and tables[change.table].generated)
        self.new = {(change.table.lower(), change.key[0]): change for change in new}

    def content(self) -> Counter[bytes]:
        """How often each change stands there; a row that differs in nothing but the columns left aside is no change."""
        found: Counter[bytes] = Counter()
        for change in self.changes:
            before, after = self._row(change, change.before), self._row(change, change.after)
            if before != after:
                key = None if self._numbered(change) else list(change.key)
                found[canonical_bytes([change.table, key, before, after])] += 1
        return found

    def _numbered(self, change: RowChange) -> bool:
        return bool(change.key) and self.new.get((change.table.lower(), change.key[0])) is change

    def _row(self, change: RowChange, row: Mapping[str, Any] | None, depth: int = 0) -> dict[str, Any] | None:
        if row is None:
            return None
        table = self.tables[change.table]
        known = {reference.columns[0]: reference.parent for reference in table.references if len(reference.columns) == 1}
        aside = {column for owner, column in self.but if owner == change.table} | ({table.generated} if self._numbered(change) else set())
        return {c: self._value(known.get(c, ""), value, depth) for c, value in row.items() if c not in aside}

    def _value(self, parent: str, value: Any, depth: int) -> Any:
        """A value, or the content of the new row that it names."""
        named = self.new.get((parent.lower(), value)) if isinstance(value, int) else None
        return value if named is None or depth > 4 else [named.table, self._row(named, named.after, depth + 1)]


class Difference(NamedTuple):
    """A cell in which two ends differ: what the reference put there, what was put there instead, and what was there at first."""

    column: str
    gold: Any
    given: Any
    before: Any = None


def differing(given: Sequence[RowChange], gold: Sequence[RowChange], columns: Iterable[tuple[str, str]]) -> tuple[Difference, ...]:
    """The cells of some columns in which two ends differ; new rows, which may be numbered otherwise, are held against each other."""
    wanted = sorted(columns)
    return (*_in_old_rows(given, gold, wanted), *_in_new_rows(given, gold, wanted))


def _in_old_rows(given: Sequence[RowChange], gold: Sequence[RowChange], columns: Sequence[tuple[str, str]]) -> Iterator[Difference]:
    ends = [{(change.table, repr(change.key)): change for change in changes if change.before is not None} for changes in (gold, given)]
    for place in sorted(ends[0].keys() | ends[1].keys()):
        before = next(end[place].before for end in ends if place in end) or {}
        rows = [(end[place].after if place in end else before) or {} for end in ends]
        for table, column in columns:
            if table == place[0] and rows[0].get(column) != rows[1].get(column):
                yield Difference(f"{table}.{column}", rows[0].get(column), rows[1].get(column), before.get(column))


def _in_new_rows(given: Sequence[RowChange], gold: Sequence[RowChange], columns: Sequence[tuple[str, str]]) -> Iterator[Difference]:
    for table, column in columns:
        theirs, mine = (Counter(_new_values(changes, table, column)) for changes in (gold, given))
        sides = [sorted((one - other).elements(), key=repr) for one, other in ((theirs, mine), (mine, theirs))]
        yield from (Difference(f"{table}.{column}", expected, found) for expected, found in zip_longest(*sides))


def _new_values(changes: Sequence[RowChange], table: str, column: str) -> list[Any]:
    return [change.after.get(column) for change in changes if change.table == table and change.before is None and change.after]


def left_to_agent(difference: Difference, instruction: str) -> bool:
    """Whether a person would leave the difference to the agent: both wrote something, and the instruction does not say the words.

    A number, a date, a code or a choice is never a matter of wording; nor are words when most of them stand in the instruction.
    """
    _, gold, given, before = difference
    written = before not in (gold, given) and isinstance(given, str) and bool(given.strip())
    return written and day_of(given) is None and _wording(gold, instruction)


def _wording(value: Any, instruction: str) -> bool:
    if not isinstance(value, str) or day_of(value) is not None:
        return False
    said = content_words(instruction)
    words = content_words(value)
    return bool(words) and 2 * len(words & said) < len(words)


_LITTLE = re.compile(
    r"the|and|for|with|that|this|from|have|has|had|was|were|are|will|would|should|could|can|not|but|you|your|our|my|his|her|their|its|it|"
    r"them|they|him|she|who|please|when|then|than|there|here|into|onto|about|some|any|all|very|just|also|been|being|because"
)


def content_words(text: str) -> frozenset[str]:
    """The words of a text that carry its meaning, without their endings."""
    found = re.findall(r"[^\W_]+", text.casefold())
    return frozenset(word.rstrip("s") for word in found if (len(word) > 2 or word.isdigit()) and not _LITTLE.fullmatch(word))
