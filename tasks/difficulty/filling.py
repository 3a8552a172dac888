"""Filling calls with what is at hand: said literals, keys of rows that were shown, and guesses where there is neither."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from artifacts.agent_task import Scalar
from tasks.difficulty.literals import Said
from tasks.difficulty.sight import Handle, Row, Slot
from tasks.sql.lineage import ColumnName

OPTIONAL = 0.5
"""How often an optional parameter is filled for which something is at hand."""

SETTLED = 0.9
"""How often a row that holds a said literal is preferred to one that holds none."""


class Call(NamedTuple):
    """A call that can be made: which literals stand in it or tell its rows, and how much in it is guessed."""

    handle: Handle
    arguments: dict[str, Any]
    placed: frozenset[int]
    guesses: float


class Filled(NamedTuple):
    """A value for a slot, as in `Call`."""

    value: Any
    placed: frozenset[int] = frozenset()
    guesses: float = 0.0


class Memory(NamedTuple):
    """What is at hand: the literals, the rows that were shown, by the keys in them, and the literals that such rows hold."""

    said: tuple[Said, ...]
    by_key: dict[ColumnName, list[Row]]
    held: set[int]

    def copy(self) -> Memory:
        """The same, to be added to on its own."""
        return Memory(self.said, {root: list(rows) for root, rows in self.by_key.items()}, set(self.held))

    def add(self, row: Row) -> bool:
        """Remembers a row under its keys; gives whether it is new in any way."""
        new = False
        self.held.update(row.said)
        for root in row.keys:
            rows = self.by_key.setdefault(root, [])
            if row not in rows:
                rows.append(row)
                new = True
        return new


def call_of(handle: Handle, memory: Memory, random: Random) -> Call | None:
    """The tool with its parameters filled by chance from what is at hand; None where a required one cannot be."""
    arguments: dict[str, Any] = {}
    placed: frozenset[int] = frozenset()
    guesses = 0.0
    taken: set[tuple[ColumnName, Scalar]] = set()
    for slot in handle.slots:
        if not slot.required and random.random() > OPTIONAL:
            continue
        filled = _filled(slot, memory, taken, placed, random)
        if filled is None or (filled.guesses and not slot.required):
            if slot.required:
                return None
            continue
        arguments[slot.name] = filled.value
        placed |= filled.placed
        guesses += filled.guesses
    return Call(handle, arguments, placed, guesses)


def _filled(slot: Slot, memory: Memory, taken: set[tuple[ColumnName, Scalar]], placed: frozenset[int], random: Random) -> Filled | None:
    if slot.kind == "key" and slot.root is not None:
        return _key(slot.root, memory, taken, random)
    if slot.kind == "list":
        return _list(slot, memory, taken, placed, random)
    if slot.kind == "object":
        return _object(slot, memory, taken, placed, random)
    if slot.kind == "choice":
        return _choice(slot, memory, random)
    if slot.kind == "flag":
        return Filled(random.random() < 0.5, guesses=0.5)
    return _literal(slot, memory, placed, random)


def _key(root: ColumnName, memory: Memory, taken: set[tuple[ColumnName, Scalar]], random: Random) -> Filled | None:
    """The key of a row: mostly of one that holds a said literal, else of any."""
    rows = [row for row in memory.by_key.get(root, ()) if (root, row.keys[root]) not in taken]
    told = [row for row in rows if row.said]
    if not rows:
        return None
    row = random.choice(told if told and random.random() < SETTLED else rows)
    taken.add((root, row.keys[root]))
    return Filled(row.keys[root], row.said, 0.0 if row.said else 1.0)


def _list(slot: Slot, memory: Memory, taken: set[tuple[ColumnName, Scalar]], placed: frozenset[int], random: Random) -> Filled | None:
    """One element, and more while rows that hold literals come."""
    found: list[Filled] = []
    wanted = 1 + sum(random.random() < 0.5 for _ in range(3))
    for _ in range(wanted):
        one = _filled(slot.inner[0], memory, taken, placed, random)
        if one is None or (found and one.guesses):
            break
        found.append(one)
        placed |= one.placed
    if len(found) < max(1, int(slot.schema.get("minItems", 1))):
        return None
    return Filled([one.value for one in found], frozenset().union(*(one.placed for one in found)), sum(one.guesses for one in found))


def _object(slot: Slot, memory: Memory, taken: set[tuple[ColumnName, Scalar]], placed: frozenset[int], random: Random) -> Filled | None:
    parts: dict[str, Filled] = {}
    for inner in slot.inner:
        one = _filled(inner, memory, taken, placed, random)
        if one is None and inner.required:
            return None
        if one is not None and (inner.required or not one.guesses):
            parts[inner.name] = one
            placed |= one.placed
    values = {name: one.value for name, one in parts.items()}
    return Filled(values, frozenset().union(*(one.placed for one in parts.values())), sum(one.guesses for one in parts.values()))


def _choice(slot: Slot, memory: Memory, random: Random) -> Filled | None:
    offered = [choice for choice in slot.schema.get("enum") or () if choice is not None]
    told = [
        (number, choice) for number, one in enumerate(memory.said) for choice in offered if one.kind == "choice" and choice in one.values
    ]
    if told:
        number, choice = random.choice(told)
        return Filled(choice, frozenset([number]))
    return Filled(random.choice(offered), guesses=0.5) if offered else None


_TAKES = {"text": ("text", "date"), "date": ("date",), "number": ("number",)}


def _literal(slot: Slot, memory: Memory, placed: frozenset[int], random: Random) -> Filled | None:
    """A said literal of the slot's kind, one that is not placed yet where there is one; a small number or nothing is guessed.

    Text that rows hold is likelier meant to tell a row than to be written down: to use it is half a guess.
    """
    kinds = _TAKES.get(slot.kind, ())
    fitting = [number for number, one in enumerate(memory.said) if one.kind in kinds and _values(one, slot)]
    fresh = [number for number in fitting if number not in placed] or fitting
    new = [number for number in fresh if number not in memory.held] if slot.kind == "text" else []
    if fresh:
        number = random.choice(new if new and random.random() < SETTLED else fresh)
        half = 0.5 if slot.kind == "text" and number in memory.held else 0.0
        return Filled(random.choice(_values(memory.said[number], slot)), frozenset([number]), half)
    least = int(slot.schema.get("minimum", 1)) if slot.kind == "number" else 1
    return Filled(least + random.randrange(3), guesses=1.0) if slot.kind == "number" else None


def _values(said: Said, slot: Slot) -> Sequence[Scalar]:
    """The values of a literal that a slot's schema lets through."""
    if slot.kind == "number":
        whole = slot.schema.get("type") == "integer"
        least, most = slot.schema.get("minimum", float("-inf")), slot.schema.get("maximum", float("inf"))
        return [v for v in said.values if isinstance(v, int if whole else (int, float)) and least <= v <= most]
    if slot.kind == "date" and slot.schema.get("format") == "date":
        return [str(v)[:10] for v in said.values if len(str(v)) >= 10]
    return [v for v in said.values if isinstance(v, str) and len(v) <= int(slot.schema.get("maxLength", 10_000))]
