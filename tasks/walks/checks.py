"""Checks made from what a walk changed: false before, true after, in words that say what was wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from artifacts.agent_task import Check
from artifacts.observation import RowChange
from tasks.sql.catalog import Table
from tasks.walks.selecting import literal
from tasks.walks.terrain import Terrain, singular, words

MAX_CHECKS = 4


def checks_of(changes: Sequence[RowChange], volatile: frozenset[str], terrain: Terrain) -> tuple[Check, ...]:
    """One check a changed row, new and removed rows first; `volatile` are columns that the clock fills.

    The terrain's walking environment is in the end state, the workbench's own in the initial one.
    """
    made = {change.key for change in changes if change.before is None}
    found = [check for change in sorted(changes, key=_weight) for check in _check(change, volatile, made, terrain)]
    return tuple({check.sql: check for check in found}.values())[:MAX_CHECKS]


def _weight(change: RowChange) -> tuple[bool, str]:
    """New and removed rows first, then changes, by table."""
    return change.before is not None and change.after is not None, change.table


def _check(change: RowChange, volatile: frozenset[str], made: set[tuple[Any, ...]], terrain: Terrain) -> Iterator[Check]:
    table = terrain.catalog.tables[change.table.lower()]
    noun = singular(change.table)
    if change.before is None and change.after is not None:
        content = {c: v for c, v in change.after.items() if _is_content(change.table, c, volatile, terrain)}
        yield from _new_row(change.table, noun, content, terrain)
    elif change.before is not None:
        where = " AND ".join(f'"{c}" IS {literal(v)}' for c, v in zip(table.primary_key, change.key, strict=True))
        if not where:
            return
        title = _title(change.before, change.table, terrain)
        if change.after is None:
            yield Check(name=f"{title} is gone"[:200], sql=f'SELECT NOT EXISTS (SELECT 1 FROM final."{table.name}" WHERE {where})')
            return
        after = change.after
        changed = {c: after[c] for c, v in change.before.items() if after[c] != v and f"{change.table}.{c}".lower() not in volatile}
        if changed:
            said = " and ".join(f"{words(c)} is {_plainly(table, c, v, terrain)}" for c, v in changed.items())
            held = " AND ".join(f'"{c}" IS {literal(v)}' for c, v in changed.items())
            sql = f'SELECT EXISTS (SELECT 1 FROM final."{table.name}" WHERE {where} AND {held})'
            yield Check(name=f"{title}: {said}"[:200], sql=sql)


def _plainly(table: Table, column: str, value: Any, terrain: Terrain) -> str:
    """A value as a person would say it: a parent by its name."""
    parent = table.parent_of(table.columns[column.lower()].name)
    place = terrain.places.get(parent[0].lower()) if parent else None
    names = [f for f in place.facts if f.kind == "name" and not f.via] if place else []
    if place and value in place.rows and names:
        return str(place.rows[value][names[0].column])
    return "empty" if value is None else f"another {place.noun}" if place else str(value)


def _is_content(table: str, column: str, volatile: frozenset[str], terrain: Terrain) -> bool:
    known = terrain.catalog.column(table, column)
    counted = (column,) in terrain.catalog.tables[table.lower()].keys  # keys and codes that the database or a tool counts out
    return known is not None and not counted and not known.generated and f"{table}.{column}".lower() not in volatile


def _new_row(table: str, noun: str, content: dict[str, Any], terrain: Terrain) -> Iterator[Check]:
    parts = [f'"{c}" IS {literal(v)}' for c, v in content.items() if not _is_new_key(table, c, v, terrain)]
    if not parts:
        return
    where = " AND ".join(parts)
    count = f'SELECT COUNT(*) AS held FROM "{table}" WHERE {where}'
    before, after = (environment.query(count)[0]["held"] for environment in (terrain.bench.environment, terrain.walking))
    if before == after:
        return
    known = terrain.catalog.tables[table.lower()]
    plain = [f"{words(c)} {_plainly(known, c, v, terrain)}" for c, v in content.items() if v is not None]
    name = f"there is a new {noun}" + (f" with {', '.join(plain[:3])}" if plain else "")
    yield Check(name=name[:200], sql=f'SELECT COUNT(*) = {after} FROM final."{table}" WHERE {where}')


def _is_new_key(table: str, column: str, value: Any, terrain: Terrain) -> bool:
    """Whether a value names a row that was not there at the start, whose key is the database's choice."""
    parent = terrain.catalog.tables[table.lower()].parent_of(terrain.catalog.tables[table.lower()].columns[column.lower()].name)
    place = terrain.places.get(parent[0].lower()) if parent else None
    return place is not None and value is not None and value not in place.rows


def _title(row: dict[str, Any], table: str, terrain: Terrain) -> str:
    noun = singular(table)
    place = terrain.places.get(table.lower())
    names = [f for f in place.facts if f.kind == "name" and not f.via] if place else []
    return f"the {noun} {row.get(names[0].column)}" if names else f"the {noun}"
