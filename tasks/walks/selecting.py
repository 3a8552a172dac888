"""How a person names rows: by facts that tools show, by a superlative without a tie, or all that fit; never by a key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import combinations, pairwise
from random import Random
from typing import Any, NamedTuple

from artifacts.agent_task import Condition
from tasks.walks.terrain import Fact, Place, Terrain, singular, words
from tasks.walks.walk import SUPERLATIVES, Relation, Said, Selector

MAX_SET = 4
"""The most rows that a set selector names."""

MAX_WAYS = 24
"""How many combinations of facts are looked at for one row, or for a few."""


class Term(NamedTuple):
    """One part of a condition: a fact, how it bounds rows, and by which value."""

    fact: Fact
    relation: Relation
    value: Any


class View(NamedTuple):
    """What the agent can see: the keys of the rows that a reading call gave, and the facts that it shows of each.

    `scope` are the keys of the rows that the words "my" or "of that parent" leave; `mine` is the column that holds the signed-in user
    in all rows seen; `parent` is the column and the key of the parent whose rows they are, `within` the selector of that parent and its
    index; `forced` are facts that the call itself was told.
    """

    place: Place
    keys: tuple[Any, ...]
    facts: tuple[Fact, ...]
    scope: tuple[Any, ...]
    mine: str = ""
    parent: tuple[str, Any] | None = None
    within: tuple[int, Selector] | None = None
    forced: tuple[Term, ...] = ()


Terms = tuple[Term, ...]


def one_row(view: View, key: Any, terrain: Terrain, rng: Random) -> Iterator[Selector]:
    """Ways to name one row, in a random order that puts the shortest first."""
    plain = list(_plain_ways(view, key, terrain, rng))
    best = list(_superlatives(view, key, terrain))
    rng.shuffle(best)
    first, second = (plain, best) if rng.random() < 0.6 else (best, plain)
    for terms in (*first, *second):
        found = selector_of(view, (*view.forced, *terms), (key,), terrain)
        if found is not None:
            yield found


def many_rows(view: View, terrain: Terrain, rng: Random, most: int = MAX_SET) -> Iterator[Selector]:
    """Ways to name two to a few rows at once: all that share facts, or lie on one side of a limit."""
    ways = list(_shared(view, terrain))
    rng.shuffle(ways)
    for terms in ways[:MAX_WAYS]:
        keys = _fitting(view, terms, terrain)
        fits = 2 <= len(keys) <= most and set(keys) <= set(view.keys)
        found = selector_of(view, (*view.forced, *terms), keys, terrain) if fits else None
        if found is not None:
            yield found


def scope_of(place: Place, mine: str, parent: tuple[str, Any] | None, terrain: Terrain) -> tuple[Any, ...]:
    """The keys of the rows that are the signed-in user's in one column, and one parent's in another."""
    column, me = mine.partition(".")[2], terrain.bench.draft.me
    rows = place.rows.items()
    return tuple(k for k, row in rows if (not column or row[column] == me) and (parent is None or row[parent[0]] == parent[1]))


def _fitting(view: View, terms: Sequence[Term], terrain: Terrain) -> tuple[Any, ...]:
    """The rows that the terms and the scope leave; superlatives are not terms here."""
    keys = view.scope
    for term in (*view.forced, *terms):
        values = terrain.values(view.place, term.fact)
        keys = tuple(key for key in keys if _holds(values[key], term.relation, term.value))
    return keys


def _holds(value: Any, relation: Relation, bound: Any) -> bool:
    if value is None:
        return False
    match relation:
        case "is":
            return bool(value == bound)
        case "more than" | "after":
            return bool(value > bound)
        case "less than" | "before":
            return bool(value < bound)
        case _:
            return True


def _said_of(view: View, key: Any, terrain: Terrain) -> list[Term]:
    """The facts that tell something of a row, each as a term."""
    terms = [Term(fact, "is", value) for fact in view.facts for value in [terrain.value(view.place, key, fact)] if value not in (None, "")]
    return [t for t in terms if t.fact.kind != "name" or terrain.stands_once(t.fact, t.value)]


def _plain_ways(view: View, key: Any, terrain: Terrain, rng: Random) -> Iterator[Terms]:
    known = _said_of(view, key, terrain)
    names = [term for term in known if term.fact.kind == "name" and not term.fact.via]
    others = [term for term in known if term not in names]
    rng.shuffle(names)
    rng.shuffle(others)
    ways = [(), *((name,) for name in names), *((o,) for o in others), *combinations(others[:6], 2), *combinations(others[:4], 3)]
    for terms in ways[:MAX_WAYS]:
        if _fitting(view, terms, terrain) == (key,) and (terms or view.mine or view.parent):
            yield terms


def _superlatives(view: View, key: Any, terrain: Terrain) -> Iterator[Terms]:
    known = [t for t in _said_of(view, key, terrain) if t.fact.kind in ("choice", "word") or t.fact.via]
    for base in ((), *((term,) for term in known)):
        keys = _fitting(view, base, terrain)
        if len(keys) < 2 or not set(keys) <= set(view.keys):
            continue
        for fact in view.facts:
            if fact.kind in ("amount", "date") and not fact.via:
                yield from ((*base, term) for term in _extremes(view, keys, key, fact, terrain))


def _extremes(view: View, keys: Sequence[Any], key: Any, fact: Fact, terrain: Terrain) -> Iterator[Term]:
    values = {k: terrain.value(view.place, k, fact) for k in keys}
    if None in values.values() or values[key] is None:
        return
    high: Relation = "latest" if fact.kind == "date" else "greatest"
    low: Relation = "earliest" if fact.kind == "date" else "least"
    held = list(values.values())
    for relation, extreme in ((high, max(held)), (low, min(held))):
        if values[key] == extreme and held.count(extreme) == 1:
            yield Term(fact, relation, extreme)


def _shared(view: View, terrain: Terrain) -> Iterator[Terms]:
    """Terms that several visible rows have in common."""
    yield ()
    common = [f for f in view.facts if f.kind in ("choice", "word") or f.via]
    terms: dict[Term, None] = {}
    for fact in common:
        for key in view.keys:
            value = terrain.value(view.place, key, fact)
            if value not in (None, "") and (fact.kind != "name" or terrain.stands_once(fact, value)):
                terms[Term(fact, "is", value)] = None
    yield from ((term,) for term in terms)
    yield from ((one, other) for one, other in combinations(list(terms)[:10], 2) if one.fact != other.fact)
    for fact in view.facts:
        if fact.kind in ("amount", "date") and not fact.via:
            for limit in _limits(view, fact, terrain):
                yield (limit,)
                yield from ((term, limit) for term in list(terms)[:6])


def _limits(view: View, fact: Fact, terrain: Terrain) -> Iterator[Term]:
    """Limits between neighbouring values, round where there is room."""
    found = [terrain.value(view.place, key, fact) for key in _fitting(view, (), terrain)]
    values = sorted({v for v in found if v is not None})
    for low, high in pairwise(values):
        if fact.kind == "date":
            day = date.fromisoformat(high[:10]) - timedelta(days=1)
            if low[:10] < day.isoformat():
                yield Term(fact, "after", day.isoformat())
                yield Term(fact, "before", day.isoformat())
            continue
        limit = _round_between(low, high)
        if limit is not None:
            yield Term(fact, "more than", limit)
            yield Term(fact, "less than", limit)


def _round_between(low: float, high: float) -> int | None:
    """A round whole number strictly between two values; None where there is none."""
    for step in (100_000, 10_000, 5_000, 1_000, 500, 100, 50, 10, 5, 1):
        found = int(-(-(low + 1e-9) // step) * step)
        if low < found < high:
            return found
    return None


def selector_of(view: View, terms: Terms, keys: tuple[Any, ...], terrain: Terrain) -> Selector | None:
    """The selector of these terms, if its query gives exactly these keys on the initial state."""
    sql = condition_sql(view, terms)
    said = tuple(Said(label=label_of(t.fact), column=".".join(t.fact.home), relation=t.relation, value=t.value) for t in terms)
    name = in_words(view, said, len(keys) > 1)
    rows = terrain.bench.environment.query(sql)
    if sorted((row[view.place.key] for row in rows), key=repr) != sorted(keys, key=repr):
        return None
    condition = Condition(name=name[:300], table=view.place.table.name, sql=sql)
    within = view.within[0] if view.within else None
    return Selector(noun=view.place.noun, condition=condition, keys=keys, said=said, mine=view.mine, within=within)


def condition_sql(view: View, terms: Terms) -> str:
    """The query that gives the keys of the rows that the terms name."""
    parts = [f't."{view.mine.partition(".")[2]}" = :me'] if view.mine else []
    if view.parent and view.within:
        parts.append(f't."{view.parent[0]}" IN ({view.within[1].condition.sql})')
    parts += [_part(term, view) for term in terms if term.relation not in SUPERLATIVES]
    source = f'"{view.place.table.name}" t'
    base = f" WHERE {' AND '.join(parts)}" if parts else ""
    for term in terms:
        if term.relation in SUPERLATIVES:
            best = "MAX" if term.relation in ("greatest", "latest") else "MIN"
            parts.append(f"{_expression(term.fact, view)} = (SELECT {best}({_expression(term.fact, view)}) FROM {source}{base})")
    where = f" WHERE {' AND '.join(parts)}" if parts else ""
    return f'SELECT t."{view.place.key}" AS "{view.place.key}" FROM {source}{where} ORDER BY 1'


def _part(term: Term, view: View) -> str:
    sign = {"is": "=", "more than": ">", "after": ">", "less than": "<", "before": "<"}[term.relation]
    return f"{_expression(term.fact, view)} {sign} {literal(term.value)}"


def _expression(fact: Fact, view: View) -> str:
    if not fact.via:
        return f't."{fact.column}"'
    parent = next(key for key in view.place.table.foreign_keys if key.columns[0].lower() == fact.via)
    return f'(SELECT p."{fact.column}" FROM "{parent.parent}" p WHERE p."{parent.parent_columns[0]}" = t."{fact.via}")'


def literal(value: Any) -> str:
    """A value as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(int(value)) if isinstance(value, bool) else repr(value)


def label_of(fact: Fact) -> str:
    """What a person calls a fact."""
    own = words(fact.column)
    return f"{singular(fact.table)} {own}" if fact.via else own


def in_words(view: View, said: Sequence[Said], many: bool) -> str:
    """What a selector means, for people who read the task."""
    noun = view.place.noun
    head = f"{'every' if many else 'the'} {noun}" + (" of mine" if view.mine else "")
    parts = [f"{s.label} {'is the ' + s.relation if s.relation in SUPERLATIVES else f'{s.relation} {s.value}'}" for s in said]
    inside = f" of {view.within[1].condition.name}" if view.within else ""
    return head + inside + (f" whose {' and '.join(parts)}" if parts else "")
